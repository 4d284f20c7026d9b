import {
  type Bucket,
  collection,
  eachRow,
  type Migration,
  migrations,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { tap } from "../helpers/levels.ts";
import { expectRefused } from "../helpers/stores.ts";
import {
  addTo,
  bucketStep,
  ENGINES,
  fillItems,
  historyRows,
  ITEMS,
  itemsWith,
  migrateHalf,
  type Opened,
  only,
  rowsOf,
  SIZE,
  useEngine,
} from "./engines.ts";

const users = collection({
  name: "users",
  schema: z.object({ id: z.string(), email: z.string() }),
  key: "id",
  indexes: { email: { on: "email", unique: true } },
});
/** The same with one index more, so that there is something to build. */
const usersOfLater = collection({
  name: "users",
  schema: z.object({ id: z.string(), email: z.string() }),
  key: "id",
  indexes: { email: { on: "email", unique: true }, id: { on: "id" } },
});
const teams = collection({ name: "teams", schema: z.object({ id: z.string() }), key: "id" });
const user = (i: number) => ({ id: `u${i}`, email: `Email${i}` });

const emails = migrations([
  {
    version: 1,
    description: "lower case",
    up: eachRow<{ id: string; email: string }, string>(
      "users",
      async ([, old], { tx }) => users.in(tx).put({ ...old, email: old.email.toLowerCase() }),
      { size: SIZE },
    ),
  },
]);

async function fillUsers(store: Store): Promise<void> {
  await store.update(async (tx) => {
    await users.in(tx).insertMany(Array.from({ length: 10 }, (_, i) => user(i)));
    await teams.in(tx).insert({ id: "t" });
  });
}

const migrating = async (store: Store, action: (tx: Transaction) => unknown) => {
  await expectRefused("BUCKET_MIGRATING", () => store.update(action), "half migrated");
  await expectRefused("BUCKET_MIGRATING", () => store.update(action), "migration 1");
};

describe.each(ENGINES)("a half-done step over %s", (engine) => {
  const engines = useEngine(engine);
  const items = only({ up: addTo("+") });

  /** What holds at once, and after the store was opened again. */
  async function bothTimes(opened: Opened, expectations: (store: Store) => Promise<void>): Promise<Opened> {
    await expectations(opened.store);
    const again = await engines.reopen(opened);
    await expectations(again.store);
    return again;
  }

  test("keeps all others from its bucket, and leaves them the rest", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    await migrateHalf(opened.store, items);
    const { store } = await bothTimes(opened, async (at) => {
      await expectRefused("BUCKET_MIGRATING", () => at.view((tx) => tx.bucket("items")), '"items"');
      await migrating(at, (tx) => tx.bucket("items"));
      await migrating(at, (tx) =>
        tx.createBucketIfNotExists("items").then((bucket) => bucket.put(1, "mine")),
      );
      await migrating(at, (tx) => tx.deleteBucket("items"));
      await migrating(at, async (tx) => tx.moveBucket("items", undefined, await tx.bucket("others")));
      await expectRefused("BUCKET_EXISTS", () => at.update((tx) => tx.createBucket("items")));
      await at.update(async (tx) => {
        const others = (await tx.bucket("others")) as Bucket;
        await others.put("used", true);
        await others.delete("used");
        await tx.createBucket("more");
        await tx.deleteBucket("more");
        expect(await tx.buckets()).toEqual(["items", "migrations", "others"]);
      });
      await expectRefused("BUCKET_MIGRATING", () => at.batch((tx) => tx.bucket("items")));
      const tx = await at.begin({ writable: true });
      await expectRefused("BUCKET_MIGRATING", () => tx.bucket("items"));
      await tx.rollback();
    });
    await items.migrate(store);
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
    await store.update((tx) => tx.deleteBucket("items"));
  });

  test("keeps all others from its collection, and leaves them the rest", async () => {
    const opened = await engines.open();
    await fillUsers(opened.store);
    await migrateHalf(opened.store, emails, {}, 1);
    const { store } = await bothTimes(opened, async (at) => {
      const calls: ((tx: Transaction) => unknown)[] = [
        (tx) => users.in(tx).get("u1"),
        (tx) => users.in(tx).getMany(["u1", "u2"]),
        (tx) => users.in(tx).range().toArray(),
        (tx) => users.in(tx).first(),
        (tx) => users.in(tx).count(),
        (tx) => users.in(tx).pages({ size: 2 }).first(),
        (tx) => users.in(tx).by("email").get("Email1"),
        (tx) => users.in(tx).by("email").range().toArray(),
        (tx) => users.in(tx).by("email").entries().toArray(),
        (tx) => users.in(tx).put(user(1)),
        (tx) => users.in(tx).insert(user(50)),
        (tx) => users.in(tx).update("u1", { email: "new" }),
        (tx) => users.in(tx).delete("u1"),
        (tx) => users.in(tx).insertMany([user(51)]),
        (tx) => users.drop(tx),
        (tx) => tx.bucket("users"),
        (tx) => tx.deleteBucket("users"),
        async (tx) => tx.moveBucket("users", undefined, await tx.createBucket("place")),
      ];
      for (const call of calls) {
        const outcome = await at.update(call).then(
          () => "let in",
          (error) => error.code,
        );
        expect(outcome, String(call)).toBe("BUCKET_MIGRATING");
      }
      await expectRefused("BUCKET_MIGRATING", () => users.build(at));
      await expectRefused("BUCKET_MIGRATING", () => usersOfLater.build(at));
      await expectRefused("BUCKET_MIGRATING", () => users.verify(at));
      await expectRefused("BUCKET_MIGRATING", () => users.reindex(at));
      await at.update((tx) => teams.in(tx).put({ id: "t" }));
      expect(await at.view((tx) => teams.in(tx).get("t"))).toEqual({ id: "t" });
    });
    await emails.migrate(store);
    await store.view(async (tx) => {
      expect(await users.in(tx).by("email").get("email7")).toMatchObject({ id: "u7" });
      expect(await users.in(tx).by("email").get("Email7")).toBeUndefined();
      expect(await users.in(tx).count()).toBe(10);
    });
    expect(await users.verify(store)).toMatchObject({ ok: true });
  });

  test("keeps all others from the entries of its collection's indexes", async () => {
    const { store } = await engines.open();
    await fillUsers(store);
    await migrateHalf(store, emails, {}, 1);
    await expectRefused("BUCKET_MIGRATING", () => store.view((tx) => tx.bucket("idx_users_by_email")));
    await emails.migrate(store);
    const entries = await store.view(async (tx) => (await tx.bucket("idx_users_by_email"))?.count());
    expect(entries).toBe(10);
  });

  test("refuses a view that begins amid it, not one that began before", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const before = await store.begin();
    const rows = await ((await before.bucket("items")) as Bucket).range().toArray();
    await before.rollback();
    expect(rows).toEqual(itemsWith(""));
    const during: string[] = [];
    const watched = only({
      up: addTo("+", async (key) => {
        if (key !== SIZE) return;
        during.push(
          await store
            .view((tx) => tx.bucket("items"))
            .then(
              () => "let in",
              (error) => error.code,
            ),
        );
      }),
    });
    await watched.migrate(store, { backup: false });
    expect(during).toEqual(["BUCKET_MIGRATING"]);
  });

  test("protects buckets that the step makes itself, where it names them", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const up = eachRow<string, number>(
      "items",
      async ([key, value], { tx }) => (await tx.createBucketIfNotExists("copy")).put(key, value),
      { size: SIZE, affects: ["copy"] },
    );
    await migrateHalf(store, only({ up }));
    await migrating(store, (tx) => tx.bucket("copy"));
    await only({ up }).migrate(store);
    expect(await rowsOf(store, "copy")).toEqual(itemsWith(""));
  });

  test("lets go of a bucket that the step deletes and makes anew", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const up = {
      affects: ["items"],
      run: async (tx: Transaction, cursor: unknown) => {
        if (cursor === 3) return undefined;
        const n = ((cursor as number | undefined) ?? 0) + 1;
        if (n === 2) await tx.deleteBucket("items");
        if (n === 2) await tx.createBucket("items");
        return { cursor: n, rows: 1 };
      },
    };
    await migrateHalf(store, only({ up }), {}, 1);
    await migrating(store, (tx) => tx.bucket("items"));
    await only({ up }).migrate(store);
    expect(await rowsOf(store, "items")).toEqual([]);
  });

  test("lets writers of other buckets work between its batches", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const order: string[] = [];
    const onProgress = () => order.push("batch");
    const writers = Array.from({ length: 5 }, async (_, i) => {
      await store.update(async (tx) => ((await tx.bucket("others")) as Bucket).put(`w${i}`, i));
      order.push("write");
      await store.update(async (tx) => ((await tx.bucket("others")) as Bucket).delete(`w${i}`));
    });
    await Promise.all([items.migrate(store, { backup: false, onProgress }), ...writers]);
    expect(order.indexOf("write")).toBeLessThan(order.lastIndexOf("batch"));
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
    expect(await rowsOf(store, "others")).toHaveLength(3);
  });

  test("goes on after the engine could not write, once the store was opened again", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    const { failNext } = tap(opened.level);
    let batches = 0;
    const onProgress = () => {
      if (++batches === 2) failNext(new Error("The disk is full."));
    };
    const failed = items.migrate(opened.store, { backup: false, onProgress });
    await expect(failed).rejects.toMatchObject({ code: "MIGRATION_FAILED", cause: { code: "STORE_FAILED" } });
    await expectRefused("STORE_FAILED", () => items.status(opened.store));
    const { store } = await engines.reopen(opened);
    expect(await items.status(store)).toMatchObject({ version: 0, running: { rows: 2 * SIZE } });
    await items.migrate(store);
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
  });

  test("shows in status()", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    const schema = migrations([
      bucketStep(1, "first"),
      { version: 2, description: "plus", up: addTo("+") },
      bucketStep(3, "third"),
    ]);
    await migrateHalf(opened.store, schema);
    await bothTimes(opened, async (at) => {
      expect(await schema.status(at)).toEqual({
        version: 1,
        latest: 3,
        applied: [
          { version: 1, description: "first", appliedAt: expect.any(String), durationMs: expect.any(Number) },
        ],
        pending: [
          { version: 2, description: "plus" },
          { version: 3, description: "third" },
        ],
        running: {
          version: 2,
          description: "plus",
          direction: "up",
          affects: ["items"],
          startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
          durationMs: expect.any(Number),
          rows: 2 * SIZE,
          total: ITEMS,
          cursor: expect.anything(),
        },
      });
    });
  });

  test("is refused by lists that do not have it, or have it otherwise", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const batched: Migration = { version: 2, description: "plus", up: addTo("+") };
    const first = bucketStep(1, "first");
    await migrateHalf(store, migrations([first, batched]));
    const history = await historyRows(store);
    const refused = async (
      code: "MIGRATION_MISMATCH" | "MIGRATION_NEWER",
      list: Migration[],
      message: string,
    ) => {
      await expectRefused(code, () => migrations(list).migrate(store), message);
      await expectRefused(code, () => migrations(list).dryRun(store), message);
    };
    await refused("MIGRATION_MISMATCH", [first, { ...batched, description: "minus" }], '2 "plus"');
    await refused("MIGRATION_MISMATCH", [first, { ...batched, up: () => {} }], "plus");
    await refused("MIGRATION_NEWER", [first], "Install");
    expect(await historyRows(store)).toEqual(history);
    await migrations([first, batched]).migrate(store);
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
  });
});
