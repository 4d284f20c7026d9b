import { collection, DatabaseError, type Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Location, usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";
import { locationsIn, openVerified } from "./locations.ts";

const places = usePlaces();

const accounts = collection({
  name: "accounts",
  schema: z.object({
    tenantId: z.string(),
    id: z.number(),
    email: z.string().nullish(),
    aliases: z.array(z.string()).optional(),
    since: z.date().optional(),
  }),
  key: ["tenantId", "id"],
  indexes: {
    email: { on: "email", unique: true },
    alias: { on: ["tenantId", "aliases"], multiEntry: "aliases", unique: true, include: ["since"] },
    since: { on: ["tenantId", "since"], unique: true, include: "record", where: ({ id }) => id < 100 },
  },
});

const LOCATIONS = locationsIn(places);

const openAt = (make: () => Location): Promise<Store> => openVerified(places, make, accounts);

async function thrownBy(call: () => unknown): Promise<DatabaseError> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(DatabaseError);
    return error as DatabaseError;
  }
  throw new Error(`nothing was thrown by ${call}`);
}

describe.each(LOCATIONS)("unique values on %s", (_, make) => {
  test("a violation names index, value and the record in the way", async () => {
    const store = await openAt(make);
    const day = new Date("2024-01-02T00:00:00.000Z");
    await store.update((tx) =>
      accounts.in(tx).insert({ tenantId: "t", id: 1, email: "a", aliases: ["x", "y"], since: day }),
    );
    await store.update(async (tx) => {
      const records = accounts.in(tx);
      const violations: [() => unknown, object][] = [
        [
          () => records.insert({ tenantId: "u", id: 1, email: "a" }),
          { collection: "accounts", index: "email", value: "a", key: ["t", 1] },
        ],
        [
          () => records.put({ tenantId: "t", id: 2, aliases: ["z", "y"] }),
          { collection: "accounts", index: "alias", value: ["t", "y"], key: ["t", 1] },
        ],
        [
          () => records.put({ tenantId: "t", id: 2, since: day }),
          { collection: "accounts", index: "since", value: ["t", day], key: ["t", 1] },
        ],
      ];
      for (const [call, details] of violations) {
        const error = await thrownBy(call);
        expect(error.code).toBe("UNIQUE_VIOLATION");
        expect(error.details).toEqual(details);
        for (const shown of ['"accounts"', '["t",1]', JSON.stringify(Object.values(details)[1])])
          expect(error.message).toContain(shown);
      }
    });
  });

  test("a violation leaves the transaction usable, and the rest can be committed", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = accounts.in(tx);
      await records.insert({ tenantId: "t", id: 1, email: "a" });
      await expectRefused("UNIQUE_VIOLATION", () => records.insert({ tenantId: "t", id: 2, email: "a" }));
      expect(await records.get(["t", 2])).toBeUndefined();
      await records.insert({ tenantId: "t", id: 2, email: "b", aliases: ["x"] });
      await expectRefused("UNIQUE_VIOLATION", () =>
        records.update(["t", 2], { email: "a", aliases: ["new"] }),
      );
      await records.insert({ tenantId: "t", id: 3, aliases: ["new"] });
    });
    await store.view(async (tx) => {
      const records = accounts.in(tx);
      expect(await records.keys().toArray()).toEqual([
        ["t", 1],
        ["t", 2],
        ["t", 3],
      ]);
      expect(await records.get(["t", 2])).toEqual({ tenantId: "t", id: 2, email: "b", aliases: ["x"] });
      expect(await records.by("alias").keys().toArray()).toEqual([
        ["t", 3],
        ["t", 2],
      ]);
    });
  });

  test("absent values are no values, null is one; a record does not stand in its own way", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = accounts.in(tx);
      await records.insert({ tenantId: "t", id: 1 });
      await records.insert({ tenantId: "t", id: 2 });
      await records.insert({ tenantId: "t", id: 3, email: null });
      await expectRefused("UNIQUE_VIOLATION", () => records.insert({ tenantId: "t", id: 4, email: null }));
      await records.insert({ tenantId: "t", id: 5, aliases: ["x", "x", "x"] });
      await records.update(["t", 5], { aliases: ["x", "y"], since: new Date(0) });
      await records.put({ tenantId: "t", id: 5, aliases: ["y", "x"] });
      await records.insert({ tenantId: "u", id: 5, aliases: ["y", "x"] });
    });
  });

  test("a partial unique index binds only the records that belong to it", async () => {
    const store = await openAt(make);
    const since = new Date(5);
    await store.update(async (tx) => {
      const records = accounts.in(tx);
      await records.insert({ tenantId: "t", id: 1, since });
      await records.insert({ tenantId: "t", id: 100, since });
      await records.insert({ tenantId: "t", id: 101, since });
      await expectRefused("UNIQUE_VIOLATION", () => records.insert({ tenantId: "t", id: 2, since }));
      expect(await records.by("since").range().toArray()).toEqual([{ tenantId: "t", id: 1, since }]);
    });
  });

  test("a value is free again within the transaction that gave it up, and after it", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = accounts.in(tx);
      await records.insert({ tenantId: "t", id: 1, email: "a" });
      await records.update(["t", 1], { email: "b" });
      await records.insert({ tenantId: "t", id: 2, email: "a" });
      await records.delete(["t", 2]);
      await records.insert({ tenantId: "t", id: 3, email: "a" });
    });
    await store.update(async (tx) => {
      const records = accounts.in(tx);
      await expectRefused("UNIQUE_VIOLATION", () => records.insert({ tenantId: "t", id: 4, email: "b" }));
      await records.put({ tenantId: "t", id: 1 });
      await records.insert({ tenantId: "t", id: 4, email: "b" });
    });
    expect(await store.view((tx) => accounts.in(tx).by("email").keys().toArray())).toEqual([
      ["t", 3],
      ["t", 4],
    ]);
  });

  test("two records swap their values through a third", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = accounts.in(tx);
      await records.insertMany([
        { tenantId: "t", id: 1, email: "a" },
        { tenantId: "t", id: 2, email: "b" },
      ]);
      await expectRefused("UNIQUE_VIOLATION", () => records.update(["t", 1], { email: "b" }));
      await records.update(["t", 1], { email: "spare" });
      await records.update(["t", 2], { email: "a" });
      await records.update(["t", 1], { email: "b" });
      expect(await records.by("email").get("a")).toMatchObject({ id: 2 });
      expect(await records.by("email").get("b")).toMatchObject({ id: 1 });
    });
  });

  test("what a rolled back transaction took is free", async () => {
    const store = await openAt(make);
    await expect(
      store.update(async (tx) => {
        await accounts.in(tx).insert({ tenantId: "t", id: 1, email: "a" });
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    await store.update((tx) => accounts.in(tx).insert({ tenantId: "t", id: 2, email: "a" }));
  });

  test("of concurrent writers one wins a value, the others learn of it", async () => {
    const store = await openAt(make);
    const ids = Array.from({ length: 20 }, (_each, id) => id);
    const how = [store.update, store.batch] as const;
    const outcomes = await Promise.allSettled(
      ids.map((id) =>
        (how[id % 2] as typeof store.batch).call(store, (tx) =>
          accounts.in(tx).insert({ tenantId: "t", id, email: "wanted" }),
        ),
      ),
    );
    const lost = outcomes.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(lost.map(({ reason }) => reason.code)).toEqual(new Array(19).fill("UNIQUE_VIOLATION"));
    expect(await store.view((tx) => accounts.in(tx).count())).toBe(1);
  });
});
