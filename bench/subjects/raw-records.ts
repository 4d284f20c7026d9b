import type { Durability } from "../lib/model.ts";
import { type NodeKey, PREFIXES, type Reading } from "../lib/readings.ts";
import { encode } from "../lib/rows.ts";
import type { RecordSession } from "./record-session.ts";
import type { Database } from "./session.ts";

const CHUNK = 1000;
const HIGH_WATER_MARK = 1 << 20;
/** What follows the last entry. */
const END = `${PREFIXES.plain.slice(0, -1)}"`;

type Options = NonNullable<Parameters<Database["keys"]>[0]>;
type Get = (key: string) => string | undefined;
type Snapshot = NonNullable<Options["snapshot"]>;

/**
 * Index and records by hand on classic-level with nothing around it: whole keys on the root database, one chained
 * batch for the three rows of each record, and reads by an iterator over keys and `getSync`. Nothing holds the index
 * and the records together: a write between the two reads would show.
 */
export function openRawRecords(database: Database, durability: Durability): Promise<RecordSession> {
  return open(database, durability, false);
}

/** The same, but its reads are at one snapshot, as this library's are. */
export function openRawSnapshot(database: Database, durability: Durability): Promise<RecordSession> {
  return open(database, durability, true);
}

async function open(database: Database, durability: Durability, consistent: boolean): Promise<RecordSession> {
  const sync = durability === "durable";
  const snapshots: Snapshot[] = [];
  return {
    puts: (readings) => write(database, readings, sync),
    async begin(by) {
      if (by !== "plain") throw new Error("Only a plain index is read by hand.");
      const get: Get = (key) => database.getSync(key);
      if (!consistent) return { scan: (from, limit) => scan(database, from, limit, {}, get) };
      const snapshot = database.snapshot();
      snapshots.push(snapshot);
      // With all of its options spelled out, they are not copied for each get.
      const options = { keyEncoding: "utf8", valueEncoding: "utf8", snapshot } as const;
      const getThen: Get = (key) => database.getSync(key, options);
      return { scan: (from, limit) => scan(database, from, limit, { snapshot }, getThen) };
    },
    async close() {
      for (const snapshot of snapshots) await snapshot.close();
    },
  };
}

async function write(database: Database, readings: readonly Reading[], sync: boolean): Promise<void> {
  const batch = database.batch();
  for (const reading of readings) {
    const { tenantId, id, node, status, at } = reading;
    batch.put(PREFIXES.records + encode([tenantId, id]), JSON.stringify(reading));
    batch.put(PREFIXES.node + encode([tenantId, node, at, tenantId, id]), "");
    batch.put(PREFIXES.status + encode([tenantId, status, tenantId, id]), "");
  }
  await batch.write({ sync });
}

async function scan(
  database: Database,
  from: NodeKey,
  limit: number,
  at: { readonly snapshot?: Snapshot },
  get: Get,
): Promise<unknown[]> {
  // Without the final "!", so that all entries with this very key are met.
  const gte = PREFIXES.plain + encode(from).slice(0, -1);
  const iterator = database.keys({ gte, lt: END, limit, highWaterMarkBytes: HIGH_WATER_MARK, ...at });
  const size = Math.min(limit, CHUNK);
  const records: unknown[] = [];
  let chunk = iterator.nextv(size);
  while (true) {
    const keys = await chunk;
    const last = keys.length === 0 || records.length + keys.length === limit;
    // The next chunk is read by another thread while these records are.
    if (!last) chunk = iterator.nextv(size);
    for (const key of keys) {
      // The primary key is the last two parts.
      const start = key.lastIndexOf('"', key.lastIndexOf('"') - 1) + 1;
      records.push(JSON.parse(get(`${PREFIXES.records}K${key.slice(start)}`)!));
    }
    if (last) break;
  }
  void iterator.close();
  return records;
}
