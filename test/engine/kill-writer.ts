/**
 * A program that writes until it is killed, and notes each commit that was acknowledged.
 *
 * Each of its writers owns the rows `[writer, n]` of all buckets: transaction n puts one into each, deletes those of
 * transaction n - WINDOW, and sets the writer's counter to n. A writer begins n + 1 only when n was acknowledged.
 */
import { openSync, writeSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Bucket, type Durability, openStore, type Transaction } from "@meshgate/database";

export const BUCKETS: readonly string[] = ["a", "b", "c"];
export const WRITERS = 24;
/** How many transactions' rows each writer keeps. */
export const WINDOW = 20;

/** The last transaction of each writer, as the store tells it. */
export async function lastOf(tx: Transaction, writer: number): Promise<number> {
  const counters = await tx.bucket<number>("counters");
  return (await counters?.get(writer)) ?? 0;
}

const open = async (tx: Transaction, name: string) => (await tx.bucket(name)) as Bucket;

async function write(tx: Transaction, writer: number, n: number): Promise<void> {
  for (const name of BUCKETS) {
    const bucket = await open(tx, name);
    await bucket.put([writer, n], { writer, n, text: "x".repeat((n * 13) % 200) });
    await bucket.delete([writer, n - WINDOW]);
    // Transactions that wait amid their writes are killed amid them.
    if ((writer + n) % 5 === 0) await turn();
  }
  await (await open(tx, "counters")).put(writer, n);
}

async function rollBack(tx: Transaction, writer: number, n: number): Promise<void> {
  await (await open(tx, "never")).put([writer, n], "rolled back");
  await tx.deleteBucket("a");
  await turn();
  throw new Error("rolled back on purpose");
}

async function main(directory: string, notes: string, durability: Durability): Promise<void> {
  const store = await openStore(directory, { durability });
  await store.update(async (tx) => {
    for (const name of [...BUCKETS, "counters", "never"]) await tx.createBucketIfNotExists(name);
    // What the run before left is deleted, so that the kill meets reclaiming, too.
    for (const name of await tx.buckets()) if (name.startsWith("run-")) await tx.deleteBucket(name);
    const run = await tx.createBucket(`run-${process.pid}`);
    for (let i = 0; i < 3000; i++) await run.put(i, i);
  });
  const file = openSync(notes, "a");
  process.send?.("ready");
  const writer = async (id: number) => {
    for (let n = (await store.view((tx) => lastOf(tx, id))) + 1; ; n++) {
      if (n % 7 === 0) await store.update((tx) => rollBack(tx, id, n)).catch(() => undefined);
      if (n % 3 === 0) await store.batch((tx) => write(tx, id, n));
      else await store.update((tx) => write(tx, id, n));
      // Written at once, by this thread: a kill cannot take it back.
      writeSync(file, `${id} ${n}\n`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, id) => writer(id)));
}

// The test that starts this program imports it, too.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [directory = "", notes = "", durability] = process.argv.slice(2);
  // Started early, it waits for its turn: the store is held by whoever checks it.
  process.once("message", () => main(directory, notes, durability as Durability));
  process.send?.("started");
}
