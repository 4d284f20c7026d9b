import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { type Bucket, openStore, type Store, type StoreOptions, type Transaction } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { beforeEach, describe, expect, test } from "vitest";
import { type AnyLevel, type Count, countOpen, type Tap, tap, WithoutSeek } from "../helpers/levels.ts";
import { codeOf, type Location, settles, soon, usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";

const places = usePlaces();

async function rowsIn(tx: Transaction): Promise<Bucket> {
  return (await tx.bucket("rows")) as Bucket;
}

/** Commits a value of the key "n", so that readers from now on start at another commit. */
const commit = (store: Store, n: number) => store.update(async (tx) => (await rowsIn(tx)).put("n", n));
const valueIn = async (tx: Transaction) => (await rowsIn(tx)).get("n");

interface Counted {
  readonly store: Store;
  readonly snapshots: Count;
  readonly iterators: Count;
  readonly tap: Tap;
}

/** A store whose engine's snapshots are counted and whose writes are watched. */
async function counted(options: StoreOptions): Promise<Counted> {
  const level = new ClassicLevel(places.path("store"));
  await level.open();
  places.later(() => level.close());
  const watched = tap(level as unknown as AnyLevel);
  const snapshots = countOpen(level as unknown as AnyLevel, "snapshot");
  const iterators = countOpen(level as unknown as AnyLevel, "iterator");
  const store = await places.open(level as unknown as Location, { durability: "relaxed", ...options });
  await store.update((tx) => tx.createBucket("rows"));
  await commit(store, 0);
  return { store, snapshots, iterators, tap: watched };
}

describe("snapshots", () => {
  test("readers that start at the same commit share one", async () => {
    const { store, snapshots } = await counted({});
    const first = await Promise.all(Array.from({ length: 20 }, () => store.begin()));
    expect(snapshots.live).toBe(1);
    expect(store.stats().snapshots).toBe(1);
    await commit(store, 1);
    const second = await Promise.all(Array.from({ length: 20 }, () => store.begin()));
    expect(snapshots.live).toBe(2);
    expect(store.stats().snapshots).toBe(2);
    for (const tx of first) expect(await valueIn(tx)).toBe(0);
    for (const tx of second) expect(await valueIn(tx)).toBe(1);
    for (const tx of [...first, ...second]) await tx.rollback();
    await commit(store, 2);
    expect(snapshots.live).toBeLessThanOrEqual(1);
    expect(store.stats().open).toBe(0);
  });

  test("are let go when their last reader ends, in whatever order", async () => {
    const { store, snapshots } = await counted({});
    const readers: Transaction[] = [];
    for (let n = 1; n <= 10; n++) {
      readers.push(await store.begin(), await store.begin());
      await commit(store, n);
    }
    expect(snapshots.live).toBe(10);
    for (const i of [4, 5, 0, 1, 18, 2, 19, 3]) await readers[i]?.rollback();
    expect(snapshots.live).toBe(6);
    for (const [i, reader] of readers.entries()) {
      if ([4, 5, 0, 1, 18, 2, 19, 3].includes(i)) continue;
      expect(await valueIn(reader)).toBe(Math.floor(i / 2));
      await reader.rollback();
    }
    expect(snapshots.live).toBe(0);
  });

  test("past the limit a view waits, and commits do not", async () => {
    const { store, snapshots } = await counted({ maxSnapshots: 2 });
    const first = await store.begin();
    await commit(store, 1);
    const second = await store.begin();
    await commit(store, 2);
    const third = store.view(valueIn);
    const fourth = store.begin();
    expect(await settles(Promise.race([third, fourth]), 40)).toBe(false);
    await soon(() => commit(store, 3), 5000, "a commit beside readers at the limit");
    expect(await settles(Promise.race([third, fourth]), 40)).toBe(false);
    expect(snapshots.live).toBe(2);
    expect(await valueIn(first)).toBe(0);
    expect(await valueIn(second)).toBe(1);
    await first.rollback();
    // It sees what is committed when it begins, not when it was asked for.
    expect(await soon(() => third, 5000, "a view that waited")).toBe(3);
    const last = await soon(() => fourth, 5000, "a reader that waited");
    expect(await valueIn(last)).toBe(3);
    await second.rollback();
    await last.rollback();
    expect(snapshots.highest).toBe(2);
  });

  test("a view that begins amid a commit waits for nobody, and does not see it", async () => {
    const { store, tap } = await counted({});
    const release = tap.hold();
    const committed = commit(store, 1);
    await turn();
    expect(await soon(() => store.view(valueIn), 5000, "a view amid a commit")).toBe(0);
    const reader = await soon(() => store.begin(), 5000, "a reader amid a commit");
    release();
    await committed;
    expect(await valueIn(reader)).toBe(0);
    expect(await store.view(valueIn)).toBe(1);
    await reader.rollback();
  });

  test("a signal ends the wait: ABORTED", async () => {
    const { store } = await counted({ maxSnapshots: 1 });
    const reader = await store.begin();
    await commit(store, 1);
    const controller = new AbortController();
    const { signal } = controller;
    let ran = false;
    const calls = [
      () => store.view(() => (ran = true), { signal }),
      () => store.begin({ signal }),
      () => store.check({ signal }),
      () => store.backup(places.path("copy"), { signal }),
    ].map((call) => call().catch((error: unknown) => error));
    const patient = store.view(valueIn);
    await sleep(20);
    const reason = new Error("no longer wanted");
    controller.abort(reason);
    const outcomes = await soon(() => Promise.all(calls), 5000, "aborted calls");
    for (const outcome of outcomes) expect(outcome).toMatchObject({ code: "ABORTED", cause: reason });
    expect(ran).toBe(false);
    expect(await settles(patient, 30)).toBe(false);
    await reader.rollback();
    expect(await soon(() => patient, 5000, "a view that waited on")).toBe(1);
    expect(store.stats().open).toBe(0);
    expect(await readdir(places.path())).toEqual(["store"]);
  });

  test("never go over the limit, whatever readers and writers do", async () => {
    const { store, snapshots } = await counted({ maxSnapshots: 3 });
    let n = 0;
    let readers = 0;
    const write = async () => {
      for (let i = 0; i < 60; i++) await commit(store, ++n);
    };
    const read = async (seed: number) => {
      for (let i = 0; i < 15; i++) {
        await store.view(async (tx) => {
          readers++;
          const value = await valueIn(tx);
          await sleep((seed * 7 + i * 3) % 11);
          expect(await valueIn(tx)).toBe(value);
        });
      }
    };
    const work = [write(), write(), ...Array.from({ length: 12 }, (_, seed) => read(seed))];
    await soon(() => Promise.all(work), 20_000, "readers and writers");
    expect(readers).toBe(180);
    expect(snapshots.highest).toBeLessThanOrEqual(3);
    expect(snapshots.highest).toBeGreaterThan(1);
  });

  test("close() waits for readers, and for views that wait for them", async () => {
    const { store, snapshots } = await counted({ maxSnapshots: 1 });
    const reader = await store.begin();
    await commit(store, 1);
    const waiting = store.view(valueIn);
    const closed = store.close();
    expect(await settles(closed, 40)).toBe(false);
    expect(await valueIn(reader)).toBe(0);
    await reader.rollback();
    expect(await soon(() => waiting, 5000, "a view that waited")).toBe(1);
    await soon(() => closed, 5000, "close()");
    expect(snapshots.live).toBe(0);
  });
});

test("iterators are closed with their transaction, at the latest", async () => {
  const { store, iterators } = await counted({});
  await store.update(async (tx) => {
    const bucket = await rowsIn(tx);
    for (let i = 0; i < 5000; i++) await bucket.put(i, i);
    await bucket.createBucket("nested");
  });
  for (const kind of ["view", "update"] as const) {
    await store[kind](async (tx) => {
      const bucket = await rowsIn(tx);
      await bucket.cursor().first();
      await bucket.cursor().seek(2000);
      await bucket.range()[Symbol.asyncIterator]().next();
      for await (const _ of bucket.values()) break;
      await tx.cursor().first();
      expect(iterators.live).toBeGreaterThan(3);
      const before = iterators.live;
      // What is read to its end, or left by a break, is closed as soon as the engine has let go of its rows.
      await bucket.range().toArray();
      await bucket.range().first();
      await bucket.count();
      await bucket.buckets();
      for await (const _ of bucket.keys());
      for await (const _ of bucket.keys()) break;
      await expect.poll(() => iterators.live).toBe(before);
      bucket
        .range()
        .toArray()
        .catch(() => undefined);
    });
    await expect.poll(() => iterators.live).toBe(0);
  }
  const failed = store.view(async (tx) => {
    await (await rowsIn(tx)).cursor().first();
    throw new Error("on purpose");
  });
  await expect(failed).rejects.toThrow("on purpose");
  const reader = await store.begin();
  await (await rowsIn(reader)).cursor().first();
  await reader.rollback();
  await expect.poll(() => iterators.live).toBe(0);
});

test("steps that are not awaited one by one meet each row once, in order", async () => {
  const { store } = await counted({});
  const text = "x".repeat(20_000);
  await store.update(async (tx) => {
    const bucket = await tx.createBucket("many");
    for (let i = 0; i < 700; i++) await bucket.put(i, i % 3 === 0 ? text : i);
  });
  await store.view(async (tx) => {
    const steps = ((await tx.bucket("many")) as Bucket).keys()[Symbol.asyncIterator]();
    const values = ((await tx.bucket("many")) as Bucket).range()[Symbol.asyncIterator]();
    for (const walk of [steps, values]) {
      const met: unknown[] = [];
      for (let isOver = false; !isOver; ) {
        const results = await Promise.all(Array.from({ length: 7 }, () => walk.next()));
        isOver = results.some(({ done }) => done);
        for (const { done, value } of results) if (!done) met.push(Array.isArray(value) ? value[0] : value);
      }
      expect(met).toEqual(Array.from({ length: 700 }, (_, i) => i));
    }
  });
});

test("an engine that cannot seek is read as any other", async () => {
  const store = await openStore(new WithoutSeek());
  await store.update(async (tx) => {
    const bucket = await tx.createBucket("b");
    for (let i = 0; i < 100; i++) await bucket.put(i, i);
  });
  await store.view(async (tx) => {
    const bucket = (await tx.bucket("b")) as Bucket;
    expect(await bucket.values({ gte: 50 }).toArray()).toHaveLength(50);
    expect(await bucket.values({ reverse: true, limit: 40 }).toArray()).toHaveLength(40);
  });
  await store.close();
});

describe("maxTransactionAge", () => {
  test("a reader that outstays it gets TX_EXPIRED from every read, an unsurpassed one does not", async () => {
    const { store, snapshots } = await counted({ maxTransactionAge: 30 });
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (let i = 0; i < 5000; i++) await bucket.put(i, i);
      await bucket.createBucket("nested");
    });
    const reader = await store.begin();
    const bucket = await rowsIn(reader);
    const cursor = bucket.cursor();
    await cursor.first();
    const iterator = bucket.range()[Symbol.asyncIterator]();
    await iterator.next();
    await sleep(60);
    // Nothing was committed meanwhile, so it holds nothing back.
    expect(await bucket.get("n")).toBe(0);
    await commit(store, 1);
    expect(await bucket.get("n")).toBe(0);
    await sleep(60);
    await commit(store, 2);
    const reads = [
      () => bucket.get("n"),
      () => bucket.has("n"),
      () => bucket.getMany(["n"]),
      () => bucket.getMany(Array.from({ length: 100 }, (_, i) => i)),
      () => bucket.range().toArray(),
      () => bucket.range().first(),
      () => bucket.keys().toArray(),
      () => bucket.count(),
      () => bucket.cursor().last(),
      () => bucket.forEach(() => {}),
      () => bucket.sequence(),
      () => bucket.buckets(),
      () => reader.buckets(),
      async () => {
        for await (const _ of bucket.range());
      },
      // What was read ahead may still come.
      async () => {
        while ((await iterator.next()).done !== true);
      },
      async () => {
        while ((await cursor.next()) !== undefined);
      },
    ];
    for (const read of reads) await expectRefused("TX_EXPIRED", read);
    expect(snapshots.live).toBeLessThanOrEqual(1);
    await reader.rollback();
    expect(await store.view(valueIn)).toBe(2);
  });

  test("makes room for a view that waits at the limit, though nobody commits", async () => {
    const { store } = await counted({ maxTransactionAge: 50, maxSnapshots: 1 });
    const forgotten = await store.begin();
    await commit(store, 1);
    const views = [store.view(valueIn), store.view(valueIn)];
    expect(await soon(() => Promise.all(views), 5000, "views behind a forgotten reader")).toEqual([1, 1]);
    expect(await codeOf(() => valueIn(forgotten))).toBe("TX_EXPIRED");
    await forgotten.rollback();
  });

  test("does not end a backup", async () => {
    const { store } = await counted({ maxTransactionAge: 1 });
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (let i = 0; i < 12_000; i++) await bucket.put(i, "old");
    });
    const reader = await store.begin();
    const commits: Promise<unknown>[] = [];
    const report = await store.backup(places.path("copy"), {
      onProgress: ({ done }) => {
        commits.push(
          store.update(async (tx) => {
            const bucket = await rowsIn(tx);
            for (let i = done; i < done + 500; i++) await bucket.put(i % 12_000, "new");
          }),
        );
      },
    });
    await Promise.all(commits);
    expect(commits.length).toBeGreaterThan(10);
    expect(store.stats().commit - report.commit).toBe(commits.length);
    // The backup kept its own snapshot alive, which this reader of the same commit shared; now it is gone.
    await commit(store, 1);
    await sleep(5);
    await commit(store, 2);
    expect(await codeOf(() => valueIn(reader))).toBe("TX_EXPIRED");
    await reader.rollback();
    const copy = await places.open(places.path("copy"));
    await expectSound(copy);
    expect(copy.stats().commit).toBe(report.commit);
    const values = await copy.view(async (tx) => (await rowsIn(tx)).values({ lt: "" }).toArray());
    expect(values.length).toBe(12_000);
    expect(new Set(values)).toEqual(new Set(["old"]));
  });
});

describe("a write that fails", () => {
  test("while views are open and others wait for room ends all of them", async () => {
    const { store, tap } = await counted({ maxSnapshots: 1 });
    const reader = await store.begin();
    await commit(store, 1);
    const waiting = [store.view(valueIn), store.begin()].map((call) => call.catch((error) => error.code));
    tap.failNext(new Error("disk is gone"));
    await expectRefused("STORE_FAILED", () => commit(store, 2));
    await expectRefused("STORE_FAILED", () => valueIn(reader));
    await reader.rollback();
    expect(await soon(() => Promise.all(waiting), 5000, "views that wait")).toEqual([
      "STORE_FAILED",
      "STORE_FAILED",
    ]);
    await soon(() => store.close(), 5000, "close()");
  });

  test("ends a view amid its reading", async () => {
    const { store, tap } = await counted({});
    const outcome = store.view(async (tx) => {
      const bucket = await rowsIn(tx);
      expect(await bucket.get("n")).toBe(0);
      tap.failNext(new Error("disk is gone"));
      await commit(store, 1).catch(() => undefined);
      return bucket.get("n");
    });
    await expectRefused("STORE_FAILED", () => outcome);
    await soon(() => store.close(), 5000, "close()");
  });
});

describe("a damaged table", () => {
  let directory: string;

  beforeEach(async () => {
    directory = places.path("store");
    const store = await places.open(directory, { durability: "relaxed" });
    await store.update(async (tx) => {
      const bucket = await tx.createBucket("a damaged bucket");
      for (let i = 0; i < 2000; i++) await bucket.put(i, `${i} ${Math.sin(i)} ${Math.cos(i)}`);
      await (await tx.createBucket("sound")).put("n", 1);
    });
    await store.compact();
    await store.close();
    const table = (await readdir(directory)).find((name) => name.endsWith(".ldb")) as string;
    const bytes = await readFile(join(directory, table));
    bytes.fill(0xa5, 2000, bytes.length / 2);
    await writeFile(join(directory, table), bytes);
  });

  test.each([true, false])("is STORE_DAMAGED from every read, with getSync: %s", async (getSync) => {
    const level = new ClassicLevel(directory);
    (level.supports as { getSync?: boolean }).getSync = getSync;
    const store = await places.open(level as unknown as Location);
    const keys = Array.from({ length: 100 }, (_, i) => 500 + i);
    const reads: ((bucket: Bucket) => unknown)[] = [
      (bucket) => bucket.get(500),
      (bucket) => bucket.has(500),
      (bucket) => bucket.getMany([500]),
      (bucket) => bucket.getMany(keys),
      (bucket) => bucket.range().toArray(),
      // LevelDB skips a damaged block and tells so at the end of the walk: a read of a few rows may not reach it.
      (bucket) => bucket.range({ gte: 500 }).toArray(),
      (bucket) => bucket.values().toArray(),
      (bucket) => bucket.count(),
      (bucket) => bucket.forEach(() => {}),
      async (bucket) => {
        for await (const _ of bucket.range());
      },
    ];
    for (const read of reads) {
      const run = async (tx: Transaction) => read((await tx.bucket("a damaged bucket")) as Bucket);
      await expectRefused("STORE_DAMAGED", () => store.view(run));
      await expectRefused("STORE_DAMAGED", () => store.update(run));
    }
    const { ok, problems } = await store.check();
    expect(ok).toBe(false);
    expect(problems.some(({ message }) => message.includes(".ldb"))).toBe(true);
    await expectRefused("STORE_DAMAGED", () => store.backup(places.path("copy")));
    expect(await readdir(places.path())).toEqual(["store"]);
    // What lies elsewhere is there, and the store goes on.
    await store.update(async (tx) => (await tx.bucket("sound"))?.put("later", 2));
    const sound = await store.view(async (tx) => (await tx.bucket("sound"))?.range().toArray());
    expect(sound).toEqual([
      ["later", 2],
      ["n", 1],
    ]);
  });
});

test("many snapshots and hot keys: no read is ever behind", { timeout: 600_000 }, async () => {
  const seconds = Number(process.env["MESHGATE_SOAK"] ?? 2);
  const { store } = await counted({ maxSnapshots: 100 });
  const end = Date.now() + seconds * 1000;
  const latest = new Map<number, number | undefined>();
  const readers = new Set<Promise<unknown>>();
  let overwrites = 0;
  for (let round = 1; Date.now() < end; round++) {
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (const [key, value] of latest)
        if ((await bucket.get(key)) !== value) expect(await bucket.get(key)).toBe(value);
      for (let key = 0; key < 50; key++) {
        if ((round * 31 + key * 17) % 13 === 0) {
          await bucket.delete(key);
          latest.set(key, undefined);
        } else {
          await bucket.put(key, round);
          latest.set(key, round);
        }
        overwrites++;
      }
    });
    if (readers.size >= 99) continue;
    const expected = new Map(latest);
    const reader = store.view(async (tx) => {
      await sleep((round * 13) % 60);
      const bucket = await rowsIn(tx);
      for (const [key, value] of expected) expect(await bucket.get(key)).toBe(value);
    });
    readers.add(reader);
    reader.finally(() => readers.delete(reader)).catch(() => undefined);
    await turn();
  }
  await Promise.all(readers);
  expect(overwrites).toBeGreaterThan(1000 * seconds);
});
