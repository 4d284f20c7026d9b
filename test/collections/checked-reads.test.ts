import { collection, type Store } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { WithoutGetSync } from "../helpers/levels.ts";
import { usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";

const places = usePlaces();

const indexes = {
  age: { on: "age" },
  name: { on: "name", unique: true, include: "record" },
} as const;
const before = collection({
  name: "people",
  schema: z.object({ id: z.string(), name: z.string(), age: z.number(), since: z.date() }),
  key: "id",
  indexes,
});
/** The same records, of which more is asked now. */
const after = collection({
  name: "people",
  schema: z.object({
    id: z.string(),
    name: z.string(),
    age: z.number().min(18),
    since: z.date(),
    level: z.number().default(1),
  }),
  key: "id",
  indexes,
});

const LEVELS = [
  ["memory-level", () => new MemoryLevel<string, string>()],
  ["an engine without getSync", () => new WithoutGetSync()],
] as const;

async function openFilled(make: (typeof LEVELS)[number][1]): Promise<Store> {
  const store = await places.open(make());
  await store.update((tx) =>
    before.in(tx).insertMany([
      { id: "old", name: "O", age: 40, since: new Date(1) },
      { id: "young", name: "Y", age: 7, since: new Date(2) },
    ]),
  );
  return store;
}

describe.each(LEVELS)("reads with validate on %s", (_, make) => {
  test("give what the schema makes of a record, wherever it is read", async () => {
    const store = await openFilled(make);
    const old = { id: "old", name: "O", age: 40, since: new Date(1), level: 1 };
    await store.view(async (tx) => {
      const records = after.in(tx, { validate: true });
      expect(await records.get("old")).toStrictEqual(old);
      expect(await records.getMany(["old", "none"])).toStrictEqual([old, undefined]);
      expect(await records.range({ lte: "old" }).toArray()).toStrictEqual([old]);
      expect(await records.by("age").first({ gte: 18 })).toStrictEqual(old);
      expect(await records.by("name").get("O")).toStrictEqual(old);
      expect(await records.by("name").entries({ prefix: "O" }).toArray()).toStrictEqual([old]);
      expect((await records.pages({ size: 1 }).first()).records).toStrictEqual([old]);
    });
  });

  test("refuse a record that does not fit any more, by collection, key and path", async () => {
    const store = await openFilled(make);
    await store.view(async (tx) => {
      const records = after.in(tx, { validate: true });
      const reads = [
        () => records.get("young"),
        () => records.getMany(["old", "young"]),
        () => records.range().toArray(),
        () => records.first({ reverse: true }),
        () => records.by("age").range({ lt: 18 }).toArray(),
        () => records.by("age").get(7),
        () => records.by("name").get("Y"),
        () => records.by("name").range().toArray(),
        () => records.pages({ size: 5 }).first(),
        () => records.by("age").pages({ size: 5 }).first(),
      ];
      for (const read of reads) await expectRefused("RECORD_INVALID", read, /"young".*"people".*at age/);
      expect(await records.count()).toBe(2);
      expect(await records.keys().toArray()).toEqual(["old", "young"]);
      expect(await records.has("young")).toBe(true);
    });
  });

  test("are not the default: without it records are as they were kept", async () => {
    const store = await openFilled(make);
    const young = { id: "young", name: "Y", age: 7, since: new Date(2) };
    await store.update(async (tx) => {
      for (const records of [after.in(tx), after.in(tx, {}), after.in(tx, { validate: undefined })]) {
        expect(await records.get("young")).toStrictEqual(young);
        expect(await records.by("age").first()).toStrictEqual(young);
      }
      // An update is a write: what it makes must fit.
      await expectRefused("RECORD_INVALID", () => after.in(tx).update("young", { name: "Z" }), "at age");
      expect(await after.in(tx).update("young", { age: 18 })).toMatchObject({ age: 18, level: 1 });
    });
    expect((await after.verify(store)).problems).toEqual([]);
  });
});
