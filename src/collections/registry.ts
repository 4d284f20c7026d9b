import { randomBytes } from "node:crypto";
import { DatabaseError } from "../errors.ts";
import type { BucketState } from "../store/bucket-state.ts";
import { dropBuckets, findBucket, type NewBucket, prepareBuckets } from "../store/catalog.ts";
import type { TransactionCore } from "../store/core.ts";
import { buildKey, layoutKey, TOKENS_KEY } from "../store/system.ts";
import { type Definition, type Index, indexBucketName } from "./definition.ts";
import {
  type Layout,
  layoutOf,
  parseLayout,
  refuseMigrating,
  type StoredIndex,
  type StoredLayout,
} from "./layout.ts";

/**
 * Creates a collection that the store does not have yet, with all its indexes. Called in turn.
 *
 * @throws DatabaseError `BUCKET_EXISTS` where a bucket bears its name, or an index's
 */
export async function register(core: TransactionCore, definition: Definition): Promise<Layout> {
  const { name, key, keyDates, single } = definition;
  const create = await prepareOwned(core, definition, [
    { name, encoding: "json", owner: name },
    ...definition.indexes.map((index) => indexBucket(definition, index)),
  ]);
  const hasSecret = (await core.get(TOKENS_KEY, "utf8")) !== undefined;
  // All is read before anything is written, so that a caller who catches an error, or does not wait for the end,
  // commits no half of a collection.
  const [records, ...entries] = create().map(({ record }) => record.prefix);
  if (!hasSecret) core.set(TOKENS_KEY, JSON.stringify(randomBytes(32).toString("base64url")));
  const indexes = definition.indexes.map(({ name: index, fingerprint }, i): [string, StoredIndex] => [
    index,
    { fingerprint, prefix: entries[i] as string, ready: true },
  ]);
  const prefix = records as string;
  return writeLayout(core, definition, {
    key,
    keyDates,
    single,
    prefix,
    indexes: Object.fromEntries(indexes),
  });
}

function indexBucket(definition: Definition, index: Index): NewBucket {
  return { name: index.bucket, encoding: "utf8", owner: definition.name };
}

/** As `prepareBuckets`, for buckets of a collection. @throws DatabaseError `BUCKET_EXISTS` */
async function prepareOwned(
  core: TransactionCore,
  definition: Definition,
  buckets: readonly NewBucket[],
): Promise<() => BucketState[]> {
  for (const { name } of buckets) {
    const found = await findBucket(core, core.root, name);
    if (found === undefined) continue;
    throw new DatabaseError(
      "BUCKET_EXISTS",
      `The collection ${JSON.stringify(definition.name)} needs the bucket ${JSON.stringify(name)}, but there is one already${found.record.owner === undefined ? "" : `, of the collection ${JSON.stringify(found.record.owner)}`}. Name the collection otherwise, or move that bucket into another.`,
    );
  }
  return prepareBuckets(core, core.root, buckets);
}

function writeLayout(core: TransactionCore, definition: Definition, stored: StoredLayout): Layout {
  core.set(definition.layoutKey, JSON.stringify(stored));
  core.structural = true;
  return layoutOf(definition, stored);
}

async function readStored(core: TransactionCore, definition: Definition): Promise<StoredLayout | undefined> {
  const text = await core.get(definition.layoutKey, "utf8");
  if (text === undefined) return undefined;
  const stored = parseLayout(definition.name, text as string);
  refuseMigrating(core, definition.name, stored.migrating);
  return stored;
}

/** What {@link reconcile} came to: the layout now, and the names of the indexes that were given up. */
export interface Reconciled {
  readonly layout: Layout;
  readonly dropped: readonly string[];
}

/**
 * Makes the store's indexes those of the definition: what is new or changed is to be built, what is not defined any
 * more is dropped. Called in turn.
 */
export async function reconcile(core: TransactionCore, definition: Definition): Promise<Reconciled> {
  const stored = await readStored(core, definition);
  if (stored === undefined) return { layout: await register(core, definition), dropped: [] };
  const seen = layoutOf(definition, stored);
  if (seen.changes.length === 0) return { layout: seen, dropped: [] };
  const live = new Map(seen.indexes.map(({ index, prefix, ready }) => [index.name, { prefix, ready }]));
  const dropped = Object.keys(stored.indexes).filter((name) => !live.has(name));
  dropBuckets(
    core,
    await bucketsOf(
      core,
      dropped.map((name) => indexBucketName(definition.name, name)),
    ),
  );
  const added = definition.indexes.filter((index) => !live.has(index.name));
  const create = await prepareOwned(
    core,
    definition,
    added.map((index) => indexBucket(definition, index)),
  );
  for (const [i, { record }] of create().entries())
    live.set((added[i] as Index).name, { prefix: record.prefix, ready: false });
  const indexes = definition.indexes.map(({ name, fingerprint }): [string, StoredIndex] => [
    name,
    { fingerprint, ...(live.get(name) as { prefix: string; ready: boolean }) },
  ]);
  // Indexes half built and new ones are built together, from the first record on.
  if (added.length > 0) core.set(buildKey(definition.name), null);
  const layout = writeLayout(core, definition, { ...stored, indexes: Object.fromEntries(indexes) });
  return { layout, dropped };
}

async function bucketsOf(core: TransactionCore, names: readonly string[]): Promise<BucketState[]> {
  const states: BucketState[] = [];
  for (const name of names) {
    const state = await findBucket(core, core.root, name);
    if (state !== undefined) states.push(state);
  }
  return states;
}

/** Tells all that the indexes are built. */
export async function markReady(core: TransactionCore, definition: Definition): Promise<void> {
  const stored = await readStored(core, definition);
  if (stored === undefined) return;
  const indexes = Object.fromEntries(
    Object.entries(stored.indexes).map(([name, index]) => [name, { ...index, ready: true }]),
  );
  core.set(buildKey(definition.name), null);
  writeLayout(core, definition, { ...stored, indexes });
}

/** Deletes a collection with all its rows. Called in turn. @returns whether there was one */
export async function drop(core: TransactionCore, definition: Definition): Promise<boolean> {
  const stored = await readStored(core, definition);
  if (stored === undefined) return false;
  const indexes = Object.keys(stored.indexes).map((name) => indexBucketName(definition.name, name));
  dropBuckets(core, await bucketsOf(core, [definition.name, ...indexes]));
  core.set(definition.layoutKey, null);
  core.set(buildKey(definition.name), null);
  core.structural = true;
  return true;
}

/**
 * Marks a collection, if there is one of that name, as half migrated, or without a version as whole again.
 *
 * @returns the names of its indexes' buckets
 */
export async function markMigrating(
  core: TransactionCore,
  name: string,
  version: number | undefined,
): Promise<string[]> {
  const key = layoutKey(name);
  const text = await core.get(key, "utf8");
  if (text === undefined) return [];
  const { migrating: _, ...stored } = parseLayout(name, text as string);
  core.set(key, JSON.stringify(version === undefined ? stored : { ...stored, migrating: version }));
  core.structural = true;
  return Object.keys(stored.indexes).map((index) => indexBucketName(name, index));
}
