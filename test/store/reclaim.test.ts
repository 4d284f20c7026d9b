import { once } from "node:events";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Bucket, decodeKey, type Key, type Store, type Transaction } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { Level } from "level";
import { describe, expect, test } from "vitest";
import { type AnyLevel, tap } from "../helpers/levels.ts";
import { killProcess, startProcess } from "../helpers/openers.ts";
import { type Location, soon, usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";

const LARGE = process.env["MESHGATE_LARGE"] === "1";
const ROWS = LARGE ? 1_000_000 : 200_000;
const MS = LARGE ? 300_000 : 30_000;
const DELETER = fileURLToPath(new URL("../engine/deleter.ts", import.meta.url));

const places = usePlaces();

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** The memory in use, without what could be collected. */
function used(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Long enough that the keys of all rows would be seen in the memory. */
const keyOf = (i: number): Key => [`a tenant with a name that is not short at all, number ${i % 100}`, i];

async function fill(store: Store, name: string, rows: number): Promise<void> {
  for (let start = 0; start < rows; start += 20_000) {
    await store.update(async (tx) => {
      const bucket = await tx.createBucketIfNotExists(name);
      for (let i = start; i < Math.min(start + 20_000, rows); i++) await bucket.put(keyOf(i), i);
    });
  }
}

const bucketIn = async (tx: Transaction, name: string) => (await tx.bucket(name)) as Bucket;

/** The rows of a sublevel, as another program reads them. */
async function rowsOf(directory: string, path: readonly string[]): Promise<[Key, unknown][]> {
  const level = new Level(directory);
  try {
    const sublevel = level.sublevel<string, unknown>([...path], { valueEncoding: "json" });
    const rows = await sublevel.iterator().all();
    return rows.filter(([key]) => !key.startsWith("!")).map(([key, value]) => [decodeKey(key), value]);
  } finally {
    await level.close();
  }
}

/** How many rows there are of any kind, as another program counts them. */
async function countRows(directory: string): Promise<number> {
  const level = new Level(directory);
  try {
    return (await level.keys().all()).length;
  } finally {
    await level.close();
  }
}

/** Waits until everything is reclaimed. */
const reclaimed = (store: Store) => soon(() => store.compact(), MS, "reclaiming");

describe(`a bucket of ${ROWS} rows`, () => {
  test("goes at once, beside other work, and not from readers that were there", {
    timeout: MS * 4,
  }, async () => {
    const level = new ClassicLevel(places.path("store"));
    await level.open();
    places.later(() => level.close());
    const watched = tap(level as unknown as AnyLevel);
    const store = await places.open(level as unknown as Location, { durability: "relaxed" });
    await store.update((tx) => tx.createBucket("other"));
    await fill(store, "big", ROWS);
    const reader = await store.begin();
    const startCount = performance.now();
    expect(await (await bucketIn(reader, "big")).count()).toBe(ROWS);
    const counting = performance.now() - startCount;
    const baseline = used();
    watched.written.length = 0;

    const startDelete = performance.now();
    await store.update((tx) => tx.deleteBucket("big"));
    const deleting = performance.now() - startDelete;
    const [commit] = watched.written;
    expect((commit?.puts.length ?? 0) + (commit?.deletes.length ?? 0)).toBeLessThan(10);
    expect(deleting).toBeLessThan(counting / 2);

    let done = false;
    const idle = reclaimed(store).then(() => {
      done = true;
    });
    let slowest = 0;
    let largest = 0;
    let updates = 0;
    let highest = 0;
    while (!done) {
      const start = performance.now();
      await store.update(async (tx) => {
        expect(await tx.buckets()).toEqual(["other"]);
        await (await bucketIn(tx, "other")).put(updates, updates);
      });
      expect(await store.view(async (tx) => (await bucketIn(tx, "other")).get(updates))).toBe(updates);
      slowest = Math.max(slowest, performance.now() - start);
      if (updates++ % 50 === 0) highest = Math.max(highest, used());
      for (const { deletes } of watched.written) largest = Math.max(largest, deletes.length);
      watched.written.length = 0;
      await turn();
    }
    await idle;
    // Small batches: no commit is held up by the one that it shares.
    expect(largest).toBeLessThanOrEqual(2000);
    expect(updates).toBeGreaterThan(20);
    expect(slowest).toBeLessThan(1000);
    // The keys alone would take over 80 bytes each.
    expect(highest - baseline).toBeLessThan(ROWS * 40);
    expect(await (await bucketIn(reader, "big")).count()).toBe(ROWS);
    expect(await (await bucketIn(reader, "big")).get(keyOf(ROWS - 1))).toBe(ROWS - 1);
    await reader.rollback();
    expect(await store.check()).toMatchObject({ ok: true, buckets: 1, rows: updates });
  });

  test("is harmless to kill amid reclaiming, and is reclaimed after reopening", {
    timeout: MS * 4,
  }, async () => {
    const directory = places.path("store");
    const rows = LARGE ? ROWS : 60_000;
    const store = await places.open(directory, { durability: "relaxed" });
    await store.update((tx) => tx.createBucket("log"));
    await fill(store, "big", rows);
    await store.close();
    const left = [rows];
    for (let kill = 0; kill < 3; kill++) {
      const child = startProcess(DELETER, [directory]);
      await soon(() => once(child, "message"), MS, "the child process");
      await sleep(5 + kill * 10);
      await killProcess(child);
      left.push((await rowsOf(directory, ["big"])).length);
    }
    // It was amid its work at least once.
    expect(left.some((count) => count > 0 && count < rows)).toBe(true);
    expect(left).toEqual(left.toSorted((a, b) => b - a));
    const again = await places.open(directory);
    await again.view(async (tx) => expect(await tx.buckets()).toEqual(["log"]));
    await expectSound(again);
    await reclaimed(again);
    const report = await again.check();
    expect(report).toMatchObject({ ok: true, buckets: 1 });
    await again.close();
    expect(await rowsOf(directory, ["big"])).toEqual([]);
    // Besides them the bucket's record, and the three rows that a store has.
    expect(await countRows(directory)).toBe(report.rows + 1 + 3);
  });
});

describe("a bucket that is deleted and made again in one transaction", () => {
  test("is empty, with sequence 0, under a sublevel that other programs read", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await store.update(async (tx) => {
      const bucket = await tx.createBucket("users");
      for (let i = 0; i < 30_000; i++) await bucket.put(i, "old");
      await bucket.setSequence(99);
      await (await bucket.createBucket("nested")).put("k", "old");
    });
    const path = await store.update(async (tx) => {
      const old = await bucketIn(tx, "users");
      expect((await old.stats()).sublevel).toEqual(["users"]);
      await tx.deleteBucket("users");
      const bucket = await tx.createBucket("users");
      expect(await bucket.count()).toBe(0);
      expect(await bucket.range().toArray()).toEqual([]);
      expect(await bucket.cursor().first()).toBeUndefined();
      expect(await bucket.get(5)).toBeUndefined();
      expect(await bucket.sequence()).toBe(0);
      expect(await bucket.buckets()).toEqual([]);
      expect(await bucket.bucket("nested")).toBeUndefined();
      await expectRefused("BUCKET_NOT_FOUND", () => old.get(5));
      await bucket.put(5, "new");
      await bucket.put(["t", 1], { n: 1 });
      return (await bucket.stats()).sublevel;
    });
    // Closed at once: the old rows are still there, and must not show.
    await store.close();
    expect(path).not.toEqual(["users"]);
    const expected: [Key, unknown][] = [
      [5, "new"],
      [["t", 1], { n: 1 }],
    ];
    expect(await rowsOf(directory, path)).toEqual(expected);
    expect((await rowsOf(directory, ["users"])).length).toBeGreaterThan(0);
    const again = await places.open(directory);
    await again.view(async (tx) => {
      const bucket = await bucketIn(tx, "users");
      expect(await bucket.range().toArray()).toEqual(expected);
      expect((await bucket.stats()).sublevel).toEqual(path);
    });
    await reclaimed(again);
    await expectSound(again);
    await again.close();
    expect(await rowsOf(directory, ["users"])).toEqual([]);
    expect(await rowsOf(directory, path)).toEqual(expected);
  });

  test("takes its plain name again once the old rows are gone", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    const sublevel = (tx: Transaction) =>
      bucketIn(tx, "users").then(async (bucket) => (await bucket.stats()).sublevel);
    await store.update(async (tx) => (await tx.createBucket("users")).put(1, "first"));
    await store.update((tx) => tx.deleteBucket("users"));
    await reclaimed(store);
    await store.update(async (tx) => (await tx.createBucket("users")).put(2, "second"));
    expect(await store.view(sublevel)).toEqual(["users"]);
    await store.close();
    expect(await rowsOf(directory, ["users"])).toEqual([[2, "second"]]);
  });

  test("over and over, leaves nothing behind", async () => {
    const directory = places.path("store");
    const store = await places.open(directory, { durability: "relaxed" });
    await store.update((tx) => tx.createBucket("users"));
    const paths = new Set<string>();
    for (let round = 0; round < 30; round++) {
      await store.update(async (tx) => {
        await tx.deleteBucket("users");
        const bucket = await tx.createBucket("users");
        expect(await bucket.count()).toBe(0);
        for (let i = 0; i < 700; i++) await bucket.put(i, round);
        const nested = await bucket.createBucket("nested");
        for (let i = 0; i < 30; i++) await nested.put(i, round);
        paths.add((await bucket.stats()).sublevel.join("/"));
      });
      if (round % 4 === 0) await turn();
      await store.view(async (tx) => {
        const values = new Set(await (await bucketIn(tx, "users")).values().toArray());
        expect([...values]).toEqual([round]);
      });
    }
    await reclaimed(store);
    expect(await store.check()).toMatchObject({ ok: true, buckets: 2, rows: 730 });
    await store.close();
    // Its rows, two bucket records, and the three rows that a store has.
    expect(await countRows(directory)).toBe(730 + 2 + 3);
    expect(paths.size).toBeGreaterThan(1);
  });
});

describe("a bucket with buckets within", () => {
  test("goes with all of them", async () => {
    const directory = places.path("store");
    const store = await places.open(directory, { durability: "relaxed" });
    await store.update(async (tx) => {
      const top = await tx.createBucket("top");
      for (let i = 0; i < 60; i++) {
        const middle = await top.createBucket(`middle ${i}`);
        for (let j = 0; j < 10; j++) {
          const low = await middle.createBucket(`low ${j}`);
          await low.put("k", i * j);
          await low.nextSequence();
        }
      }
      await (await tx.createBucket("kept")).put("k", 1);
    });
    await store.update((tx) => tx.deleteBucket("top"));
    // Nobody asks for it: it is reclaimed all the same.
    const wait = async () => {
      while ((await store.check()).rows > 1) await sleep(5);
    };
    await soon(wait, MS, "reclaiming that nobody asked for");
    await reclaimed(store);
    await expectSound(store);
    await store.close();
    // A row and a record of the bucket that was kept, and the three rows that a store has.
    expect(await countRows(directory)).toBe(1 + 1 + 3);
  });

  test("may be deleted by a transaction that is rolled back: nothing is reclaimed", async () => {
    const store = await places.open(places.path("store"));
    await fill(store, "big", 2000);
    const failed = store.update(async (tx) => {
      await tx.deleteBucket("big");
      throw new Error("on purpose");
    });
    await expect(failed).rejects.toThrow("on purpose");
    await reclaimed(store);
    expect(await store.view(async (tx) => (await bucketIn(tx, "big")).count())).toBe(2000);
    await expectSound(store);
  });
});

describe("a moved bucket", () => {
  test("keeps its sublevel; a new one in its old place gets another; each goes alone", async () => {
    const directory = places.path("store");
    let store = await places.open(directory);
    await store.update(async (tx) => {
      const moving = await tx.createBucket("a");
      for (let i = 0; i < 1500; i++) await moving.put(i, "moved");
      await (await moving.createBucket("within")).put("k", "moved");
      await tx.moveBucket("a", undefined, await tx.createBucket("b"));
    });
    const paths = await store.update(async (tx) => {
      const fresh = await tx.createBucket("a");
      for (let i = 0; i < 1500; i++) await fresh.put(i, "fresh");
      await (await fresh.createBucket("within")).put("k", "fresh");
      const moved = (await (await bucketIn(tx, "b")).bucket("a")) as Bucket;
      expect(await moved.count()).toBe(1500);
      expect(await (await moved.bucket("within"))?.get("k")).toBe("moved");
      return { moved: (await moved.stats()).sublevel, fresh: (await fresh.stats()).sublevel };
    });
    expect(paths.moved).toEqual(["a"]);
    expect(paths.fresh).not.toEqual(["a"]);
    await store.close();
    const valuesOf = async (path: readonly string[]) =>
      new Set((await rowsOf(directory, path)).map(([, value]) => value));
    expect(await valuesOf(paths.moved)).toEqual(new Set(["moved"]));
    expect(await valuesOf(paths.fresh)).toEqual(new Set(["fresh"]));

    store = await places.open(directory);
    await store.update(async (tx) => (await bucketIn(tx, "b")).deleteBucket("a"));
    await reclaimed(store);
    await expectSound(store);
    await store.view(async (tx) => {
      const fresh = await bucketIn(tx, "a");
      expect(await fresh.count()).toBe(1500);
      expect(await (await fresh.bucket("within"))?.get("k")).toBe("fresh");
    });
    // With its parent's place free again, a third "a" must not meet rows of the second.
    await store.update(async (tx) => {
      await tx.deleteBucket("a");
      const third = await tx.createBucket("a");
      expect(await third.count()).toBe(0);
      await third.put("k", "third");
      expect(await third.buckets()).toEqual([]);
    });
    await reclaimed(store);
    await expectSound(store);
    const path = await store.view(async (tx) => (await (await bucketIn(tx, "a")).stats()).sublevel);
    await store.close();
    expect(await rowsOf(directory, path)).toEqual([["k", "third"]]);
    // That row, the records of a and b, and the three rows that a store has.
    expect(await countRows(directory)).toBe(1 + 2 + 3);
  });

  test("outlives the bucket from which it was moved, though its rows lie within that one's sublevel", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await store.update(async (tx) => {
      const parent = await tx.createBucket("parent");
      const child = await parent.createBucket("child");
      for (let i = 0; i < 1500; i++) {
        await parent.put(i, "parent");
        await child.put(i, "child");
      }
    });
    await store.update(async (tx) => {
      await tx.moveBucket("child", await bucketIn(tx, "parent"), undefined);
      await tx.deleteBucket("parent");
      const parent = await tx.createBucket("parent");
      expect(await parent.buckets()).toEqual([]);
      await (await parent.createBucket("child")).put("k", "a new child");
    });
    await reclaimed(store);
    await expectSound(store);
    await store.view(async (tx) => {
      const child = await bucketIn(tx, "child");
      expect(await child.count()).toBe(1500);
      expect((await child.stats()).sublevel).toEqual(["parent", "child"]);
      const parent = await bucketIn(tx, "parent");
      expect(await parent.count()).toBe(0);
      expect(await (await parent.bucket("child"))?.range().toArray()).toEqual([["k", "a new child"]]);
    });
    await store.update((tx) => tx.deleteBucket("parent"));
    await reclaimed(store);
    // Now the plain place of "parent" is free, but that of its "child" is not.
    await store.update(async (tx) => {
      const child = await (await tx.createBucket("parent")).createBucket("child");
      expect(await child.count()).toBe(0);
      await child.put("k", 1);
    });
    await expectSound(store);
    expect(await store.view(async (tx) => (await bucketIn(tx, "child")).count())).toBe(1500);
  });
});

test("a store that is opened to read reclaims nothing, and shows nothing of it", async () => {
  const directory = places.path("store");
  const store = await places.open(directory, { durability: "relaxed" });
  await store.update((tx) => tx.createBucket("kept"));
  await fill(store, "big", 20_000);
  await store.update((tx) => tx.deleteBucket("big"));
  await store.close();
  const before = await countRows(directory);
  expect(before).toBeGreaterThan(100);
  const reader = await places.open(directory, { readOnly: true });
  expect(await reader.view((tx) => tx.buckets())).toEqual(["kept"]);
  await expectSound(reader);
  await sleep(20);
  await reader.close();
  expect(await countRows(directory)).toBe(before);
});
