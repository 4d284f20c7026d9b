import type { Awaitable } from "../awaitable.ts";
import type { Engine } from "../engine/engine.ts";
import { PROBE, probeOrder } from "../engine/manifest.ts";
import { DatabaseError } from "../errors.ts";
import type { Interval } from "../keys/bounds.ts";
import { decodeKey } from "../keys/decode.ts";
import { encodeKey } from "../keys/encode.ts";

/*
 * The rows that the store keeps for itself, each a JSON text, in sublevels that no bucket's name can reach:
 *
 *   !~store!"format"               format version of what follows
 *   !~store!"commit"               number of the last commit; part of every commit's batch
 *   !~store!"buckets"              the last bucket id given
 *   !~buckets![parent id, name]    { id, prefix, encoding, nested }; the root's id is 0
 *   !~sequences!id                 the bucket's sequence, where it was ever set
 *   !~store!"tokens"               the secret that resume tokens are sealed with
 *   !~sublevels!prefix             "dropped": rows to be reclaimed; "kept": of a bucket that was moved, or that an
 *                                  import makes, still in use
 *   !~collections!name             a collection's layout: see collections/layout.ts
 *   !~builds!name                  how far the building of a collection's indexes is: see collections/build.ts
 *
 * A bucket's own rows stand under its prefix, followed by the encoded key: see names.ts and keys/encode.ts.
 */
export const FORMAT = 1;

export const FORMAT_KEY = "!~store!Jformat";
export const COMMIT_KEY = "!~store!Jcommit";
export const LAST_BUCKET_KEY = "!~store!Jbuckets";
export const TOKENS_KEY = "!~store!Jtokens";
const BUCKETS = "!~buckets!";
/** What the keys of sequences begin with. */
export const SEQUENCES = "!~sequences!";
const SUBLEVELS = "!~sublevels!";
const COLLECTIONS = "!~collections!";
const BUILDS = "!~builds!";

/** The prefixes of the store's own sublevels. */
export const SYSTEM_PREFIXES: readonly string[] = [
  "!~store!",
  BUCKETS,
  SEQUENCES,
  SUBLEVELS,
  COLLECTIONS,
  BUILDS,
];

export function bucketKey(parent: number, name: string): string {
  return BUCKETS + encodeKey([parent, name]);
}

export function sequenceKey(id: number): string {
  return SEQUENCES + encodeKey(id);
}

export function sublevelKey(prefix: string): string {
  return SUBLEVELS + encodeKey(prefix);
}

export function layoutKey(collection: string): string {
  return COLLECTIONS + encodeKey(collection);
}

export function buildKey(collection: string): string {
  return BUILDS + encodeKey(collection);
}

/** The prefix of a deleted bucket's sublevel, where a row marks one as such. */
export function droppedPrefix(key: string, value: unknown): string | undefined {
  if (!key.startsWith(SUBLEVELS) || value !== '"dropped"') return undefined;
  return decodeKey(key, SUBLEVELS.length) as string;
}

/** Whether a whole key is of a row that the store keeps for itself. */
export function isSystemRow(key: string): boolean {
  return SYSTEM_PREFIXES.some((prefix) => key.startsWith(prefix));
}

/** The sublevels' part of a whole key. */
export function prefixOf(key: string): string {
  let end = 0;
  while (key.charCodeAt(end) === 33) end = key.indexOf("!", end + 1) + 1 || key.length;
  return key.slice(0, end);
}

/** The rows of the buckets within a bucket; the names follow as the second parts of their keys. */
export function bucketsWithin(parent: number): Interval {
  const open = BUCKETS + encodeKey([parent]).slice(0, -1);
  return { from: `${open}"`, to: `${open}#` };
}

/** All rows of a sublevel, without those of sublevels within it. */
export function rowsOf(prefix: string): Interval {
  return { from: `${prefix}"`, to: `${prefix.slice(0, -1)}"` };
}

export const ALL_SUBLEVELS: Interval = rowsOf(SUBLEVELS);
export const ALL_BUCKETS: Interval = rowsOf(BUCKETS);
/** Every row of the engine. */
export const ALL_ROWS: Interval = { from: "", to: "\u{10ffff}" };

/**
 * Recognises a store by its format row, or makes one of an engine that is empty.
 *
 * @returns the last commit
 * @throws DatabaseError `STORE_INVALID` for another program's data, `STORE_VERSION` for a format of a later release,
 * `STORE_NOT_FOUND` for an empty engine where none may be made, `STORE_DAMAGED` where the commit row is missing,
 * `ENGINE_UNSUITABLE` for a new one that does not order keys by their bytes
 */
export async function openFormat(engine: Engine, options: { create: boolean }): Promise<number> {
  const { level, manifest } = engine;
  const text = { keyEncoding: "utf8", valueEncoding: "utf8" } as const;
  const get = (key: string): Awaitable<string | undefined> =>
    manifest.getSync ? level.getSync(key, text) : level.get<string, string>(key, text);
  const format = await get(FORMAT_KEY);
  if (format === undefined) return createFormat(engine, options);
  if (!/^\d+$/.test(format) || Number(format) > FORMAT) {
    throw new DatabaseError(
      "STORE_VERSION",
      `The store has format ${format}, this release reads up to ${FORMAT}. Install a later release of @meshgate/database.`,
    );
  }
  const commit = Number(await get(COMMIT_KEY));
  if (Number.isSafeInteger(commit)) return commit;
  throw new DatabaseError(
    "STORE_DAMAGED",
    "The store does not tell its last commit: rows are missing. Restore a backup.",
  );
}

async function createFormat({ level, manifest }: Engine, options: { create: boolean }): Promise<number> {
  const rows = await level.keys<string>({ limit: 3, keyEncoding: "utf8" }).all();
  if (rows.some((key) => !key.startsWith(PROBE))) {
    throw new DatabaseError(
      "STORE_INVALID",
      "The database holds rows that this library did not write. Pass an empty one, or a sublevel of it.",
    );
  }
  if (!options.create)
    throw new DatabaseError("STORE_NOT_FOUND", "The database is empty: there is no store in it.");
  await probeOrder(level);
  const batch = level.batch();
  batch.put(FORMAT_KEY, String(FORMAT), { keyEncoding: "utf8", valueEncoding: "utf8" });
  batch.put(COMMIT_KEY, "0", { keyEncoding: "utf8", valueEncoding: "utf8" });
  const write: { sync: boolean } = { sync: manifest.permanence };
  await batch.write(write);
  return 0;
}
