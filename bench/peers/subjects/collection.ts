import { z } from "zod";
import { collection, openStore } from "../../lib/library.ts";
import type { Durability } from "../../lib/model.ts";
import type { Place } from "../rows.ts";
import { type ReadingStore, type SampleStore, unasked } from "./subject.ts";

const samples = collection({
  name: "samples",
  schema: z.object({
    id: z.string(),
    tenantId: z.string(),
    timestamp: z.iso.datetime(),
    granularity: z.literal("minute"),
    metrics: z.object({ cpu: z.number(), load: z.number(), memory: z.number() }),
    labels: z.object({ node: z.string(), region: z.string() }),
  }),
  key: ["tenantId", "timestamp"],
});

const BASE = {
  name: "readings",
  schema: z.object({
    tenantId: z.string(),
    id: z.string(),
    node: z.string(),
    status: z.enum(["degraded", "down", "ok"]),
    at: z.int(),
    labels: z.object({ rack: z.string(), region: z.string(), zone: z.string() }),
    cpu: z.number(),
    load: z.number(),
    memory: z.number(),
    requests: z.int(),
  }),
  key: ["tenantId", "id"],
} as const;
const node = { on: ["node", "at"] } as const;
const status = { on: ["tenantId", "status"] } as const;
const plain = collection({ ...BASE, indexes: { node, status } });
const covering = collection({ ...BASE, indexes: { node: { ...node, include: "record" }, status } });

/** A collection of this library, by its primary key. */
export async function openSamples(directory: string, durability: Durability): Promise<SampleStore> {
  const store = await openStore(directory, { durability });
  return {
    load: (rows) => store.update((tx) => samples.in(tx).putMany(rows)),
    next: ({ tenantId, at }, limit) =>
      store.view((tx) =>
        samples
          .in(tx)
          .range({ prefix: [tenantId], gte: [tenantId, iso(at)], limit })
          .toArray(),
      ),
    window: ({ tenantId, at }, to) =>
      store.view((tx) =>
        samples
          .in(tx)
          .range({ gte: [tenantId, iso(at)], lt: [tenantId, iso(to)] })
          .toArray(),
      ),
    latest: ({ tenantId, at }, limit) =>
      store.view((tx) =>
        samples
          .in(tx)
          .range({ prefix: [tenantId], lt: [tenantId, iso(at)], reverse: true, limit })
          .toArray(),
      ),
    get: (place) => store.view((tx) => samples.in(tx).get(keyOf(place))),
    gets: (places) =>
      store.view(async (tx) => {
        const records = samples.in(tx);
        const found: unknown[] = [];
        for (const place of places) found.push(await records.get(keyOf(place)));
        return found;
      }),
    getMany: (places) => store.view((tx) => samples.in(tx).getMany(places.map(keyOf))),
    deleteBefore: unasked,
    settle: () => store.compact(),
    close: () => store.close(),
  };
}

/** A collection with two plain indexes. */
export function openReadings(directory: string, durability: Durability): Promise<ReadingStore> {
  return openReadingsOf(plain, directory, durability);
}

/** The same, but the index over node and time includes the record. */
export function openCoveringReadings(directory: string, durability: Durability): Promise<ReadingStore> {
  return openReadingsOf(covering, directory, durability);
}

async function openReadingsOf(
  readings: typeof plain | typeof covering,
  directory: string,
  durability: Durability,
): Promise<ReadingStore> {
  const store = await openStore(directory, { durability });
  return {
    load: (rows) => store.update((tx) => readings.in(tx).putMany(rows)),
    write: (rows) =>
      store.update(async (tx) => {
        const records = readings.in(tx);
        for (const row of rows) await records.put(row);
      }),
    get: (tenantId, id) => store.view((tx) => readings.in(tx).get([tenantId, id])),
    list: (tenantId) =>
      store.view((tx) =>
        readings
          .in(tx)
          .range({ prefix: [tenantId] })
          .toArray(),
      ),
    byNode: (name, from, limit) =>
      store.view((tx) =>
        readings
          .in(tx)
          .by("node")
          .range({ prefix: [name], gte: [name, from], limit })
          .toArray(),
      ),
    byStatus: (tenantId, which) =>
      store.view((tx) =>
        readings
          .in(tx)
          .by("status")
          .range({ prefix: [tenantId, which] })
          .toArray(),
      ),
    settle: () => store.compact(),
    close: () => store.close(),
  };
}

function keyOf({ tenantId, at }: Place): [string, string] {
  return [tenantId, iso(at)];
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
