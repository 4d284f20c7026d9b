import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseLayout, type StoredLayout } from "../collections/layout.ts";
import { DatabaseError } from "../errors.ts";
import { BUCKET as MIGRATIONS, readHistory } from "../migrations/history.ts";
import { type BucketInventory, takeInventory } from "../store/inventory.ts";
import { openStore } from "../store/open-store.ts";
import type { WorkOptions } from "../store/progress.ts";
import type { Store } from "../store/store.ts";
import { layoutKey } from "../store/system.ts";
import type { Transaction } from "../store/transaction.ts";
import type { Encoding } from "../store/values.ts";

/** What a bucket holds: rows of its own, a collection's records, or the entries of one of its indexes. */
export type BucketKind = "rows" | "records" | "index";

/** A bucket, as `info --json` gives it. */
export interface BucketInfo {
  readonly path: readonly string[];
  readonly kind: BucketKind;
  /** The collection whose records or index entries it holds. */
  readonly collection?: string;
  /** The index whose entries it holds. */
  readonly index?: string;
  /** False for an index that is being built. */
  readonly ready?: boolean;
  /** The version of the migration that has changed a part of it. */
  readonly migrating?: number;
  readonly rows: number;
  readonly bytes: number;
  readonly encoding: Encoding;
  readonly sequence: number;
}

/** What `info --json` gives. */
export interface StoreInfo {
  readonly directory: string;
  /** The number of the last commit. */
  readonly commit: number;
  /** Null where there is no history of migrations, or none that can be read. */
  readonly schemaVersion: number | null;
  /** Why it cannot be read. */
  readonly schemaProblem?: string;
  /** The version of the migration that is half done. */
  readonly migrating?: number;
  /** The directory's files. */
  readonly diskBytes: number;
  /** Without the entries of indexes. */
  readonly rows: number;
  readonly bytes: number;
  readonly indexRows: number;
  readonly indexBytes: number;
  readonly buckets: readonly BucketInfo[];
}

/**
 * Looks through a store without changing it.
 *
 * @throws DatabaseError as `openStore()` and {@link takeInventory}
 */
export async function readInfo(directory: string, work: WorkOptions): Promise<StoreInfo> {
  const store = await openStore(directory, { readOnly: true });
  let found: Omit<StoreInfo, "diskBytes">;
  try {
    found = await readStore(store, work);
  } finally {
    await store.close();
  }
  // Measured when the store is closed: its lock is gone, and the engine's log is as it stays.
  const { directory: path, commit, ...rest } = found;
  return { directory: path, commit, diskBytes: await bytesIn(path), ...rest };
}

async function readStore(store: Store, work: WorkOptions): Promise<Omit<StoreInfo, "diskBytes">> {
  const { signal } = work;
  const schema = await store.view(readSchema, { signal });
  const inventories = await takeInventory(store, work);
  const owners = new Set(inventories.flatMap(({ owner }) => (owner === undefined ? [] : [owner])));
  const layouts = await store.view((tx) => readLayouts(tx, owners), { signal });
  const buckets = inventories.map((inventory) => toInfo(inventory, layouts));
  const sum = (field: "rows" | "bytes", ofIndexes: boolean) =>
    buckets.reduce((total, each) => total + ((each.kind === "index") === ofIndexes ? each[field] : 0), 0);
  return {
    directory: store.directory as string,
    commit: store.stats().commit,
    ...schema,
    rows: sum("rows", false),
    bytes: sum("bytes", false),
    indexRows: sum("rows", true),
    indexBytes: sum("bytes", true),
    buckets,
  };
}

type Schema = Pick<StoreInfo, "schemaVersion" | "schemaProblem" | "migrating">;

async function readSchema(tx: Transaction): Promise<Schema> {
  try {
    if ((await tx.bucket(MIGRATIONS)) === undefined) return { schemaVersion: null };
    const { version, running } = await readHistory(tx);
    return { schemaVersion: version, ...(running === undefined ? {} : { migrating: running.version }) };
  } catch (error) {
    // It may be another program's bucket of that name, which an import brought along: no reason to show nothing.
    if (error instanceof DatabaseError && error.code === "DATA_CORRUPT")
      return { schemaVersion: null, schemaProblem: error.message };
    throw error;
  }
}

async function readLayouts(
  { core }: Transaction,
  collections: Iterable<string>,
): Promise<Map<string, StoredLayout>> {
  const layouts = new Map<string, StoredLayout>();
  for (const name of collections) {
    const text = await core.get(layoutKey(name), "utf8");
    if (text !== undefined) layouts.set(name, parseLayout(name, text as string));
  }
  return layouts;
}

function toInfo(inventory: BucketInventory, layouts: ReadonlyMap<string, StoredLayout>): BucketInfo {
  const { path, rows, bytes, encoding, sequence, owner, migrating, prefix } = inventory;
  const figures = { ...(migrating === undefined ? {} : { migrating }), rows, bytes, encoding, sequence };
  const layout = owner === undefined ? undefined : layouts.get(owner);
  if (owner === undefined || layout === undefined) return { path, kind: "rows", ...figures };
  const entry = Object.entries(layout.indexes).find(([, index]) => index.prefix === prefix);
  if (entry === undefined) {
    const half = layout.migrating === undefined ? {} : { migrating: layout.migrating };
    return { path, kind: "records", collection: owner, ...half, ...figures };
  }
  const [index, { ready }] = entry;
  return { path, kind: "index", collection: owner, index, ready, ...figures };
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(directory, entry.name))).size;
  return bytes;
}
