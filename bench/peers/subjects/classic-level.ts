import { ClassicLevel } from "classic-level";
import type { Durability } from "../../lib/model.ts";
import type { Place, Reading, Sample } from "../rows.ts";
import type { ReadingStore, SampleStore } from "./subject.ts";

const JSON_VALUES = { valueEncoding: "json" } as const;
/** Sorts after all that keys have behind a part. */
const LAST = "\uffff";

/** classic-level as most people write it: sublevels with JSON values, text keys, `for await`. */
export async function openSamples(directory: string, durability: Durability): Promise<SampleStore> {
  const db = new ClassicLevel(directory);
  await db.open();
  const samples = db.sublevel<string, Sample>("samples", JSON_VALUES);
  const sync = durability === "durable";
  return {
    load: (rows) =>
      samples.batch(
        rows.map((value) => ({ type: "put", key: `${value.tenantId}!${value.timestamp}`, value })),
      ),
    next: ({ tenantId, at }, limit) =>
      collect(samples.values({ gte: key(tenantId, at), lt: `${tenantId}!${LAST}`, limit })),
    window: ({ tenantId, at }, to) =>
      collect(samples.values({ gte: key(tenantId, at), lt: key(tenantId, to) })),
    latest: ({ tenantId, at }, limit) =>
      collect(samples.values({ gt: `${tenantId}!`, lt: key(tenantId, at), reverse: true, limit })),
    get: (place) => samples.get(keyOf(place)),
    async gets(places) {
      const found: unknown[] = [];
      for (const place of places) found.push(await samples.get(keyOf(place)));
      return found;
    },
    getMany: (places) => samples.getMany(places.map(keyOf)),
    async deleteBefore({ tenantId, at }) {
      for await (const keys of batches(samples.keys({ gt: `${tenantId}!`, lt: key(tenantId, at) }))) {
        const batch = db.batch();
        for (const each of keys) batch.del(each, { sublevel: samples });
        await batch.write({ sync });
      }
    },
    settle: () => db.compactRange("", LAST),
    close: () => db.close(),
  };
}

/** A record and its two index entries in one synced batch over three sublevels. */
export async function openReadings(directory: string, durability: Durability): Promise<ReadingStore> {
  const db = new ClassicLevel(directory);
  await db.open();
  const readings = db.sublevel<string, Reading>("readings", JSON_VALUES);
  const nodes = db.sublevel("by_node");
  const statuses = db.sublevel("by_status");
  const sync = durability === "durable";
  const write = (rows: readonly Reading[]) => {
    const batch = db.batch();
    for (const row of rows) {
      const { tenantId, id, node, status, at } = row;
      batch.put(`${tenantId}!${id}`, row, { sublevel: readings });
      batch.put(`${node}!${at}!${tenantId}!${id}`, "", { sublevel: nodes });
      batch.put(`${tenantId}!${status}!${id}`, "", { sublevel: statuses });
    }
    return batch.write({ sync });
  };
  return {
    load: write,
    write,
    get: (tenantId, id) => readings.get(`${tenantId}!${id}`),
    list: (tenantId) => collect(readings.values({ gt: `${tenantId}!`, lt: `${tenantId}!${LAST}` })),
    async byNode(node, from, limit) {
      const found: string[] = [];
      const entries = nodes.keys({ gte: `${node}!${from}`, lt: `${node}!${LAST}`, limit });
      for await (const entry of entries) found.push(entry.split("!").slice(2).join("!"));
      return readings.getMany(found);
    },
    async byStatus(tenantId, status) {
      const found: string[] = [];
      const prefix = `${tenantId}!${status}!`;
      for await (const entry of statuses.keys({ gt: prefix, lt: prefix + LAST }))
        found.push(`${tenantId}!${entry.slice(prefix.length)}`);
      return readings.getMany(found);
    },
    settle: () => db.compactRange("", LAST),
    close: () => db.close(),
  };
}

async function collect<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

async function* batches(keys: AsyncIterable<string>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const each of keys) {
    if (batch.push(each) < 1000) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function key(tenantId: string, at: number): string {
  return `${tenantId}!${new Date(at).toISOString()}`;
}

function keyOf({ tenantId, at }: Place): string {
  return key(tenantId, at);
}
