import { readdir } from "node:fs/promises";
import { type Bucket, collection, type Migration, migrations, type Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { tap } from "../helpers/levels.ts";
import { gate, soon } from "../helpers/places.ts";
import { expectRefused, filled, numbered } from "../helpers/stores.ts";
import { rawRows } from "./end-state.ts";
import {
  addTo,
  bucketStep,
  ENGINES,
  fillItems,
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
  schema: z.object({ id: z.string(), email: z.string(), tags: z.array(z.string()).default([]) }),
  key: "id",
  indexes: { email: { on: "email", unique: true }, tag: { on: "tags", multiEntry: "tags" } },
});
const user = (i: number, tags: string[] = []) => ({ id: `u${i}`, email: `e${i}`, tags });

const step = (version: number, up: Migration["up"]): Migration => ({
  version,
  description: `step ${version}`,
  up,
});
const bucket = async (store: Parameters<Parameters<Store["update"]>[0]>[0], name: string) =>
  (await store.bucket(name)) as Bucket;

/** Steps of every kind, none of which fails. */
const mixed = migrations([
  step(1, async (tx) => {
    await users.in(tx).insertMany([user(1, ["a", "b"]), user(2), user(3)]);
    await (await tx.createBucket("new")).put("x", 1);
  }),
  { version: 2, description: "step 2", up: addTo("+") },
  step(3, async (tx) => {
    await users.in(tx).update("u1", { email: "other", tags: ["b", "c"] });
    await users.in(tx).delete("u3");
    const others = await bucket(tx, "others");
    await others.delete(0);
    await others.delete("never there");
    await others.put(1, "first");
    await others.put(1, "second");
    await others.put("for a moment", 1);
    await others.delete("for a moment");
    await (await bucket(tx, "new")).delete("x");
  }),
]);

const changes = (put: number, deleted: number) => ({ put, deleted });

describe.each(ENGINES)("a dry run over %s", (engine) => {
  const engines = useEngine(engine);

  /** Expects that the call leaves every row as it is, and commits nothing. */
  async function unchanged<T>({ store, level }: Opened, call: () => Promise<T>): Promise<T> {
    const before = await rawRows(level);
    const { commit, groups } = store.stats();
    const { written } = tap(level);
    const result = await call();
    expect(written).toEqual([]);
    expect(await rawRows(level)).toEqual(before);
    expect(store.stats()).toMatchObject({ commit, groups, open: 0, waitingWriters: 0 });
    return result;
  }

  test("reports what each step would put and delete, by bucket, and changes not one byte", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    const report = await unchanged(opened, () => mixed.dryRun(opened.store));
    expect(report).toEqual([
      {
        version: 1,
        description: "step 1",
        direction: "up",
        buckets: {
          users: changes(3, 0),
          idx_users_by_email: changes(3, 0),
          idx_users_by_tag: changes(2, 0),
          new: changes(1, 0),
        },
        error: undefined,
      },
      {
        version: 2,
        description: "step 2",
        direction: "up",
        buckets: { items: changes(ITEMS, 0) },
        error: undefined,
      },
      {
        version: 3,
        description: "step 3",
        direction: "up",
        buckets: {
          users: changes(1, 1),
          idx_users_by_email: changes(1, 2),
          idx_users_by_tag: changes(1, 1),
          others: changes(1, 1),
          new: changes(0, 1),
        },
        error: undefined,
      },
    ]);
    expect(await mixed.status(opened.store)).toMatchObject({ version: 0, running: undefined });
    expect(await readdir(engines.places.path())).toEqual(engine === "classic-level" ? ["main"] : []);
  });

  test("tells the rows that the real run then writes", async () => {
    const { store, level } = await engines.open();
    await fillItems(store);
    const report = await mixed.dryRun(store);
    const { written } = tap(level);
    for (const { version, buckets } of report) {
      written.length = 0;
      await mixed.migrate(store, { to: version, backup: false });
      const puts: Record<string, number> = {};
      for (const key of written.flatMap((batch) => batch.puts)) {
        const [, name = ""] = key.split("!");
        if (!name.startsWith("~") && name !== "migrations") puts[name] = (puts[name] ?? 0) + 1;
      }
      const told = Object.entries(buckets).flatMap(([name, { put }]) => (put > 0 ? [[name, put]] : []));
      expect(Object.fromEntries(told)).toEqual(puts);
    }
  });

  test.each<[what: string, up: Migration["up"], expected: object, buckets: object]>([
    [
      "a value that must be unique",
      async (tx) => {
        await users.in(tx).insert(user(8));
        await users.in(tx).insert({ id: "u9", email: "e1" });
      },
      { code: "UNIQUE_VIOLATION" },
      { users: changes(1, 0), idx_users_by_email: changes(1, 0) },
    ],
    [
      "a record that is not as its schema has it",
      async (tx) => {
        await (await bucket(tx, "others")).delete(1);
        await users.in(tx).put({ id: "u1", email: 5 } as never);
      },
      { code: "RECORD_INVALID" },
      { others: changes(0, 1) },
    ],
    [
      "an error of its own",
      () => {
        throw new TypeError("No such thing.");
      },
      { name: "TypeError", message: "No such thing." },
      {},
    ],
    [
      "an error amid its batches",
      addTo("+", (key) => {
        if (key === 9) throw new Error("Nine.");
      }),
      { message: "Nine." },
      { items: changes(9, 0) },
    ],
  ])("includes %s, and does not try the steps after it", async (_, up, expected, buckets) => {
    const opened = await engines.open();
    await fillItems(opened.store);
    let isTried = false;
    const list = migrations([
      step(1, (tx) => users.in(tx).insert(user(1))),
      step(2, up),
      step(3, () => {
        isTried = true;
      }),
    ]);
    const report = await unchanged(opened, () => list.dryRun(opened.store));
    expect(report.map(({ version }) => version)).toEqual([1, 2]);
    expect(report[0]).toMatchObject({ error: undefined, buckets: { users: changes(1, 0) } });
    expect(report[1]?.error).toMatchObject(expected);
    expect(report[1]?.buckets).toEqual(buckets);
    expect(isTried).toBe(false);
    const [, real] = await Promise.allSettled([0, list.migrate(opened.store, { backup: false })]);
    expect(real).toMatchObject({ status: "rejected", reason: { code: "MIGRATION_FAILED", cause: expected } });
  });

  test("includes even undefined where it is thrown", async () => {
    const { store } = await engines.open();
    const [report] = await only({ up: () => Promise.reject() }).dryRun(store);
    expect(report?.error).toBeInstanceOf(Error);
  });

  test("counts the rows that go with a bucket, or a collection", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    await opened.store.update(async (tx) => {
      await users.in(tx).insertMany([user(1, ["a"]), user(2)]);
      await fillNested(tx);
    });
    const list = migrations([
      step(1, async (tx) => {
        await (await bucket(tx, "items")).put("one more", 1);
        await (await bucket(tx, "items")).delete(0);
        await tx.deleteBucket("items");
        await tx.deleteBucket("outer");
        await users.drop(tx);
      }),
    ]);
    const [report] = await unchanged(opened, () => list.dryRun(opened.store));
    expect(report?.buckets).toEqual({
      items: changes(0, ITEMS),
      outer: changes(0, 1),
      "outer/inner": changes(0, 2),
      users: changes(0, 2),
      idx_users_by_email: changes(0, 2),
      idx_users_by_tag: changes(0, 1),
    });
  });

  test("names buckets as the program does, however they are kept", async () => {
    const { store } = await engines.open();
    await filled(store, "Straße 7%", [[1, 1]]);
    await filled(store, "again", [[1, 1]]);
    const list = migrations([
      step(1, async (tx) => {
        await (await bucket(tx, "Straße 7%")).put(2, 2);
        await fillNested(tx);
      }),
      step(2, async (tx) => {
        await tx.deleteBucket("again");
        await (await tx.createBucket("again")).put(5, 5);
      }),
    ]);
    const [first, second] = await list.dryRun(store);
    expect(first?.buckets).toEqual({
      "Straße 7%": changes(1, 0),
      outer: changes(1, 0),
      "outer/inner": changes(2, 0),
    });
    expect(second?.buckets).toEqual({ again: changes(1, 1) });
  });

  test("of the way back tells what the downs would do", async () => {
    const opened = await engines.open();
    const list = migrations([bucketStep(1, "first"), bucketStep(2, "second"), bucketStep(3, "third")]);
    await list.migrate(opened.store);
    const report = await unchanged(opened, () => list.dryRun(opened.store, { to: 1 }));
    expect(report).toMatchObject([
      { version: 3, direction: "down", buckets: { third: changes(0, 1) }, error: undefined },
      { version: 2, direction: "down", buckets: { second: changes(0, 1) }, error: undefined },
    ]);
    expect(await list.dryRun(opened.store)).toEqual([]);
    expect(await list.dryRun(opened.store, { to: 3 })).toEqual([]);
  });

  test("goes on where a half-done step is, and leaves it there", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    const list = migrations([{ version: 1, description: "plus", up: addTo("+") }, bucketStep(2, "second")]);
    await migrateHalf(opened.store, list);
    const status = await list.status(opened.store);
    const report = await unchanged(opened, () => list.dryRun(opened.store));
    expect(report).toMatchObject([
      { version: 1, buckets: { items: changes(ITEMS - 2 * SIZE, 0) } },
      { version: 2, buckets: { second: changes(1, 0) } },
    ]);
    expect(await list.status(opened.store)).toEqual(status);
    await expectRefused("BUCKET_MIGRATING", () => opened.store.view((tx) => tx.bucket("items")));
    await list.migrate(opened.store);
    expect(await rowsOf(opened.store, "items")).toEqual(itemsWith("+"));
  });

  test("calls nothing that waits for a commit", async () => {
    const opened = await engines.open();
    let isCalled = false;
    const up: Migration["up"] = (tx) =>
      tx.onCommit(() => {
        isCalled = true;
      });
    await unchanged(opened, () => only({ up }).dryRun(opened.store));
    await opened.store.update(() => {});
    expect(isCalled).toBe(false);
  });

  test("refuses calls within a step that would commit, or wait for it", async () => {
    const opened = await engines.open();
    const { store } = opened;
    await filled(store, "others", []);
    const other = migrations([bucketStep(1, "first")]);
    const calls: (() => unknown)[] = [
      () => store.update((tx) => tx.deleteBucket("others")),
      () => store.batch((tx) => tx.deleteBucket("others")),
      () => store.begin({ writable: true }),
      () => other.migrate(store, { backup: false }),
      () => other.dryRun(store),
      () => store.compact(),
    ];
    for (const call of calls) {
      const run = () => soon(() => only({ up: call }).dryRun(store), 5000, String(call));
      const [report] = await unchanged(opened, run);
      expect(report?.error, String(call)).toMatchObject({ code: "TX_NESTED" });
    }
  });

  test("ends its transactions: a step's handles are of no use later", async () => {
    const { store } = await engines.open();
    await filled(store, "others", numbered(3));
    let kept: Bucket | undefined;
    const up: Migration["up"] = async (tx) => {
      kept = await bucket(tx, "others");
    };
    await only({ up }).dryRun(store);
    await expectRefused("TX_CLOSED", () => kept?.put(1, "late"));
    await expectRefused("TX_CLOSED", () => kept?.range().toArray());
  });

  test("stops where the signal aborts, between steps and between batches", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    const stop = new AbortController();
    const inBatches = only({ up: addTo("+", (key) => (key === 5 ? stop.abort() : undefined)) });
    const run = () => expectRefused("ABORTED", () => inBatches.dryRun(opened.store, { signal: stop.signal }));
    await unchanged(opened, run);
    const stopNow = new AbortController();
    let isTried = false;
    const list = migrations([
      step(1, () => stopNow.abort()),
      step(2, () => {
        isTried = true;
      }),
    ]);
    await expectRefused("ABORTED", () => list.dryRun(opened.store, { signal: stopNow.signal }));
    expect(isTried).toBe(false);
  });

  test("lets writers go on, and sees the rows of when it began", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const held = gate();
    const begun = gate();
    const seen: unknown[] = [];
    const list = migrations([
      step(1, async () => {
        begun.open();
        await held.passed;
      }),
      step(2, async (tx) => {
        seen.push(await (await bucket(tx, "others")).get(1), await tx.buckets());
      }),
    ]);
    const running = list.dryRun(store);
    await begun.passed;
    const writing = store.update(async (tx) => {
      await (await bucket(tx, "others")).put(1, "changed");
      await tx.createBucket("made meanwhile");
    });
    // Without snapshots a commit waits for all who read.
    if (!engine.startsWith("without")) await writing;
    held.open();
    await running;
    await writing;
    expect(seen).toEqual(["v1", ["items", "migrations", "others"]]);
    expect(await rowsOf(store, "others")).toEqual([
      [0, "v0"],
      [1, "changed"],
      [2, "v2"],
    ]);
  });
});

async function fillNested(tx: Parameters<Parameters<Store["update"]>[0]>[0]): Promise<void> {
  const outer = await tx.createBucket("outer");
  await outer.put(1, 1);
  const inner = await outer.createBucket("inner");
  await inner.put(1, 1);
  await inner.put(2, 2);
}
