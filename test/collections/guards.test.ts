import { type Bucket, collection, type Store, type Transaction } from "@meshgate/database";
import { Level } from "level";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Location, usePlaces } from "../helpers/places.ts";
import { expectRefused, rollingBack } from "../helpers/stores.ts";
import { locationsIn, openVerified } from "./locations.ts";

const places = usePlaces();

const users = collection({
  name: "users",
  schema: z.object({ tenantId: z.string(), id: z.string(), email: z.string(), nick: z.any() }),
  key: ["tenantId", "id"],
  indexes: { email: { on: "email", unique: true }, nick: { on: ["tenantId", "nick"] } },
});

/** As it could be written without the compiler's help. */
const loose = collection({ name: "loose", schema: z.looseObject({}), key: "id" as never });

const LOCATIONS = locationsIn(places);

async function openWithUser(make: () => Location): Promise<Store> {
  const store = await openVerified(places, make, users);
  await store.update((tx) => users.in(tx).insert({ tenantId: "t", id: "a", email: "e", nick: "n" }));
  return store;
}

const bucketOf = async (tx: Transaction, name: string) => (await tx.bucket(name)) as Bucket;

describe.each(LOCATIONS)("the buckets of a collection on %s", (_, make) => {
  test("come with the first write, and hold the rows as any bucket does", async () => {
    const store = await places.open(make());
    expect(await store.view((tx) => tx.buckets())).toEqual([]);
    await store.update(async (tx) => {
      expect(await users.in(tx).delete(["t", "none"])).toBe(false);
    });
    const names = ["idx_users_by_email", "idx_users_by_nick", "users"];
    expect(await store.view((tx) => tx.buckets())).toEqual(names);
    await store.update((tx) => users.in(tx).insert({ tenantId: "t", id: "a", email: "e", nick: "n" }));
    await store.view(async (tx) => {
      expect(await tx.buckets()).toEqual(names);
      const records = await bucketOf(tx, "users");
      expect(await records.range().toArray()).toEqual([
        [["t", "a"], { tenantId: "t", id: "a", email: "e", nick: "n" }],
      ]);
      expect(await (await bucketOf(tx, "idx_users_by_email")).keys().toArray()).toEqual([["e"]]);
      expect(await (await bucketOf(tx, "idx_users_by_nick")).range().toArray()).toEqual([
        [["t", "n", "t", "a"], ""],
      ]);
    });
  });

  test("are read through the bucket API, but written through the collection only", async () => {
    const store = await openWithUser(make);
    await store.update(async (tx) => {
      const other = await tx.createBucket("other");
      await other.createBucket("users");
      for (const name of ["users", "idx_users_by_email"]) {
        const bucket = await bucketOf(tx, name);
        const [key] = (await bucket.keys().toArray()) as [string];
        const cursor = bucket.cursor();
        await cursor.first();
        const writes: (() => unknown)[] = [
          () => bucket.put("k", "v"),
          () => bucket.put(key, "v"),
          () => bucket.delete(key),
          () => cursor.delete(),
          () => bucket.createBucket("within"),
          () => bucket.createBucketIfNotExists("within"),
          () => bucket.deleteBucket("within"),
          () => bucket.setSequence(5),
          () => bucket.nextSequence(),
          () => tx.deleteBucket(name),
          () => tx.moveBucket(name, undefined, other),
          () => tx.moveBucket("other", undefined, bucket),
        ];
        for (const write of writes) await expectRefused("BUCKET_OWNED", write, '"users"');
        expect(await bucket.count()).toBe(1);
        expect(await bucket.get(key)).toBeDefined();
        expect(await bucket.has(key)).toBe(true);
        expect(await cursor.first()).toBeDefined();
        expect(await bucket.sequence()).toBe(0);
        expect((await bucket.stats()).sublevel).toEqual([name]);
        const again = await tx.createBucketIfNotExists(name);
        await expectRefused("BUCKET_OWNED", () => again.put("k", "v"));
        await expectRefused("BUCKET_EXISTS", () => tx.createBucket(name));
      }
    });
    expect(await store.view((tx) => users.in(tx).by("email").get("e"))).toMatchObject({ id: "a" });
  });

  test("are refused where others have their names, and nothing is left of the attempt", async () => {
    for (const taken of ["users", "idx_users_by_nick"]) {
      const store = await places.open(new MemoryLevel<string, string>());
      await store.update((tx) => tx.createBucket(taken));
      const write = () =>
        store.update((tx) => users.in(tx).insert({ tenantId: "t", id: "a", email: "e", nick: 1 }));
      await expectRefused("BUCKET_EXISTS", write, taken);
      expect(await store.view((tx) => tx.buckets())).toEqual([taken]);
      await store.update((tx) => tx.deleteBucket(taken));
      await write();
    }
  });

  test("of two collections never are the same", async () => {
    const store = await places.open(make());
    const schema = z.object({ id: z.string() });
    const first = collection({ name: "a", schema, key: "id", indexes: { b_by_c: { on: "id" } } });
    const second = collection({ name: "a_by_b", schema, key: "id", indexes: { c: { on: "id" } } });
    const third = collection({ name: "idx_a_by_b_by_c", schema, key: "id" });
    await store.update((tx) => first.in(tx).insert({ id: "x" }));
    for (const late of [second, third])
      await expectRefused(
        "BUCKET_EXISTS",
        () => store.update((tx) => late.in(tx).insert({ id: "x" })),
        '"a"',
      );
    await store.update((tx) => first.drop(tx));
    await store.update((tx) => second.in(tx).insert({ id: "x" }));
    expect(await store.view((tx) => first.in(tx).count())).toBe(0);
  });

  test("are other programs' sublevels, too", async () => {
    const directory = places.path("readable");
    const store = await places.open(directory);
    await store.update((tx) => users.in(tx).insert({ tenantId: "t", id: "a", email: "e", nick: 5 }));
    await store.close();
    const level = new Level<string, string>(directory);
    const entries = await level.sublevel("idx_users_by_email").iterator().all();
    const records = await level.sublevel("users").iterator().all();
    await level.close();
    expect(entries).toEqual([["KJe!", 'Jt"Ja']]);
    expect(records).toEqual([['KJt"Ja!', '{"tenantId":"t","id":"a","email":"e","nick":5}']]);
  });
});

describe.each(LOCATIONS)("keys on %s", (_, make) => {
  test("of a wrong shape are refused by every call that takes one", async () => {
    const store = await openWithUser(make);
    await store.update(async (tx) => {
      const records = users.in(tx);
      const bad: unknown[] = ["t", ["t"], ["t", "a", "x"], [], { tenantId: "t", id: "a" }, undefined, null];
      const parts: unknown[] = [
        ["t", undefined],
        ["t", {}],
        ["t", Number.NaN],
        ["t", ["a"]],
        ["\ud800", "a"],
      ];
      for (const key of [...bad, ...parts]) {
        const calls = [
          () => records.get(key as never),
          () => records.has(key as never),
          () => records.getMany([key as never]),
          () => records.update(key as never, {}),
          () => records.delete(key as never),
          () => records.deleteMany([key as never]),
        ];
        for (const call of calls) await expectRefused("KEY_INVALID", call);
      }
      await expectRefused("KEY_INVALID", () => records.getMany("t" as never), "array");
      expect(await records.count()).toBe(1);
    });
  });

  test("with fields that no key can hold are refused, and name the field", async () => {
    const store = await openWithUser(make);
    const nicks = [{}, [1], () => 1, 5n, Symbol("s"), Number.NaN, -0, new Date(Number.NaN), "\ud800"];
    await rollingBack(store, async (tx) => {
      for (const nick of nicks) {
        const put = () => users.in(tx).put({ tenantId: "t", id: "b", email: "b", nick });
        await expectRefused(["KEY_INVALID", "VALUE_INVALID"], put, /nick/);
      }
      await users.in(tx).put({ tenantId: "t", id: "b", email: "b", nick: null });
      const infinite = { tenantId: "t", id: "c", email: "c", nick: Number.POSITIVE_INFINITY };
      await expectRefused("VALUE_INVALID", () => users.in(tx).put(infinite), "nick");
    });
    await rollingBack(store, async (tx) => {
      const records = loose.in(tx);
      await expectRefused("KEY_REQUIRED", () => records.put({}), "field id");
      await expectRefused("KEY_REQUIRED", () => records.put({ id: "" }), "field id");
      await expectRefused("KEY_INVALID", () => records.put({ id: ["a"] }), "id");
      await expectRefused("KEY_INVALID", () => records.put({ id: "\udc00" }), "surrogate");
      await expectRefused("KEY_REQUIRED", () => records.get("" as never));
      await expectRefused("KEY_REQUIRED", () => records.delete(undefined as never));
      for (const id of ["#", '"!"', "\0", 5, false, null]) {
        await records.put({ id });
        expect(await records.get(id as never)).toEqual({ id });
      }
      expect(await records.count()).toBe(6);
    });
  });

  test("may be empty within a tuple, and are refused where they grow too long", async () => {
    const store = await openWithUser(make);
    await store.update(async (tx) => {
      const records = users.in(tx);
      await records.insert({ tenantId: "", id: "", email: "", nick: "" });
      expect(await records.get(["", ""])).toEqual({ tenantId: "", id: "", email: "", nick: "" });
      expect(await records.by("email").get("")).toMatchObject({ id: "" });
      const long = "x".repeat(32_760);
      const tooLong = [
        () => records.insert({ tenantId: "t", id: `${long}xxxxxxxxx`, email: "l", nick: "l" }),
        () => records.insert({ tenantId: "t", id: "l", email: `${long}xxxxxxxxx`, nick: "l" }),
        () => records.insert({ tenantId: "t", id: "l", email: "l", nick: long }),
        () => records.update(["t", "a"], { nick: long }),
        () => records.get(["t", `${long}xxxxxxxxx`]),
        () => records.delete(["t", `${long}xxxxxxxxx`]),
      ];
      for (const call of tooLong) await expectRefused("KEY_TOO_LARGE", call, "limit");
      await records.insert({ tenantId: "t", id: "l", email: long, nick: "l" });
      expect(await records.by("email").get(long)).toMatchObject({ id: "l" });
      expect(await records.count()).toBe(3);
    });
  });
});

describe.each(LOCATIONS)("transactions on %s", (_, make) => {
  test("that only read refuse writes, whatever is passed", async () => {
    const store = await openWithUser(make);
    await store.view(async (tx) => {
      const records = users.in(tx);
      const writes = [
        () => records.insert(undefined as never),
        () => records.put({ tenantId: "t", id: "a", email: "e", nick: "n" }),
        () => records.update(undefined as never, 5 as never),
        () => records.delete(undefined as never),
        () => records.deleteRange(),
        () => records.insertMany([]),
        () => records.putMany(5 as never),
        () => records.deleteMany([]),
        () => users.drop(tx),
      ];
      for (const write of writes) await expectRefused("TX_NOT_WRITABLE", write);
      expect(await records.count()).toBe(1);
    });
  });

  test("that are over refuse every call", async () => {
    const store = await openWithUser(make);
    for (const writable of [true, false]) {
      const tx = await store.begin({ writable });
      const records = users.in(tx);
      const index = records.by("email");
      const range = index.range();
      const walk = records.range()[Symbol.asyncIterator]();
      await walk.next();
      await tx.rollback();
      const calls = [
        () => records.get(["t", "a"]),
        () => records.has(["t", "a"]),
        () => records.getMany([["t", "a"]]),
        () => records.range().toArray(),
        () => records.first(),
        () => records.count(),
        () => records.keys().first(),
        () => records.explain(),
        () => records.pages({ size: 5 }).first(),
        () => records.put(undefined as never),
        () => records.insertMany([]),
        () => records.deleteRange(),
        () => index.get("e"),
        () => index.entries().toArray(),
        () => index.keys().toArray(),
        () => range.toArray(),
        () => range.first(),
        () => walk.next(),
        () => users.in(tx).get(["t", "a"]),
        () => users.in(tx).insert({ tenantId: "t", id: "b", email: "b", nick: "b" }),
        () => users.drop(tx),
      ];
      for (const call of calls) await expectRefused("TX_CLOSED", call);
    }
    expect(await store.view((tx) => users.in(tx).count())).toBe(1);
  });

  test("are what in() and drop() take, and nothing else", async () => {
    const store = await openWithUser(make);
    for (const nonsense of [undefined, null, store, {}, "tx"]) {
      await expectRefused("OPTION_INVALID", () => users.in(nonsense as never), "transaction");
      await expectRefused("OPTION_INVALID", () => users.drop(nonsense as never), "transaction");
    }
    await store.view(async (tx) => {
      await expectRefused("OPTION_INVALID", () => users.in(tx, { validated: true } as never), "validated");
      await expectRefused("OPTION_INVALID", () => users.in(tx, { validate: 1 as never }), "validate");
      await expectRefused("OPTION_INVALID", () => users.in(tx, null as never));
    });
  });

  test("may be of several stores: a collection holds no connection", async () => {
    const store = await openWithUser(make);
    const other = await places.open(new MemoryLevel<string, string>());
    await other.update((tx) => users.in(tx).insert({ tenantId: "t", id: "b", email: "e", nick: "n" }));
    expect(await store.view((tx) => users.in(tx).keys().toArray())).toEqual([["t", "a"]]);
    expect(await other.view((tx) => users.in(tx).keys().toArray())).toEqual([["t", "b"]]);
  });
});
