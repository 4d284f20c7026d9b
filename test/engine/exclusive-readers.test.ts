import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { Bucket, Store, Transaction } from "@meshgate/database";
import { beforeEach, describe, expect, test } from "vitest";
import { type AnyLevel, type Tap, tap, WithoutSnapshots } from "../helpers/levels.ts";
import { codeOf, gate, type Location, settles, soon, usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";

/*
 * Without snapshots, isolation has a price: a commit waits for the views that are open, and new views for the commit.
 */

const places = usePlaces();
const MS = 5000;
let store: Store;
let watched: Tap;

beforeEach(async () => {
  const level = new WithoutSnapshots();
  watched = tap(level as unknown as AnyLevel);
  store = await places.open(level as unknown as Location);
  await store.update((tx) => tx.createBucket("rows"));
  await commit(0);
});

async function rowsIn(tx: Transaction): Promise<Bucket> {
  return (await tx.bucket("rows")) as Bucket;
}

const commit = (n: number) => store.update(async (tx) => (await rowsIn(tx)).put("n", n));
const valueIn = async (tx: Transaction) => (await rowsIn(tx)).get("n");

describe("an engine without snapshots", () => {
  test("keeps a commit from the views that are open, and new views from half of it", async () => {
    const first = await store.begin();
    const second = await store.begin();
    const committed = commit(1);
    await turn();
    const later = store.view(valueIn);
    expect(await settles(Promise.race([committed, later]), 40)).toBe(false);
    expect([await valueIn(first), await valueIn(second)]).toEqual([0, 0]);
    await first.rollback();
    expect(await settles(committed, 40)).toBe(false);
    expect(await valueIn(second)).toBe(0);
    await second.rollback();
    await soon(() => committed, MS, "a commit");
    expect(await soon(() => later, MS, "a view")).toBe(1);
    expect(store.stats()).toMatchObject({ open: 0, snapshots: 0 });
  });

  test("lets a view begin while a writer's callback runs", async () => {
    await store.update(async (tx) => {
      await (await rowsIn(tx)).put("n", 1);
      expect(await soon(() => store.view(valueIn), MS, "a view within an update")).toBe(0);
    });
    expect(await store.view(valueIn)).toBe(1);
  });

  test("refuses an update within a view, which would wait for itself: TX_NESTED", async () => {
    const attempts: (() => Promise<unknown>)[] = [
      () => commit(1),
      () => store.batch(() => undefined),
      () => store.begin({ writable: true }),
    ];
    for (const attempt of attempts) {
      const code = await soon(() => store.view(() => codeOf(attempt)), MS, "a view");
      expect(code).toBe("TX_NESTED");
    }
    // After the view, and from another one's, it is as always.
    await commit(1);
    expect(await store.view(valueIn)).toBe(1);
  });

  test("lets views nest while a commit waits for the outer one", async () => {
    const resume = gate();
    const outer = store.view(async (tx) => {
      await resume.passed;
      const inner = await store.view(valueIn);
      const problems = (await store.check()).problems.length;
      return [await valueIn(tx), inner, problems];
    });
    await turn();
    const committed = commit(1);
    await sleep(20);
    resume.open();
    expect(await soon(() => outer, MS, "a view within a view")).toEqual([0, 0, 0]);
    await soon(() => committed, MS, "a commit");
  });

  test("gives a view that waits for a commit up when its signal aborts: ABORTED", async () => {
    const reader = await store.begin();
    const committed = commit(1);
    await turn();
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [store.view(valueIn, { signal }), store.begin({ signal })].map((call) =>
      call.catch((error) => error.code),
    );
    await sleep(10);
    controller.abort();
    expect(await soon(() => Promise.all(calls), MS, "aborted views")).toEqual(["ABORTED", "ABORTED"]);
    await reader.rollback();
    await soon(() => committed, MS, "a commit");
    expect(store.stats().open).toBe(0);
  });

  test("ends the views that wait for a commit which fails: STORE_FAILED", async () => {
    const release = watched.hold();
    watched.failNext(new Error("quota exceeded"));
    const committed = commit(1).catch((error) => error.code);
    await turn();
    const waiting = [store.view(valueIn), store.begin()].map((call) => call.catch((error) => error.code));
    await sleep(10);
    release();
    const failed = "STORE_FAILED";
    expect(await soon(() => committed, MS, "a commit")).toBe(failed);
    expect(await soon(() => Promise.all(waiting), MS, "views that wait")).toEqual([failed, failed]);
    await expectRefused("STORE_FAILED", () => store.view(valueIn));
    await soon(() => store.close(), MS, "close()");
  });

  test("ends a view for which a commit has waited for maxTransactionAge: TX_EXPIRED", async () => {
    const hasty = await places.open(new WithoutSnapshots() as unknown as Location, { maxTransactionAge: 40 });
    await hasty.update(async (tx) => (await tx.createBucket("rows")).put("n", 0));
    const reader = await hasty.begin();
    const bucket = await rowsIn(reader);
    const iterator = bucket.values()[Symbol.asyncIterator]();
    const cursor = bucket.cursor();
    await sleep(60);
    // No commit waits for it yet.
    expect(await bucket.get("n")).toBe(0);
    const committed = hasty.update(async (tx) => (await rowsIn(tx)).put("n", 1));
    await soon(() => committed, MS, "a commit that waits for a forgotten reader");
    const reads = [
      () => bucket.get("n"),
      () => bucket.getMany(["n"]),
      () => bucket.range().toArray(),
      () => iterator.next(),
      () => cursor.first(),
      () => bucket.count(),
    ];
    for (const read of reads) await expectRefused("TX_EXPIRED", read);
    // Its end must not count for the readers that came later.
    const later = await hasty.begin();
    await reader.rollback();
    const next = hasty.update(async (tx) => (await rowsIn(tx)).put("n", 2));
    expect(await settles(next, 15)).toBe(false);
    expect(await valueIn(later)).toBe(1);
    await later.rollback();
    await soon(() => next, MS, "a commit");
  });

  test("close() waits for the views, and for the commit that waits for them", async () => {
    const reader = await store.begin();
    const committed = commit(1);
    await turn();
    const closed = store.close();
    expect(await settles(closed, 40)).toBe(false);
    await reader.rollback();
    await soon(() => Promise.all([committed, closed]), MS, "close()");
    store = await places.open(new WithoutSnapshots() as unknown as Location);
  });

  test("starves neither commits nor views", async () => {
    let commits = 0;
    let views = 0;
    const end = Date.now() + 300;
    const writer = async () => {
      while (Date.now() < end) {
        await commit(++commits);
        if (commits % 8 === 0) await turn();
      }
    };
    const reader = async (n: number) => {
      while (Date.now() < end) {
        views++;
        await store.view(async (tx) => {
          const value = await valueIn(tx);
          await sleep(n);
          expect(await valueIn(tx)).toBe(value);
        });
      }
    };
    const work = [writer(), writer(), reader(0), reader(1), reader(2), reader(3)];
    await soon(() => Promise.all(work), MS, "readers and writers");
    expect(commits).toBeGreaterThan(15);
    expect(views).toBeGreaterThan(15);
  });
});
