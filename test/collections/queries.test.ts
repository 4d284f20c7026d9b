import {
  collection,
  type Explanation,
  type RecordOf,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Location, usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound, rollingBack } from "../helpers/stores.ts";
import { locationsIn } from "./locations.ts";

const places = usePlaces();

const users = collection({
  name: "users",
  schema: z.object({
    tenantId: z.string(),
    id: z.string(),
    email: z.string(),
    age: z.number(),
    role: z.enum(["user", "admin"]),
    tags: z.array(z.string()),
    seen: z.date().optional(),
  }),
  key: ["tenantId", "id"],
  indexes: {
    email: { on: "email", unique: true },
    mail: { on: ["tenantId", "email"], unique: true, include: ["age", "seen"] },
    role: { on: ["tenantId", "role"], include: ["email", "tags", "seen"] },
    tag: { on: ["tenantId", "tags"], multiEntry: "tags" },
    tags: { on: "tags", multiEntry: "tags", include: ["tags"] },
    seen: { on: ["tenantId", "seen"], include: "record" },
    age: { on: "age" },
    admin: { on: "email", where: ({ role }) => role === "admin" },
  },
});

const notes = collection({
  name: "notes",
  schema: z.object({ id: z.string(), text: z.string() }),
  key: "id",
});

type User = RecordOf<typeof users>;

const day = (n: number) => new Date(Date.UTC(2024, 0, n));
const ALL = [
  { tenantId: "t", id: "a", email: "z@x", age: 30, role: "admin", tags: ["x", "y"], seen: day(3) },
  { tenantId: "t", id: "b", email: "y@x", age: 20, role: "user", tags: ["y"] },
  { tenantId: "t", id: "c", email: "x@x", age: 30, role: "user", tags: [], seen: day(1) },
  { tenantId: "u", id: "a", email: "w@x", age: 5, role: "admin", tags: ["y", "x"], seen: day(2) },
] as const;
const all = ALL.map((user): RecordOf<typeof users> => ({ ...user, tags: [...user.tags] }));
const [ta, tb, tc, ua] = all as [User, User, User, User];

const LOCATIONS = locationsIn(places);

async function openFilled(make: () => Location): Promise<Store> {
  const store = await places.open(make());
  places.later(() => expectSound(store));
  await store.update(async (tx) => {
    await users.in(tx).insertMany(all);
    await notes
      .in(tx)
      .insertMany(["a", "ab", "abc", "b", "\u{10ffff}", "#a"].map((id) => ({ id, text: "" })));
  });
  return store;
}

/** Runs in a view, and in a writer that has changed nothing. */
async function inBoth(store: Store, look: (tx: Transaction) => Promise<void>): Promise<void> {
  await store.view(look);
  await rollingBack(store, look);
}

describe.each(LOCATIONS)("queries on %s", (_, make) => {
  test("by primary key: get, has, getMany, range, first, keys, count", async () => {
    const store = await openFilled(make);
    await inBoth(store, async (tx) => {
      const records = users.in(tx);
      expect(await records.get(["t", "b"])).toStrictEqual(tb);
      expect(await records.get(["t", "x"])).toBeUndefined();
      expect(await records.has(["t", "b"])).toBe(true);
      expect(await records.has(["t", "x"])).toBe(false);
      const many = await records.getMany([
        ["u", "a"],
        ["t", "x"],
        ["t", "a"],
        ["t", "a"],
      ]);
      expect(many).toStrictEqual([ua, undefined, ta, ta]);
      expect(await records.getMany([])).toEqual([]);
      expect(await records.range({ prefix: ["t"], gt: ["t", "a"] }).toArray()).toStrictEqual([tb, tc]);
      expect(await records.first({ reverse: true })).toStrictEqual(ua);
      expect(await records.first({ prefix: ["v"] })).toBeUndefined();
      expect(await records.keys({ gte: ["t", "c"], limit: 1 }).toArray()).toEqual([["t", "c"]]);
      expect(await records.count({ lt: ["u"] })).toBe(3);
    });
  });

  test("text begins with a prefix where one field is the key, of records or of an index", async () => {
    const store = await openFilled(make);
    await inBoth(store, async (tx) => {
      const ids = async (prefix: string) => notes.in(tx).keys({ prefix }).toArray();
      expect(await ids("a")).toEqual(["a", "ab", "abc"]);
      expect(await ids("abc")).toEqual(["abc"]);
      expect(await ids("")).toEqual(["#a", "a", "ab", "abc", "b", "\u{10ffff}"]);
      expect(await ids("\u{10ffff}")).toEqual(["\u{10ffff}"]);
      expect(await ids("#")).toEqual(["#a"]);
      const emails = users.in(tx).by("email");
      expect(await emails.range({ prefix: "y" }).toArray()).toStrictEqual([tb]);
      expect(await emails.count({ prefix: "" })).toBe(4);
      // In a tuple a text is whole.
      expect(
        await users
          .in(tx)
          .by("mail")
          .count({ prefix: ["t", "y"] }),
      ).toBe(0);
      expect(
        await users
          .in(tx)
          .by("mail")
          .count({ prefix: ["t", "y@x"] }),
      ).toBe(1);
    });
  });

  test("whole bounds stand for all entries that have the key, partial ones sort before them", async () => {
    const store = await openFilled(make);
    await inBoth(store, async (tx) => {
      const ages = users.in(tx).by("age");
      expect(await ages.range({ gte: 30 }).toArray()).toStrictEqual([ta, tc]);
      expect(await ages.range({ gt: 20 }).toArray()).toStrictEqual([ta, tc]);
      expect(await ages.count({ gt: 30 })).toBe(0);
      expect(await ages.count({ lt: 30 })).toBe(2);
      expect(await ages.count({ lte: 30 })).toBe(4);
      const roles = users.in(tx).by("role");
      expect(await roles.range({ lte: ["t", "admin"] }).toArray()).toStrictEqual([ta]);
      expect(await roles.range({ gt: ["t", "admin"] }).toArray()).toStrictEqual([tb, tc, ua]);
      expect(await roles.count({ gt: ["t"] })).toBe(4);
      expect(await roles.count({ lte: ["t"] })).toBe(0);
      expect(await roles.count({ lt: ["u"] })).toBe(3);
      expect(await roles.count({ prefix: ["t"], lt: ["t", "user"] })).toBe(1);
      expect(await roles.range({ prefix: ["t"], reverse: true, limit: 2 }).toArray()).toStrictEqual([tc, tb]);
    });
  });

  test("by an index: get, whole keys only", async () => {
    const store = await openFilled(make);
    await inBoth(store, async (tx) => {
      const records = users.in(tx);
      expect(await records.by("email").get("y@x")).toStrictEqual(tb);
      expect(await records.by("email").get("none")).toBeUndefined();
      expect(await records.by("mail").get(["u", "w@x"])).toStrictEqual(ua);
      expect(await records.by("mail").get(["t", "w@x"])).toBeUndefined();
      expect(await records.by("age").get(30)).toStrictEqual(ta);
      expect(await records.by("tag").get(["t", "y"])).toStrictEqual(ta);
      expect(await records.by("seen").get(["t", day(1)])).toStrictEqual(tc);
      expect(await records.by("admin").get("y@x")).toBeUndefined();
      expect(await records.by("admin").get("z@x")).toStrictEqual(ta);
      await expectRefused("KEY_INVALID", () => records.by("role").get(["t"] as never), "tenantId, role");
      await expectRefused(
        "KEY_INVALID",
        () => records.by("role").get(["t", "user", "x"] as never),
        "3 parts",
      );
      await expectRefused("KEY_INVALID", () => records.by("email").get(undefined as never), "email");
      await expectRefused("KEY_INVALID", () => records.by("role").range({ gt: "t" as never }), "tuple");
      await expectRefused("KEY_INVALID", () => records.by("age").count({ gt: {} as never }), "age");
    });
  });

  test("records without a field, or left out by where, are not met; a record is met once for each item", async () => {
    const store = await openFilled(make);
    await inBoth(store, async (tx) => {
      const records = users.in(tx);
      expect(await records.by("seen").range().toArray()).toStrictEqual([tc, ta, ua]);
      expect(await records.by("admin").range().toArray()).toStrictEqual([ua, ta]);
      expect(
        await records
          .by("tag")
          .range({ prefix: ["t"] })
          .toArray(),
      ).toStrictEqual([ta, ta, tb]);
      expect(await records.by("tags").keys().toArray()).toEqual([
        ["t", "a"],
        ["u", "a"],
        ["t", "a"],
        ["t", "b"],
        ["u", "a"],
      ]);
    });
  });

  test("entries() give what an index carries", async () => {
    const store = await openFilled(make);
    await inBoth(store, async (tx) => {
      const records = users.in(tx);
      expect(await records.by("email").entries({ prefix: "y" }).toArray()).toStrictEqual([
        { email: "y@x", tenantId: "t", id: "b" },
      ]);
      expect(await records.by("age").entries({ gte: 30 }).toArray()).toStrictEqual([
        { age: 30, tenantId: "t", id: "a" },
        { age: 30, tenantId: "t", id: "c" },
      ]);
      expect(
        await records
          .by("role")
          .entries({ prefix: ["t"], limit: 2 })
          .toArray(),
      ).toEqual([
        { tenantId: "t", role: "admin", id: "a", email: "z@x", tags: ["x", "y"], seen: day(3) },
        { tenantId: "t", role: "user", id: "b", email: "y@x", tags: ["y"] },
      ]);
      expect(
        await records
          .by("tag")
          .entries({ prefix: ["u"], reverse: true })
          .toArray(),
      ).toStrictEqual([
        { tenantId: "u", tags: "y", id: "a" },
        { tenantId: "u", tags: "x", id: "a" },
      ]);
      expect(await records.by("tags").entries({ prefix: "x" }).first()).toEqual({
        tenantId: "t",
        id: "a",
        tags: ["x", "y"],
      });
      expect(
        await records
          .by("seen")
          .entries({ prefix: ["t"] })
          .toArray(),
      ).toStrictEqual([tc, ta]);
    });
  });

  test("entries() of a unique index that carries fields have these, the key and the values", async () => {
    const store = await openFilled(make);
    await inBoth(store, async (tx) => {
      expect(
        await users
          .in(tx)
          .by("mail")
          .entries({ prefix: ["t"] })
          .toArray(),
      ).toEqual([
        { tenantId: "t", id: "c", email: "x@x", age: 30, seen: day(1) },
        { tenantId: "t", id: "b", email: "y@x", age: 20 },
        { tenantId: "t", id: "a", email: "z@x", age: 30, seen: day(3) },
      ]);
    });
  });

  test("a collection that the store does not have yet reads as empty, in views and writers", async () => {
    const store = await places.open(make());
    await inBoth(store, async (tx) => {
      const records = users.in(tx);
      expect(await records.get(["t", "a"])).toBeUndefined();
      expect(await records.has(["t", "a"])).toBe(false);
      expect(await records.getMany([["t", "a"]])).toEqual([undefined]);
      expect(await records.by("email").get("e")).toBeUndefined();
      for (const queries of [records, records.by("email"), records.by("tag"), records.by("seen")]) {
        expect(await queries.range().toArray()).toEqual([]);
        expect(await queries.keys().first()).toBeUndefined();
        expect(await queries.first()).toBeUndefined();
        expect(await queries.count()).toBe(0);
        expect(await queries.pages({ size: 2 }).first()).toEqual({ records: [], next: undefined });
        expect(await queries.explain()).toMatchObject({ sublevel: [], rows: 0, lookups: 0 });
      }
      expect(await records.by("email").entries().toArray()).toEqual([]);
      expect(await tx.buckets()).toEqual([]);
    });
  });

  test("an index that was not defined, and a misspelled option, are refused by name", async () => {
    const store = await openFilled(make);
    await store.view(async (tx) => {
      const records = users.in(tx);
      await expectRefused("INDEX_NOT_FOUND", () => records.by("mial" as "mail"), /"mial".*email, mail/);
      await expectRefused("INDEX_NOT_FOUND", () => records.by("constructor" as "mail"));
      await expectRefused("INDEX_NOT_FOUND", () => notes.in(tx).by("text" as never), "none");
      await expectRefused("OPTION_INVALID", () => records.range({ prefx: ["t"] } as never), "prefx");
      await expectRefused(
        "OPTION_INVALID",
        () => records.by("age").count({ reverse: 1 } as never),
        "reverse",
      );
      await expectRefused("OPTION_INVALID", () => records.by("age").first({ limit: -1 }), "limit");
      await expectRefused("OPTION_INVALID", () => records.by("age").entries(null as never));
    });
  });
});

describe.each(LOCATIONS)("explain() on %s", (_, make) => {
  test("says what is walked, and what is read", async () => {
    const store = await openFilled(make);
    await inBoth(store, async (tx) => {
      const records = users.in(tx);
      const expected: [Promise<Explanation>, Partial<Explanation>][] = [
        [records.explain(), { index: undefined, sublevel: ["users"], rows: 4, lookups: 0 }],
        [
          records.explain({ prefix: ["t"], limit: 2 }),
          { from: "KJt!", to: "KJt#", rows: 2, lookups: 0, limit: 2, reverse: false },
        ],
        [
          records.by("age").explain({ gte: 30, reverse: true }),
          { index: "age", sublevel: ["idx_users_by_age"], rows: 2, lookups: 2, reverse: true },
        ],
        [
          records.by("seen").explain({ prefix: ["t"] }),
          { sublevel: ["idx_users_by_seen"], rows: 2, lookups: 0 },
        ],
        [records.by("email").explain({ prefix: "y" }), { from: "KJy", to: "KJz", rows: 1, lookups: 1 }],
        [records.by("tag").explain({ gt: ["t", "x"], lt: ["u"] }), { from: 'KJt"Jx#', to: "KJu!", rows: 2 }],
      ];
      for (const [explanation, facts] of expected)
        expect(await explanation).toMatchObject({ collection: "users", ...facts });
    });
  });

  test("names the sublevel and the keys that another program finds the same rows by", async () => {
    const directory = places.path("explained");
    const store = await places.open(directory);
    const found = await store.update(async (tx) => {
      await users.in(tx).insertMany(all);
      await users.drop(tx);
      await users.in(tx).insertMany(all);
      return Promise.all([
        users
          .in(tx)
          .by("role")
          .explain({ prefix: ["t"] }),
        users.in(tx).explain({ gt: ["t", "a"], lte: ["u", "a"] }),
      ]);
    });
    await store.close();
    const level = new ClassicLevel<string, string>(directory);
    for (const { sublevel, from, to, rows } of found) {
      const keys = await level
        .sublevel([...sublevel])
        .keys({ gte: from, lt: to })
        .all();
      expect(keys).toHaveLength(rows);
      expect(rows).toBe(3);
    }
    await level.close();
  });
});
