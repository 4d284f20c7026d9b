import { collection, DatabaseError, type Store, type Transaction } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { WithoutEither } from "../helpers/levels.ts";
import { type Location, usePlaces } from "../helpers/places.ts";
import { expectRefused, rollingBack } from "../helpers/stores.ts";
import { locationsIn, openVerified } from "./locations.ts";

const places = usePlaces();
const NOON = new Date("2024-05-01T12:00:00.000Z");

const users = collection({
  name: "users",
  schema: z.object({
    tenantId: z.string(),
    id: z.string(),
    email: z.string().trim().toLowerCase(),
    role: z.enum(["user", "admin"]).default("user"),
    tags: z.array(z.string()).default([]),
    nick: z.string().optional(),
    createdAt: z.date().default(NOON),
    profile: z.object({ city: z.string(), moved: z.array(z.date()).optional() }).optional(),
  }),
  key: ["tenantId", "id"],
  indexes: {
    email: { on: "email", unique: true },
    role: { on: ["tenantId", "role"], include: ["email"] },
    tag: { on: ["tenantId", "tags"], multiEntry: "tags" },
    created: { on: ["tenantId", "createdAt"], include: "record" },
    nick: { on: "nick", where: (user) => user.role === "admin" },
  },
});

const LOCATIONS = [
  ...locationsIn(places),
  ["an engine without getSync and snapshots", () => new WithoutEither()] as [string, () => Location],
];

const openAt = (make: () => Location): Promise<Store> => openVerified(places, make, users);

/** What a transaction would write by now: whole keys and values, null for what it deletes. */
const pending = (tx: Transaction): Map<string, unknown> => new Map(tx.core.writes?.entries());

/** What the work writes, as `bucket/key` in the order of keys, deletes marked by a minus. */
async function writtenBy(tx: Transaction, work: () => unknown): Promise<string[]> {
  const before = pending(tx);
  await work();
  const changed = Array.from(pending(tx)).filter(
    ([key, value]) => !before.has(key) || before.get(key) !== value,
  );
  return changed
    .map(([key, value]) => `${value === null ? "-" : "+"}${key.split("!", 2)[1]}`)
    .sort()
    .filter((name) => !name.includes("~"));
}

describe.each(LOCATIONS)("writes on %s", (_, make) => {
  test("insert() keeps what the schema makes of a record, and gives it back", async () => {
    const store = await openAt(make);
    const kept = await store.update((tx) =>
      users.in(tx).insert({ tenantId: "t", id: "a", email: "  A@Example.COM " }),
    );
    const expected = {
      tenantId: "t",
      id: "a",
      email: "a@example.com",
      role: "user",
      tags: [],
      createdAt: NOON,
    };
    expect(kept).toEqual(expected);
    const read = await store.view((tx) => users.in(tx).get(["t", "a"]));
    expect(read).toStrictEqual(expected);
    expect(await store.view((tx) => users.in(tx).by("email").get("a@example.com"))).toStrictEqual(expected);
  });

  test("dates come back as dates wherever the schema has them", async () => {
    const store = await openAt(make);
    const profile = { city: "Bern", moved: [new Date(0), new Date("+020000-01-01T00:00:00.000Z")] };
    const user = { tenantId: "t", id: "a", email: "a", profile, createdAt: new Date(-5) };
    await store.update((tx) => users.in(tx).insert(user));
    const read = await store.view((tx) => users.in(tx).get(["t", "a"]));
    expect(read).toStrictEqual({ ...user, role: "user", tags: [] });
    await store.view(async (tx) => {
      const bucket = await tx.bucket("users");
      expect(await bucket?.get(["t", "a"])).toMatchObject({ createdAt: "1969-12-31T23:59:59.995Z" });
    });
  });

  test("insert() refuses a key that is taken, put() replaces the record", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = users.in(tx);
      await records.insert({ tenantId: "t", id: "a", email: "a", nick: "n", role: "admin" });
      await expectRefused(
        "RECORD_EXISTS",
        () => records.insert({ tenantId: "t", id: "a", email: "b" }),
        '["t","a"]',
      );
      await records.put({ tenantId: "t", id: "a", email: "c" });
    });
    await store.view(async (tx) => {
      const records = users.in(tx);
      expect(await records.get(["t", "a"])).toStrictEqual({
        tenantId: "t",
        id: "a",
        email: "c",
        role: "user",
        tags: [],
        createdAt: NOON,
      });
      expect(await records.by("email").keys().toArray()).toEqual([["t", "a"]]);
      expect(await records.by("nick").count()).toBe(0);
    });
  });

  test("RECORD_EXISTS and RECORD_NOT_FOUND name the collection and the key for programs, too", async () => {
    const store = await openAt(make);
    await rollingBack(store, async (tx) => {
      const records = users.in(tx);
      await records.insert({ tenantId: "t", id: "a", email: "a" });
      const calls: [() => unknown, string, string[]][] = [
        [() => records.insert({ tenantId: "t", id: "a", email: "b" }), "RECORD_EXISTS", ["t", "a"]],
        [() => records.update(["t", "b"], { email: "b" }), "RECORD_NOT_FOUND", ["t", "b"]],
      ];
      for (const [call, code, key] of calls) {
        const error = await Promise.resolve()
          .then(call)
          .catch((thrown) => thrown);
        expect(error).toMatchObject({ code, details: { collection: "users", key } });
      }
    });
  });

  test("a record that does not fit is refused with collection, key, path and issues", async () => {
    const store = await openAt(make);
    await rollingBack(store, async (tx) => {
      const bad = { tenantId: "t", id: "a", email: 5, profile: { city: 7 } };
      const error = await Promise.resolve()
        .then(() => users.in(tx).put(bad as never))
        .catch((thrown) => thrown);
      expect(error).toBeInstanceOf(DatabaseError);
      expect(error.code).toBe("RECORD_INVALID");
      expect(error.message).toMatch(/\["t","a"\].*"users".* at email: .* at profile\.city: /);
      expect(error.details).toMatchObject({
        collection: "users",
        key: ["t", "a"],
        issues: [{ path: ["email"] }, { path: ["profile", "city"] }],
      });
      for (const nonsense of [undefined, null, 5, "text", [], () => 1])
        await expectRefused("RECORD_INVALID", () => users.in(tx).put(nonsense as never), '"users"');
      expect(await users.in(tx).count()).toBe(0);
    });
  });

  test("update() takes a patch or a function, and keeps the rest", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = users.in(tx);
      await records.insert({ tenantId: "t", id: "a", email: "a", nick: "n", role: "admin" });
      expect(await records.update(["t", "a"], { email: " B ", tags: ["x"] })).toMatchObject({
        email: "b",
        nick: "n",
        tags: ["x"],
      });
      const grown = await records.update(["t", "a"], (user) => ({ ...user, tags: [...user.tags, "y"] }));
      expect(grown).toMatchObject({ tags: ["x", "y"], email: "b" });
      await expectRefused("RECORD_NOT_FOUND", () => records.update(["t", "b"], { email: "x" }), '["t","b"]');
      await expectRefused("RECORD_INVALID", () => records.update(["t", "a"], 5 as never), "patch");
      await expectRefused("RECORD_INVALID", () => records.update(["t", "a"], { email: 5 as never }), "email");
      const boom = new Error("boom");
      const thrown = await Promise.resolve()
        .then(() =>
          records.update(["t", "a"], () => {
            throw boom;
          }),
        )
        .catch((error) => error);
      expect(thrown).toBe(boom);
      expect(await records.get(["t", "a"])).toMatchObject({ email: "b", tags: ["x", "y"] });
    });
  });

  test("undefined in a patch removes an optional field, its entries too, and is refused for others", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = users.in(tx);
      await records.insert({ tenantId: "t", id: "a", email: "a", nick: "n", role: "admin" });
      expect(await records.by("nick").count()).toBe(1);
      await records.update(["t", "a"], { nick: undefined });
      expect(await records.get(["t", "a"])).not.toHaveProperty("nick");
      expect(await records.by("nick").count()).toBe(0);
      await expectRefused("RECORD_INVALID", () =>
        records.update(["t", "a"], { email: undefined as unknown as string }),
      );
    });
  });

  test("update() cannot change the key, and no function may return a promise", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = users.in(tx);
      await records.insert({ tenantId: "t", id: "a", email: "a" });
      await expectRefused("RECORD_INVALID", () => records.update(["t", "a"], { id: "b" }), "primary key");
      await expectRefused(
        "RECORD_INVALID",
        () => records.update(["t", "a"], (user) => ({ ...user, tenantId: "u" })),
        'from ["t","a"] to ["u","a"]',
      );
      const promising = async (user: object) => user;
      await expectRefused("RECORD_INVALID", () => records.update(["t", "a"], promising as never), "promise");
      const failing = async () => Promise.reject(new Error("late"));
      await expectRefused("RECORD_INVALID", () => records.update(["t", "a"], failing as never), "promise");
      expect(await records.range().toArray()).toMatchObject([{ tenantId: "t", id: "a" }]);
    });
  });

  test("delete() tells whether there was a record, and takes its entries along", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = users.in(tx);
      await records.insert({
        tenantId: "t",
        id: "a",
        email: "a",
        tags: ["x", "y"],
        nick: "n",
        role: "admin",
      });
    });
    await store.update(async (tx) => {
      const records = users.in(tx);
      expect(await records.delete(["t", "b"])).toBe(false);
      expect(await records.delete(["t", "a"])).toBe(true);
      expect(await records.delete(["t", "a"])).toBe(false);
      for (const name of users.indexes) expect(await records.by(name).count(), name).toBe(0);
      await records.insert({ tenantId: "t", id: "b", email: "a" });
    });
  });

  test("calls that are not awaited one by one are done in order, and see one another", async () => {
    const store = await openAt(make);
    const outcomes = await store.update(async (tx) => {
      const records = users.in(tx);
      const calls = ["a", "b", "c"].map(
        async (id) => await records.insert({ tenantId: "t", id, email: "same" }),
      );
      return (await Promise.allSettled(calls)).map(({ status }) => status);
    });
    expect(outcomes).toEqual(["fulfilled", "rejected", "rejected"]);
    expect(await store.view((tx) => users.in(tx).keys().toArray())).toEqual([["t", "a"]]);
  });
});

describe.each(LOCATIONS.slice(0, 3))("the rows that a write touches on %s", (_, make) => {
  test("of many items of a multi-entry field, only those that come or go touch entries", async () => {
    const store = await openAt(make);
    const tags = Array.from({ length: 60 }, (_, i) => `tag-${i}`);
    await store.update((tx) => users.in(tx).insert({ tenantId: "t", id: "a", email: "a@b.c", tags }));
    await store.update(async (tx) => {
      const records = users.in(tx);
      const changed = [...tags.slice(2), "new", "new"];
      expect(await writtenBy(tx, () => records.update(["t", "a"], { tags: changed }))).toEqual([
        "+idx_users_by_created",
        "+idx_users_by_tag",
        "+users",
        "-idx_users_by_tag",
        "-idx_users_by_tag",
      ]);
      expect(await records.by("tag").count({ prefix: ["t"] })).toBe(59);
      expect(
        await records
          .by("tag")
          .keys({ prefix: ["t", "new"] })
          .toArray(),
      ).toEqual([["t", "a"]]);
    });
    await store.update((tx) => users.in(tx).delete(["t", "a"]));
    expect(await store.view((tx) => users.in(tx).by("tag").count())).toBe(0);
  });

  const user = {
    tenantId: "t",
    id: "a",
    email: "a",
    role: "admin",
    tags: ["x", "y", "x"],
    nick: "n",
  } as const;

  async function changing(change: (tx: Transaction) => unknown, ownCommit: boolean): Promise<string[]> {
    const store = await openAt(make);
    const insert = (tx: Transaction) => users.in(tx).insert({ ...user, tags: [...user.tags] });
    if (ownCommit) await store.update(insert);
    return store.update(async (tx) => {
      if (!ownCommit) await insert(tx);
      return writtenBy(tx, () => change(tx));
    });
  }

  const CHANGES: [string, (tx: Transaction) => unknown, string[]][] = [
    [
      "none for the same record put again",
      (tx) => users.in(tx).put({ ...user, tags: [...user.tags], createdAt: NOON }),
      [],
    ],
    ["none for an empty patch", (tx) => users.in(tx).update(["t", "a"], {}), []],
    [
      "the record and the covering entry for a field that no other index has",
      (tx) => users.in(tx).update(["t", "a"], { profile: { city: "Bern" } }),
      ["+idx_users_by_created", "+users"],
    ],
    [
      "one entry more for one item more",
      (tx) => users.in(tx).update(["t", "a"], { tags: ["y", "z", "x"] }),
      ["+idx_users_by_created", "+idx_users_by_tag", "+users"],
    ],
    [
      "the unique entry and the projection for another email",
      (tx) => users.in(tx).update(["t", "a"], { email: "b" }),
      ["+idx_users_by_created", "+idx_users_by_email", "+idx_users_by_role", "+users", "-idx_users_by_email"],
    ],
    [
      "the partial entry for a record that does not belong any more",
      (tx) => users.in(tx).update(["t", "a"], { role: "user" }),
      ["+idx_users_by_created", "+idx_users_by_role", "+users", "-idx_users_by_nick", "-idx_users_by_role"],
    ],
  ];

  test.each(CHANGES)("are %s, in a transaction of its own", async (_name, change, expected) => {
    expect(await changing(change, true)).toEqual(expected);
  });

  test.each(CHANGES)("are %s, in the same transaction", async (_name, change, expected) => {
    expect(await changing(change, false)).toEqual(expected);
  });

  test("are none for a write that is refused", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = users.in(tx);
      await records.insert({ ...user, tags: [] });
      await records.insert({ tenantId: "t", id: "b", email: "b" });
      const refused = [
        () => records.put({ tenantId: "t", id: "b", email: "a", nick: "m", role: "admin", tags: ["q"] }),
        () => records.insert({ tenantId: "t", id: "c", email: "a", tags: ["q"] }),
        () => records.update(["t", "b"], { email: "a", tags: ["q"] }),
        () => records.update(["t", "b"], { nick: "\ud800", role: "admin", tags: ["q"] }),
        () => records.update(["t", "b"], { tags: ["q", "\ud800"] }),
        () => records.update(["t", "b"], { nick: "n".repeat(40_000), role: "admin", tags: ["q"] }),
      ];
      for (const call of refused) {
        const rows = await writtenBy(tx, () =>
          expectRefused(["UNIQUE_VIOLATION", "KEY_INVALID", "KEY_TOO_LARGE"], call),
        );
        expect(rows, String(call)).toEqual([]);
      }
    });
    expect(await store.view((tx) => users.in(tx).count())).toBe(2);
  });
});
