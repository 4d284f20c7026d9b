/** What a survey of a damaged database finds. */
import { DatabaseError } from "../../errors.ts";
import { numberOf } from "./live-files.ts";
import type { ManifestState } from "./manifest-file.ts";
import type { EntrySource } from "./merge.ts";
import type { KeySpan } from "./table-entries.ts";

/** Something that is not as LevelDB wrote it. */
export interface Flaw {
  readonly file: string;
  readonly offset?: number;
  readonly reason: string;
}

/** A flaw that took entries of known keys away. */
export interface LostKeys extends Flaw, KeySpan {
  /** As that of the source which held them. */
  readonly rank: number;
}

/** A flaw that took writes away, one knows not of which keys. */
export interface LostWrites extends Flaw {
  /** What the watched key was last set to before, and first set to afterwards, where the logs tell. */
  readonly after: string | undefined;
  readonly before: string | undefined;
}

/** Sound entries of a file. */
export interface SurveyedSource extends EntrySource {
  /** The table's name; undefined for the logs. */
  readonly file: string | undefined;
  /** What is of a higher rank is later, whatever the key; of the same, one cannot tell. */
  readonly rank: number;
}

export interface Survey {
  readonly flaws: Flaw[];
  readonly keys: LostKeys[];
  readonly writes: LostWrites[];
  readonly sources: SurveyedSource[];
}

/** Of the logs: later than all tables. */
export const LATEST: number = Number.MAX_SAFE_INTEGER;
/** Where the order of files is not known. */
export const UNRANKED = 0;

/** Notes a flaw, once. */
export function addFlaw(found: Pick<Survey, "flaws">, flaw: Flaw): void {
  const isKnown = found.flaws.some(({ file, offset }) => file === flaw.file && offset === flaw.offset);
  if (!isKnown) found.flaws.push(flaw);
}

/** The flaw that an error tells of. */
export function flawOf(error: unknown): Flaw | undefined {
  if (!(error instanceof DatabaseError) || error.code !== "STORE_DAMAGED") return undefined;
  const { file, offset, reason } = error.details as unknown as Flaw;
  return { file, ...(offset === undefined ? {} : { offset }), reason };
}

/** Whether the log is there that a manifest needs. */
export function hasLog({ logNumber }: ManifestState, logs: readonly string[]): boolean {
  return logNumber === 0 || logs.some((name) => numberOf(name) === logNumber);
}
