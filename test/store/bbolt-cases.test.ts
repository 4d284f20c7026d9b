import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { type Bucket, type Key, openStore, type Store, type Transaction } from "@meshgate/database";
import fc from "fast-check";
import type { MemoryLevel } from "memory-level";
import { beforeEach, describe, expect, test } from "vitest";
import {
  backward,
  dump,
  type Element,
  ENGINES,
  expectRefused,
  fill,
  filled,
  forward,
  keysOf,
  letters,
  numbered,
  ROLLBACK,
  rollingBack,
  useStores,
} from "../helpers/stores.ts";

/** A key just above the given one, which none of the cases uses. */
const above = (key: Key): Key => (typeof key === "number" ? key + 0.001 : `${String(key)}\0`);

/**
 * Runs the same check on a bucket whose elements are committed, seen by a reader and by a writer; on one whose
 * elements are all pending in the transaction; and on one that is a mixture, with pending deletes in between.
 */
async function inEveryState(
  store: Store,
  elements: readonly Element[],
  check: (bucket: Bucket, writable: boolean) => Promise<void>,
): Promise<void> {
  await filled(store, "committed", elements);
  await store.view(async (tx) => check((await tx.bucket("committed"))!, false));
  await rollingBack(store, async (tx) => check((await tx.bucket("committed"))!, true));
  await rollingBack(store, async (tx) => {
    const pending = await tx.createBucket("pending");
    await fill(pending, elements);
    await check(pending, true);
  });
  const doomed = elements.map(([key]): Element => [above(key), "doomed"]);
  const half = elements.filter((_, i) => i % 2 === 1);
  const rest = elements.filter((_, i) => i % 2 === 0);
  await filled(store, "mixed", [...half, ...doomed]);
  await rollingBack(store, async (tx) => {
    const mixed = (await tx.bucket("mixed"))!;
    await fill(mixed, rest);
    for (const [key] of doomed) await mixed.delete(key);
    await check(mixed, true);
  });
}

/** Every call on a transaction and its bucket, but for those that only a writer has. */
function callsOn(tx: Transaction, b: Bucket): (() => unknown)[] {
  return [
    () => b.get("a"),
    () => b.get(""),
    () => b.getMany(["a"]),
    () => b.has("a"),
    () => b.put("a", 1),
    () => b.put("", 1),
    () => b.delete("a"),
    () => b.range().toArray(),
    () => b.keys().first(),
    () => b.values({ reverse: true }).toArray(),
    () => b.count(),
    () => b.forEach(() => {}),
    () => b.cursor().first(),
    () => b.sequence(),
    () => b.setSequence(1),
    () => b.nextSequence(),
    () => b.stats(),
    () => tx.moveBucket("b", undefined, b),
    () => tx.cursor().first(),
    () => tx.onCommit(() => undefined),
    ...[b, tx].flatMap((parent) => [
      () => parent.bucket("b"),
      () => parent.buckets(),
      () => parent.createBucket("new"),
      () => parent.createBucketIfNotExists("new"),
      () => parent.deleteBucket("b"),
    ]),
  ];
}

/** Names whose order on disk, escaped, is not their own. */
const AWKWARD_NAMES = [
  "\x01",
  " a",
  "!",
  "!!",
  '"',
  "#",
  "$",
  "%",
  "%21",
  "A",
  "a",
  "a!",
  "ab",
  "~",
  "é",
  "\uffff",
  "\u{10000}",
];

describe.each(ENGINES)("bbolt's cases on %s", (engine) => {
  const stores = useStores(engine);
  const onDisk = engine === "classic-level";
  let store: Store;

  beforeEach(async () => {
    store = await stores.open();
    await store.update((tx) => tx.createBucket("b"));
  });

  /** Runs in an update with the bucket "b". */
  const write = <T>(fn: (bucket: Bucket, tx: Transaction) => T | Promise<T>): Promise<T> =>
    store.update(async (tx) => fn((await tx.bucket("b"))!, tx));

  /** Runs in a view with the bucket "b". */
  const read = <T>(fn: (bucket: Bucket, tx: Transaction) => T | Promise<T>): Promise<T> =>
    store.view(async (tx) => fn((await tx.bucket("b"))!, tx));

  describe("rows", () => {
    test("case 01: get of a missing key gives nothing", async () => {
      expect(await read((b) => b.get("missing"))).toBeUndefined();
      expect(await read((b) => b.has("missing"))).toBe(false);
      expect(await write((b) => b.get("missing"))).toBeUndefined();
    });

    test("case 02: a put is seen in its own transaction, and afterwards", async () => {
      await write(async (b) => {
        await b.put("k", { n: 1 });
        expect(await b.get("k")).toEqual({ n: 1 });
        expect(await b.has("k")).toBe(true);
      });
      expect(await read((b) => b.get("k"))).toEqual({ n: 1 });
    });

    test("case 03: of two puts the last wins", async () => {
      await write(async (b) => {
        await b.put("k", 1);
        await b.put("k", 2);
        expect(await b.get("k")).toBe(2);
      });
      expect(await read((b) => b.get("k"))).toBe(2);
      await write((b) => b.put("k", 3));
      expect(await read((b) => b.range().toArray())).toEqual([["k", 3]]);
    });

    test("case 04: an empty value is a value, not nothing", async () => {
      await write(async (b) => {
        await b.put("text", "");
        expect(await b.get("text")).toBe("");
        expect(await b.has("text")).toBe(true);
      });
      await store.update(async (tx) => {
        await (await tx.createBucket("utf8", { encoding: "utf8" })).put("k", "");
        await (await tx.createBucket("bytes", { encoding: "bytes" })).put("k", new Uint8Array());
      });
      store = await stores.reopen();
      expect(await read((b) => b.get("text"))).toBe("");
      await store.view(async (tx) => {
        expect(await (await tx.bucket("utf8", { encoding: "utf8" }))?.get("k")).toBe("");
        const bytes = await tx.bucket("bytes", { encoding: "bytes" });
        expect(await bytes?.get("k")).toHaveLength(0);
        expect(await bytes?.has("k")).toBe(true);
        expect(await bytes?.count()).toBe(1);
      });
    });

    test("case 05: put with an empty or missing key is refused", async () => {
      await write(async (b) => {
        await expectRefused("KEY_REQUIRED", () => b.put("", 1));
        await expectRefused("KEY_REQUIRED", () => b.put(undefined as never, 1));
        expect(await b.count()).toBe(0);
      });
    });

    test("case 06: a key at the size limit is kept, one over it is refused", async () => {
      const largest = "k".repeat(32768);
      await write(async (b) => {
        await b.put(largest, 1);
        await expectRefused("KEY_TOO_LARGE", () => b.put(`${largest}k`, 1));
      });
      expect(await read((b) => b.keys().toArray())).toEqual([largest]);
    });

    test("case 06: keys at the size limit lie beside a nested bucket, too", async () => {
      // A name is compared with the names of buckets, which are escaped: "\0" takes more room there.
      const largest = ["\0".repeat(32768), "k".repeat(32768), "n".repeat(32768)];
      const check = async (b: Bucket) => {
        const expected = [...largest.slice(0, 2), "middle", ...largest.slice(2)];
        const cursor = b.cursor();
        expect(keysOf(await forward(cursor))).toEqual(expected);
        expect(keysOf(await backward(cursor))).toEqual(expected.toReversed());
        expect((await cursor.seek(largest[1]!))?.[0]).toBe(largest[1]);
        expect((await cursor.next())?.[0]).toBe("middle");
        expect((await cursor.prev())?.[0]).toBe(largest[1]);
        expect(await b.bucket(largest[1]!.slice(0, 1000))).toBeUndefined();
      };
      await write(async (b) => {
        await b.createBucket("middle");
        for (const key of largest) await b.put(key, 1);
        await check(b);
        await b.put(largest[0]!, 2);
      });
      await read(check);
      await write(async (b) => {
        for (const key of largest) await b.delete(key);
      });
      expect(await read((b) => b.count())).toBe(0);
    });

    test("case 07: a value over the size limit is refused", async () => {
      await store.update(async (tx) => {
        const bytes = await tx.createBucket("bytes", { encoding: "bytes" });
        // Its pages are never touched, so that it takes no memory.
        await expectRefused("VALUE_TOO_LARGE", () => bytes.put("k", new Uint8Array(2 ** 31 - 1)));
        expect(await bytes.count()).toBe(0);
      });
    });

    test("case 08: put over a bucket's name is refused as incompatible", async () => {
      await write(async (b) => {
        await b.createBucket("nested");
        await expectRefused("INCOMPATIBLE_VALUE", () => b.put("nested", 1));
      });
      await write((b) => expectRefused("INCOMPATIBLE_VALUE", () => b.put("nested", 1)));
      expect(await read((b) => b.buckets())).toEqual(["nested"]);
      // A tuple of the same text is another key.
      await write((b) => b.put(["nested"], 1));
    });

    test("case 09: get of a bucket's name gives nothing", async () => {
      await write(async (b) => {
        await b.createBucket("nested");
        expect(await b.get("nested")).toBeUndefined();
      });
      expect(await read((b) => b.get("nested"))).toBeUndefined();
      expect(await read((b) => b.has("nested"))).toBe(false);
      expect(await read((b) => b.getMany(["nested", "missing"]))).toEqual([undefined, undefined]);
    });

    test("case 19: delete of a missing key is fine", async () => {
      await write(async (b) => {
        await b.put("k", 1);
        await b.delete("missing");
        await b.delete("k");
        await b.delete("k");
        expect(await b.get("k")).toBeUndefined();
      });
      await write((b) => b.delete("k"));
      expect(await read((b) => b.count())).toBe(0);
    });

    test("case 20: delete of a bucket by its key is refused as incompatible", async () => {
      await write(async (b) => {
        await b.createBucket("nested");
        await expectRefused("INCOMPATIBLE_VALUE", () => b.delete("nested"));
      });
      await write((b) => expectRefused("INCOMPATIBLE_VALUE", () => b.delete("nested")));
      expect(await read((b) => b.buckets())).toEqual(["nested"]);
    });
  });

  describe("buckets", () => {
    test("case 10: bucket() of a value's key gives nothing", async () => {
      await write(async (b) => {
        await b.put("k", 1);
        expect(await b.bucket("k")).toBeUndefined();
      });
      expect(await read((b) => b.bucket("k"))).toBeUndefined();
      expect(await read((b) => b.bucket("missing"))).toBeUndefined();
    });

    test("case 11: createBucket over a value is refused as incompatible", async () => {
      const check = async (b: Bucket) => {
        await expectRefused("INCOMPATIBLE_VALUE", () => b.createBucket("k"));
        await expectRefused("INCOMPATIBLE_VALUE", () => b.createBucketIfNotExists("k"));
      };
      await write(async (b) => {
        await b.put("k", 1);
        await check(b);
      });
      await write(check);
      expect(await read((b) => b.get("k"))).toBe(1);
      await write(async (b) => {
        await b.delete("k");
        await b.createBucket("k");
      });
      expect(await read((b) => b.buckets())).toEqual(["k"]);
    });

    test("case 12: createBucket twice is refused: it exists", async () => {
      await expectRefused("BUCKET_EXISTS", () => store.update((tx) => tx.createBucket("b")));
      await write(async (b) => {
        await b.createBucket("nested");
        await expectRefused("BUCKET_EXISTS", () => b.createBucket("nested"));
      });
      await write((b) => expectRefused("BUCKET_EXISTS", () => b.createBucket("nested")));
    });

    test("case 13: createBucketIfNotExists twice gives the same bucket", async () => {
      await store.update(async (tx) => {
        const first = await tx.createBucketIfNotExists("new");
        await first.put("k", 1);
        expect(await (await tx.createBucketIfNotExists("new")).get("k")).toBe(1);
      });
      await store.update(async (tx) => {
        expect(await (await tx.createBucketIfNotExists("new")).get("k")).toBe(1);
      });
    });

    test("case 14: an empty bucket name is refused: a name is required", async () => {
      await write(async (b, tx) => {
        for (const parent of [b, tx]) {
          await expectRefused("BUCKET_NAME_REQUIRED", () => parent.createBucket(""));
          await expectRefused("BUCKET_NAME_REQUIRED", () => parent.createBucketIfNotExists(""));
        }
      });
    });

    test("case 15: deleteBucket of a missing bucket: not found", async () => {
      await write(async (b, tx) => {
        await expectRefused("BUCKET_NOT_FOUND", () => tx.deleteBucket("missing"));
        await expectRefused("BUCKET_NOT_FOUND", () => b.deleteBucket("missing"));
        await b.createBucket("nested");
        await b.deleteBucket("nested");
        await expectRefused("BUCKET_NOT_FOUND", () => b.deleteBucket("nested"));
      });
    });

    test("case 16: deleteBucket on a value is refused as incompatible", async () => {
      await write(async (b) => {
        await b.put("k", 1);
        await expectRefused("INCOMPATIBLE_VALUE", () => b.deleteBucket("k"));
      });
      await write((b) => expectRefused("INCOMPATIBLE_VALUE", () => b.deleteBucket("k")));
      expect(await read((b) => b.get("k"))).toBe(1);
    });

    test("case 17: with a parent its descendants go", async () => {
      await write(async (b) => {
        const child = await b.createBucket("child");
        const grandchild = await child.createBucket("grandchild");
        for (const bucket of [b, child, grandchild]) await fill(bucket, numbered(50));
      });
      await store.update(async (tx) => {
        await tx.deleteBucket("b");
        expect(await tx.bucket("b")).toBeUndefined();
        expect(await tx.buckets()).toEqual([]);
      });
      expect(await dump(store)).toEqual({});
      store = await stores.reopen();
      expect(await dump(store)).toEqual({});
      await store.update(async (tx) => {
        await (await (await tx.createBucket("b")).createBucket("child")).createBucket("grandchild");
      });
      const empty = { sequence: 0, rows: [] };
      expect(await dump(store)).toEqual({
        b: { ...empty, buckets: { child: { ...empty, buckets: { grandchild: { ...empty, buckets: {} } } } } },
      });
    });

    test("case 18: a bucket made again has no phantom keys and sequence 0", async () => {
      const renew = async (tx: Transaction) => {
        await tx.deleteBucket("b");
        const b = await tx.createBucket("b");
        expect(await b.count()).toBe(0);
        expect(await b.get(1)).toBeUndefined();
        expect(await b.bucket("nested")).toBeUndefined();
        expect(await forward(b.cursor())).toEqual([]);
        expect(await b.sequence()).toBe(0);
        await b.put(2, "new");
        return b;
      };
      const use = async (b: Bucket) => {
        await fill(b, [...numbered(10), ["nested", undefined]]);
        await b.setSequence(7);
      };
      await write(use);
      await store.update(async (tx) => {
        await renew(tx);
        await use((await tx.bucket("b"))!);
        await renew(tx);
      });
      const renewed = { b: { sequence: 0, rows: [[2, "new"]], buckets: {} } };
      expect(await dump(store)).toEqual(renewed);
      await write(async (b) => {
        await b.delete(2);
        await use(b);
      });
      await store.update((tx) => tx.deleteBucket("b"));
      await store.update(async (tx) => (await tx.createBucket("b")).put(2, "new"));
      expect(await dump(store)).toEqual(renewed);
      store = await stores.reopen();
      expect(await dump(store)).toEqual(renewed);
    });

    test("case 28: a list of buckets gives buckets only, sorted", async () => {
      const shuffled = AWKWARD_NAMES.toReversed();
      await write(async (b) => {
        await fill(b, [...letters("bcd"), ...shuffled.map((name): Element => [name, undefined])]);
        expect(await b.buckets()).toEqual(AWKWARD_NAMES);
      });
      expect(await read((b) => b.buckets())).toEqual(AWKWARD_NAMES);
      expect(await read((_, tx) => tx.buckets())).toEqual(["b"]);
    });

    test("case 29: the root lists the names of buckets, with no values", async () => {
      const names = [...AWKWARD_NAMES, "b"].toSorted((a, b) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      );
      const expected = names.map((name) => [name, undefined]);
      await store.update(async (tx) => {
        for (const name of AWKWARD_NAMES) await tx.createBucket(name);
        expect(await forward(tx.cursor())).toEqual(expected);
      });
      await store.view(async (tx) => {
        expect(await forward(tx.cursor())).toEqual(expected);
        expect(await backward(tx.cursor())).toEqual(expected.toReversed());
        expect(await tx.cursor().seek("aa")).toEqual(["ab", undefined]);
        expect(await tx.buckets()).toEqual(names);
      });
    });

    test("case 49: moveBucket between the root and buckets, and its refusals", async () => {
      const content = {
        sequence: 5,
        rows: [["k", 1]],
        buckets: { deep: { sequence: 0, rows: [[1, 2]], buckets: {} } },
      };
      await store.update(async (tx) => {
        const moved = await tx.createBucket("moved");
        await moved.put("k", 1);
        await moved.setSequence(5);
        await (await moved.createBucket("deep")).put(1, 2);
        await tx.createBucket("other");
      });
      await write((b, tx) => tx.moveBucket("moved", undefined, b));
      expect(await dump(store)).toMatchObject({ b: { buckets: { moved: content } } });
      expect(await store.view((tx) => tx.buckets())).toEqual(["b", "other"]);
      await write(async (b, tx) => tx.moveBucket("moved", b, await tx.bucket("other")));
      expect(await dump(store)).toMatchObject({ b: { buckets: {} }, other: { buckets: { moved: content } } });
      await store.update(async (tx) => tx.moveBucket("moved", await tx.bucket("other"), undefined));
      store = await stores.reopen();
      expect(await dump(store)).toMatchObject({ moved: content, b: { buckets: {} }, other: { buckets: {} } });

      const before = await dump(store);
      const second = await stores.open({}, "second");
      await second.update((tx) => tx.createBucket("b"));
      await write(async (b, tx) => {
        const moved = (await tx.bucket("moved"))!;
        await expectRefused("BUCKET_NOT_FOUND", () => tx.moveBucket("missing", undefined, b));
        await expectRefused("BUCKET_NOT_FOUND", () => tx.moveBucket("missing", b, undefined));
        await expectRefused("INCOMPATIBLE_VALUE", () => tx.moveBucket("k", moved, b));
        await expectRefused("BUCKET_SAME", () => tx.moveBucket("moved", undefined, undefined));
        await expectRefused("BUCKET_SAME", () => tx.moveBucket("deep", moved, moved));
        await b.put("value", 1);
        await tx.createBucket("value");
        await expectRefused("INCOMPATIBLE_VALUE", () => tx.moveBucket("value", undefined, b));
        await tx.deleteBucket("value");
        await b.delete("value");
        await b.createBucket("moved");
        await expectRefused("BUCKET_EXISTS", () => tx.moveBucket("moved", undefined, b));
        await b.deleteBucket("moved");
        await second.update(async (tx2) => {
          const foreign = await tx2.bucket("b");
          await expectRefused("STORE_DIFFERENT", () => tx.moveBucket("moved", undefined, foreign));
          await expectRefused("STORE_DIFFERENT", () => tx.moveBucket("deep", foreign, b));
        });
      });
      expect(await dump(store)).toEqual(before);
    });
  });

  describe("sequences", () => {
    test("case 23: nextSequence gives 1, 2, ..., for each bucket its own", async () => {
      await write(async (b, tx) => {
        const other = await tx.createBucket("other");
        const nested = await b.createBucket("nested");
        expect(await b.sequence()).toBe(0);
        expect(await b.nextSequence()).toBe(1);
        expect(await b.nextSequence()).toBe(2);
        expect(await other.nextSequence()).toBe(1);
        expect(await nested.nextSequence()).toBe(1);
        expect(await b.sequence()).toBe(2);
      });
      expect(await write((b) => b.nextSequence())).toBe(3);
    });

    test("case 24: a transaction that changes nothing but a sequence is kept; a rollback reverts it", async () => {
      await write((b) => b.nextSequence());
      store = await stores.reopen();
      expect(await read((b) => b.sequence())).toBe(1);
      await rollingBack(store, async (tx) => expect(await (await tx.bucket("b"))!.nextSequence()).toBe(2));
      expect(await read((b) => b.sequence())).toBe(1);
      expect(await write((b) => b.nextSequence())).toBe(2);
    });

    test("case 25: a sequence that was set to 1000 is 1000 in the next transaction", async () => {
      await write(async (b) => {
        await b.setSequence(1000);
        expect(await b.sequence()).toBe(1000);
      });
      expect(await read((b) => b.sequence())).toBe(1000);
      expect(await write((b) => b.nextSequence())).toBe(1001);
    });
  });

  describe("forEach and cursors", () => {
    const visited = async (bucket: Bucket): Promise<Element[]> => {
      const elements: Element[] = [];
      await bucket.forEach((key, value) => {
        elements.push([key, value]);
      });
      return elements;
    };

    test("case 26: forEach shows values and nested buckets in order, the same before and after commit", async () => {
      const names = AWKWARD_NAMES.map((name): Element => [name, undefined]);
      const rows = AWKWARD_NAMES.map((name): Element => [`${name}-row`, { of: name }]);
      const texts = [...names, ...rows].toSorted(([a], [b]) =>
        Buffer.compare(Buffer.from(a as string), Buffer.from(b as string)),
      );
      const expected = [[7, "number"], ...texts, [["tuple"], 1]];
      await write(async (b) => {
        await fill(b, [...names.toReversed(), ...rows, [["tuple"], 1], [7, "number"]]);
        expect(await visited(b)).toEqual(expected);
        expect(await forward(b.cursor())).toEqual(expected);
      });
      expect(await read(visited)).toEqual(expected);
      expect(await write(visited)).toEqual(expected);
      expect(await read((b) => backward(b.cursor()))).toEqual(expected.toReversed());
    });

    test("case 27: an error thrown in forEach stops it and is the one received", async () => {
      await write((b) => fill(b, letters("abc")));
      const mine = new Error("mine");
      const seen: Key[] = [];
      const stopAt = (key: Key) => {
        seen.push(key);
        if (key === "b") throw mine;
      };
      await expect(read(async (b) => b.forEach(stopAt))).rejects.toBe(mine);
      expect(seen).toEqual(["a", "b"]);
      await expect(read(async (b) => b.forEach(async (key) => stopAt(key)))).rejects.toBe(mine);
      expect(seen).toEqual(["a", "b", "a", "b"]);
    });

    test("case 30: seek exact, between, before, past the end, onto a bucket", async () => {
      const elements: Element[] = [...letters("bd"), ["f", undefined], ["h", "H"]];
      await inEveryState(store, elements, async (bucket) => {
        const cursor = bucket.cursor();
        expect(await cursor.seek("b")).toEqual(["b", "B"]);
        expect(await cursor.seek("c")).toEqual(["d", "D"]);
        expect(await cursor.seek("a")).toEqual(["b", "B"]);
        expect(await cursor.seek("f")).toEqual(["f", undefined]);
        expect(await cursor.seek("e")).toEqual(["f", undefined]);
        expect(await cursor.next()).toEqual(["h", "H"]);
        expect(await cursor.seek("i")).toBeUndefined();
        expect(await cursor.seek("")).toEqual(["b", "B"]);
        expect(await cursor.seek(["tuple"])).toBeUndefined();
        expect(await cursor.seek(1)).toEqual(["b", "B"]);
      });
    });

    test("case 31: among evens, seek of an odd number gives the next even, past the end nothing", async () => {
      const evens = Array.from({ length: 5000 }, (_, i): Element => [2 * i, i]);
      await write((b) => fill(b, evens));
      await read(async (b) => {
        const cursor = b.cursor();
        for (let odd = 1; odd < 9998; odd += 2) {
          const found = await cursor.seek(odd);
          if (found?.[0] !== odd + 1) expect(found).toEqual([odd + 1, (odd + 1) / 2]);
        }
        expect(await cursor.seek(-1)).toEqual([0, 0]);
        expect(await cursor.seek(9998)).toEqual([9998, 4999]);
        expect(await cursor.seek(9999)).toBeUndefined();
      });
    });

    test("case 32: in an empty bucket first and last give nothing", async () => {
      const check = async (b: Bucket) => {
        const cursor = b.cursor();
        expect(await cursor.first()).toBeUndefined();
        expect(await cursor.last()).toBeUndefined();
        expect(await cursor.next()).toBeUndefined();
        expect(await cursor.prev()).toBeUndefined();
        expect(await cursor.seek("a")).toBeUndefined();
      };
      await read(check);
      await write(check);
      await write((b) => b.put("k", 1));
      await write(async (b) => {
        await b.delete("k");
        await check(b);
      });
    });

    test("case 33: at the end next gives nothing ten times, then prev the second to last", async () => {
      await inEveryState(store, letters("abcd"), async (bucket) => {
        const cursor = bucket.cursor();
        expect(await cursor.last()).toEqual(["d", "D"]);
        for (let i = 0; i < 10; i++) expect(await cursor.next()).toBeUndefined();
        expect(await cursor.prev()).toEqual(["c", "C"]);
      });
    });

    test("case 34: at the start prev gives nothing ten times, then next the second", async () => {
      await inEveryState(store, letters("abcd"), async (bucket) => {
        const cursor = bucket.cursor();
        expect(await cursor.first()).toEqual(["a", "A"]);
        for (let i = 0; i < 10; i++) expect(await cursor.prev()).toBeUndefined();
        expect(await cursor.next()).toEqual(["b", "B"]);
      });
    });

    test("case 35: seek past the end, then prev gives the last", async () => {
      await inEveryState(store, letters("abcd"), async (bucket) => {
        const cursor = bucket.cursor();
        expect(await cursor.seek("x")).toBeUndefined();
        expect(await cursor.prev()).toEqual(["d", "D"]);
      });
    });

    test("case 36: first and next give the same keys twice", async () => {
      await inEveryState(store, letters("abcd"), async (bucket) => {
        const cursor = bucket.cursor();
        const once = await forward(cursor);
        expect(once).toEqual(letters("abcd"));
        expect(await forward(cursor)).toEqual(once);
        expect(await backward(cursor)).toEqual(once.toReversed());
      });
    });

    test("case 37: of 1000 keys delete the first 600, or the last 800: the rest remain", async () => {
      await inEveryState(store, numbered(1000), async (bucket, writable) => {
        if (!writable) return;
        for (let i = 0; i < 600; i++) await bucket.delete(i);
        expect(keysOf(await forward(bucket.cursor()))).toEqual(
          Array.from({ length: 400 }, (_, i) => 600 + i),
        );
        expect(await bucket.count()).toBe(400);
      });
      await filled(store, "thousand", numbered(1000));
      await store.update(async (tx) => {
        const bucket = (await tx.bucket("thousand"))!;
        for (let i = 200; i < 1000; i++) await bucket.delete(i);
      });
      await store.view(async (tx) => {
        const left = await backward((await tx.bucket("thousand"))!.cursor());
        expect(keysOf(left)).toEqual(Array.from({ length: 200 }, (_, i) => 199 - i));
      });
    });

    test("case 38: cursor.delete over the lower half of 1000 leaves 500; on a bucket it is refused", async () => {
      await write(async (b) => {
        await fill(b, numbered(1000));
        await b.createBucket("nested");
      });
      await write(async (b) => {
        const cursor = b.cursor();
        for (
          let at = await cursor.first();
          at !== undefined && (at[0] as number) < 500;
          at = await cursor.next()
        ) {
          await cursor.delete();
        }
        expect(await b.count()).toBe(500);
        expect(await cursor.seek("nested")).toEqual(["nested", undefined]);
        await expectRefused("INCOMPATIBLE_VALUE", () => cursor.delete());
      });
      const left = await read((b) => forward(b.cursor()));
      expect(left).toEqual([...numbered(1000).slice(500), ["nested", undefined]]);
    });

    test("case 39: random sets come back sorted, forward and in reverse", async () => {
      const { MESHGATE_SEED: seed = String(Date.now()) } = process.env;
      // Hundredths, so that no key is one of those that lie just above another.
      const hundredths = fc.sample(fc.integer({ min: -1e6, max: 1e6 }), { numRuns: 500, seed: Number(seed) });
      const random = new Set(hundredths.map((n) => n / 100));
      const sorted = [...random].toSorted((a, b) => a - b);
      const elements = [...random].map((key): Element => [key, key]);
      await inEveryState(store, elements, async (bucket) => {
        expect(keysOf(await forward(bucket.cursor())), `seed ${seed}`).toEqual(sorted);
        expect(keysOf(await backward(bucket.cursor())), `seed ${seed}`).toEqual(sorted.toReversed());
        expect(await bucket.keys().toArray(), `seed ${seed}`).toEqual(sorted);
        expect(await bucket.keys({ reverse: true }).toArray(), `seed ${seed}`).toEqual(sorted.toReversed());
        expect(await bucket.values({ reverse: true, limit: 3 }).toArray(), `seed ${seed}`).toEqual(
          sorted.toReversed().slice(0, 3),
        );
      });
    });
  });

  describe("transactions", () => {
    test("case 21: any mutation in a view is refused as not writable, whatever the key", async () => {
      await write(async (b) => {
        await b.put("k", 1);
        await b.createBucket("nested");
      });
      const before = await dump(store);
      const check = async (b: Bucket, tx: Transaction) => {
        const keys: unknown[] = ["k", "", undefined, "nested", Number.NaN, {}, "k".repeat(40_000)];
        for (const key of keys as string[]) {
          const mutations = [
            () => b.put(key, 1),
            () => b.put(key, undefined),
            () => b.delete(key),
            ...[b, tx].flatMap((parent) => [
              () => parent.createBucket(key),
              () => parent.createBucketIfNotExists(key),
              () => parent.deleteBucket(key),
            ]),
            () => tx.moveBucket(key, undefined, b),
          ];
          for (const mutation of mutations) await expectRefused("TX_NOT_WRITABLE", mutation);
        }
        await expectRefused("TX_NOT_WRITABLE", () => b.setSequence(1));
        await expectRefused("TX_NOT_WRITABLE", () => b.setSequence(-1));
        await expectRefused("TX_NOT_WRITABLE", () => b.nextSequence());
        const cursor = b.cursor();
        await expectRefused("TX_NOT_WRITABLE", () => cursor.delete());
        await cursor.first();
        await expectRefused("TX_NOT_WRITABLE", () => cursor.delete());
      };
      await read(check);
      const tx = await store.begin({ writable: false });
      await check((await tx.bucket("b"))!, tx);
      await tx.rollback();
      expect(await dump(store)).toEqual(before);
    });

    test("case 22: any call after the end of its transaction is refused as closed", async () => {
      await write((b) => fill(b, letters("abc")));
      for (const writable of [true, false]) {
        const tx = await store.begin({ writable });
        const b = (await tx.bucket("b"))!;
        const cursor = b.cursor();
        await cursor.first();
        await tx.rollback();
        for (const call of callsOn(tx, b)) await expectRefused("TX_CLOSED", call);
        const moves = [cursor.first, cursor.last, cursor.next, cursor.prev, cursor.delete];
        for (const move of moves) await expectRefused("TX_CLOSED", () => move.call(cursor));
        await expectRefused("TX_CLOSED", () => cursor.seek("a"));
      }
      const kept = await write((b, tx) => ({ b, tx }));
      for (const call of callsOn(kept.tx, kept.b)) await expectRefused("TX_CLOSED", call);
      const seen = await read((b, tx) => ({ b, tx }));
      for (const call of callsOn(seen.tx, seen.b)) await expectRefused("TX_CLOSED", call);
    });

    test("case 22: any call after close is refused as closed", async () => {
      await store.close();
      const calls = [
        () => store.update(() => undefined),
        () => store.view(() => undefined),
        () => store.batch(() => undefined),
        () => store.begin({ writable: true }),
        () => store.begin({ writable: false }),
        () => store.check(),
        () => store.compact(),
        async () => store.backup(await stores.path("backup")),
      ];
      for (const call of calls) await expectRefused("STORE_CLOSED", call);
      await store.close();
    });

    test("case 40: an update that throws leaves nothing, and the next one works", async () => {
      await write((b) => fill(b, letters("ab")));
      const before = await dump(store);
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("b"))!;
        await b.put("a", 2);
        await b.delete("b");
        await b.createBucket("nested");
        await b.nextSequence();
        await tx.createBucket("other");
      });
      expect(await dump(store)).toEqual(before);
      await expect(
        store.update(() => {
          throw ROLLBACK;
        }),
      ).rejects.toBe(ROLLBACK);
      await write((b) => b.put("c", 3));
      expect(await read((b) => b.get("c"))).toBe(3);
    });

    test("case 41: commit and rollback inside a managed transaction are refused; it still commits", async () => {
      await write(async (b, tx) => {
        const manual = tx as unknown as { commit(): unknown; rollback(): unknown };
        await b.put("k", 1);
        await expectRefused("TX_MANAGED", () => manual.commit());
        await expectRefused("TX_MANAGED", () => manual.rollback());
        await b.put("l", 2);
      });
      expect(await read((b) => b.getMany(["k", "l"]))).toEqual([1, 2]);
      await read((_, tx) => {
        const manual = tx as unknown as { rollback(): unknown };
        return expectRefused("TX_MANAGED", () => manual.rollback());
      });
    });

    test("case 42: a second commit or rollback is refused as closed; a reader cannot commit", async () => {
      const committed = await store.begin({ writable: true });
      await (await committed.bucket("b"))!.put("k", 1);
      await committed.commit();
      await expectRefused("TX_CLOSED", () => committed.commit());
      await expectRefused("TX_CLOSED", () => committed.rollback());
      const rolledBack = await store.begin({ writable: true });
      await (await rolledBack.bucket("b"))!.put("k", 2);
      await rolledBack.rollback();
      await expectRefused("TX_CLOSED", () => rolledBack.rollback());
      await expectRefused("TX_CLOSED", () => rolledBack.commit());
      const reader = await store.begin({ writable: false });
      await expectRefused("TX_NOT_WRITABLE", () => reader.commit());
      await reader.rollback();
      expect(await read((b) => b.get("k"))).toBe(1);
    });

    test("case 43: onCommit runs after a commit, in order, and not after a rollback", async () => {
      const events: string[] = [];
      await write(async (b, tx) => {
        tx.onCommit(() => {
          events.push("first");
        });
        tx.onCommit(() => {
          events.push("second");
        });
        await b.put("k", 1);
        events.push("body");
      });
      events.push("done");
      expect(events).toEqual(["body", "first", "second", "done"]);
      await rollingBack(store, (tx) => tx.onCommit(() => expect.unreachable()));
      const tx = await store.begin({ writable: true });
      tx.onCommit(() => expect.unreachable());
      await tx.rollback();
    });

    test("case 43: onCommit runs when the lock is free: it may start an update", async () => {
      let follower: Promise<unknown> | undefined;
      await write((b, tx) => {
        tx.onCommit(() => {
          follower = write((again) => again.put("follower", 1));
        });
        return b.put("k", 1);
      });
      await follower;
      expect(await read((b) => b.getMany(["k", "follower"]))).toEqual([1, 1]);
    });

    test("case 44: a reader never sees a later commit; a later reader does", async () => {
      await write((b) => b.put("k", 1));
      const early = await store.begin({ writable: false });
      const b = (await early.bucket("b"))!;
      await write(async (bucket, tx) => {
        await bucket.put("k", 2);
        await bucket.put("l", 2);
        await bucket.nextSequence();
        await tx.createBucket("new");
      });
      expect(await b.get("k")).toBe(1);
      expect(await b.get("l")).toBeUndefined();
      expect(await b.sequence()).toBe(0);
      expect(await b.range().toArray()).toEqual([["k", 1]]);
      expect(await forward(b.cursor())).toEqual([["k", 1]]);
      expect(await early.bucket("new")).toBeUndefined();
      expect(await early.buckets()).toEqual(["b"]);
      const late = await store.begin({ writable: false });
      expect(late.id).toBeGreaterThan(early.id);
      expect(await (await late.bucket("b"))!.get("k")).toBe(2);
      expect(await late.buckets()).toEqual(["b", "new"]);
      await store.update((tx) => tx.deleteBucket("b"));
      expect(await b.get("k")).toBe(1);
      expect(await early.buckets()).toEqual(["b"]);
      await early.rollback();
      await late.rollback();
    });

    test("case 45: close waits for an open transaction; nothing begins meanwhile", async () => {
      const tx = await store.begin({ writable: true });
      await (await tx.bucket("b"))!.put("k", 1);
      const reader = await store.begin({ writable: false });
      let closed = false;
      const closing = store.close().then(() => {
        closed = true;
      });
      for (let i = 0; i < 20; i++) await turn();
      expect(closed).toBe(false);
      await expectRefused("STORE_CLOSED", () => store.begin({ writable: false }));
      await expectRefused("STORE_CLOSED", () => store.update(() => undefined));
      await tx.commit();
      for (let i = 0; i < 20; i++) await turn();
      expect(closed).toBe(false);
      expect(await (await reader.bucket("b"))!.get("k")).toBeUndefined();
      await reader.rollback();
      await closing;
      expect(closed).toBe(true);
      store = await stores.open();
      expect(await read((b) => b.get("k"))).toBe(1);
    });

    test("case 46: concurrent batch calls share commits", async () => {
      const before = (await store.stats()).groups;
      const calls = Array.from({ length: 200 }, (_, i) =>
        store.batch(async (tx) => (await tx.bucket("b"))!.put(i, i)),
      );
      await Promise.all(calls);
      const commits = (await store.stats()).groups - before;
      expect(commits).toBeGreaterThanOrEqual(1);
      expect(commits).toBeLessThanOrEqual(10);
      expect(await read((b) => b.count())).toBe(200);
    });

    test("case 47: a batch call that fails does so alone", async () => {
      const calls = Array.from({ length: 50 }, (_, i) =>
        store.batch(async (tx) => {
          const b = (await tx.bucket("b"))!;
          await b.put(i, i);
          await b.nextSequence();
          if (i === 20) throw ROLLBACK;
          return i;
        }),
      );
      const outcomes = await Promise.allSettled(calls);
      outcomes.forEach((outcome, i) => {
        if (i === 20) expect(outcome).toEqual({ status: "rejected", reason: ROLLBACK });
        else expect(outcome).toEqual({ status: "fulfilled", value: i });
      });
      const expected = Array.from({ length: 50 }, (_, i) => i).filter((i) => i !== 20);
      expect(await read((b) => b.keys().toArray())).toEqual(expected);
      expect(await read((b) => b.sequence())).toBe(49);
    });
  });

  if (onDisk)
    describe("directories", () => {
      test("case 48: a read-only open of a missing store is refused", async () => {
        const missing = await stores.path("missing");
        await expectRefused("STORE_NOT_FOUND", () => openStore(missing, { readOnly: true }));
        await expectRefused("STORE_NOT_FOUND", () => openStore(missing, { createIfMissing: false }));
        await expect(stat(missing)).rejects.toMatchObject({ code: "ENOENT" });
      });

      test("case 48: a store that is held is refused at once, or when the lock's time has run out", async () => {
        const directory = (await stores.location()) as string;
        await write((b) => b.put("k", 1));
        await expectRefused("STORE_LOCKED", () => openStore(directory));
        const start = performance.now();
        await expectRefused("LOCK_TIMEOUT", () => openStore(directory, { lockTimeout: 60 }));
        expect(performance.now() - start).toBeGreaterThanOrEqual(55);
        // The failed attempts have not taken the lock from its owner.
        await expectRefused("STORE_LOCKED", () => openStore(directory));
        await write((b) => b.put("k", 2));
        const waiting = openStore(directory, { lockTimeout: 10_000 });
        await turn();
        await store.close();
        const next = await waiting;
        expect(await next.view(async (tx) => (await tx.bucket("b"))?.get("k"))).toBe(2);
        await next.close();
      });

      test("case 50: a hot copy opens as an equal store", async () => {
        await write(async (b) => {
          await fill(b, [...numbered(500), ["nested", undefined]]);
          await b.setSequence(9);
          await (await b.bucket("nested"))!.put("deep", { x: [1] });
        });
        const before = await dump(store);
        const target = await stores.path("backup");
        const copying = store.backup(target);
        await write((b) => b.put(1000, "after"));
        await copying;
        const copy = await openStore(target, { createIfMissing: false });
        const copied = await dump(copy);
        await copy.close();
        // The copy is of one moment: before that put or after it.
        const after = await dump(store);
        expect([before, after]).toContainEqual(copied);
      });

      test("case 50: an error while a copy is written comes out", async () => {
        await write((b) => b.put("k", 1));
        const before = await dump(store);
        const file = await stores.path("file");
        await writeFile(file, "not a directory");
        await expectRefused("BACKUP_TARGET", () => store.backup(file));
        await expectRefused("BACKUP_TARGET", () => store.backup(join(file, "below")));
        const occupied = await stores.path("occupied");
        await mkdir(occupied);
        await writeFile(join(occupied, "mine.txt"), "mine");
        await expectRefused("BACKUP_TARGET", () => store.backup(occupied));
        expect(await readdir(occupied)).toEqual(["mine.txt"]);
        const own = (await stores.location()) as string;
        await expectRefused("BACKUP_TARGET", () => store.backup(own));
        expect(await dump(store)).toEqual(before);
      });
    });
});

/** Past this many steps a walk that should have ended counts as endless. */
const ENDLESS = 10_000;

describe.each(ENGINES)("better than bbolt on %s", (engine) => {
  const stores = useStores(engine);
  let store: Store;

  beforeEach(async () => {
    store = await stores.open();
    await filled(store, "b", letters("acegikmoqsuwy"));
  });

  const write = <T>(fn: (bucket: Bucket, tx: Transaction) => T | Promise<T>): Promise<T> =>
    store.update(async (tx) => fn((await tx.bucket("b"))!, tx));

  describe("moveBucket", () => {
    test("keeps what the same transaction changed before and after", async () => {
      await write(async (b, tx) => {
        const deep = await b.createBucket("deep");
        await deep.put("committed", 1);
        await deep.put("deleted", 1);
        await tx.createBucket("target");
      });
      await write(async (b, tx) => {
        const deep = (await b.bucket("deep"))!;
        await deep.put("before", 2);
        await deep.delete("deleted");
        await (await deep.createBucket("inner")).put("x", 1);
        await deep.setSequence(3);
        const target = (await tx.bucket("target"))!;
        await tx.moveBucket("deep", b, target);
        await deep.put("after", 3);
        const moved = (await target.bucket("deep"))!;
        await moved.put("through the new handle", 4);
        expect(await moved.get("before")).toBe(2);
        expect(await deep.get("through the new handle")).toBe(4);
        expect(await b.bucket("deep")).toBeUndefined();
        // The old name is free again, and its bucket another one.
        expect(await (await b.createBucket("deep")).count()).toBe(0);
      });
      store = await stores.reopen();
      const inner = { sequence: 0, rows: [["x", 1]], buckets: {} };
      const rows = [
        ["after", 3],
        ["before", 2],
        ["committed", 1],
        ["through the new handle", 4],
      ];
      expect(await dump(store)).toMatchObject({
        b: { buckets: { deep: { sequence: 0, rows: [], buckets: {} } } },
        target: { buckets: { deep: { sequence: 3, rows, buckets: { inner } } } },
      });
      await write(async (b, tx) => {
        // And back, onto the name that was taken meanwhile.
        await b.deleteBucket("deep");
        await tx.moveBucket("deep", await tx.bucket("target"), b);
      });
      expect(await dump(store)).toMatchObject({ b: { buckets: { deep: { rows, buckets: { inner } } } } });
    });

    test("of a bucket made in the same transaction keeps its rows", async () => {
      await write(async (b, tx) => {
        const fresh = await tx.createBucket("fresh");
        await fill(fresh, numbered(20));
        await tx.moveBucket("fresh", undefined, b);
        expect(await fresh.count()).toBe(20);
      });
      expect(await dump(store)).toMatchObject({ b: { buckets: { fresh: { rows: numbered(20) } } } });
    });

    test("into itself or its own descendant is refused as a cycle", async () => {
      await write(async (b) => {
        await (await (await b.createBucket("child")).createBucket("grandchild")).put("k", 1);
      });
      const before = await dump(store);
      await write(async (b, tx) => {
        const child = (await b.bucket("child"))!;
        const grandchild = (await child.bucket("grandchild"))!;
        await expectRefused("BUCKET_CYCLE", () => tx.moveBucket("b", undefined, b));
        await expectRefused("BUCKET_CYCLE", () => tx.moveBucket("b", undefined, child));
        await expectRefused("BUCKET_CYCLE", () => tx.moveBucket("b", undefined, grandchild));
        await expectRefused("BUCKET_CYCLE", () => tx.moveBucket("child", b, grandchild));
        expect(await dump(tx)).toEqual(before);
      });
      expect(await dump(store)).toEqual(before);
    });
  });

  describe("a cursor", () => {
    const LETTERS = [..."acegikmoqsuwy"];

    test("that deletes as it goes skips nothing and repeats nothing", async () => {
      const deleteEvery = async (n: number, move: "next" | "prev") => {
        const met: Key[] = [];
        await rollingBack(store, async (tx) => {
          const b = (await tx.bucket("b"))!;
          const cursor = b.cursor();
          let at = await (move === "next" ? cursor.first() : cursor.last());
          for (; at !== undefined && met.length < ENDLESS; at = await cursor[move]()) {
            met.push(at[0]);
            if (met.length % n === 0) await cursor.delete();
          }
          expect(await b.count()).toBe(LETTERS.length - Math.floor(LETTERS.length / n));
        });
        return met;
      };
      for (const n of [1, 2, 3]) {
        expect(await deleteEvery(n, "next")).toEqual(LETTERS);
        expect(await deleteEvery(n, "prev")).toEqual(LETTERS.toReversed());
      }
    });

    test("does not mind what is deleted around it", async () => {
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("b"))!;
        const cursor = b.cursor();
        await cursor.seek("g");
        for (const key of ["e", "g", "i"]) await b.delete(key);
        expect(await cursor.next()).toEqual(["k", "K"]);
        for (const key of ["k", "c"]) await b.delete(key);
        expect(await cursor.prev()).toEqual(["a", "A"]);
        expect(await cursor.next()).toEqual(["m", "M"]);
      });
    });

    test("sees what is put ahead of it and not what is put behind it, in both directions", async () => {
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("b"))!;
        const cursor = b.cursor();
        await cursor.seek("g");
        await b.put("h", "ahead");
        await b.put("f", "behind");
        expect(await cursor.next()).toEqual(["h", "ahead"]);
        await b.put("i", "overwritten");
        expect(await cursor.next()).toEqual(["i", "overwritten"]);
        expect(await cursor.prev()).toEqual(["h", "ahead"]);
        expect(await cursor.prev()).toEqual(["g", "G"]);
        expect(await cursor.prev()).toEqual(["f", "behind"]);
        await b.put("e\0", "ahead in reverse");
        expect(await cursor.prev()).toEqual(["e\0", "ahead in reverse"]);
        await b.createBucket("d");
        expect(await cursor.prev()).toEqual(["e", "E"]);
        expect(await cursor.prev()).toEqual(["d", undefined]);
      });
    });

    test("sees what is put at the end after it ran off", async () => {
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("b"))!;
        const cursor = b.cursor();
        expect(await cursor.last()).toEqual(["y", "Y"]);
        expect(await cursor.next()).toBeUndefined();
        await b.put("z", "late");
        expect(await cursor.next()).toEqual(["z", "late"]);
        await cursor.delete();
        expect(await cursor.next()).toBeUndefined();
        expect(await cursor.prev()).toEqual(["y", "Y"]);
      });
    });

    test("among nested buckets sees what is put and deleted ahead of it, in both directions", async () => {
      await filled(store, "mixed", [...letters("aim"), ["c", undefined], ["g", undefined], ["y", undefined]]);
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("mixed"))!;
        const cursor = b.cursor();
        expect(await cursor.first()).toEqual(["a", "A"]);
        await b.put("b", "ahead");
        expect(await cursor.next()).toEqual(["b", "ahead"]);
        await b.deleteBucket("c");
        await b.createBucket("d");
        await b.put("a\0", "behind");
        expect(await cursor.next()).toEqual(["d", undefined]);
        await b.put("e", "ahead");
        await b.put("i", "overwritten");
        expect(await cursor.next()).toEqual(["e", "ahead"]);
        await cursor.delete();
        expect(await cursor.next()).toEqual(["g", undefined]);
        await b.deleteBucket("g");
        expect(await cursor.next()).toEqual(["i", "overwritten"]);
        await b.delete("m");
        await b.createBucket("m");
        expect(await cursor.next()).toEqual(["m", undefined]);
        expect(await cursor.prev()).toEqual(["i", "overwritten"]);
        await b.createBucket("h");
        await b.put("f", "ahead in reverse");
        expect(await cursor.prev()).toEqual(["h", undefined]);
        expect(await cursor.prev()).toEqual(["f", "ahead in reverse"]);
        await b.deleteBucket("d");
        expect(await cursor.prev()).toEqual(["b", "ahead"]);
        expect(keysOf(await forward(cursor))).toEqual([..."a", "a\0", ..."bfhimy"]);
      });
    });

    test("that is new gives the first by next and the last by prev", async () => {
      await write(async (b) => {
        expect(await b.cursor().next()).toEqual(["a", "A"]);
        expect(await b.cursor().prev()).toEqual(["y", "Y"]);
      });
    });

    test("ends although each step puts a row behind it, and many cursors do not disturb one another", async () => {
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("b"))!;
        const [reader, writer] = [b.cursor(), b.cursor()];
        const met: Key[] = [];
        let steps = 0;
        for (let at = await writer.first(); at !== undefined && steps < ENDLESS; at = await writer.next()) {
          await b.put(`A${steps++}`, "behind");
          met.push((await reader.next())?.[0] ?? null);
        }
        expect(steps).toBe(LETTERS.length);
        // Each "A" row up to "A9" was put ahead of the reader; "A10" sorts before "A9", so it was put behind.
        expect(met).toEqual([...Array.from({ length: 10 }, (_, i) => `A${i}`), "a", "c", "e"]);
      });
    });

    test("refuses to delete before any move, after the end, and twice: CURSOR_UNPOSITIONED", async () => {
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("b"))!;
        const refused = async (cursor: ReturnType<Bucket["cursor"]>) => {
          await expectRefused("CURSOR_UNPOSITIONED", () => cursor.delete());
          expect(await b.count()).toBe(LETTERS.length);
        };
        await refused(b.cursor());
        const cursor = b.cursor();
        await cursor.last();
        expect(await cursor.next()).toBeUndefined();
        await refused(cursor);
        await cursor.first();
        expect(await cursor.prev()).toBeUndefined();
        await refused(cursor);
        expect(await cursor.seek("zz")).toBeUndefined();
        await refused(cursor);
        await cursor.seek("g");
        await cursor.delete();
        await expectRefused("CURSOR_UNPOSITIONED", () => cursor.delete());
        expect(await b.keys().toArray()).toEqual(LETTERS.filter((letter) => letter !== "g"));
        expect(await cursor.next()).toEqual(["i", "I"]);
        await b.delete("i");
        // The row went by another way: there is nothing to delete, and nothing else may go.
        await Promise.resolve(cursor.delete()).catch(() => undefined);
        expect(await b.keys().toArray()).toEqual(LETTERS.filter((letter) => !"gi".includes(letter)));
      });
    });

    test("of the root refuses to delete a bucket", async () => {
      await store.update(async (tx) => {
        const cursor = tx.cursor();
        expect(await cursor.first()).toEqual(["b", undefined]);
        await expectRefused("INCOMPATIBLE_VALUE", () => cursor.delete());
      });
    });
  });

  describe("ranges", () => {
    test("stay exact while the same transaction writes", async () => {
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("b"))!;
        const met: Key[] = [];
        for await (const key of b.keys({ gte: "c", lt: "u" })) {
          met.push(key);
          await b.delete(key);
          if (key === "g") await b.put("h", "ahead");
          if (key === "k") await b.delete("m");
          await b.put("b", "behind");
          if (met.length > ENDLESS) break;
        }
        expect(met).toEqual([..."ceghikoqs"]);
        expect(await b.keys().toArray()).toEqual([..."abuwy"]);
      });
    });
  });

  describe("values and handles", () => {
    test("put of undefined is refused; null reads as null, in the same transaction and afterwards", async () => {
      await write(async (b) => {
        await expectRefused("VALUE_INVALID", () => b.put("a", undefined));
        expect(await b.get("a")).toBe("A");
        await b.put("null", null);
        expect(await b.get("null")).toBeNull();
        expect(await b.has("null")).toBe(true);
      });
      store = await stores.reopen();
      await write(async (b) => {
        expect(await b.get("null")).toBeNull();
        expect(await b.has("null")).toBe(true);
        expect(await b.getMany(["null", "none"])).toEqual([null, undefined]);
      });
    });

    test("the handle of a bucket that was deleted in this transaction refuses every call: BUCKET_NOT_FOUND", async () => {
      await write(async (b) => (await b.createBucket("child")).put("k", 1));
      await rollingBack(store, async (tx) => {
        const b = (await tx.bucket("b"))!;
        const child = (await b.bucket("child"))!;
        const cursors = [b.cursor(), child.cursor()];
        for (const cursor of cursors) await cursor.first();
        await tx.deleteBucket("b");
        await (await tx.createBucket("b")).put("k", "new");
        const later = await tx.createBucket("later");
        for (const [bucket, cursor] of [
          [b, cursors[0]!],
          [child, cursors[1]!],
        ] as const) {
          const calls = [
            () => bucket.get("k"),
            () => bucket.has("k"),
            () => bucket.getMany(["k"]),
            () => bucket.put("k", "old"),
            () => bucket.delete("k"),
            () => bucket.range().toArray(),
            () => bucket.count(),
            () => bucket.forEach(() => {}),
            () => bucket.sequence(),
            () => bucket.setSequence(1),
            () => bucket.nextSequence(),
            () => bucket.stats(),
            () => bucket.bucket("child"),
            () => bucket.buckets(),
            () => bucket.createBucket("x"),
            () => bucket.createBucketIfNotExists("x"),
            () => bucket.deleteBucket("child"),
            () => tx.moveBucket("child", bucket, undefined),
            () => tx.moveBucket("later", undefined, bucket),
            () => bucket.cursor().first(),
            () => cursor.next(),
            () => cursor.prev(),
            () => cursor.seek("a"),
            () => cursor.delete(),
          ];
          for (const call of calls) await expectRefused("BUCKET_NOT_FOUND", call);
        }
        expect(await later.count()).toBe(0);
        expect(await (await tx.bucket("b"))!.range().toArray()).toEqual([["k", "new"]]);
      });
    });

    test("get on a closed transaction is refused, whatever was read before", async () => {
      const tx = await store.begin({ writable: true });
      const b = (await tx.bucket("b"))!;
      await b.put("pending", 1);
      expect(await b.getMany(["a", "pending"])).toEqual(["A", 1]);
      const cursor = b.cursor();
      const rows = b.range();
      const iterator = rows[Symbol.asyncIterator]();
      await iterator.next();
      await tx.commit();
      for (const key of ["a", "pending", "missing", ""]) await expectRefused("TX_CLOSED", () => b.get(key));
      await expectRefused("TX_CLOSED", () => cursor.first());
      await expectRefused("TX_CLOSED", () => rows.toArray());
      await expectRefused("TX_CLOSED", () => rows.first());
      await expectRefused("TX_CLOSED", () => iterator.next());
    });

    test("existence and an empty value are told apart, and count counts rows", async () => {
      await write(async (b) => {
        await b.put("empty", "");
        await b.createBucket("nested");
        expect([await b.has("empty"), await b.has("none")]).toEqual([true, false]);
        expect(await b.count()).toBe(14);
        expect(await b.count({ gte: "c", lt: "g" })).toBe(3);
        expect(await b.count({ limit: 5 })).toBe(5);
      });
    });
  });

  describe("what bbolt's users ask for", () => {
    test("nested and long reads do not stop writers, nor writers readers", async () => {
      const long = await store.begin({ writable: false });
      await store.view(async () => {
        await write((b) => b.put("a", "written in a view"));
        await store.view(async (inner) => {
          expect(await (await inner.bucket("b"))!.get("a")).toBe("written in a view");
        });
      });
      await write(async (b) => {
        await b.put("c", "pending");
        const seen = await store.view(async (tx) => (await tx.bucket("b"))!.get("c"));
        expect(seen).toBe("C");
      });
      expect(await (await long.bucket("b"))!.getMany(["a", "c"])).toEqual(["A", "C"]);
      await long.rollback();
    });

    test("an update within an update is refused, not a deadlock: TX_NESTED", async () => {
      await write(async (b) => {
        await expectRefused("TX_NESTED", () => store.update(() => undefined));
        await expectRefused("TX_NESTED", () => store.batch(() => undefined));
        await expectRefused("TX_NESTED", () => store.begin({ writable: true }));
        await store.view(() => expectRefused("TX_NESTED", () => store.update(() => undefined)));
        await b.put("a", "still writable");
      });
      expect(await write((b) => b.get("a"))).toBe("still writable");
    });

    test("a bucket of many rows goes at once, while others read and write", async () => {
      await store.update(async (tx) => {
        const big = await tx.createBucket("big");
        for (let i = 0; i < 20_000; i++) await big.put(i, "some text that takes room");
      });
      const deletion = store.update((tx) => tx.deleteBucket("big"));
      const write1 = write((b) => b.put("a", "meanwhile"));
      await Promise.all([deletion, write1]);
      await store.update(async (tx) => {
        expect(await tx.bucket("big")).toBeUndefined();
        const big = await tx.createBucket("big");
        expect(await big.count()).toBe(0);
        await big.put(-1, "new");
      });
      store = await stores.reopen();
      expect(await dump(store)).toMatchObject({ big: { rows: [[-1, "new"]] } });
    });

    if (engine === "memory-level")
      test("the engine does not keep the rows of a deleted bucket", async () => {
        const level = (await stores.location()) as MemoryLevel<string, string>;
        const rows = () => level.keys({ gte: "!big", lt: "!bih" }).all();
        await filled(store, "big", [...numbered(3000), ["nested", undefined]]);
        await store.update(async (tx) =>
          fill((await (await tx.bucket("big"))!.bucket("nested"))!, numbered(3000)),
        );
        expect(await rows()).toHaveLength(6000);
        await store.update((tx) => tx.deleteBucket("big"));
        await store.compact();
        expect(await rows()).toHaveLength(0);
      });

    if (engine === "classic-level")
      test("the files shrink after deletes", async () => {
        const directory = (await stores.location()) as string;
        const noise = (i: number) =>
          Array.from({ length: 40 }, (_, j) => ((i * 40 + j) * 2654435761) % 2 ** 32);
        await store.update(async (tx) => {
          const big = await tx.createBucket("big");
          for (let i = 0; i < 10_000; i++) await big.put(i, noise(i));
        });
        await store.compact();
        const full = await sizeOf(directory);
        await store.update((tx) => tx.deleteBucket("big"));
        await store.compact();
        store = await stores.reopen();
        expect(full).toBeGreaterThan(2_000_000);
        expect(await sizeOf(directory)).toBeLessThan(full / 10);
      });
  });
});

async function sizeOf(directory: string): Promise<number> {
  const files = await readdir(directory);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(directory, file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
