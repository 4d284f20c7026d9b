import { join } from "node:path";
import { type Database, open } from "lmdb";
import type { Durability } from "../../lib/model.ts";
import type { Place, Reading, Sample } from "../rows.ts";
import type { ReadingStore, SampleStore } from "./subject.ts";

const STRUCTURES = { sharedStructuresKey: Symbol.for("structures") };
/** Sorts after all that keys have behind a part: bytes come after text. */
const LAST = Buffer.from([0xff]);

/** lmdb with its own encoding and shared structures, as its documentation recommends for objects. */
export function openSamples(directory: string): SampleStore {
  return openSamplesOf(false, directory);
}

/** The same with its cache of decoded records, which all readers share: none of them may change one. */
export function openCachedSamples(directory: string): SampleStore {
  return openSamplesOf(true, directory);
}

function openSamplesOf(cache: boolean, directory: string): SampleStore {
  const root = open({ path: join(directory, "data.mdb") });
  const samples = root.openDB<Sample>({ name: "samples", cache, ...STRUCTURES });
  const get = (place: Place) => samples.get(keyOf(place));
  return {
    load: (rows) =>
      root.transaction(() => {
        for (const row of rows) samples.put([row.tenantId, Date.parse(row.timestamp)], row);
      }),
    next: ({ tenantId, at }, limit) =>
      values(samples, { start: [tenantId, at], end: [tenantId, LAST], limit }),
    window: ({ tenantId, at }, to) => values(samples, { start: [tenantId, at], end: [tenantId, to] }),
    // Backwards, its start is included: times are whole milliseconds.
    latest: ({ tenantId, at }, limit) =>
      values(samples, { start: [tenantId, at - 1], end: [tenantId], reverse: true, limit }),
    get,
    gets: (places) => places.map(get),
    getMany: (places) => samples.getMany(places.map(keyOf)),
    async deleteBefore({ tenantId, at }) {
      const keys = samples.getKeys({ start: [tenantId], end: [tenantId, at] }).asArray;
      await root.transaction(() => {
        for (const key of keys) samples.remove(key);
      });
      await root.flushed;
    },
    settle: () => root.flushed,
    close: () => root.close(),
  };
}

/** Two further databases are the indexes. What is put in one turn of the event loop is one commit. */
export function openReadings(directory: string, durability: Durability): ReadingStore {
  return openReadingsOf(false, directory, durability);
}

/** The same, but the index over node and time holds the record. */
export function openCoveringReadings(directory: string, durability: Durability): ReadingStore {
  return openReadingsOf(true, directory, durability);
}

function openReadingsOf(covering: boolean, directory: string, durability: Durability): ReadingStore {
  const root = open({ path: join(directory, "data.mdb") });
  const readings = root.openDB<Reading>({ name: "readings", ...STRUCTURES });
  const nodes = covering
    ? root.openDB<Reading | null>({ name: "by_node", ...STRUCTURES })
    : root.openDB<Reading | null>({ name: "by_node" });
  const statuses = root.openDB<null>({ name: "by_status" });
  const put = (rows: readonly Reading[]) => {
    let last: Promise<boolean> | undefined;
    for (const row of rows) {
      const { tenantId, id, node, status, at } = row;
      readings.put([tenantId, id], row);
      nodes.put([node, at, tenantId, id], covering ? row : null);
      last = statuses.put([tenantId, status, id], null);
    }
    return last;
  };
  const find = (keys: readonly unknown[]) => keys.map((key) => readings.get(key));
  return {
    load: (rows) => root.transaction(() => void put(rows)),
    async write(rows) {
      await put(rows);
      if (durability === "durable") await root.flushed;
    },
    get: (tenantId, id) => readings.get([tenantId, id]),
    list: (tenantId) => values(readings, { start: [tenantId], end: [tenantId, LAST] }),
    byNode(node, from, limit) {
      const bounds = { start: [node, from], end: [node, LAST], limit };
      if (covering) return values(nodes, bounds);
      return find(nodes.getKeys(bounds).map((key) => (key as unknown[]).slice(2)).asArray);
    },
    byStatus(tenantId, status) {
      const bounds = { start: [tenantId, status], end: [tenantId, status, LAST] };
      return find(statuses.getKeys(bounds).map((key) => [tenantId, (key as unknown[])[2]]).asArray);
    },
    settle: () => root.flushed,
    close: () => root.close(),
  };
}

function values<T>(database: Database<T>, bounds: Parameters<Database<T>["getRange"]>[0]): T[] {
  return database.getRange(bounds).map(({ value }) => value).asArray;
}

function keyOf({ tenantId, at }: Place): [string, number] {
  return [tenantId, at];
}
