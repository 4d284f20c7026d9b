import { setTimeout as sleep } from "node:timers/promises";
import type { Bucket, Key, Store, StoreOptions, Transaction } from "@meshgate/database";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Location, type Places, settles, soon, usePlaces } from "../helpers/places.ts";
import { backward, expectRefused, expectSound, forward } from "../helpers/stores.ts";

/** An engine that the contract is tried on. */
export interface EngineCase {
  readonly name: string;
  /** Whether readers hold their rows while commits go on; where not, commits wait for them. */
  readonly snapshots: boolean;
  /** Whether a database is given that is open already. */
  readonly givenOpen?: boolean;
  /**
   * Makes a new, empty engine.
   *
   * @returns gives the location that a store is opened on, again after each close
   */
  readonly make: (places: Places) => () => Location | Promise<Location>;
}

const HANG_MS = 10_000;

/** Keys whose order differs between UTF-16 units and UTF-8 bytes, and what is near to them. */
const TEXTS = ["z", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10000}a", "\u{1f600}", "\u{10ffff}"];

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The bucket "rows", which the test has made. */
async function rowsIn(tx: Transaction): Promise<Bucket> {
  const bucket = await tx.bucket("rows");
  expect(bucket).toBeDefined();
  return bucket as Bucket;
}

/** Expects that every way to read the bucket gives exactly these rows. */
async function expectRows(bucket: Bucket, rows: readonly (readonly [Key, unknown])[]): Promise<void> {
  const keys = rows.map(([key]) => key);
  const reversed = rows.toReversed();
  expect(await bucket.range().toArray()).toEqual(rows);
  expect(await bucket.range({ reverse: true }).toArray()).toEqual(reversed);
  expect(await bucket.range({ limit: 3 }).toArray()).toEqual(rows.slice(0, 3));
  expect(await bucket.range({ reverse: true, limit: 3 }).toArray()).toEqual(reversed.slice(0, 3));
  expect(await bucket.keys().toArray()).toEqual(keys);
  expect(await bucket.values().toArray()).toEqual(rows.map(([, value]) => value));
  expect(await bucket.count()).toBe(rows.length);
  const iterated: unknown[] = [];
  for await (const row of bucket.range()) iterated.push(row);
  expect(iterated).toEqual(rows);
  expect(await forward(bucket.cursor())).toEqual(rows);
  expect(await backward(bucket.cursor())).toEqual(reversed);
  for (const [key, value] of rows) {
    expect(await bucket.get(key)).toEqual(value);
    expect(await bucket.has(key)).toBe(true);
    expect(await bucket.cursor().seek(key)).toEqual([key, value]);
  }
  const absent: Key[] = ["absent", 1.5, null];
  const values = rows.map(([, value]) => value);
  expect(await bucket.getMany([...absent, ...keys])).toEqual([...absent.map(() => undefined), ...values]);
  expect(await bucket.getMany(keys.slice(0, 2))).toEqual(values.slice(0, 2));
  for (const key of absent) expect(await bucket.get(key)).toBeUndefined();
}

/** Runs the engine's part of the store's contract. */
export function describeEngine({ name, snapshots, givenOpen = false, make }: EngineCase): void {
  describe(`a store on ${name}`, () => {
    const places = usePlaces();
    let locate: () => Location | Promise<Location>;
    let store: Store;

    const open = async (options?: StoreOptions) => places.open(await locate(), options);

    beforeEach(async () => {
      locate = make(places);
      store = await open();
      await store.update((tx) => tx.createBucket("rows"));
    });
    // Registered last, this runs first: each test leaves its store open.
    afterEach(() => expectSound(store));

    const isolation: Isolation = { snapshots, store: () => store };
    describe("isolates", () => isolationTests(isolation));
    describe("reads and orders", () => readingTests(() => store));

    test("keeps commits over a close", async () => {
      await store.update(async (tx) => {
        const bucket = await rowsIn(tx);
        await bucket.put("a", { n: 1 });
        await bucket.setSequence(7);
        await (await bucket.createBucket("nested", { encoding: "bytes" })).put("b", new Uint8Array([0, 255]));
      });
      const { commit } = store.stats();
      for (let round = 0; round < 2; round++) {
        await store.close();
        store = await open();
        expect(store.stats().commit).toBe(commit);
        await store.view(async (tx) => {
          expect(tx.id).toBe(commit);
          const bucket = await rowsIn(tx);
          expect(await bucket.get("a")).toEqual({ n: 1 });
          expect(await bucket.sequence()).toBe(7);
          const nested = await bucket.bucket("nested");
          expect(await nested?.get("b")).toEqual(new Uint8Array([0, 255]));
        });
      }
    });

    test("closes what it opened, and leaves open what was open", async () => {
      const given = await locate();
      if (typeof given === "string") return;
      await store.close();
      expect(given.status).toBe(givenOpen ? "open" : "closed");
      await given.open();
      const second = await places.open(given);
      await second.close();
      expect(given.status).toBe("open");
      store = await open();
    });

    test("reclaims the rows of a deleted bucket", async () => {
      const rows = Array.from({ length: 1500 }, (_, i) => i);
      await store.update(async (tx) => {
        const doomed = await tx.createBucket("doomed");
        for (const i of rows) await doomed.put(i, i);
      });
      expect(await store.check()).toMatchObject({ rows: rows.length, buckets: 2 });
      await store.update((tx) => tx.deleteBucket("doomed"));
      await soon(() => store.compact(), HANG_MS, "compact()");
      expect(await store.check()).toMatchObject({ ok: true, rows: 0, buckets: 1 });
    });

    test("copies itself into a directory", async () => {
      await store.update(async (tx) => (await rowsIn(tx)).put("a", "kept"));
      const report = await store.backup(places.path("copy"));
      expect(report.commit).toBe(store.stats().commit);
      const copy = await places.open(places.path("copy"));
      await expectSound(copy);
      expect(await copy.view(async (tx) => (await rowsIn(tx)).get("a"))).toBe("kept");
    });

    test("refuses a second store on the same engine while the first is open", async () => {
      const same = await locate();
      await expectRefused("STORE_LOCKED", () => places.open(same));
      await store.update(async (tx) => (await rowsIn(tx)).put("a", 1));
      await store.close();
      store = await open();
      expect(await store.view(async (tx) => (await rowsIn(tx)).get("a"))).toBe(1);
    });
  });
}

interface Isolation {
  readonly snapshots: boolean;
  readonly store: () => Store;
}

/** Waits for a commit that is under way; where commits wait for readers, only as long as they could take. */
async function underWay(commit: Promise<unknown>, { snapshots }: Isolation): Promise<void> {
  if (snapshots) await soon(() => commit, HANG_MS, "a commit beside a reader");
  else expect(await settles(commit, 60)).toBe(false);
}

function isolationTests(engine: Isolation): void {
  test("a reader from commits after it, in gets, ranges and cursors", async () => {
    const store = engine.store();
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (let i = 0; i < 50; i++) await bucket.put(i, "old");
    });
    const old = Array.from({ length: 50 }, (_, i): [number, string] => [i, "old"]);
    const reader = await store.begin();
    const commit = store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (let i = 0; i < 60; i += 2) await bucket.put(i, "new");
      await bucket.delete(1);
      await tx.createBucket("later");
    });
    await underWay(commit, engine);
    const bucket = await rowsIn(reader);
    await expectRows(bucket, old);
    expect(await reader.buckets()).toEqual(["rows"]);
    expect(await reader.bucket("later")).toBeUndefined();
    await reader.rollback();
    await soon(() => commit, HANG_MS, "a commit after the reader");
    await store.view(async (tx) => {
      expect(await (await rowsIn(tx)).get(0)).toBe("new");
      expect(await (await rowsIn(tx)).has(1)).toBe(false);
      expect(await (await rowsIn(tx)).count()).toBe(54);
      expect(await tx.buckets()).toEqual(["later", "rows"]);
    });
  });

  test("a walk that began before a commit from that commit", async () => {
    const store = engine.store();
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (let i = 0; i < 3000; i++) await bucket.put(i, "old");
    });
    const reader = await store.begin();
    const bucket = await rowsIn(reader);
    const cursor = bucket.cursor();
    const iterator = bucket.values()[Symbol.asyncIterator]();
    expect(await cursor.first()).toEqual([0, "old"]);
    expect(await iterator.next()).toEqual({ done: false, value: "old" });
    const commit = store.update(async (tx) => {
      const rows = await rowsIn(tx);
      for (let i = 0; i < 3500; i++) await rows.put(i, "new");
    });
    await underWay(commit, engine);
    let met = 1;
    while ((await cursor.next())?.[1] === "old") met++;
    expect(met).toBe(3000);
    expect(await cursor.next()).toBeUndefined();
    const values: unknown[] = [];
    for await (const value of iterator) values.push(value);
    expect(values).toEqual(Array(2999).fill("old"));
    await reader.rollback();
    await soon(() => commit, HANG_MS, "a commit after the reader");
  });

  test("readers from parts of a transaction, and readers of one commit see the same", async () => {
    const store = engine.store();
    const names = ["a", "b", "c"];
    const write = (n: number) => async (tx: Transaction) => {
      for (const name of names) {
        const bucket = await tx.createBucketIfNotExists<number>(name);
        for (const key of names) await bucket.put(key, n);
        if (n % 3 === 0) await sleep(0);
      }
    };
    await store.update(write(0));
    let done = false;
    const writers = Promise.all(
      [1, 2, 3, 4].map(async (writer) => {
        for (let n = 0; n < 15; n++) await store.update(write(writer * 1000 + n));
      }),
    ).finally(() => {
      done = true;
    });
    let views = 0;
    const byCommit = new Map<number, number>();
    const readers = [1, 2, 3].map(async () => {
      while (!done) {
        views++;
        await store.view(async (tx) => {
          const seen = new Set<number | undefined>();
          for (const name of names) {
            const bucket = await tx.bucket<number>(name);
            seen.add(await bucket?.get("a"));
            await sleep(0);
            for (const value of (await bucket?.getMany(names)) ?? [undefined]) seen.add(value);
            for (const value of (await bucket?.values().toArray()) ?? [undefined]) seen.add(value);
          }
          const [value] = seen;
          expect([...seen]).toEqual([expect.any(Number)]);
          expect(byCommit.get(tx.id) ?? value).toBe(value);
          byCommit.set(tx.id, value as number);
        });
      }
    });
    await soon(() => Promise.all([writers, ...readers]), 30_000, "writers beside readers");
    expect(views).toBeGreaterThan(5);
    expect(byCommit.size).toBeGreaterThan(2);
  });

  test("writers from one another: a counter counts every update", async () => {
    const store = engine.store();
    const updates = Array.from({ length: 200 }, (_, i) =>
      store.update(async (tx) => {
        const bucket = await rowsIn(tx);
        const count = ((await bucket.get("count")) as number | undefined) ?? 0;
        if (i % 7 === 0) await sleep(0);
        await bucket.put("count", count + 1);
        return count;
      }),
    );
    const counts = await soon(() => Promise.all(updates), HANG_MS, "200 updates");
    expect(counts).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(await store.view(async (tx) => (await rowsIn(tx)).get("count"))).toBe(200);
  });

  test("all from what was rolled back", async () => {
    const store = engine.store();
    await store.update(async (tx) => (await rowsIn(tx)).put("kept", 1));
    const change = async (tx: Transaction) => {
      const bucket = await rowsIn(tx);
      await bucket.put("kept", 2);
      await bucket.put("new", 3);
      await bucket.nextSequence();
      await bucket.createBucket("nested");
      await tx.createBucket("other");
      await tx.deleteBucket("other");
    };
    const failure = new Error("of the callback");
    const failed = store.update(async (tx) => {
      await change(tx);
      throw failure;
    });
    await expect(failed).rejects.toBe(failure);
    const manual = await store.begin({ writable: true });
    await change(manual);
    await manual.rollback();
    const deleted = await store.begin({ writable: true });
    await deleted.deleteBucket("rows");
    await deleted[Symbol.asyncDispose]();
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      await expectRows(bucket, [["kept", 1]]);
      expect(await bucket.sequence()).toBe(0);
      expect(await bucket.buckets()).toEqual([]);
      expect(await tx.buckets()).toEqual(["rows"]);
    });
  });
}

function readingTests(current: () => Store): void {
  test("a writer's own writes, and its deletes, over what is committed", async () => {
    const store = current();
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (let i = 0; i < 100; i++) await bucket.put(i, `committed ${i}`);
    });
    const expected: [number, string][] = [];
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (let i = 0; i < 120; i++) {
        if (i % 3 === 0) await bucket.put(i, `pending ${i}`);
        if (i % 5 === 1) await bucket.delete(i);
        if (i % 5 === 1) continue;
        if (i % 3 === 0) expected.push([i, `pending ${i}`]);
        else if (i < 100) expected.push([i, `committed ${i}`]);
      }
      await expectRows(bucket, expected);
    });
    await store.view(async (tx) => expectRows(await rowsIn(tx), expected));
  });

  test("writes of earlier transactions that are not durable yet", async () => {
    const store = current();
    const steps = Array.from({ length: 20 }, (_, n) =>
      store.update(async (tx) => {
        const bucket = await rowsIn(tx);
        const rows = await bucket.range().toArray();
        expect(rows).toEqual(Array.from({ length: n }, (_, i) => [i, i === n - 1 ? "last" : "earlier"]));
        if (n > 0) await bucket.put(n - 1, "earlier");
        await bucket.put(n, "last");
      }),
    );
    await soon(() => Promise.all(steps), HANG_MS, "20 updates");
  });

  test("text by UTF-8 bytes, alone and in tuples, committed, pending and mixed", async () => {
    const store = current();
    const sorted = TEXTS.toSorted(byBytes);
    expect(sorted).not.toEqual(TEXTS.toSorted());
    const rows = [
      ...sorted.map((text): [Key, string] => [text, "alone"]),
      ...sorted.map((text): [Key, string] => [["t", text], "in a tuple"]),
    ];
    const shuffled = rows.toReversed();
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (const [i, [key, value]] of shuffled.entries()) if (i % 2 === 0) await bucket.put(key, value);
    });
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (const [i, [key, value]] of shuffled.entries()) if (i % 2 === 1) await bucket.put(key, value);
      await expectRows(bucket, rows);
      expect(await bucket.keys({ gt: "\uffff", lt: ["t"] }).toArray()).toEqual(sorted.slice(5));
      const pending = await tx.createBucket("pending");
      for (const [key, value] of shuffled) await pending.put(key, value);
      await expectRows(pending, rows);
    });
    await store.view(async (tx) => {
      const bucket = await rowsIn(tx);
      await expectRows(bucket, rows);
      expect(await bucket.keys({ gt: "\uffff", lt: ["t"] }).toArray()).toEqual(sorted.slice(5));
      expect(await bucket.keys({ prefix: "\u{10000}" }).toArray()).toEqual(["\u{10000}", "\u{10000}a"]);
    });
  });

  test("buckets by name in UTF-8 order, among rows", async () => {
    const store = current();
    await store.update(async (tx) => {
      const bucket = await rowsIn(tx);
      for (const [i, text] of TEXTS.entries()) {
        if (i % 2 === 0) await bucket.createBucket(text);
        else await bucket.put(text, i);
      }
    });
    const sorted = TEXTS.toSorted(byBytes);
    await store.view(async (tx) => {
      const elements = await forward((await rowsIn(tx)).cursor());
      expect(elements.map(([key]) => key)).toEqual(sorted);
      expect(elements.filter(([, value]) => value === undefined)).toHaveLength(5);
    });
  });

  test("values as JSON, text and bytes, pending and committed", async () => {
    const store = current();
    const json = { text: "\u{1f600}\0\n", list: [1.5, null, true, -0], nested: { "": {} } };
    const texts = ["", "plain", "\u{1f600}\0"];
    const bytes = [new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, i) => i)];
    const expectValues = async (tx: Transaction) => {
      expect(await (await tx.bucket("json"))?.get(1)).toStrictEqual(json);
      const text = await tx.bucket<number>("text", { encoding: "utf8" });
      expect(await text?.values().toArray()).toEqual(texts);
      const data = await tx.bucket<number>("data", { encoding: "bytes" });
      const read = [...((await data?.values().toArray()) ?? []), await data?.get(1)];
      expect(read.map((value) => value && Uint8Array.from(value))).toEqual([...bytes, bytes[1]]);
      // The encoding that a bucket was made with is its default.
      expect(await (await tx.bucket("text"))?.get(1)).toBe("plain");
      expect(await (await tx.bucket("data"))?.get(1)).toEqual(bytes[1]);
    };
    await store.update(async (tx) => {
      await (await tx.createBucket("json")).put(1, json);
      const text = await tx.createBucket("text", { encoding: "utf8" });
      for (const [i, value] of texts.entries()) await text.put(i, value);
      const data = await tx.createBucket("data", { encoding: "bytes" });
      for (const [i, value] of bytes.entries()) await data.put(i, value);
      await expectValues(tx);
    });
    await store.view(expectValues);
    // Kept as they were put, and given so that a change of them changes nothing that is kept.
    await store.update(async (tx) => {
      const data = await tx.createBucket("reused", { encoding: "bytes" });
      const reused = new Uint8Array([1, 2, 3]);
      await data.put("k", reused);
      reused[0] = 9;
      (await data.get("k"))?.fill(8);
      for (const value of await data.values().toArray()) value.fill(7);
      expect(await data.get("k")).toEqual(new Uint8Array([1, 2, 3]));
    });
    await store.view(async (tx) => {
      const data = await tx.bucket("reused", { encoding: "bytes" });
      (await data?.get("k"))?.fill(6);
      expect(Uint8Array.from((await data?.get("k")) ?? [])).toEqual(new Uint8Array([1, 2, 3]));
    });
    // Bytes that are no text, read as text, are refused rather than changed.
    await store.view(async (tx) => {
      const data = await tx.bucket("data", { encoding: "json" });
      await expectRefused("DATA_CORRUPT", () => data?.get(1));
    });
  });
}
