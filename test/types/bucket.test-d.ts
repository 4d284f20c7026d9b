import type { Awaitable, Bucket, Cursor, Key, Range, RangeOptions, Transaction } from "@meshgate/database";
import { describe, expectTypeOf, test } from "vitest";

interface User {
  readonly email: string;
}

type UserKey = readonly [tenant: string, user: string];
type Maybe<T> = Awaitable<T | undefined>;

declare const tx: Transaction;
declare const users: Bucket<User, UserKey>;
declare const plain: Bucket;
declare const scalar: Bucket<number, string>;

describe("Bucket<V, K>", () => {
  test("reads values of V by keys of K", () => {
    expectTypeOf(users.get(["t", "u"])).toEqualTypeOf<Maybe<User>>();
    expectTypeOf(users.getMany([["t", "u"]])).toEqualTypeOf<Promise<(User | undefined)[]>>();
    expectTypeOf(users.has(["t", "u"])).toEqualTypeOf<Awaitable<boolean>>();
    // @ts-expect-error A tuple of one part is no key here.
    users.get(["t"]);
    // @ts-expect-error Nor is one of another type.
    users.get(["t", 5]);
    // @ts-expect-error Nor is text.
    users.get("t");
    // @ts-expect-error Nor is a longer tuple.
    users.getMany([["t", "u", "x"]]);
    // @ts-expect-error A key is needed.
    users.get(undefined);
  });

  test("writes values of V", () => {
    expectTypeOf(users.put(["t", "u"], { email: "e" })).toEqualTypeOf<Awaitable<void>>();
    expectTypeOf(users.delete(["t", "u"])).toEqualTypeOf<Awaitable<void>>();
    // @ts-expect-error Not a user.
    users.put(["t", "u"], { mail: "e" });
    // @ts-expect-error Not a value.
    users.put(["t", "u"], undefined);
    // @ts-expect-error Not a key.
    users.put("t", { email: "e" });
    // @ts-expect-error Not a key.
    users.delete(["t"]);
  });

  test("ranges over rows, keys and values of those types", () => {
    expectTypeOf(users.range()).toEqualTypeOf<Range<[key: UserKey, value: User]>>();
    expectTypeOf(users.keys()).toEqualTypeOf<Range<UserKey>>();
    expectTypeOf(users.values()).toEqualTypeOf<Range<User>>();
    expectTypeOf(users.count()).toEqualTypeOf<Promise<number>>();
    expectTypeOf(users.range().toArray()).resolves.toEqualTypeOf<[key: UserKey, value: User][]>();
    expectTypeOf(users.range().first()).resolves.toEqualTypeOf<[key: UserKey, value: User] | undefined>();
    expectTypeOf(users.values().toArray()).resolves.toEqualTypeOf<User[]>();
    expectTypeOf(users.values()).toExtend<AsyncIterable<User>>();
  });

  test("gives cursors and walks of those types, a nested bucket without a value", () => {
    expectTypeOf(users.cursor()).toEqualTypeOf<Cursor<UserKey, User>>();
    const element = scalar.cursor().first();
    expectTypeOf<Awaited<typeof element>>().toEqualTypeOf<
      [key: string, value: number] | [name: string, value: undefined] | undefined
    >();
    users.cursor().seek(["t", "u"]);
    users.cursor().seek(["t"]);
    // @ts-expect-error The first part is text.
    users.cursor().seek([5]);
    expectTypeOf(users.cursor().delete()).toEqualTypeOf<void>();
    users.forEach((key, value) => {
      expectTypeOf(key).toEqualTypeOf<UserKey>();
      expectTypeOf(value).toEqualTypeOf<User | undefined>();
    });
    expectTypeOf(tx.cursor()).toEqualTypeOf<Cursor<string, undefined>>();
  });

  test("is of unknown values and any key where nothing is said", () => {
    expectTypeOf(plain).toEqualTypeOf<Bucket<unknown, Key>>();
    expectTypeOf(plain.get("k")).toEqualTypeOf<Maybe<unknown>>();
    expectTypeOf(plain.range().toArray()).resolves.toEqualTypeOf<[key: Key, value: unknown][]>();
    plain.put(["t", [1, null, true, new Date()]], {});
    // @ts-expect-error An object is no key.
    plain.get({ id: 1 });
    // @ts-expect-error Nor is a bigint.
    plain.get(5n);
  });

  test("has sequences of numbers", () => {
    expectTypeOf(plain.sequence()).toEqualTypeOf<Awaitable<number>>();
    expectTypeOf(plain.nextSequence()).toEqualTypeOf<Awaitable<number>>();
    expectTypeOf(plain.setSequence(5)).toEqualTypeOf<void>();
    // @ts-expect-error Numbers only.
    plain.setSequence("5");
  });
});

describe("opening a bucket", () => {
  test("may find none, creating one does not", () => {
    expectTypeOf(tx.bucket("users")).toEqualTypeOf<Maybe<Bucket<unknown, Key>>>();
    expectTypeOf(tx.bucket<User, UserKey>("users")).toEqualTypeOf<Maybe<Bucket<User, UserKey>>>();
    expectTypeOf(tx.createBucket("users")).toEqualTypeOf<Promise<Bucket<unknown, Key>>>();
    expectTypeOf(tx.createBucketIfNotExists<User, UserKey>("users")).toEqualTypeOf<
      Promise<Bucket<User, UserKey>>
    >();
    expectTypeOf(users.bucket<User>("nested")).toEqualTypeOf<Maybe<Bucket<User, Key>>>();
    expectTypeOf(users.createBucket<User, string>("nested")).toEqualTypeOf<Promise<Bucket<User, string>>>();
  });

  test("with an encoding tells the type of its values", () => {
    expectTypeOf(tx.bucket("b", { encoding: "bytes" })).toEqualTypeOf<Maybe<Bucket<Uint8Array, Key>>>();
    expectTypeOf(tx.bucket("t", { encoding: "utf8" })).toEqualTypeOf<Maybe<Bucket<string, Key>>>();
    expectTypeOf(tx.bucket<User>("j", { encoding: "json" })).toEqualTypeOf<Maybe<Bucket<User, Key>>>();
    expectTypeOf(tx.bucket<UserKey>("b", { encoding: "bytes" })).toEqualTypeOf<
      Maybe<Bucket<Uint8Array, UserKey>>
    >();
    expectTypeOf(tx.createBucket("b", { encoding: "bytes" })).toEqualTypeOf<
      Promise<Bucket<Uint8Array, Key>>
    >();
    expectTypeOf(users.createBucketIfNotExists<number>("t", { encoding: "utf8" })).toEqualTypeOf<
      Promise<Bucket<string, number>>
    >();
    // @ts-expect-error No such encoding.
    tx.bucket("b", { encoding: "hex" });
    // @ts-expect-error Misspelled.
    tx.bucket("b", { encodin: "utf8" });
    // @ts-expect-error A name is text.
    tx.bucket(5);
  });

  test("takes buckets and the top level as places to move between", () => {
    tx.moveBucket("b", undefined, users);
    tx.moveBucket("b", users, plain);
    tx.moveBucket("b", tx, users);
    // @ts-expect-error Places are no names.
    tx.moveBucket("b", "from", "to");
    // @ts-expect-error Both are needed.
    tx.moveBucket("b", users);
  });
});

describe("RangeOptions<K>", () => {
  type Deep = readonly [tenant: string, day: number, seq: number];

  test("accepts whole keys and their first parts as prefix and bounds", () => {
    const options: RangeOptions<UserKey>[] = [
      {},
      { prefix: ["t"] },
      { prefix: ["t", "u"] },
      { gt: ["t"], lte: ["t", "u"], reverse: true, limit: 5 },
      { gte: undefined, limit: undefined },
    ];
    const deep: RangeOptions<Deep>[] = [{ prefix: ["t"] }, { prefix: ["t", 1], gte: ["t", 1, 2] }];
    expectTypeOf(users.range).parameter(0).toEqualTypeOf<RangeOptions<UserKey> | undefined>();
    expectTypeOf(options).toBeArray();
    expectTypeOf(deep).toBeArray();
    type Bound = NonNullable<RangeOptions<Deep>["gte"]>;
    expectTypeOf<[string, number, number] | [string, number] | [string]>().toExtend<Bound>();
    expectTypeOf<[number]>().not.toExtend<Bound>();
    expectTypeOf<[string, number, number, number]>().not.toExtend<Bound>();
  });

  test("accepts constant tuples", () => {
    const tenant = ["t"] as const;
    const day: readonly [string, number] = ["t", 1];
    const options: RangeOptions<Deep> = { prefix: tenant, gte: day };
    expectTypeOf(users.range({ prefix: tenant })).toEqualTypeOf<Range<[key: UserKey, value: User]>>();
    expectTypeOf(options).toExtend<RangeOptions<Deep>>();
    expectTypeOf<readonly [string, number]>().toExtend<NonNullable<RangeOptions<Deep>["gte"]>>();
  });

  test("refuses tuples of another shape", () => {
    // @ts-expect-error The first part is text.
    users.range({ prefix: [5] });
    // @ts-expect-error The second part is text, too.
    users.range({ prefix: ["t", 5] });
    // @ts-expect-error There is no third part.
    users.range({ prefix: ["t", "u", "x"] });
    // @ts-expect-error A key here is a tuple.
    users.range({ gte: "t" });
    // @ts-expect-error Likewise.
    users.keys({ lt: ["t", null] });
    // @ts-expect-error Likewise.
    users.values({ lte: [new Date()] });
    // @ts-expect-error Likewise.
    users.count({ gt: 5 });
  });

  test("takes scalars for scalar keys, and any key where nothing is said", () => {
    scalar.range({ prefix: "a", lt: "b" });
    // @ts-expect-error Keys are text here.
    scalar.range({ gte: 5 });
    // @ts-expect-error And no tuples.
    scalar.range({ prefix: ["a"] });
    plain.range({ prefix: ["t", 1], gte: "a", lt: 5, gt: null, lte: new Date() });
  });

  test("refuses misspelled options and wrong types", () => {
    // @ts-expect-error Misspelled.
    users.range({ prefx: ["t"] });
    // @ts-expect-error A number.
    users.range({ limit: "5" });
    // @ts-expect-error A boolean.
    users.range({ reverse: 1 });
  });
});
