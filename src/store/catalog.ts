import { type Awaitable, chain } from "../awaitable.ts";
import { allRows, MAX_CHUNK } from "../engine/reader.ts";
import type { Memo } from "../engine/readers.ts";
import { DatabaseError } from "../errors.ts";
import { decodeKey } from "../keys/decode.ts";
import { encodeKey } from "../keys/encode.ts";
import { type BucketRecord, type BucketState, pathOf } from "./bucket-state.ts";
import type { TransactionCore } from "./core.ts";
import { childPrefix } from "./names.ts";
import { bucketKey, bucketsWithin, LAST_BUCKET_KEY, sequenceKey, sublevelKey } from "./system.ts";
import type { Encoding } from "./values.ts";

/** Lookups remembered at the most per memo. */
const MEMO_LIMIT = 10_000;

/** Finds a bucket within another; undefined where there is none of that name. */
export function findBucket(
  core: TransactionCore,
  parent: BucketState,
  name: string,
): Awaitable<BucketState | undefined> {
  return chain(readRecord(core, bucketKey(parent.record.id, name)), (record) => {
    if (record === undefined) return undefined;
    let state = core.states.get(record.id);
    if (state === undefined) {
      state = { record, name, parent, deleted: false };
      core.states.set(record.id, state);
    }
    return state;
  });
}

function readRecord(core: TransactionCore, key: string): Awaitable<BucketRecord | undefined> {
  const pending = core.pending(key);
  if (pending !== undefined) return pending === null ? undefined : parseRecord(pending as string);
  const { memo, source } = core.base;
  const known = memo.get(key) as BucketRecord | null | undefined;
  if (known !== undefined) return known ?? undefined;
  return chain(source.get(key, "utf8"), (text) => {
    const record = text === undefined ? undefined : parseRecord(text as string);
    // Read while the transaction was open, it holds for the commit that the memo is of.
    if (!core.open) return record;
    remember(memo, key, record ?? null);
    return record;
  });
}

/** Keeps what was found, or null where nothing was, for other readers of the same commit. */
export function remember(memo: Memo, key: string, found: unknown): void {
  if (memo.size >= MEMO_LIMIT) memo.clear();
  memo.set(key, found);
}

export function parseRecord(text: string): BucketRecord {
  try {
    const record = JSON.parse(text) as BucketRecord;
    if (Number.isSafeInteger(record.id) && typeof record.prefix === "string") return record;
  } catch {
    // Reported below, as any other text that is no record.
  }
  throw new DatabaseError("DATA_CORRUPT", `A bucket's record reads ${text.slice(0, 80)}. Restore a backup.`);
}

function writeRecord(core: TransactionCore, state: BucketState): void {
  core.set(bucketKey(state.parent?.record.id ?? 0, state.name), JSON.stringify(state.record));
  core.structural = true;
}

/** The owner of a bucket in which an import gathers what it writes: no collection has an empty name. */
export const STAGE_OWNER = "";

/** What a bucket is made with. */
export interface NewBucket {
  readonly name: string;
  readonly encoding: Encoding;
  /** The collection that it belongs to. */
  readonly owner?: string;
  /** The place to which {@link settleBucket} is to move it: its sublevel is of that place from the beginning. */
  readonly home?: BucketState;
}

/** Creates a bucket, which must not exist yet. */
export async function createBucket(
  core: TransactionCore,
  parent: BucketState,
  name: string,
  encoding: Encoding,
): Promise<BucketState> {
  const create = await prepareBuckets(core, parent, [{ name, encoding }]);
  return create()[0] as BucketState;
}

/**
 * Reads what there is to know for creating buckets, which must not exist yet.
 *
 * @returns creates them, without a pause: a transaction that ends meanwhile has all of them or none
 */
export async function prepareBuckets(
  core: TransactionCore,
  parent: BucketState,
  buckets: readonly NewBucket[],
): Promise<() => BucketState[]> {
  const taken: boolean[] = [];
  for (const { name, home } of buckets) {
    await refuseValue(core, parent, name);
    const plain = childPrefix((home ?? parent).record.prefix, name);
    const isMarked = (await core.get(sublevelKey(plain), "utf8")) !== undefined;
    // At its home there may be a bucket already, which is to go when this one comes.
    const standing = home === undefined ? undefined : await findBucket(core, home, name);
    taken.push(isMarked || standing?.record.prefix === plain);
  }
  const last = Number((await core.get(LAST_BUCKET_KEY, "utf8")) ?? 0);
  return () => {
    core.set(LAST_BUCKET_KEY, String(last + buckets.length));
    return buckets.map(({ name, encoding, owner, home }, i) => {
      const id = last + 1 + i;
      const prefix = childPrefix((home ?? parent).record.prefix, name, taken[i] === true ? id : undefined);
      if (home !== undefined) core.set(sublevelKey(prefix), JSON.stringify("kept"));
      const record = { id, prefix, encoding, nested: false, ...(owner === undefined ? {} : { owner }) };
      const state: BucketState = { record, name, parent, deleted: false };
      core.states.set(id, state);
      writeRecord(core, state);
      markNested(core, parent);
      return state;
    });
  };
}

function markNested(core: TransactionCore, state: BucketState): void {
  if (state.record.nested) return;
  state.record = { ...state.record, nested: true };
  writeRecord(core, state);
}

/** @throws DatabaseError `INCOMPATIBLE_VALUE` where a row of the bucket bears the name */
export async function refuseValue(core: TransactionCore, parent: BucketState, name: string): Promise<void> {
  if (parent.parent === undefined) return; // The root has no rows.
  if ((await core.get(parent.record.prefix + encodeKey(name), "utf8")) === undefined) return;
  throw new DatabaseError(
    "INCOMPATIBLE_VALUE",
    `${JSON.stringify(name)} is the key of a value in bucket ${pathOf(parent)}, not a bucket. Delete the value, or choose another name.`,
  );
}

/** Deletes a bucket and all within it. Its rows are out of reach at once; the store reclaims them later. */
export async function deleteBucket(core: TransactionCore, state: BucketState): Promise<void> {
  const subtree = [state];
  for (const parent of subtree) {
    if (!parent.record.nested) continue;
    for (const name of await bucketNames(core, parent)) {
      const child = await findBucket(core, parent, name);
      if (child !== undefined) subtree.push(child);
    }
  }
  // All is read before anything is written: a walk that fails must not leave half of the subtree behind.
  dropBuckets(core, subtree);
}

/** Deletes buckets, none of which has another within that is not among them. */
export function dropBuckets(core: TransactionCore, buckets: readonly BucketState[]): void {
  for (const bucket of buckets) {
    core.set(bucketKey(bucket.parent?.record.id ?? 0, bucket.name), null);
    core.set(sequenceKey(bucket.record.id), null);
    core.set(sublevelKey(bucket.record.prefix), JSON.stringify("dropped"));
    bucket.deleted = true;
    core.states.delete(bucket.record.id);
  }
  core.structural = true;
  core.dropped = true;
}

/** Marks a bucket as half migrated, or, without a version, as whole again. */
export function markMigrating(core: TransactionCore, state: BucketState, version: number | undefined): void {
  const { migrating: _, ...record } = state.record;
  state.record = version === undefined ? record : { ...record, migrating: version };
  writeRecord(core, state);
}

/** Moves a bucket, and all within it, to another parent. Its rows stay where they are. */
export function moveBucket(core: TransactionCore, state: BucketState, to: BucketState): void {
  core.set(bucketKey(state.parent?.record.id ?? 0, state.name), null);
  core.set(sublevelKey(state.record.prefix), JSON.stringify("kept"));
  state.parent = to;
  writeRecord(core, state);
  markNested(core, to);
}

/** Moves a bucket to its home, where its sublevel is that of any other. */
export function settleBucket(core: TransactionCore, state: BucketState, home: BucketState): void {
  moveBucket(core, state, home);
  core.set(sublevelKey(state.record.prefix), null);
}

/** The names of the buckets within a bucket, in order. */
export async function bucketNames(core: TransactionCore, parent: BucketState): Promise<string[]> {
  const reader = core.read(allRows(bucketsWithin(parent.record.id), false));
  const names: string[] = [];
  try {
    while (true) {
      const rows = await reader.chunk(MAX_CHUNK);
      core.guardOpen();
      if (rows.length === 0) return names;
      for (const [key] of rows) names.push(nameInKey(key));
    }
  } finally {
    core.close(reader);
  }
}

/** The bucket's name in the key of its record. */
export function nameInKey(key: string): string {
  const [, name] = decodeKey(key, key.indexOf("!", 1) + 1) as [number, string];
  return name;
}
