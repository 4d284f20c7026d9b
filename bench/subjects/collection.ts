import { openStore } from "../lib/library.ts";
import type { Durability, IndexKind } from "../lib/model.ts";
import { type Reading, scanned, written } from "../lib/readings.ts";
import type { RecordReader, RecordSession } from "./record-session.ts";
import type { Database } from "./session.ts";

type Store = Awaited<ReturnType<typeof openStore>>;
type Transaction = Awaited<ReturnType<Store["begin"]>>;

/** A collection of this library, used as its README says. */
export async function openCollection(database: Database, durability: Durability): Promise<RecordSession> {
  const store = await openStore(database, { durability });
  const begun: Transaction[] = [];
  return {
    puts: (readings) =>
      store.update(async (tx) => {
        const records = written.in(tx);
        for (const reading of readings) await records.put(reading);
      }),
    async begin(by) {
      const tx = await store.begin();
      begun.push(tx);
      return readerOf(tx, by);
    },
    async close() {
      for (const tx of begun) await tx.rollback();
      await store.close();
    },
  };
}

function readerOf(tx: Transaction, by: IndexKind): RecordReader {
  const records = scanned.in(tx);
  if (by === "projection")
    return { scan: (gte, limit) => records.by("projection").entries({ gte, limit }).toArray() };
  return { scan: (gte, limit) => records.by(by).range({ gte, limit }).toArray() };
}

/** The three rows of a record put by hand, each into a bucket of its own: nothing is checked, nothing is read. */
export async function openBuckets(database: Database, durability: Durability): Promise<RecordSession> {
  const store = await openStore(database, { durability });
  await store.update(async (tx) => {
    await tx.createBucketIfNotExists("readings");
    await tx.createBucketIfNotExists("idx_readings_by_node", { encoding: "utf8" });
    await tx.createBucketIfNotExists("idx_readings_by_status", { encoding: "utf8" });
  });
  return {
    puts: (readings: readonly Reading[]) =>
      store.update(async (tx) => {
        const records = (await tx.bucket("readings"))!;
        const nodes = (await tx.bucket("idx_readings_by_node", { encoding: "utf8" }))!;
        const statuses = (await tx.bucket("idx_readings_by_status", { encoding: "utf8" }))!;
        for (const reading of readings) {
          const { tenantId, id, node, status, at } = reading;
          await records.put([tenantId, id], reading);
          await nodes.put([tenantId, node, at, tenantId, id], "");
          await statuses.put([tenantId, status, tenantId, id], "");
        }
      }),
    begin: () => Promise.reject(new Error("Buckets are only written.")),
    close: () => store.close(),
  };
}
