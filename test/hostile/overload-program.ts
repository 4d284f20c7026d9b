/** Overloads a store as it is told, in a process whose heap is limited, and prints as JSON what came of it. */
import { createHash } from "node:crypto";
import { DatabaseError, openStore, type Store } from "@meshgate/database";

const [kind = "", directory = "", amount = "0"] = process.argv.slice(2);
const count = Number(amount);
const collect = globalThis.gc ?? (() => undefined);
const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);

/** Bytes that follow from a number, and their hash. */
function bytesOf(size: number, n: number): { readonly bytes: Buffer; readonly hash: string } {
  const bytes = Buffer.alloc(size, createHash("sha512").update(String(n)).digest());
  return { bytes, hash: hashOf(bytes) };
}
const hashOf = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** Counts what became of calls as they end: how many worked, and the codes of the others. */
class Outcomes {
  readonly counts: Record<string, number> = {};
  readonly #calls: Promise<void>[] = [];

  add(call: Promise<unknown>): void {
    const note = (outcome: string) => {
      this.counts[outcome] = (this.counts[outcome] ?? 0) + 1;
    };
    this.#calls.push(
      call.then(
        () => note("done"),
        (error) => note(error instanceof DatabaseError ? error.code : String(error)),
      ),
    );
  }

  async all(): Promise<Record<string, number>> {
    await Promise.all(this.#calls);
    return this.counts;
  }
}

const put = (store: Store, key: number) =>
  store.update(async (tx) => void (await (await tx.bucket("rows"))?.put(key, `value ${key}`)));
const rowsIn = (store: Store, below = Number.MAX_VALUE) =>
  store.view(async (tx) => (await (await tx.bucket("rows"))?.count({ lt: below })) ?? 0);

/** Updates and views by the hundred thousand, of which none waits for another; then as many by a caller that awaits them in time. */
async function flood(store: Store): Promise<object> {
  const long = await store.begin();
  const calls = new Outcomes();
  for (let n = 1; n <= count; n++) {
    calls.add(put(store, n));
    calls.add(firstRow(store));
    // As requests come: many before any is answered, and not all in one turn of the event loop.
    if (n % 1000 === 0) await Promise.resolve();
  }
  const { open } = store.stats();
  const outcomes = await calls.all();
  const kept = await rowsIn(store);
  const some = count / 5;
  for (let n = 0; n < some; n += 4000)
    await Promise.all(Array.from({ length: 4000 }, (_, i) => put(store, n + i)));
  const seenByLong = await (await long.bucket("rows"))?.count();
  await long.rollback();
  return { open, outcomes, kept, all: (await rowsIn(store, some)) === some, seenByLong };
}

const firstRow = (store: Store) => store.view(async (tx) => (await tx.bucket("rows"))?.get(0));

/** As many calls of `batch()` in one turn. */
async function batches(store: Store): Promise<object> {
  const calls = new Outcomes();
  for (let n = 0; n < count; n++)
    calls.add(store.batch(async (tx) => void (await (await tx.bucket("rows"))?.put(n, n))));
  return { outcomes: await calls.all(), rows: await rowsIn(store), groups: store.stats().groups };
}

/** Values of so many MiB, as bytes and as text. */
async function values(store: Store): Promise<object> {
  const { bytes, hash } = bytesOf(count << 20, 1);
  const text = "é".repeat(count << 19);
  const textHash = hashOf(text);
  await store.update(async (tx) => {
    await (await tx.createBucket("bytes", { encoding: "bytes" })).put("big", bytes);
    await (await tx.createBucket("text", { encoding: "utf8" })).put("big", text);
  });
  return store.view(async (tx) => {
    const read = await (await tx.bucket<Uint8Array>("bytes"))?.get("big");
    const readText = await (await tx.bucket<string>("text"))?.get("big");
    return { same: hashOf(read ?? "") === hash && hashOf(readText ?? "") === textHash };
  });
}

/** So many rows in one transaction, read through it before they are committed. */
async function rows(store: Store): Promise<object> {
  const seen = await store.update(async (tx) => {
    const bucket = await tx.createBucketIfNotExists("rows");
    for (let n = 0; n < count; n++) {
      await bucket.put(n, { n, name: `row ${n}` });
      if (n % 10_000 === 0) await new Promise(setImmediate);
    }
    return [await bucket.get(count - 1), await bucket.count({ limit: 5 })];
  });
  return { seen, rows: await rowsIn(store) };
}

const WORK: Record<string, (store: Store) => Promise<object>> = { flood, batches, values, rows };

const store = await openStore(directory, { durability: "relaxed" });
await store.update(async (tx) => (await tx.createBucketIfNotExists("rows")).put(0, "first"));
collect();
const before = process.memoryUsage();
let peak = 0;
const timer = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 20);
const found = await WORK[kind]?.(store);
clearInterval(timer);
collect();
const after = process.memoryUsage();
peak = Math.max(peak, after.rss);
const heapGrowth = mebibytes(after.heapUsed - before.heapUsed);
const sound = await store.check();
await store.close();
console.log(JSON.stringify({ ...found, heapGrowth, peakMiB: mebibytes(peak), ok: sound.ok }));
