import { collection, type RecordOf, type Store } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { WithoutGetSync } from "../helpers/levels.ts";
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
    tags: z.array(z.string()),
    seen: z.date().optional(),
  }),
  key: ["tenantId", "id"],
  indexes: {
    email: { on: "email", unique: true },
    mail: { on: ["tenantId", "email"], unique: true, include: ["age", "seen"] },
    tag: { on: ["tenantId", "tags"], multiEntry: "tags" },
    seen: { on: ["tenantId", "seen"], include: "record" },
    age: { on: "age" },
  },
});
type User = RecordOf<typeof users>;

const day = (n: number) => new Date(Date.UTC(2024, 0, n));
const all: readonly User[] = [
  { tenantId: "t", id: "a", email: "z@x", age: 30, tags: ["x", "y"], seen: day(3) },
  { tenantId: "t", id: "b", email: "y@x", age: 20, tags: ["y"] },
  { tenantId: "t", id: "c", email: "x@x", age: 30, tags: [], seen: day(1) },
  { tenantId: "u", id: "a", email: "w@x", age: 5, tags: ["y", "x"], seen: day(2) },
];
const [ta, tb, tc, ua] = all as [User, User, User, User];

const LOCATIONS = locationsIn(places);

async function openFilled(make: () => Location): Promise<Store> {
  const store = await places.open(make());
  places.later(() => expectSound(store));
  await store.update((tx) => users.in(tx).insertMany(all));
  return store;
}

describe.each(LOCATIONS)("queries within a writer on %s", (_, make) => {
  test("see what the writer wrote, and not what it deleted", async () => {
    const store = await openFilled(make);
    await rollingBack(store, async (tx) => {
      const records = users.in(tx);
      await records.delete(["t", "b"]);
      await records.update(["t", "c"], { email: "0@x", tags: ["y"], seen: undefined });
      const td = { ...tb, id: "d", email: "d@x" };
      await records.insert(td);
      const { seen: _removed, ...rest } = tc;
      const next = { ...rest, email: "0@x", tags: ["y"] };
      expect(await records.range().toArray()).toStrictEqual([ta, next, td, ua]);
      expect(await records.by("email").range().toArray()).toStrictEqual([next, td, ua, ta]);
      expect(
        await records
          .by("tag")
          .keys({ prefix: ["t", "y"] })
          .toArray(),
      ).toEqual([
        ["t", "a"],
        ["t", "c"],
        ["t", "d"],
      ]);
      expect(await records.by("seen").range().toArray()).toStrictEqual([ta, ua]);
      expect(await records.by("mail").get(["t", "x@x"])).toBeUndefined();
      expect(await records.by("mail").get(["t", "0@x"])).toStrictEqual(next);
    });
  });

  test("are exact at each step while the same writer changes what lies ahead", async () => {
    const store = await openFilled(make);
    for (const [index, path] of [
      [false, "email"],
      [true, "age"],
      [true, "seen"],
    ] as const) {
      await rollingBack(store, async (tx) => {
        const records = users.in(tx);
        await records.deleteRange();
        const user = (n: number) => ({ ...ta, id: String(n), email: `${n}@x`, age: n, seen: day(n) });
        await records.insertMany([1, 2, 3, 4, 5].map(user));
        const met: string[] = [];
        for await (const { id } of index ? records.by(path).range() : records.range()) {
          met.push(id);
          if (id === "1") await records.delete(["t", "2"]);
          if (id === "3")
            await records.insert({ ...user(6), id: "35", age: 3.5, seen: new Date(+day(3) + 1) });
          if (id === "4") await records.delete(["t", "1"]);
          if (id === "5") await records.put(user(9));
        }
        expect(met, path).toEqual(["1", "3", "35", "4", "5", "9"]);
      });
    }
  });

  test("a record that moves ahead in the index while it is walked is not met again", async () => {
    const store = await openFilled(make);
    await rollingBack(store, async (tx) => {
      const records = users.in(tx);
      const met: number[] = [];
      for await (const { tenantId, id, age } of records.by("age").range()) {
        met.push(age);
        if (age < 50) await records.update([tenantId, id], { age: age + 50 });
      }
      expect(met).toEqual([5, 20, 30, 30]);
    });
  });

  test("first() and limit pass over nothing that is still there", async () => {
    const store = await openFilled(make);
    await rollingBack(store, async (tx) => {
      const ages = users.in(tx).by("age");
      await users.in(tx).delete(["u", "a"]);
      expect(await ages.first()).toStrictEqual(tb);
      expect(await ages.range({ limit: 2 }).toArray()).toStrictEqual([tb, ta]);
      expect(await ages.range({ limit: 2, reverse: true }).toArray()).toStrictEqual([tc, ta]);
      expect(await ages.range({ limit: 0 }).toArray()).toEqual([]);
    });
  });
});

describe("an entry without its record", () => {
  const LEVELS = [
    ["memory-level", () => new MemoryLevel<string, string>()],
    ["an engine without getSync", () => new WithoutGetSync()],
  ] as const;

  test.each(LEVELS)("is told by every query that meets it, on %s", async (_, make) => {
    const level = make();
    await level.open();
    const store = await places.open(level);
    await store.update((tx) => users.in(tx).insertMany(all));
    await store.close();
    await level.sublevel("users").del('KJt"Jb!');
    const again = await places.open(level);
    for (const run of [again.view, again.update] as (typeof again.view)[]) {
      await run.call(again, async (tx) => {
        const records = users.in(tx);
        const walk = async () => {
          for await (const record of records.by("age").range()) expect(record).toBeDefined();
        };
        const queries = [
          () => records.by("email").range().toArray(),
          () => records.by("email").get("y@x"),
          () => records.by("mail").get(["t", "y@x"]),
          () => records.by("age").get(20),
          () => records.by("age").first({ gt: 5 }),
          () => records.by("tag").pages({ size: 5 }).first(),
          walk,
        ];
        for (const query of queries) await expectRefused("DATA_CORRUPT", query, "reindex()");
        expect(await records.by("age").count()).toBe(4);
        expect(await records.count()).toBe(3);
      });
    }
    expect(await users.reindex(again)).toMatchObject({ ok: true, problemCount: 4 });
    expect(await again.view((tx) => users.in(tx).by("age").range().toArray())).toEqual([ua, ta, tc]);
  });
});
