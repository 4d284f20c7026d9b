/** What a store holds in the fuzz of buckets and collections, and how its methods are called rightly. */
import {
  type Bucket,
  collection,
  type Key,
  migrations,
  openStore,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { z } from "zod";

export const things = collection({
  name: "things",
  schema: z.object({
    tenant: z.string(),
    id: z.string(),
    email: z.string(),
    at: z.date(),
    tags: z.array(z.string()).default([]),
    data: z.json().optional(),
  }),
  key: ["tenant", "id"],
  indexes: {
    email: { on: "email", unique: true, include: ["at"] },
    tag: { on: ["tenant", "tags"], multiEntry: "tags" },
    at: { on: "at", include: "record", where: (thing) => thing.tags.length > 0 },
  },
});

/** As it comes: no schema of zod's stands between the caller's object and the store. */
export const raw = collection({
  name: "raw",
  schema: { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as never,
  key: "id" as never,
  indexes: { n: { on: "n" as never }, many: { on: "list" as never, multiEntry: "list" as never } },
});

export const schema = migrations([
  { version: 1, description: "a bucket", up: async (tx) => void (await tx.createBucket("migrated")) },
]);

export const thing = (n: number) => ({
  ...{ tenant: "a", id: `${n}`, email: `${n}@a.example`, at: new Date(n), tags: ["x", `${n}`] },
  data: { n, list: [n, { n }] },
});

const ROWS: readonly (readonly [Key, unknown])[] = [
  ["k", { a: [1, null, "x"] }],
  [1, -0],
  [["t", 1], ""],
  [new Date(5), true],
  [null, 0],
];

/** Opens a store in memory with rows of every kind. */
export async function furnished(): Promise<Store> {
  const store = await openStore(new MemoryLevel<string, string>(), { durability: "relaxed" });
  await store.update(async (tx) => {
    const b = await tx.createBucket("b");
    for (const [key, value] of ROWS) await b.put(key, value);
    await b.setSequence(7);
    await (await b.createBucket("nested")).put("deep", [[]]);
    await (await tx.createBucket("utf8", { encoding: "utf8" })).put("k", "text");
    await (await tx.createBucket("bytes", { encoding: "bytes" })).put("k", new Uint8Array([1, 2]));
    for (let n = 0; n < 4; n++) await things.in(tx).insert(thing(n));
    await raw.in(tx).insert({ id: "1", n: 1, list: [1] } as never);
  });
  return store;
}

type Make = (tx: Transaction) => Promise<object> | object;
const bucket = async (tx: Transaction, name: string): Promise<Bucket> => {
  const found = await tx.bucket(name);
  if (found === undefined) throw new Error(`the bucket ${name} is gone`);
  return found;
};

/** What a transaction gives, by class: each of them several ways. */
export const WITHIN: Readonly<Record<string, readonly Make[]>> = {
  Transaction: [(tx) => tx],
  Bucket: ["b", "utf8", "bytes", "things"].map((name) => (tx: Transaction) => bucket(tx, name)),
  Cursor: [
    async (tx) => (await bucket(tx, "b")).cursor(),
    (tx) => tx.cursor(),
    async (tx) => {
      const cursor = (await bucket(tx, "b")).cursor();
      await cursor.first();
      return cursor;
    },
  ],
  Range: [async (tx) => (await bucket(tx, "b")).range(), (tx) => things.in(tx).by("tag").entries()],
  Records: [(tx) => things.in(tx), (tx) => things.in(tx, { validate: true }), (tx) => raw.in(tx) as never],
  IndexQueries: (["email", "tag", "at"] as const).map((name) => (tx: Transaction) => things.in(tx).by(name)),
  Collection: [() => things],
  Pages: [(tx) => things.in(tx).pages({ size: 2 }), (tx) => things.in(tx).by("tag").pages({ size: 1 })],
};

const nothing = () => undefined;
const bounds = { gte: "a", lt: "z", reverse: true, limit: 3 };
const range = () => [bounds];
const records = () => [[thing(7), thing(8)], { onProgress: nothing }];

/** What methods take, by class, or by name alone. */
export const VALID: Readonly<Record<string, (tx?: Transaction) => readonly unknown[]>> = {
  ...{ bucket: () => ["b", { encoding: "json" }], createBucket: () => ["new", { encoding: "utf8" }] },
  ...{ createBucketIfNotExists: () => ["b", { encoding: "json" }], deleteBucket: () => ["nested"] },
  moveBucket: (tx) => ["utf8", undefined, tx],
  ...{ onCommit: () => [nothing], get: () => ["k"], getMany: () => [["k", 1, ["t", 1]]], has: () => ["k"] },
  ...{ put: () => ["new", { a: [1, { b: null }] }], delete: () => ["k"], forEach: () => [nothing] },
  ...{ range, keys: range, values: range, count: range, first: range, entries: range, explain: range },
  ...{ setSequence: () => [9], seek: () => ["k"], by: () => ["tag"] },
  ...{
    "Range.first": () => [],
    "Pages.first": () => [],
    "Cursor.first": () => [],
    "Cursor.delete": () => [],
  },
  pages: () => [{ ...bounds, limit: undefined, size: 2, after: undefined, where: () => true }],
  "Records.get": () => [["a", "1"]],
  "Records.has": () => [["a", "1"]],
  "Records.getMany": () => [
    [
      ["a", "1"],
      ["a", "9"],
    ],
  ],
  "Records.delete": () => [["a", "1"]],
  ...{ "Records.put": () => [thing(7)], "Records.insert": () => [thing(7)] },
  "Records.update": () => [["a", "1"], { tags: ["z"], data: { z: [1] } }],
  ...{ "Records.insertMany": records, "Records.putMany": records },
  "Records.deleteMany": () => [[["a", "1"]], { onProgress: nothing }],
  "Records.deleteRange": () => [{ gte: ["a"], limit: 1 }, { onProgress: nothing }],
  "IndexQueries.get": () => [["a", "x"]],
  ...{ "Collection.in": (tx) => [tx, { validate: true }], "Collection.drop": (tx) => [tx] },
};
