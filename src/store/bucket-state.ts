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
