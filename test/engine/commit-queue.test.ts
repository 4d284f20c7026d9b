import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { Bucket, Store, StoreOptions, Transaction } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { type AnyLevel, type Tap, tap } from "../helpers/levels.ts";
import { gate, type Location, soon, usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";

const places = usePlaces();
const COMMIT = "!~store!Jcommit";

/** A store on a classic-level database whose writes are watched. */
async function tapped(options?: StoreOptions): Promise<{ store: Store; tap: Tap; level: ClassicLevel }> {
  const level = new ClassicLevel(places.path("store"));
  await level.open();
  places.later(() => level.close());
  const watched = tap(level as unknown as AnyLevel);
  const store = await places.open(level as unknown as Location, options);
  await store.update((tx) => tx.createBucket("rows"));
  watched.written.length = 0;
  return { store, tap: watched, level };
}

async function rowsIn(tx: Transaction): Promise<Bucket> {
  return (await tx.bucket("rows")) as Bucket;
}

const put = (store: Store, key: string | number, value: unknown = key) =>
  store.update(async (tx) => (await rowsIn(tx)).put(key, value));

const keysOf = (store: Store) => store.view(async (tx) => (await rowsIn(tx)).keys().toArray());

describe("group commit", () => {
  test("64 writers share far fewer groups than they make transactions", async () => {
    const { store, tap } = await tapped();
    const before = store.stats();
    let transactions = 0;
    const writer = async (n: number) => {
      for (let i = 0; i < 10; i++) {
        await put(store, n * 100 + i);
        transactions++;
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, n) => writer(n)));
    const after = store.stats();
    const groups = after.groups - before.groups;
    expect(transactions).toBe(640);
    expect(after.commit - before.commit).toBe(640);
    expect(groups).toBe(tap.written.length);
    expect(groups).toBeLessThanOrEqual(640 / 8);
    // The row that tells the last commit is in every group, once, and goes up.
    expect(tap.written.every(({ puts }) => puts.filter((key) => key === COMMIT).length === 1)).toBe(true);
    expect((await keysOf(store)).length).toBe(640);
  });

  test("a lone transaction is written at once, in a group of its own", async () => {
    const { store, tap } = await tapped();
    for (let i = 0; i < 5; i++) await put(store, i);
    expect(tap.written).toHaveLength(5);
    expect(tap.written.map(({ puts }) => puts)).toEqual(
      [0, 1, 2, 3, 4].map(() => [expect.stringMatching(/^!rows!F/), COMMIT]),
    );
  });

  test("what seals while a group is under way goes into the next, together", async () => {
    const { store, tap } = await tapped();
    const release = tap.hold();
    const first = put(store, "first");
    await turn();
    const others = Array.from({ length: 20 }, (_, i) => put(store, i));
    const resolved: unknown[] = [];
    for (const [i, other] of others.entries()) other.then(() => resolved.push(i));
    await sleep(30);
    expect(resolved).toEqual([]);
    expect(store.stats().groups).toBe(1);
    release();
    await Promise.all([first, ...others]);
    expect(tap.written.map(({ puts }) => puts.length)).toEqual([2, 21]);
    expect(resolved).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test("a key written by several transactions of a group has the last value", async () => {
    const { store, tap } = await tapped();
    await Promise.all([
      put(store, "k", 1),
      put(store, "k", 2),
      store.update(async (tx) => (await rowsIn(tx)).delete("k")),
      put(store, "k", 4),
      put(store, "other", 5),
      store.update(async (tx) => (await rowsIn(tx)).delete("other")),
    ]);
    expect(tap.written.length).toBeLessThan(6);
    const rows = await store.view(async (tx) => (await rowsIn(tx)).range().toArray());
    expect(rows).toEqual([["k", 4]]);
  });

  test("a transaction that wrote nothing adds no commit, but waits for what it may have read", async () => {
    const { store, tap } = await tapped();
    const before = store.stats();
    await store.update(async (tx) => (await rowsIn(tx)).get("k"));
    expect(store.stats()).toEqual(before);
    const release = tap.hold();
    const writer = put(store, "k", 1);
    let read: unknown;
    const reader = store
      .update(async (tx) => (await rowsIn(tx)).get("k"))
      .then((value) => {
        read = value;
      });
    await sleep(30);
    expect(read).toBeUndefined();
    release();
    await Promise.all([writer, reader]);
    expect(read).toBe(1);
  });

  test("each commit has the next number, which a reader's id tells", async () => {
    const { store } = await tapped();
    const first = store.stats().commit;
    const ids = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        store.update(async (tx) => {
          await (await rowsIn(tx)).put(i, i);
          return tx.id;
        }),
      ),
    );
    expect(ids).toEqual(Array.from({ length: 10 }, (_, i) => first + 1 + i));
    expect(await store.view((tx) => tx.id)).toBe(first + 10);
    expect(store.stats().commit).toBe(first + 10);
  });
});

describe("batch()", () => {
  test("calls of one turn go into one group, whatever they await", async () => {
    const { store, tap } = await tapped();
    const calls = Array.from({ length: 30 }, (_, i) =>
      store.batch(async (tx) => {
        if (i % 5 === 0) await sleep(1);
        const bucket = await rowsIn(tx);
        await bucket.put(i, (await bucket.count()) as number);
        return i;
      }),
    );
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(tap.written).toHaveLength(1);
    expect(store.stats().groups).toBe(2);
    const counts = await store.view(async (tx) => (await rowsIn(tx)).values().toArray());
    expect(counts).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });

  test("one that throws fails alone and leaves nothing; the others share the group", async () => {
    const { store, tap } = await tapped();
    const failure = new Error("of one call");
    const calls = [1, 2, 3].map((n) =>
      store.batch(async (tx) => {
        await (await rowsIn(tx)).put(n, n);
        if (n === 2) throw failure;
      }),
    );
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: failure });
    expect(await keysOf(store)).toEqual([1, 3]);
    expect(tap.written).toHaveLength(1);
  });

  test("updates beside it are neither lost nor kept waiting for good", async () => {
    const { store } = await tapped();
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 60; i++) {
      const run = async (tx: Transaction) => {
        const bucket = await rowsIn(tx);
        await bucket.put("count", (((await bucket.get("count")) as number | undefined) ?? 0) + 1);
      };
      calls.push(i % 3 === 0 ? store.update(run) : store.batch(run));
      if (i % 10 === 0) await turn();
    }
    await soon(() => Promise.all(calls), 10_000, "updates and batches");
    expect(await store.view(async (tx) => (await rowsIn(tx)).get("count"))).toBe(60);
  });
});

describe("durability", () => {
  test.each([
    ["durable", true],
    ["relaxed", false],
  ] as const)("%s passes sync: %s with every commit", async (durability, sync) => {
    const { store, tap } = await tapped({ durability });
    await put(store, 1);
    await store.batch(async (tx) => (await rowsIn(tx)).put(2, 2));
    const tx = await store.begin({ writable: true });
    await (await rowsIn(tx)).put(3, 3);
    await tx.commit();
    await Promise.all([4, 5, 6].map((n) => put(store, n)));
    await store.update((last) => last.deleteBucket("rows"));
    const commits = tap.written.filter(({ puts }) => puts.includes(COMMIT));
    expect(commits.length).toBeGreaterThanOrEqual(5);
    expect(commits.map((write) => write.sync)).toEqual(commits.map(() => sync));
    expect(store.stats().durability).toBe(durability);
  });

  test("is durable where nothing is said", async () => {
    const { store, tap } = await tapped();
    await put(store, 1);
    expect(tap.written[0]?.sync).toBe(true);
    expect(store.stats().durability).toBe("durable");
  });
});

describe("after a write error", () => {
  test("that commit fails, and every later call, with STORE_FAILED", async () => {
    const { store, tap, level } = await tapped();
    await put(store, "acknowledged", 1);
    const { commit } = store.stats();
    const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    const reader = await store.begin();
    const bucket = await rowsIn(reader);
    tap.failNext(full);
    const failed = await put(store, "failed", 2).catch((error) => error);
    expect(failed).toMatchObject({ code: "STORE_FAILED", cause: full });
    const calls = [
      () => put(store, "later"),
      () => store.view(() => undefined),
      () => store.batch(() => undefined),
      () => store.begin(),
      () => store.begin({ writable: true }),
      () => store.stats(),
      () => store.check(),
      () => store.compact(),
      () => store.backup(places.path("copy")),
      () => bucket.get("acknowledged"),
      () => bucket.range().toArray(),
      () => bucket.cursor().first(),
      () => reader.buckets(),
    ];
    for (const call of calls) await expectRefused("STORE_FAILED", call);
    await reader.rollback();
    await soon(() => store.close(), 5000, "close() of a failed store");
    await expectRefused("STORE_CLOSED", () => store.view(() => undefined));
    const again = await places.open(level as unknown as Location);
    expect(await keysOf(again)).toEqual(["acknowledged"]);
    expect(again.stats().commit).toBe(commit);
    await put(again, "later");
    await expectSound(again);
  });

  test("of many commits under way, what was acknowledged is there, and nothing else", async () => {
    const { store, tap, level } = await tapped();
    const acknowledged: number[] = [];
    const refused: string[] = [];
    const writer = async (n: number) => {
      for (let i = 0; i < 10; i++) {
        const key = n * 100 + i;
        if (key === 1505) tap.failNext(new Error("disk is gone"));
        await put(store, key).then(
          () => acknowledged.push(key),
          (error) => refused.push(error.code),
        );
      }
    };
    await soon(() => Promise.all(Array.from({ length: 32 }, (_, n) => writer(n))), 10_000, "writers");
    expect(acknowledged.length + refused.length).toBe(320);
    expect(acknowledged.length).toBeGreaterThan(30);
    expect(refused.length).toBeGreaterThan(30);
    expect(new Set(refused)).toEqual(new Set(["STORE_FAILED"]));
    await soon(() => store.close(), 5000, "close() of a failed store");
    const again = await places.open(level as unknown as Location);
    expect(await keysOf(again)).toEqual(acknowledged.toSorted((a, b) => a - b));
    expect(again.stats().commit).toBe(acknowledged.length + 1);
    await expectSound(again);
  });

  test("a transaction amid its callback, and writers in line, get STORE_FAILED", async () => {
    const { store, tap } = await tapped();
    const release = tap.hold();
    tap.failNext(new Error("disk is gone"));
    // One is under way, two have gathered for the next group, and the rest have not sealed yet.
    const outcomes: Promise<unknown>[] = [put(store, 1)];
    await turn();
    outcomes.push(put(store, 2), put(store, 3));
    await turn();
    const resume = gate();
    let inside: unknown;
    outcomes.push(
      store.update(async (tx) => {
        await resume.passed;
        inside = await rowsIn(tx).catch((error) => error);
        return "the callback itself succeeds";
      }),
    );
    outcomes.push(
      put(store, 3),
      store.batch(async (tx) => (await rowsIn(tx)).put(5, 5)),
    );
    // A hand-driven writer may begin or not, but cannot commit.
    const manual = store
      .begin({ writable: true })
      .then((tx) => tx.commit().finally(() => tx[Symbol.asyncDispose]()));
    outcomes.push(manual);
    await turn();
    release();
    await outcomes[0]?.catch(() => undefined);
    resume.open();
    const settled = await soon(() => Promise.allSettled(outcomes), 5000, "calls on a failed store");
    expect(inside).toMatchObject({ code: "STORE_FAILED" });
    for (const outcome of settled)
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "STORE_FAILED" } });
    await soon(() => store.close(), 5000, "close() of a failed store");
  });

  test("a store that is reclaiming fails as any other", async () => {
    const { store, tap, level } = await tapped();
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (let i = 0; i < 2000; i++) await bucket.put(i, i);
    });
    await store.update((tx) => tx.deleteBucket("rows"));
    tap.failNext(new Error("disk is gone"));
    await soon(
      async () => {
        while ((await store.view(() => "well").catch((error) => error.code)) === "well") await turn();
      },
      5000,
      "a failing reclaim",
    );
    await expectRefused("STORE_FAILED", () => store.update((tx) => tx.createBucket("new")));
    await soon(() => store.close(), 5000, "close() of a failed store");
    const again = await places.open(level as unknown as Location);
    await sleep(5);
    await soon(() => again.compact(), 10_000, "reclaiming after reopening");
    expect(await again.check()).toMatchObject({ ok: true, buckets: 0, rows: 0 });
  });

  test("an engine in memory fails as any other", async () => {
    const level = new MemoryLevel<string, string>();
    const watched = tap(level as unknown as AnyLevel);
    const store = await places.open(level as unknown as Location);
    await store.update((tx) => tx.createBucket("rows"));
    watched.failNext(new Error("no memory"));
    await expectRefused("STORE_FAILED", () => put(store, 1));
    await expectRefused("STORE_FAILED", () => store.view(() => undefined));
    await soon(() => store.close(), 5000, "close() of a failed store");
    const again = await places.open(level as unknown as Location);
    expect(await keysOf(again)).toEqual([]);
  });
});
