/**
 * What abstract-level and classic-level do to programs that use them as they come, and that this library's users never
 * meet. Each trap is sprung on the raw database first, where it springs each time: else the test would show nothing.
 */
import { type Bucket, openStore, type Store, type Transaction } from "@meshgate/database";
import { AbstractLevel } from "abstract-level";
import { ClassicLevel } from "classic-level";
import { afterEach, describe, expect, test, vi } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";

const places = usePlaces();
afterEach(() => void vi.restoreAllMocks());

async function raw(): Promise<ClassicLevel<string, string>> {
  const level = new ClassicLevel<string, string>(places.path("raw"));
  await level.open();
  places.later(() => level.close());
  return level;
}

const rows = async (tx: Transaction) => (await tx.bucket<number, string>("rows")) as Bucket<number, string>;

async function filled(keys: readonly string[]): Promise<Store> {
  const store = await places.open(places.path("db"));
  await store.update(async (tx) => {
    const bucket = await tx.createBucket<number, string>("rows");
    for (const [i, key] of keys.entries()) await bucket.put(key, i);
  });
  return store;
}

describe("a point read of a key whose last character ends beyond an inner buffer", () => {
  const plain = (length: number) => "k".repeat(length);

  test("gives another key's value with getSync() and text keys", async () => {
    const level = await raw();
    // The buffer is made with room for 64 bytes more than the first key takes.
    await level.put(plain(64), "another's");
    expect(level.getSync("k")).toBeUndefined();
    expect(level.getSync(`${plain(64)}é`)).toBe("another's");
  });

  test("gives that key's own", async () => {
    const lengths = Array.from({ length: 200 }, (_, i) => i + 1);
    const store = await filled(lengths.map(plain));
    await store.view(async (tx) => {
      const bucket = await rows(tx);
      for (const length of lengths)
        for (const last of ["é", "€", "😀"]) {
          expect(bucket.get(plain(length) + last)).toBeUndefined();
          expect(bucket.has(plain(length) + last)).toBe(false);
          expect(bucket.get(plain(length))).toBe(length - 1);
        }
    });
  });
});

describe("writes that are not awaited", () => {
  test("come to be in the order of the calls", async () => {
    const store = await filled(["k"]);
    const seen: number[] = [];
    const writes = Array.from({ length: 300 }, (_, n) =>
      (n % 2 === 0 ? store.update.bind(store) : store.batch.bind(store))(async (tx) => {
        const bucket = await rows(tx);
        if (n % 7 === 0) await new Promise(setImmediate);
        await bucket.put("k", n);
        tx.onCommit(() => seen.push(n));
      }),
    );
    await Promise.all(writes);
    // batch() calls of one turn go together; of each kind, none overtakes another.
    for (const kind of [0, 1]) {
      const ofKind = seen.filter((n) => n % 2 === kind);
      expect(ofKind).toEqual([...ofKind].sort((a, b) => a - b));
    }
    expect(await store.view(async (tx) => (await rows(tx)).get("k"))).toBe(seen.at(-1));
  });
});

describe("sublevel objects", () => {
  test("throw on sync calls before they are open, and stay closed when the database is opened again", async () => {
    const level = await raw();
    const sublevel = level.sublevel("rows");
    expect(() => sublevel.getSync("k")).toThrow(/not open/);
    await sublevel.open();
    await level.close();
    await level.open();
    await expect(sublevel.get("k")).rejects.toThrow();
  });

  test("are never made: of any number of buckets", async () => {
    const make = vi.spyOn(AbstractLevel.prototype, "sublevel");
    const level = new ClassicLevel<string, string>(places.path("db"));
    for (let round = 0; round < 2; round++) {
      const store = await openStore(level);
      await store.update(async (tx) => {
        const parent = await tx.createBucketIfNotExists("parent");
        for (let i = 0; i < 50; i++) {
          const bucket = await parent.createBucketIfNotExists<number>(`b${i}`);
          // A value at once, without a wait for anything to open.
          expect(bucket.get("k")).toBe(round === 0 ? undefined : i);
          await bucket.put("k", i);
        }
      });
      await store.check();
      await store.compact();
      await store.close();
    }
    expect(make).not.toHaveBeenCalled();
  });
});

describe("a delete in another sublevel than the batch's own", () => {
  test("stays within the bucket that it was asked of", async () => {
    const store = await places.open(places.path("db"));
    const names = ["a", "b", "a!", "b!a"];
    await store.update(async (tx) => {
      for (const name of names) {
        const bucket = await tx.createBucket(name);
        const nested = await bucket.createBucket("b");
        for (const key of ["k", "!b!k", "b!k"]) for (const each of [bucket, nested]) await each.put(key, key);
      }
    });
    await store.update(async (tx) => {
      const bucket = (await tx.bucket("a")) as Bucket;
      const nested = (await bucket.bucket("b")) as Bucket;
      await nested.delete("k");
      await bucket.delete("!b!k");
    });
    await store.view(async (tx) => {
      for (const name of names) {
        const bucket = (await tx.bucket(name)) as Bucket;
        const nested = (await bucket.bucket("b")) as Bucket;
        const isChanged = name === "a";
        expect(await bucket.keys().toArray()).toEqual(isChanged ? ["b!k", "k"] : ["!b!k", "b!k", "k"]);
        expect(await nested.keys().toArray()).toEqual(isChanged ? ["!b!k", "b!k"] : ["!b!k", "b!k", "k"]);
      }
    });
  });

  test("raw, a key with the sublevel's separator lies in that sublevel", async () => {
    const level = await raw();
    await level.put("!b!k", "not of b");
    expect(await level.sublevel("b").get("k")).toBe("not of b");
  });
});

describe("bounds and seeks of an iterator", () => {
  const KEYS = ["a", "b", "c", "d", "e"];

  test("raw, one that is undefined is the text undefined, and a seek below the lower bound ends it", async () => {
    const level = await raw();
    for (const key of KEYS) await level.put(key, key);
    expect(await level.keys({ gte: undefined as unknown as string }).all()).toEqual([]);
    const iterator = level.iterator({ gte: "c", limit: 2 });
    iterator.seek("a");
    expect(await iterator.next()).toBeUndefined();
    await iterator.close();
    const limited = level.iterator({ limit: 2 });
    await limited.nextv(2);
    limited.seek("a");
    expect(await limited.next()).toBeUndefined();
    await limited.close();
  });

  test("a bound that is undefined is none, and a cursor goes on from wherever it seeks", async () => {
    const store = await filled(KEYS);
    await store.view(async (tx) => {
      const bucket = await rows(tx);
      const none = { prefix: undefined, gt: undefined, gte: undefined, lt: undefined, lte: undefined };
      expect(await bucket.keys({ ...none, reverse: undefined, limit: undefined }).toArray()).toEqual(KEYS);
      const limited = bucket.keys({ gte: "c", limit: 2 });
      for (let again = 0; again < 2; again++) {
        expect(await limited.toArray()).toEqual(["c", "d"]);
        const walked: string[] = [];
        for await (const key of limited) walked.push(key);
        expect(walked).toEqual(["c", "d"]);
      }
      const cursor = bucket.cursor();
      expect(await cursor.seek("0")).toEqual(["a", 0]);
      expect(await cursor.seek("d")).toEqual(["d", 3]);
      expect(await cursor.next()).toEqual(["e", 4]);
      expect(await cursor.next()).toBeUndefined();
      expect(await cursor.seek("A")).toEqual(["a", 0]);
      expect(await cursor.prev()).toBeUndefined();
      expect(await cursor.seek("b")).toEqual(["b", 1]);
    });
  });
});

describe("an opening that fails", () => {
  test("hides why in a cause, raw; here the code tells", async () => {
    const directory = places.path("db");
    const store = await places.open(directory);
    const failed = new ClassicLevel(directory).open();
    await expect(failed).rejects.toMatchObject({
      code: "LEVEL_DATABASE_NOT_OPEN",
      cause: { code: "LEVEL_LOCKED" },
    });
    await expectRefused("STORE_LOCKED", () => openStore(directory));
    await store.close();
    await expectRefused("STORE_NOT_FOUND", () =>
      openStore(places.path("nothing"), { createIfMissing: false }),
    );
  });
});
