/** Counts what lies in each bucket, as `meshgate-db info` shows it. */
import type { Row, Value } from "../engine/level.ts";
import { allRows, MAX_CHUNK } from "../engine/reader.ts";
import { DatabaseError } from "../errors.ts";
import { type Interval, successor } from "../keys/bounds.ts";
import { decodeKey } from "../keys/decode.ts";
import type { BucketRecord } from "./bucket-state.ts";
import { nameInKey, parseRecord } from "./catalog.ts";
import type { TransactionCore } from "./core.ts";
import { report, type WorkOptions } from "./progress.ts";
import type { Store } from "./store.ts";
import { ALL_BUCKETS, rowsOf, SEQUENCES } from "./system.ts";
import type { Encoding } from "./values.ts";

/** A bucket, and what lies directly in it. */
export interface BucketInventory {
  /** The names from the top level down to the bucket. */
  readonly path: readonly string[];
  readonly rows: number;
  /** The bytes of the rows' keys and values as they are stored, without the sublevel's prefix and compression. */
  readonly bytes: number;
  readonly encoding: Encoding;
  readonly sequence: number;
  /** The collection whose rows it holds. */
  readonly owner: string | undefined;
  /** The version of the migration that has changed a part of it. */
  readonly migrating: number | undefined;
  /** What its rows' keys begin with. */
  readonly prefix: string;
}

interface Found {
  readonly name: string;
  readonly record: BucketRecord;
}

interface Placed {
  readonly path: readonly string[];
  readonly record: BucketRecord;
}

/** Chunks read in one view: few enough that no view lasts long, whatever else goes on. */
const CHUNKS = 10;
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Walks all buckets, those within others right behind them, in the order of their names. Each slice of rows is read at
 * the last commit, so that no view lasts long: with writers beside it, the counts are not of one moment. Cost: it reads
 * everything; memory is taken by the buckets, not by their rows.
 *
 * @param work progress is told in rows of buckets
 * @throws DatabaseError `ABORTED`, `DATA_CORRUPT` where a bucket's record cannot be read, or lies in no bucket
 */
export async function takeInventory(store: Store, work: WorkOptions = {}): Promise<BucketInventory[]> {
  const found = await readBuckets(store, work);
  const sequences = await readSequences(store, work);
  const inventories: BucketInventory[] = [];
  let done = 0;
  for (const { path, record } of inOrder(found)) {
    let bytes = 0;
    const before = done;
    await eachSlice(store, rowsOf(record.prefix), work, (rows) => {
      for (const [key, value] of rows) bytes += Buffer.byteLength(key) - record.prefix.length + value.length;
      done += rows.length;
      report(work, done);
    });
    const { encoding, owner, migrating, prefix } = record;
    const sequence = sequences.get(record.id) ?? 0;
    inventories.push({ path, rows: done - before, bytes, encoding, sequence, owner, migrating, prefix });
  }
  return inventories;
}

/** The records of all buckets, by the id of what they lie in. */
async function readBuckets(store: Store, work: WorkOptions): Promise<Map<number, Found[]>> {
  const found = new Map<number, Found[]>();
  await eachSlice(store, ALL_BUCKETS, work, (rows) => {
    for (const [key, value] of rows) {
      const [parent] = decodeKey(key, key.indexOf("!", 1) + 1) as [number];
      const siblings = found.get(parent);
      const bucket = { name: nameInKey(key), record: parseRecord(textOf(value)) };
      if (siblings === undefined) found.set(parent, [bucket]);
      else siblings.push(bucket);
    }
  });
  return found;
}

async function readSequences(store: Store, work: WorkOptions): Promise<Map<number, number>> {
  const sequences = new Map<number, number>();
  await eachSlice(store, rowsOf(SEQUENCES), work, (rows) => {
    for (const [key, value] of rows)
      sequences.set(decodeKey(key, SEQUENCES.length) as number, Number(textOf(value)));
  });
  return sequences;
}

/** The buckets from the top level down. @throws DatabaseError `DATA_CORRUPT` where one lies in no bucket */
function inOrder(found: Map<number, Found[]>): Placed[] {
  const ordered: Placed[] = [];
  // A stack and no recursion: the format sets no limit to the depth.
  const rest = placeWithin(found, [], 0);
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    ordered.push(at);
    for (const child of placeWithin(found, at.path, at.record.id)) rest.push(child);
  }
  const total = Array.from(found.values()).reduce((sum, { length }) => sum + length, 0);
  if (total === ordered.length) return ordered;
  throw new DatabaseError(
    "DATA_CORRUPT",
    `${total - ordered.length} of the store's ${total} buckets lie in none that is there. Run check(), then restore a backup.`,
  );
}

/** The buckets within another, the last first, as a stack wants them. */
function placeWithin(found: Map<number, Found[]>, path: readonly string[], id: number): Placed[] {
  const children = found.get(id) ?? [];
  return children.map(({ name, record }) => ({ path: [...path, name], record })).reverse();
}

/** Calls a function for the rows of an interval, some at a time. @throws DatabaseError `ABORTED` */
async function eachSlice(
  store: Store,
  interval: Interval,
  { signal }: WorkOptions,
  fn: (rows: readonly Row[]) => void,
): Promise<void> {
  for (let from: string | undefined = interval.from; from !== undefined; )
    from = await store.view(({ core }) => readSlice(core, { ...interval, from: from as string }, fn), {
      signal,
    });
}

/** @returns where the next slice begins; undefined at the end */
async function readSlice(
  core: TransactionCore,
  interval: Interval,
  fn: (rows: readonly Row[]) => void,
): Promise<string | undefined> {
  const reader = core.read({ ...allRows(interval, true), format: "view" });
  let last: string | undefined;
  try {
    for (let i = 0; i < CHUNKS; i++) {
      const rows = await reader.chunk(MAX_CHUNK);
      last = rows.at(-1)?.[0];
      if (last === undefined) return undefined;
      fn(rows);
    }
  } finally {
    core.close(reader);
  }
  return successor(last as string);
}

function textOf(value: Value): string {
  return utf8.decode(value as Uint8Array);
}
