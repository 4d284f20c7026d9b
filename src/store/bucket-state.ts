import { DatabaseError } from "../errors.ts";
import type { Encoding } from "./values.ts";

/** What the store keeps of a bucket. */
export interface BucketRecord {
  readonly id: number;
  /** What its rows' keys begin with: the prefix of its sublevel. */
  readonly prefix: string;
  /** How its values are kept where it is opened without saying. */
  readonly encoding: Encoding;
  /** Whether it ever had buckets within: only then need a key be compared with their names. */
  readonly nested: boolean;
  /** The collection whose rows it holds: then only the collection writes to it. */
  readonly owner?: string;
  /** The version of the migration that has changed some of its rows, and not yet all. */
  readonly migrating?: number;
}

/** A bucket as one transaction sees it. */
export interface BucketState {
  record: BucketRecord;
  name: string;
  /** Undefined for the root. */
  parent: BucketState | undefined;
  deleted: boolean;
}

/** The state of the root, in which the top-level buckets lie. It has no rows. */
export function rootState(): BucketState {
  const record: BucketRecord = { id: 0, prefix: "", encoding: "json", nested: true };
  return { record, name: "", parent: undefined, deleted: false };
}

/** A bucket's path as messages show it. */
export function pathOf(state: BucketState): string {
  const names: string[] = [];
  for (let at: BucketState | undefined = state; at?.parent !== undefined; at = at.parent)
    names.unshift(at.name);
  return JSON.stringify(names.join("/"));
}

/** An error for the use of what a migration has changed in part. */
export function migratingError(what: string, version: number): DatabaseError {
  return new DatabaseError(
    "BUCKET_MIGRATING",
    `The ${what} is half migrated: migration ${version} was begun and is not done. Call migrate() with the list that has it, which goes on where it was.`,
    { details: { version } },
  );
}
