/** Takes the indexes of collections away, so that they are built from the records, and never trusted by halves. */
import type { Collection } from "../collections/collection.ts";
import { indexBucketName } from "../collections/definition.ts";
import { DatabaseError } from "../errors.ts";
import type { WorkOptions } from "../store/progress.ts";
import type { Store } from "../store/store.ts";
import type { Catalog, Placed } from "./catalog.ts";
import type { RepairedCollection } from "./report.ts";

/** A collection whose records were put aside, since the store does not know how they are laid out. */
export interface Aside {
  readonly name: string;
  /** The bucket at the top that has the records now. */
  readonly bucket: string;
}

/** Records put back in one commit. */
const BATCH = 500;

/**
 * Drops all indexes. Records without a layout are put aside where the definition is given, which makes a new one.
 *
 * @returns what was put aside
 */
export function mendCollections(catalog: Catalog, definitions: readonly Collection[]): Aside[] {
  for (const [name, layout] of catalog.layouts) {
    const bucket = catalog.at(0, name);
    for (const { prefix } of Object.values(layout.indexes)) dropAt(catalog, catalog.byPrefix(prefix), prefix);
    if (bucket === undefined) catalog.layouts.delete(name);
    else {
      catalog.layouts.set(name, { ...layout, prefix: bucket.record.prefix, indexes: {} });
      bucket.record = { ...bucket.record, owner: name };
    }
  }
  // Entries of indexes that no layout knows any more.
  for (const bucket of [...catalog.buckets])
    if (bucket.record.owner && bucket.record.owner !== bucket.name) catalog.drop(bucket);
  const aside: Aside[] = [];
  for (const { name, indexes } of definitions) {
    if (catalog.layouts.has(name)) continue;
    for (const index of indexes) {
      const bucket = catalog.at(0, indexBucketName(name, index));
      if (bucket !== undefined) catalog.drop(bucket);
    }
    const records = catalog.at(0, name);
    if (records !== undefined) aside.push({ name, bucket: putAside(catalog, records) });
  }
  return aside;
}

function dropAt(catalog: Catalog, bucket: Placed | undefined, prefix: string): void {
  if (bucket !== undefined) catalog.drop(bucket);
  // Without a record, too, its rows are to go.
  else catalog.mark(prefix, "dropped");
}

/** @returns the bucket's new name */
function putAside(catalog: Catalog, bucket: Placed): string {
  const { id, prefix, encoding, nested } = bucket.record;
  bucket.name = `${bucket.name} (recovered ${id})`;
  bucket.record = { id, prefix, encoding, nested };
  // The sublevel is not free for the bucket that takes the place.
  catalog.mark(prefix, "kept");
  return bucket.name;
}

/** Puts back what was put aside, and builds all indexes whose definitions are given. */
export async function rebuildCollections(
  store: Store,
  definitions: readonly Collection[],
  aside: readonly Aside[],
  work: WorkOptions,
): Promise<RepairedCollection[]> {
  const states: RepairedCollection[] = [];
  for (const definition of definitions) {
    const { name } = definition;
    try {
      const put = aside.find((each) => each.name === name);
      if (put !== undefined) await putBack(store, definition, put.bucket, work);
      else if ((await store.view((tx) => tx.bucket(name))) === undefined) continue;
      await definition.build(store, work);
      states.push({ name, state: "rebuilt" });
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code === "ABORTED") throw error;
      states.push({ name, state: "failed", message: error.message });
    }
  }
  return states;
}

/** Writes the records of a bucket into their collection, in small commits, and deletes the bucket at the end. */
async function putBack(
  store: Store,
  definition: Collection,
  from: string,
  { signal }: WorkOptions,
): Promise<void> {
  for (let isDone = false; !isDone; ) {
    isDone = await store.update(
      async (tx) => {
        const bucket = await tx.bucket(from, { encoding: "json" });
        const rows = (await bucket?.range({ limit: BATCH }).toArray()) ?? [];
        for (const [key, value] of rows) {
          await definition.in(tx).put(definition.revive(value as object) as never);
          await bucket?.delete(key);
        }
        if (rows.length > 0) return false;
        await tx.deleteBucket(from);
        return true;
      },
      { signal },
    );
  }
}
