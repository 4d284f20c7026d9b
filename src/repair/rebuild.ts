/** Makes a new store of what is sound in a damaged one. */
import type { Collection } from "../collections/collection.ts";
import { openDirectory } from "../engine/directory.ts";
import type { Level } from "../engine/level.ts";
import type { Survey } from "../engine/leveldb/findings.ts";
import type { MaintainedLevel } from "../engine/manifest.ts";
import { allRows, MAX_CHUNK } from "../engine/reader.ts";
import { DatabaseError } from "../errors.ts";
import { decodeKey } from "../keys/decode.ts";
import type { TransactionCore } from "../store/core.ts";
import { openStore } from "../store/open-store.ts";
import type { WorkOptions } from "../store/progress.ts";
import { layoutKey, prefixOf, rowsOf } from "../store/system.ts";
import type { Encoding } from "../store/values.ts";
import { Catalog } from "./catalog.ts";
import { describeLosses } from "./losses.ts";
import { mendBuckets } from "./mend-buckets.ts";
import { type Aside, mendCollections, rebuildCollections } from "./mend-collections.ts";
import type { RepairReport } from "./report.ts";
import { salvage } from "./salvage.ts";

export interface RebuildOptions {
  readonly collections: readonly Collection[];
  readonly work: WorkOptions;
}

type Mended = Pick<RepairReport, "ranges" | "recovered"> & { readonly aside: readonly Aside[] };
type Checked = Pick<RepairReport, "collections" | "commit" | "rows" | "buckets" | "problems">;

/** @param path the directory to be made */
export async function rebuild(
  path: string,
  survey: Survey,
  options: RebuildOptions,
): Promise<Omit<RepairReport, "sound" | "copy" | "files" | "history">> {
  const { aside, ...mended } = await mendRows(path, survey, options);
  return { ...mended, ...(await mendStore(path, aside, options)) };
}

async function mendRows(
  path: string,
  survey: Survey,
  { collections, work }: RebuildOptions,
): Promise<Mended> {
  const directory = await openDirectory(path, { createIfMissing: true, lockTimeout: 0, readOnly: true });
  const level = directory.level as Level;
  try {
    const salvaged = await salvage(survey, level, work);
    const catalog = new Catalog(salvaged.system);
    if (catalog.isEmpty && salvaged.rows.size === 0) {
      throw new DatabaseError(
        "STORE_DAMAGED",
        "Nothing of a store is left in the directory that is sound. Restore a backup.",
        { details: { flaws: survey.flaws } },
      );
    }
    const made = await mendBuckets(catalog, salvaged.rows.keys(), (prefix) => guessEncoding(level, prefix));
    const ranges = await describeLosses(survey.keys, salvaged, catalog, level);
    const recovered = made.map((bucket) => ({
      bucket: catalog.pathOf(bucket),
      encoding: bucket.record.encoding,
      rows: salvaged.rows.get(bucket.record.prefix) ?? 0,
    }));
    const aside = mendCollections(catalog, collections);
    await putRows(level, catalog.rows(salvaged.commit ?? 0));
    await (level as MaintainedLevel).compactRange("!", "~", { keyEncoding: "utf8" });
    return { ranges, recovered, aside };
  } finally {
    await directory.close(true);
  }
}

async function putRows(level: Level, rows: ReadonlyMap<string, string>): Promise<void> {
  const batch = level.batch();
  for (const [key, value] of rows) batch.put(key, value, { keyEncoding: "utf8", valueEncoding: "utf8" });
  await batch.write();
}

/** JSON where all values are, else bytes: those read any. */
async function guessEncoding(level: Level, prefix: string): Promise<Encoding> {
  const { from: gte, to: lt } = rowsOf(prefix);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    const options = { gte, lt, keyEncoding: "utf8", valueEncoding: "view" } as const;
    for await (const value of level.values<string, Uint8Array>(options)) JSON.parse(decoder.decode(value));
    return "json";
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return "bytes";
    throw error;
  }
}

/** Rebuilds the indexes, reclaims what was dropped, and checks all. */
async function mendStore(
  path: string,
  aside: readonly Aside[],
  { collections, work }: RebuildOptions,
): Promise<Checked> {
  // Nothing there counts before it is moved to its place, and then it is synced.
  await using store = await openStore(path, { durability: "relaxed" });
  const { signal } = work;
  const states = await rebuildCollections(store, collections, aside, { signal });
  const known = new Set(states.map(({ name }) => name));
  const rest = await store.view(({ core }) => collectionNames(core));
  for (const name of rest) if (!known.has(name)) states.push({ name, state: "to build" });
  await store.compact({ signal });
  const { rows, buckets, problems } = await store.check({ signal });
  return { collections: states, commit: store.stats().commit, rows, buckets, problems };
}

/** The names of all collections that the store knows. */
async function collectionNames(core: TransactionCore): Promise<string[]> {
  const prefix = prefixOf(layoutKey("-"));
  const reader = core.read(allRows(rowsOf(prefix), false));
  const names: string[] = [];
  for (let rows = await reader.chunk(MAX_CHUNK); rows.length > 0; rows = await reader.chunk(MAX_CHUNK))
    for (const [key] of rows) names.push(decodeKey(key, prefix.length) as string);
  return names;
}
