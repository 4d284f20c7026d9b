import { openStore } from "../lib/library.ts";
import type { Durability } from "../lib/model.ts";
import { BUCKET, encode, type Row, type RowKey } from "../lib/rows.ts";
import type { Database, Reader, Session } from "./session.ts";

/** This library, used as its README says. */
export async function openOurs(database: Database, durability: Durability): Promise<Session> {
  // A database that was open stays open when the store closes: the raw subject may be using it, too.
  const store = await openStore(database, { durability });
  await store.update((tx) => tx.createBucketIfNotExists(BUCKET));
  const open: Transaction[] = [];
  return {
    async begin() {
      const tx = await store.begin();
      open.push(tx);
      return readerOf((await tx.bucket(BUCKET))!);
    },
    range: (from, limit) =>
      store.view(async (tx) => (await tx.bucket(BUCKET))!.range({ gte: from.tuple, limit }).toArray()),
    get: (key) => store.view(async (tx) => (await tx.bucket(BUCKET))!.get(key.tuple)),
    puts: (rows, awaited) =>
      store.update(async (tx) => {
        const bucket = (await tx.bucket(BUCKET))!;
        if (awaited) await putRows(bucket, rows);
        else putRowsAtOnce(bucket, rows);
      }),
    comparable: (rows) => (rows as [unknown, unknown][]).map(([key, value]) => [encode(key), value]),
    async close() {
      for (const tx of open) await tx.rollback();
      await store.close();
    },
  };
}

type Store = Awaited<ReturnType<typeof openStore>>;
type Transaction = Awaited<ReturnType<Store["begin"]>>;
type Bucket = NonNullable<Awaited<ReturnType<Transaction["bucket"]>>>;

function readerOf(bucket: Bucket): Reader {
  return {
    range: (from, limit) => bucket.range({ gte: from.tuple, limit }).toArray(),
    values: (from, limit) => bucket.values({ gte: from.tuple, limit }).toArray(),
    async gets(keys) {
      const values: unknown[] = [];
      for (const key of keys) values.push(await bucket.get(key.tuple));
      return values;
    },
  };
}

interface Putting {
  put(key: RowKey["tuple"], value: unknown): unknown;
}

async function putRows(bucket: Putting, rows: readonly Row[]): Promise<void> {
  for (const { key, value } of rows) await bucket.put(key.tuple, value);
}

/** On LevelDB a put is done when the call returns, or has thrown: this shows what awaiting it costs. */
function putRowsAtOnce(bucket: Putting, rows: readonly Row[]): void {
  for (const { key, value } of rows) bucket.put(key.tuple, value);
}
