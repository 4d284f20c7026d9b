import { openStore } from "../../lib/library.ts";
import type { Durability } from "../../lib/model.ts";
import type { Place, Reading } from "../rows.ts";
import type { ReadingStore, SampleStore } from "./subject.ts";

type Transaction = Awaited<ReturnType<Awaited<ReturnType<typeof openStore>>["begin"]>>;

const INDEX = { encoding: "utf8" } as const;
const DELETES_PER_COMMIT = 1000;

/** Buckets of this library. */
export async function openSamples(directory: string, durability: Durability): Promise<SampleStore> {
  const store = await openStore(directory, { durability });
  await store.update((tx) => tx.createBucketIfNotExists("samples"));
  const samples = async (tx: Transaction) => (await tx.bucket("samples"))!;
  return {
    load: (rows) =>
      store.update(async (tx) => {
        const bucket = await samples(tx);
        for (const row of rows) await bucket.put([row.tenantId, Date.parse(row.timestamp)], row);
      }),
    next: ({ tenantId, at }, limit) =>
      store.view(async (tx) =>
        (await samples(tx)).values({ prefix: [tenantId], gte: [tenantId, at], limit }).toArray(),
      ),
    window: ({ tenantId, at }, to) =>
      store.view(async (tx) =>
        (await samples(tx)).values({ gte: [tenantId, at], lt: [tenantId, to] }).toArray(),
      ),
    latest: ({ tenantId, at }, limit) =>
      store.view(async (tx) =>
        (await samples(tx))
          .values({ prefix: [tenantId], lt: [tenantId, at], reverse: true, limit })
          .toArray(),
      ),
    get: (place) => store.view(async (tx) => (await samples(tx)).get(keyOf(place))),
    gets: (places) =>
      store.view(async (tx) => {
        const bucket = await samples(tx);
        const found: unknown[] = [];
        for (const place of places) found.push(await bucket.get(keyOf(place)));
        return found;
      }),
    getMany: (places) => store.view(async (tx) => (await samples(tx)).getMany(places.map(keyOf))),
    async deleteBefore({ tenantId, at }) {
      for (let deleted = DELETES_PER_COMMIT; deleted === DELETES_PER_COMMIT; ) {
        deleted = await store.update(async (tx) => {
          const bucket = await samples(tx);
          const bounds = { prefix: [tenantId], lt: [tenantId, at], limit: DELETES_PER_COMMIT };
          const keys = await bucket.keys(bounds).toArray();
          for (const key of keys) await bucket.delete(key);
          return keys.length;
        });
      }
    },
    settle: () => store.compact(),
    close: () => store.close(),
  };
}

/** A record and its two index entries put by hand, each into a bucket of its own. */
export async function openReadings(directory: string, durability: Durability): Promise<ReadingStore> {
  const store = await openStore(directory, { durability });
  await store.update(async (tx) => {
    await tx.createBucketIfNotExists("readings");
    await tx.createBucketIfNotExists("by_node", INDEX);
    await tx.createBucketIfNotExists("by_status", INDEX);
  });
  const readings = async (tx: Transaction) => (await tx.bucket("readings"))!;
  const write = (rows: readonly Reading[]) =>
    store.update(async (tx) => {
      const records = await readings(tx);
      const nodes = (await tx.bucket("by_node", INDEX))!;
      const statuses = (await tx.bucket("by_status", INDEX))!;
      for (const row of rows) {
        await records.put([row.tenantId, row.id], row);
        await nodes.put([row.node, row.at, row.tenantId, row.id], "");
        await statuses.put([row.tenantId, row.status, row.id], "");
      }
    });
  return {
    load: write,
    write,
    get: (tenantId, id) => store.view(async (tx) => (await readings(tx)).get([tenantId, id])),
    list: (tenantId) =>
      store.view(async (tx) => (await readings(tx)).values({ prefix: [tenantId] }).toArray()),
    byNode: (node, from, limit) =>
      store.view(async (tx) => {
        const nodes = (await tx.bucket("by_node", INDEX))!;
        const keys = await nodes.keys({ prefix: [node], gte: [node, from], limit }).toArray();
        return (await readings(tx)).getMany(keys.map((key) => (key as string[]).slice(2)));
      }),
    byStatus: (tenantId, status) =>
      store.view(async (tx) => {
        const statuses = (await tx.bucket("by_status", INDEX))!;
        const keys = await statuses.keys({ prefix: [tenantId, status] }).toArray();
        return (await readings(tx)).getMany(keys.map((key) => [tenantId, (key as string[])[2]!]));
      }),
    settle: () => store.compact(),
    close: () => store.close(),
  };
}

function keyOf({ tenantId, at }: Place): [string, number] {
  return [tenantId, at];
}
