/** A program that runs very many small transactions, and tells now and then what it holds. */
import { getEventListeners } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Bucket, collection, openStore, type Store, type Transaction } from "@meshgate/database";
import { z } from "zod";

/** What the program is told by its argument, as JSON. */
export interface LeakOrders {
  readonly directory: string;
  /** What it runs: transactions of every kind, or reads of hundreds of rows. */
  readonly work: "transactions" | "reads";
  /** After how many transactions it looks what it holds, from few to many. */
  readonly looks: readonly number[];
}

/** What a process holds. */
export interface Holdings {
  /** Bytes of the heap in use, once it was collected. */
  readonly heap: number;
  /** Bytes that are resident, and those of them that are no mapped files. */
  readonly resident: number;
  readonly anonymous: number;
  /** Handles and requests that keep Node running. */
  readonly resources: number;
  /** Listeners of the process, and of a signal that was passed to very many calls. */
  readonly listeners: number;
  readonly signalListeners: number;
  readonly openCalls: number;
  readonly snapshots: number;
  readonly files: number;
}

/** What it tells its parent: how many transactions were done, or what it holds after so many. */
export type LeakMessage = { readonly done: number } | { readonly after: number; readonly holdings: Holdings };

const LANES = 32;
const KEYS = 500;
const TOLD_EVERY = 5000;
const REST_MS = 100;

const records = collection({
  name: "records",
  schema: z.object({ id: z.int(), group: z.string(), text: z.string() }),
  key: "id",
  indexes: { group: { on: "group" } },
});

class OnPurpose extends Error {}

/** Runs one of the many: of every kind, with every ending. */
async function transact(store: Store, n: number, signal: AbortSignal): Promise<void> {
  const key = (n * 7919) % KEYS;
  const kind = n % 10;
  if (kind < 4) await store.view((tx) => read(tx, key), { signal });
  else if (kind < 6) await store.update((tx) => write(tx, key, n), { signal });
  else if (kind === 6) await store.batch((tx) => write(tx, key, n));
  else if (kind === 7) await rollBack(store, key, n);
  else if (kind === 8) await beginAndEnd(store, key, n);
  else
    await store.view((tx) =>
      records
        .in(tx)
        .by("group")
        .range({ prefix: `g${n % 20}`, limit: 3 })
        .toArray(),
    );
}

/** Reads all rows: with and without a limit, to the end and not, as an array and one by one. */
async function readMany(store: Store, n: number): Promise<void> {
  await store.view(async (tx) => {
    const bucket = (await tx.bucket("rows")) as Bucket;
    if (n % 4 === 0) await bucket.range().toArray();
    else if (n % 4 === 1) await bucket.values({ limit: KEYS - 1, reverse: true }).toArray();
    else if (n % 4 === 2) for await (const _ of bucket.values());
    else for await (const [key] of bucket.range()) if (key === KEYS / 2) break;
  });
}

async function read(tx: Transaction, key: number): Promise<void> {
  const bucket = (await tx.bucket("rows")) as Bucket;
  await bucket.get(key);
  // A walk that is not ended by its reader.
  const walk = bucket.range({ gte: key })[Symbol.asyncIterator]();
  await walk.next();
}

async function write(tx: Transaction, key: number, n: number): Promise<void> {
  const bucket = (await tx.bucket("rows")) as Bucket;
  await bucket.put(key, { n, text: "x".repeat(n % 300) });
  await records.in(tx).put({ id: key, group: `g${n % 20}`, text: `record ${n}` });
}

async function rollBack(store: Store, key: number, n: number): Promise<void> {
  const rolledBack = store.update(async (tx) => {
    await write(tx, key, n);
    throw new OnPurpose();
  });
  await rolledBack.catch((error) => {
    if (!(error instanceof OnPurpose)) throw error;
  });
  // One that is given up before its turn.
  const aborted = store.update(() => undefined, { signal: AbortSignal.abort() });
  await aborted.catch((error) => {
    if (error.code !== "ABORTED") throw error;
  });
}

async function beginAndEnd(store: Store, key: number, n: number): Promise<void> {
  const reader = await store.begin();
  await read(reader, key);
  await reader.rollback();
  await using writer = await store.begin({ writable: true });
  await write(writer, key, n);
  if (n % 20 === 8) await writer.commit();
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

async function holdingsOf(store: Store, signal: AbortSignal): Promise<Holdings> {
  for (let i = 0; i < 5; i++) {
    await sleep(REST_MS);
    collect();
  }
  const { heapUsed, rss } = process.memoryUsage();
  const { open, snapshots } = store.stats();
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  return {
    heap: heapUsed,
    resident: rss,
    anonymous: anonymous() ?? rss,
    resources: process.getActiveResourcesInfo().length,
    listeners,
    signalListeners: getEventListeners(signal, "abort").length,
    openCalls: open,
    snapshots,
    files: process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0,
  };
}

/** What is resident without mapped files, which the system takes back when it wants them. */
function anonymous(): number | undefined {
  if (process.platform !== "linux") return undefined;
  const [, kilobytes] = /^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

function tell(message: LeakMessage): void {
  process.send?.(message);
}

async function main({ directory, looks, work: kind }: LeakOrders): Promise<void> {
  const { signal } = new AbortController();
  await using store = await openStore(directory, { durability: "relaxed" });
  await store.update(async (tx) => {
    await tx.createBucket("rows");
    for (let key = 0; key < KEYS; key++) await write(tx, key, key);
  });
  let begun = 0;
  const work = async (until: number) => {
    while (begun < until) {
      begun++;
      if (begun % TOLD_EVERY === 0) tell({ done: begun });
      await (kind === "reads" ? readMany(store, begun) : transact(store, begun, signal));
    }
  };
  for (const after of looks) {
    await Promise.all(Array.from({ length: LANES }, () => work(after)));
    tell({ after, holdings: await holdingsOf(store, signal) });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once("disconnect", () => process.exit());
  await main(JSON.parse(process.argv[2] as string) as LeakOrders);
  process.disconnect?.();
}
