import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openStore } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { expect, test } from "vitest";
import { gate, usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";

const run = promisify(execFile);
const places = usePlaces();
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Whether to take the sizes that the README tells of, instead of a part of them. */
const FULL = process.env["MESHGATE_OVERLOAD"] === "full";
const PROGRAM = fileURLToPath(new URL("overload-program.ts", import.meta.url));

interface Report {
  readonly ok: boolean;
  /** MiB that the heap has grown by when all is over. */
  readonly heapGrowth: number;
  readonly peakMiB: number;
  readonly [more: string]: unknown;
}

/** Runs the program with a heap of so many MiB: one that is not enough ends it, and fails the test. */
async function overload(heapMiB: number, kind: string, amount: number): Promise<Report> {
  const args = ["--expose-gc", `--max-old-space-size=${heapMiB}`, "--import", "tsx", PROGRAM, kind];
  const { stdout } = await run(process.execPath, [...args, places.path(kind), String(amount)], { cwd: ROOT });
  const report = JSON.parse(stdout) as Report;
  console.log(
    `overload: ${kind} ${amount}: ${report.peakMiB} MiB at the most, with a heap of ${heapMiB} MiB`,
  );
  expect(report).toMatchObject({ ok: true });
  expect(report.heapGrowth).toBeLessThan(20);
  return report;
}

test("100,000 updates and as many views at once are refused where they are too many, and the others done", {
  timeout: 300_000,
}, async () => {
  const { open, outcomes, kept, all, seenByLong } = await overload(128, "flood", 100_000);
  const counts = outcomes as Record<string, number>;
  expect(open).toBe(16_384);
  expect(Object.keys(counts).sort()).toEqual(["STORE_BUSY", "done"]);
  expect((counts["done"] ?? 0) + (counts["STORE_BUSY"] ?? 0)).toBe(200_000);
  // What was refused left nothing, and what was done is there: at least the first half of those that had room.
  expect(kept).toBeGreaterThan(8000);
  expect(kept).toBeLessThanOrEqual((counts["done"] ?? 0) + 1);
  // A caller that awaits its calls has all of them done, beside a view that stays open all the time.
  expect(all).toBe(true);
  expect(seenByLong).toBe(1);
});

test("8000 calls of batch() in one turn cost no more each than one", { timeout: 300_000 }, async () => {
  const { outcomes, rows, groups } = await overload(160, "batches", 8000);
  expect(outcomes).toEqual({ done: 8000 });
  expect(rows).toBe(8000);
  // That of the first bucket, and theirs.
  expect(groups).toBe(2);
});

test("values of many MiB are kept as they are", { timeout: 300_000 }, async () => {
  const size = FULL ? 256 : 32;
  const { same, peakMiB } = await overload(128 + 2 * size, "values", size);
  expect(same).toBe(true);
  // Bytes and text of that size each, held by the caller, by the transaction, by the engine, and once more as read.
  expect(peakMiB).toBeLessThan(200 + 2 * size * 4);
});

test("a transaction of many rows is held in memory, and sees itself", { timeout: 300_000 }, async () => {
  const count = FULL ? 1_000_000 : 100_000;
  const { seen, rows, peakMiB } = await overload(FULL ? 512 : 128, "rows", count);
  expect(seen).toEqual([{ n: count - 1, name: `row ${count - 1}` }, 5]);
  expect(rows).toBe(count);
  // Some 500 bytes a row, and what a process takes anyway.
  expect(peakMiB).toBeLessThan(200 + count / 1000);
});

test("maxOpen counts calls that run and that wait, and lets others in when these are over", async () => {
  const store = await openStore(new MemoryLevel<string, string>(), { maxOpen: 3 });
  places.later(() => store.close());
  const { passed, open } = gate();
  const first = store.update(() => passed);
  const second = store.update(async (tx) => void (await tx.createBucket("second")));
  const view = await store.begin();
  expect(store.stats().open).toBe(3);
  const calls = [
    () => store.update(() => undefined),
    () => store.view(() => undefined),
    () => store.batch(() => undefined),
    () => store.begin({ writable: true }),
    () => store.check(),
    () => store.compact(),
  ];
  for (const call of calls) await expectRefused("STORE_BUSY", call, "maxOpen");
  expect(store.stats()).toMatchObject({ open: 3, waitingWriters: 1 });
  await view.rollback();
  open();
  await Promise.all([first, second]);
  await store.view(async (tx) => expect(await tx.buckets()).toEqual(["second"]));
  await expectRefused("OPTION_INVALID", () => openStore(new MemoryLevel(), { maxOpen: 0 }), "maxOpen");
});

test("in a batch each sees the writes of those before it, and those that fail leave nothing", async () => {
  const store = await openStore(new MemoryLevel<string, string>());
  places.later(() => store.close());
  await store.update(async (tx) => void (await tx.createBucket("rows")));
  const seen: (readonly [number, number])[] = [];
  const calls = Array.from({ length: 200 }, (_, n) =>
    store.batch(async (tx) => {
      const rows = await tx.bucket("rows");
      seen.push([(await rows?.count()) ?? -1, tx.id]);
      if (n % 5 === 4) await rows?.delete(n - 1);
      else await rows?.put(n, n);
      if (n % 7 === 6) throw new Error("changed my mind");
    }),
  );
  const outcomes = (await Promise.allSettled(calls)).map(({ status }) => status);
  const model = new Set<number>();
  let id = 2;
  for (const [n, [count, own]] of seen.entries()) {
    expect([count, own], `call ${n}`).toEqual([model.size, id]);
    expect(outcomes[n]).toBe(n % 7 === 6 ? "rejected" : "fulfilled");
    if (n % 7 === 6) continue;
    id++;
    if (n % 5 === 4) model.delete(n - 1);
    else model.add(n);
  }
  const kept = await store.view(async (tx) => (await tx.bucket("rows"))?.keys().toArray());
  expect(kept).toEqual(Array.from(model));
  expect(store.stats().commit).toBe(id - 1);
});
