import type { Durability } from "../lib/model.ts";
import { END, encode, PREFIX, type Row, type RowKey } from "../lib/rows.ts";
import type { Database, Session } from "./session.ts";

const CHUNK = 1000;
const HIGH_WATER_MARK = 256 << 10;

/**
 * classic-level with nothing around it, as someone would write it who measured every call: the root database with
 * whole keys, which are computed beforehand, a large high-water mark, `nextv`, `getSync`, and one chained batch.
 */
export async function openRaw(database: Database, durability: Durability): Promise<Session> {
  return openRawWith(database, durability, (key) => key.text);
}

/** As {@link openRaw}, but a writer has its rows under tuples, as ours has, and encodes them with charwise. */
export async function openRawTuples(database: Database, durability: Durability): Promise<Session> {
  return openRawWith(database, durability, (key) => PREFIX + encode(key.tuple));
}

function openRawWith(database: Database, durability: Durability, keyOf: (key: RowKey) => string): Session {
  const sync = durability === "durable";
  const range = (from: RowKey, limit: number) => readRows(database, from, limit);
  return {
    begin: async () => ({
      range,
      values: (from, limit) => readValues(database, from, limit),
      async gets(keys) {
        const values: unknown[] = [];
        for (const key of keys) values.push(parse(database.getSync(key.text)));
        return values;
      },
    }),
    range,
    get: async (key) => parse(database.getSync(key.text)),
    puts: (rows) => writeRows(database, rows, sync, keyOf),
    comparable: (rows) => rows,
    close: async () => undefined,
  };
}

function parse(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}

async function readRows(db: Database, from: RowKey, limit: number): Promise<unknown[]> {
  const iterator = db.iterator({
    gte: from.text,
    lt: END,
    limit,
    highWaterMarkBytes: HIGH_WATER_MARK,
  });
  const size = Math.min(limit, CHUNK);
  let rows: [string, unknown][] = [];
  let chunk = iterator.nextv(size);
  while (true) {
    const entries: [string, unknown][] = await chunk;
    const last = entries.length === 0 || rows.length + entries.length === limit;
    // The next chunk is read by another thread while this one is parsed.
    if (!last) chunk = iterator.nextv(size);
    for (const entry of entries) {
      entry[0] = entry[0].slice(PREFIX.length);
      entry[1] = JSON.parse(entry[1] as string);
    }
    rows = rows.length === 0 ? entries : rows.concat(entries);
    if (last) break;
  }
  void iterator.close();
  return rows;
}

async function readValues(db: Database, from: RowKey, limit: number): Promise<unknown[]> {
  const iterator = db.iterator({
    gte: from.text,
    lt: END,
    limit,
    keys: false,
    highWaterMarkBytes: HIGH_WATER_MARK,
  });
  const size = Math.min(limit, CHUNK);
  const values: unknown[] = [];
  let chunk = iterator.nextv(size);
  while (true) {
    const entries = await chunk;
    const last = entries.length === 0 || values.length + entries.length === limit;
    if (!last) chunk = iterator.nextv(size);
    for (const entry of entries) values.push(JSON.parse(entry[1]));
    if (last) break;
  }
  void iterator.close();
  return values;
}

async function writeRows(
  db: Database,
  rows: readonly Row[],
  sync: boolean,
  keyOf: (key: RowKey) => string,
): Promise<void> {
  const batch = db.batch();
  for (const { key, value } of rows) batch.put(keyOf(key), JSON.stringify(value));
  await batch.write({ sync });
}
