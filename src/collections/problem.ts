/** What can be wrong with a record or an entry. */
export type ProblemKind =
  /** A record has no entry where it should have one. */
  | "missing"
  /** An entry does not fit the record that it stands for. */
  | "stale"
  /** An entry stands for no record. */
  | "dangling"
  /** A record has a value of a unique index that another record has, too. */
  | "duplicate"
  /** A record does not fit the schema, or cannot be indexed. */
  | "invalid"
  /** A record's row has another key than the record. */
  | "misplaced"
  /** A record's row is no JSON object. */
  | "unreadable";

/** Something that is wrong. */
export interface RecordProblem {
  readonly kind: ProblemKind;
  /** The index concerned; undefined where the record itself is at fault. */
  readonly index: string | undefined;
  /** The primary key of the record; for an entry that stands for none, the entry's encoded key. */
  readonly key: unknown;
  readonly message: string;
  /** Whether it was mended. */
  readonly mended: boolean;
}
