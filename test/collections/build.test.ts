import { collection, DatabaseError, type Progress, type RangeOptions, type Store } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type AnyLevel, WithoutGetSync } from "../helpers/levels.ts";
import { soon, usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";

const places = usePlaces();

const schema = z.object({
  id: z.number(),
  email: z.string(),
  role: z.string(),
  n: z.number().default(0),
  tags: z.array(z.string()).default([]),
});
const base = { name: "users", schema, key: "id" } as const;
const plain = collection(base);
const byRole = collection({ ...base, indexes: { role: { on: "role" } } });
const byEmail = collection({
  ...base,
  indexes: { role: { on: "role" }, email: { on: "email", unique: true } },
});
const carrying = collection({ ...base, indexes: { email: { on: "email", unique: true, include: ["n"] } } });

const COUNT = 1300;
const user = (id: number) => ({ id, email: `e${id}`, role: `r${id % 3}`, tags: [`t${id % 5}`, "all"] });
const fill = (store: Store, count = COUNT) =>
  store.update((tx) => plain.in(tx).insertMany(Array.from({ length: count }, (_, id) => user(id))));

const ENGINES: readonly [name: string, open: () => Promise<Store>][] = [
  ["classic-level", () => places.open(places.path("store"), { durability: "relaxed" })],
  ["memory-level", () => places.open(new MemoryLevel<string, string>())],
  ["an engine without getSync", () => places.open(new WithoutGetSync() as AnyLevel)],
];

/** Starts a build and aborts it after some steps. */
async function buildPartly(
  store: Store,
  target: { build: (typeof byEmail)["build"] },
  steps = 1,
): Promise<void> {
  const controller = new AbortController();
  let taken = 0;
  const onProgress = () => {
    if (++taken === steps) controller.abort();
  };
  await expectRefused("ABORTED", () => target.build(store, { signal: controller.signal, onProgress }));
}

/** The keys of all entries of an index, through whatever definition. */
const entriesIn = (store: Store, bucket: string) =>
  store.view(async (tx) => (await (await tx.bucket(bucket))?.keys().toArray())?.length);

/** Expects that, once deleted buckets are reclaimed, no more rows are left. */
async function expectRowsLeft(store: Store, rows: number): Promise<void> {
  const deadline = Date.now() + 20_000;
  while ((await store.check()).rows > rows && Date.now() < deadline) await new Promise(setImmediate);
  expect((await store.check()).rows).toBe(rows);
}

async function violationOf(work: () => Promise<unknown>): Promise<DatabaseError> {
  const error: unknown = await work().catch((thrown) => thrown);
  expect(error).toBeInstanceOf(DatabaseError);
  expect(error).toMatchObject({ code: "UNIQUE_VIOLATION" });
  return error as DatabaseError;
}

describe.each(ENGINES)("build() on %s", (_, open) => {
  test("has nothing to do for a collection that is new, or as it was", async () => {
    const store = await open();
    const nothing = { built: [], dropped: [], records: 0 };
    expect(await byRole.build(store)).toEqual(nothing);
    expect(await store.view((tx) => tx.buckets())).toEqual(["idx_users_by_role", "users"]);
    await store.update((tx) => byRole.in(tx).insert(user(1)));
    expect(await byRole.build(store)).toEqual(nothing);
  });

  test("builds an added index with progress; until then writes and its queries are refused", async () => {
    const store = await open();
    await fill(store);
    await store.update(async (tx) => {
      await expectRefused(
        "COLLECTION_CHANGED",
        () => byEmail.in(tx).insert(user(5000)),
        /"role" is new.*build/,
      );
      await expectRefused("COLLECTION_CHANGED", () => byEmail.in(tx).delete(1));
      await expectRefused("INDEX_NOT_READY", () => byEmail.in(tx).by("role").range().toArray(), "build()");
      await expectRefused("INDEX_NOT_READY", () => byEmail.in(tx).by("email").get("e1"), '"email"');
      expect(await byEmail.in(tx).get(1)).toMatchObject({ id: 1 });
    });
    const seen: Progress[] = [];
    const report = await byEmail.build(store, { onProgress: (progress) => seen.push(progress) });
    expect(report).toEqual({ built: ["role", "email"], dropped: [], records: COUNT });
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)).toEqual({ done: COUNT, total: COUNT });
    expect(await byEmail.verify(store)).toMatchObject({ ok: true, records: COUNT, entries: 2 * COUNT });
    expect(await store.view((tx) => byEmail.in(tx).by("role").count({ prefix: "r1" }))).toBe(433);
    await store.update(async (tx) => {
      await expectRefused("COLLECTION_CHANGED", () => plain.in(tx).insert(user(5000)), '"role" is no longer');
      await byEmail.in(tx).insert(user(5000));
    });
  });

  test("goes on where it was aborted, while queries wait and writers do not", async () => {
    const store = await open();
    await fill(store);
    await buildPartly(store, byEmail);
    const partly = (await entriesIn(store, "idx_users_by_role")) as number;
    expect(partly).toBeGreaterThan(0);
    expect(partly).toBeLessThan(COUNT);
    await store.update(async (tx) => {
      const records = byEmail.in(tx);
      const email = records.by("email");
      const queries = [
        () => email.get("e1"),
        () => email.range().toArray(),
        () => email.keys().first(),
        () => email.count(),
        () => email.first(),
        () => email.entries().toArray(),
        () => email.pages({ size: 1 }).first(),
        () => email.explain(),
      ];
      for (const query of queries) await expectRefused("INDEX_NOT_READY", query, "being built");
      await records.insert(user(-1));
      await records.insert(user(7000));
      await records.update(0, { email: "new" });
      await records.update(COUNT - 1, { role: "new" });
      await records.delete(1);
      await records.delete(COUNT - 2);
    });
    await buildPartly(store, byEmail);
    const report = await byEmail.build(store);
    expect(report).toMatchObject({ built: ["role", "email"], dropped: [] });
    expect(report.records).toBeLessThan(COUNT - partly);
    expect(await byEmail.verify(store)).toMatchObject({ ok: true, records: COUNT, problems: [] });
    expect(await store.view((tx) => byEmail.in(tx).by("role").keys({ prefix: "new" }).toArray())).toEqual([
      COUNT - 1,
    ]);
    await expectRefused("ABORTED", () => byRole.build(store, { signal: AbortSignal.abort() }));
    await expectRefused("OPTION_INVALID", () => byRole.build(store, { sginal: 1 } as never), "sginal");
  });

  test("stops at two records with one unique value, names them, and goes on after mending", async () => {
    for (const mend of ["delete", "update"] as const) {
      const store = await places.open(new MemoryLevel<string, string>());
      await fill(store);
      await store.update((tx) => plain.in(tx).update(1200, { email: "e7" }));
      for (const _again of [1, 2]) {
        const error = await violationOf(() => byEmail.build(store));
        expect(error.message).toContain("1200");
        expect(error.details).toEqual({ collection: "users", index: "email", value: "e7", key: 7 });
      }
      await expectRefused("INDEX_NOT_READY", () => store.view((tx) => byEmail.in(tx).by("email").get("e7")));
      await store.update(async (tx) => {
        if (mend === "delete") await byEmail.in(tx).delete(1200);
        else await byEmail.in(tx).update(1200, { email: "free" });
      });
      expect((await byEmail.build(store)).records).toBeLessThan(COUNT);
      expect(await byEmail.verify(store)).toMatchObject({ ok: true, problems: [] });
      expect(await store.view((tx) => byEmail.in(tx).by("email").get("e7"))).toMatchObject({ id: 7 });
      await store.update((tx) =>
        expectRefused("UNIQUE_VIOLATION", () => byEmail.in(tx).insert({ ...user(9000), email: "e7" })),
      );
    }
  });

  test("lets no record take over a value that another wrote meanwhile", async () => {
    const store = await open();
    await fill(store);
    await buildPartly(store, carrying);
    await store.update(async (tx) => {
      const records = carrying.in(tx);
      // 1299 was not reached yet: its value is free for -1, until the build, or a change of 1299, finds out.
      await records.insert({ ...user(-1), email: "e1299" });
      const changed = await Promise.resolve()
        .then(() => records.update(1299, { n: 5 }))
        .catch((error) => error.code);
      expect(["UNIQUE_VIOLATION", 5]).toContain(typeof changed === "string" ? changed : changed.n);
    });
    const error = await violationOf(() => carrying.build(store));
    expect(error.details).toMatchObject({ index: "email", value: "e1299", key: -1 });
    await store.update((tx) => carrying.in(tx).update(1299, { email: "own", n: 6 }));
    await carrying.build(store);
    expect(await carrying.verify(store)).toMatchObject({ ok: true, problems: [] });
    expect(await store.view((tx) => carrying.in(tx).by("email").get("e1299"))).toMatchObject({ id: -1 });
  });

  test("ends beside a writer that appends", async () => {
    const store = await open();
    await fill(store);
    let over = false;
    const begun = byRole.build(store);
    begun.catch(() => undefined); // Where it is still at work, closing the store ends it.
    const writing = (async () => {
      for (let id = COUNT; !over; id += 20)
        await store.update((tx) =>
          byRole.in(tx).insertMany(Array.from({ length: 20 }, (_each, i) => user(id + i))),
        );
    })();
    try {
      await soon(() => begun, 15_000, "build()");
    } finally {
      over = true;
      await writing;
    }
    expect(await byRole.verify(store)).toMatchObject({ ok: true, problems: [] });
  });

  test("drops what is no longer defined, and gives the space back", async () => {
    const store = await open();
    await byEmail.build(store);
    await store.update((tx) =>
      byEmail.in(tx).insertMany(Array.from({ length: 50 }, (_each, id) => user(id))),
    );
    expect(await byRole.build(store)).toEqual({ built: [], dropped: ["email"], records: 0 });
    expect(await store.view((tx) => tx.buckets())).toEqual(["idx_users_by_role", "users"]);
    expect(await byRole.verify(store)).toMatchObject({ ok: true, entries: 50 });
    await store.update((tx) => byRole.in(tx).insert({ ...user(50), email: "e1" }));
    expect(await plain.build(store)).toEqual({ built: [], dropped: ["role"], records: 0 });
    expect(await store.view((tx) => tx.buckets())).toEqual(["users"]);
    await expectSound(store);
    await expectRowsLeft(store, 51);
  });

  test("begins anew with an index that was given up half built", async () => {
    const store = await open();
    await fill(store);
    await buildPartly(store, byEmail);
    await plain.build(store);
    await store.update(async (tx) => {
      await plain.in(tx).delete(0);
      await plain.in(tx).update(1, { role: "changed", email: "changed" });
    });
    expect(await byEmail.build(store)).toMatchObject({ built: ["role", "email"], records: COUNT - 1 });
    expect(await byEmail.verify(store)).toMatchObject({ ok: true, problems: [] });
    await expectSound(store);
  });
});

describe("a changed definition", () => {
  /** Two definitions of one index; the second must be built anew, with entries that it can be queried by. */
  type Change = [what: string, before: object, after: object, bounds?: RangeOptions, count?: number];
  const where = (record: { id: number }) => record.id % 2 === 0;
  const CHANGES: readonly Change[] = [
    ["another field", { on: "role" }, { on: "email" }, { prefix: "e1" }, 11],
    ["one field more", { on: ["role"] }, { on: ["role", "email"] }, { prefix: ["r1", "e1"] }, 1],
    ["unique now", { on: "email" }, { on: "email", unique: true }, { prefix: "e1" }, 11],
    ["unique no more", { on: "email", unique: true }, { on: "email" }, { prefix: "e1" }, 11],
    ["multi-entry", { on: "role" }, { on: "tags", multiEntry: "tags" }, { prefix: "all" }, 20],
    ["a projection", { on: "role" }, { on: "role", include: ["n"] }, {}, 20],
    ["covering", { on: "role", include: ["n"] }, { on: "role", include: "record" }, {}, 20],
    ["partial", { on: "role" }, { on: "role", where }, {}, 10],
    ["partial by another function", { on: "role", where: () => true }, { on: "role", where }, {}, 10],
    ["another version", { on: "role", where, version: 1 }, { on: "role", where, version: 2 }, {}, 10],
    ["a version without where", { on: "role" }, { on: "role", version: 1 }, {}, 20],
  ];

  const define = (index: object) =>
    collection({ ...base, indexes: { x: index as never } }) as unknown as typeof byRole;

  test.each(CHANGES)("%s: the index is built anew", async (_what, before, after, bounds, count) => {
    const store = await places.open(new MemoryLevel<string, string>());
    await store.update((tx) =>
      define(before)
        .in(tx)
        .insertMany(Array.from({ length: 20 }, (_each, id) => user(id))),
    );
    const changed = define(after);
    await store.update(async (tx) => {
      await expectRefused("COLLECTION_CHANGED", () => changed.in(tx).insert(user(99)), '"x" was');
      await expectRefused(
        "INDEX_NOT_READY",
        () =>
          changed
            .in(tx)
            .by("x" as never)
            .count(),
        '"x"',
      );
      await expectRefused("COLLECTION_CHANGED", () => changed.verify(store));
    });
    expect(await changed.build(store)).toEqual({ built: ["x"], dropped: ["x"], records: 20 });
    const found = await store.view((tx) =>
      changed
        .in(tx)
        .by("x" as "role")
        .count(bounds as never),
    );
    expect(found).toBe(count);
    expect(await changed.verify(store)).toMatchObject({ ok: true, problems: [] });
    expect(await define(after).build(store)).toEqual({ built: [], dropped: [], records: 0 });
    await expectSound(store);
  });

  test("is none where only the text of where changes, but its version does not", async () => {
    const store = await places.open(new MemoryLevel<string, string>());
    const first = define({ on: "role", version: 1, where: ({ id }: { id: number }) => id > 5 });
    const second = define({ on: "role", version: 1, where: (user: { id: number }) => !(user.id <= 5) });
    await store.update((tx) => first.in(tx).insert(user(9)));
    await store.update((tx) => second.in(tx).insert(user(10)));
    expect(await second.build(store)).toEqual({ built: [], dropped: [], records: 0 });
    expect(await second.verify(store)).toMatchObject({ ok: true, entries: 2 });
  });

  test("of an indexed field that became a date, or is none any more, builds the index anew", async () => {
    const store = await places.open(new MemoryLevel<string, string>());
    const text = collection({
      name: "events",
      schema: z.object({ id: z.string(), at: z.string() }),
      key: "id",
      indexes: { at: { on: "at" } },
    });
    const dated = collection({
      name: "events",
      schema: z.object({ id: z.string(), at: z.date() }),
      key: "id",
      indexes: { at: { on: "at" } },
    });
    const noon = "2024-05-01T12:00:00.000Z";
    await store.update((tx) => text.in(tx).insert({ id: "a", at: noon }));
    await store.update((tx) =>
      expectRefused("COLLECTION_CHANGED", () => dated.in(tx).insert({ id: "b", at: new Date() }), "dates"),
    );
    expect(await dated.build(store)).toMatchObject({ built: ["at"], dropped: ["at"] });
    const found = await store.view((tx) => dated.in(tx).by("at").get(new Date(noon)));
    expect(found).toEqual({ id: "a", at: new Date(noon) });
    expect(await dated.verify(store)).toMatchObject({ ok: true });
    expect(await text.build(store)).toMatchObject({ built: ["at"], dropped: ["at"] });
    expect(await store.view((tx) => text.in(tx).by("at").get(noon))).toEqual({ id: "a", at: noon });
    expect(await text.verify(store)).toMatchObject({ ok: true });
  });

  test("with another primary key is refused by everything, and harms nothing", async () => {
    const store = await places.open(new MemoryLevel<string, string>());
    await fill(store, 3);
    const dated = collection({ name: "users", schema: z.object({ id: z.date() }), key: "id" });
    const others: [typeof plain, object][] = [
      [collection({ ...base, key: ["id"] }) as never, user(9)],
      [collection({ ...base, key: "email" }) as never, user(9)],
      [collection({ ...base, key: ["id", "email"] }) as never, user(9)],
      [dated as never, { id: new Date() }],
    ];
    for (const [other, record] of others) {
      await expectRefused("COLLECTION_CHANGED", () => other.build(store), "new collection");
      await expectRefused("COLLECTION_CHANGED", () => other.verify(store));
      await expectRefused("COLLECTION_CHANGED", () => store.view((tx) => other.in(tx).count()), '"id"');
      await store.update((tx) =>
        expectRefused("COLLECTION_CHANGED", () => other.in(tx).put(record as never)),
      );
    }
    expect(await plain.verify(store)).toMatchObject({ ok: true, records: 3 });
  });
});

describe("drop()", () => {
  test("takes the records and all indexes along, and the name is free", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await byEmail.build(store);
    await store.update((tx) => byEmail.in(tx).insertMany(Array.from({ length: 2000 }, (_, id) => user(id))));
    await store.compact();
    const bytes = await store.view(async (tx) => (await (await tx.bucket("users"))?.stats())?.bytes);
    expect(bytes).toBeGreaterThan(0);
    await store.update(async (tx) => {
      expect(await byEmail.drop(tx)).toBe(true);
      expect(await byEmail.drop(tx)).toBe(false);
      expect(await tx.buckets()).toEqual([]);
      expect(await byEmail.in(tx).get(1)).toBeUndefined();
      expect(await byEmail.in(tx).by("email").count()).toBe(0);
      await byEmail.in(tx).insert({ ...user(1), role: "again" });
      expect(await byEmail.in(tx).by("role").range().toArray()).toMatchObject([{ id: 1, role: "again" }]);
    });
    expect(await store.view((tx) => byEmail.in(tx).range().toArray())).toMatchObject([{ role: "again" }]);
    expect(await byEmail.verify(store)).toMatchObject({ ok: true, records: 1, entries: 2 });
    await store.update((tx) => byEmail.drop(tx));
    await store.update((tx) => tx.createBucket("users"));
    await expectSound(store);
    await store.compact();
    await expectRowsLeft(store, 0);
  });

  test("is undone with its transaction", async () => {
    const store = await places.open(new MemoryLevel<string, string>());
    await fill(store, 5);
    await expect(
      store.update(async (tx) => {
        await plain.drop(tx);
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await plain.verify(store)).toMatchObject({ ok: true, records: 5 });
  });

  test("ends a build that goes on", async () => {
    const store = await places.open(new MemoryLevel<string, string>());
    await fill(store);
    await buildPartly(store, byEmail);
    await store.update((tx) => byEmail.drop(tx));
    expect(await byEmail.build(store)).toEqual({ built: [], dropped: [], records: 0 });
    await store.update((tx) => byEmail.in(tx).insert(user(1)));
    expect(await byEmail.verify(store)).toMatchObject({ ok: true, records: 1, entries: 2 });
  });
});
