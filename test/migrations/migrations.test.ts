import { DatabaseError, type Migration, migrations, type Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { tap } from "../helpers/levels.ts";
import { expectRefused, filled } from "../helpers/stores.ts";
import { rawRows } from "./end-state.ts";
import { bucketStep, ENGINES, historyRows, only, useEngine } from "./engines.ts";

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const first = bucketStep(1, "first");
const second = bucketStep(2, "second");
const third = bucketStep(3, "third");
const entry = (version: number, description: string) => ({
  version,
  description,
  appliedAt: ISO,
  durationMs: expect.any(Number),
});

/** The error that the call ends in. */
async function errorOf(call: Promise<unknown>): Promise<DatabaseError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DatabaseError);
  return error as DatabaseError;
}

/** Writes a version by hand, as another program may have. */
const setVersion = (store: Store, version: unknown) =>
  store.update(async (tx) => {
    const bucket = await tx.createBucketIfNotExists<unknown, string>("migrations");
    await bucket.put("schema_version", version);
  });

describe.each(ENGINES)("migrate() over %s", (engine) => {
  const engines = useEngine(engine);

  test("runs what is pending in order, and reports it", async () => {
    const { store } = await engines.open();
    const report = await migrations([first, second]).migrate(store);
    expect(report).toMatchObject({
      from: 0,
      to: 2,
      steps: [
        { version: 1, description: "first", direction: "up", durationMs: expect.any(Number) },
        { version: 2, description: "second", direction: "up", durationMs: expect.any(Number) },
      ],
    });
    expect(await store.view((tx) => tx.buckets())).toEqual(["first", "migrations", "second"]);
  });

  test("commits a step's writes, its history and the version at once, and nothing else", async () => {
    const { store, level } = await engines.open();
    const { written } = tap(level);
    await migrations([first, second]).migrate(store);
    expect(written).toHaveLength(2);
    for (const [i, name] of ["first", "second"].entries()) {
      const row = `!migrations!Jmigration_00${i + 1}`;
      const own = [`!${name}!Jmade by`, row, "!migrations!Jschema_version"];
      expect(written[i]?.puts).toEqual(expect.arrayContaining(own));
    }
    expect(store.stats().commit).toBe(2);
  });

  test("keeps the history as documented", async () => {
    const { store } = await engines.open();
    await migrations([first, second]).migrate(store);
    const rows = await historyRows(store);
    expect(rows).toEqual({
      schema_version: 2,
      migration_001: entry(1, "first"),
      migration_002: entry(2, "second"),
    });
    const { durationMs } = rows["migration_001"] as { durationMs: number };
    expect(Number.isInteger(durationMs) && durationMs >= 0).toBe(true);
  });

  test("sorts and names entries beyond the 999th", async () => {
    const { store } = await engines.open();
    const many = Array.from(
      { length: 1001 },
      (_, i): Migration => ({
        version: i + 1,
        description: `step ${i + 1}`,
        up: () => {},
      }),
    );
    await migrations(many).migrate(store);
    const rows = await historyRows(store);
    expect(Object.keys(rows)).toHaveLength(1002);
    expect(rows).toMatchObject({ migration_999: { version: 999 }, migration_1001: { version: 1001 } });
    const { applied, version } = await migrations(many).status(store);
    expect(version).toBe(1001);
    expect(applied.map((each) => each.version)).toEqual(many.map((each) => each.version));
  });

  test("leaves a step that throws without a trace, says which and why, and tries it again", async () => {
    const { store, level } = await engines.open();
    const reason = new Error("The disk of the other service is full.");
    let isBroken = true;
    const broken: Migration = {
      ...second,
      up: async (tx) => {
        await (await tx.createBucket("second")).put("made by", 2);
        await (await tx.bucket("first"))?.delete("made by");
        if (isBroken) throw reason;
      },
    };
    const schema = migrations([first, broken, third]);
    await migrations([first]).migrate(store);
    const before = await rawRows(level);
    const error = await errorOf(schema.migrate(store, { backup: false }));
    expect(error).toMatchObject({ code: "MIGRATION_FAILED", details: { version: 2, direction: "up" } });
    expect(error.cause).toBe(reason);
    for (const part of ["Migration 2", "up", "second", reason.message, "migrate() again"])
      expect(error.message).toContain(part);
    expect(await rawRows(level)).toEqual(before);
    expect(await schema.status(store)).toMatchObject({ version: 1, running: undefined });

    isBroken = false;
    expect(await schema.migrate(store, { backup: false })).toMatchObject({ from: 1, to: 3 });
    expect(await historyRows(store)).toMatchObject({ schema_version: 3, migration_003: entry(3, "third") });
  });

  test("keeps the steps before the one that throws", async () => {
    const { store } = await engines.open();
    const broken = { ...third, up: () => Promise.reject(new Error("no")) };
    await expectRefused(
      "MIGRATION_FAILED",
      () => migrations([first, second, broken]).migrate(store),
      "Migration 3",
    );
    expect(await historyRows(store)).toMatchObject({ schema_version: 2 });
  });

  test.each([undefined, null, "text", 5, { code: 7 }])(
    "names what is thrown even where it is %o",
    async (thrown) => {
      const { store } = await engines.open();
      const up = () => {
        throw thrown;
      };
      const error = await errorOf(only({ up }).migrate(store));
      expect(error).toMatchObject({ code: "MIGRATION_FAILED", cause: thrown });
      expect(error.message).toContain(String(thrown));
    },
  );

  test("carries on a store of an older release of the list", async () => {
    const opened = await engines.open();
    await migrations([first, second]).migrate(opened.store);
    const { store } = await engines.reopen(opened);
    const neverAgain = () => {
      throw new Error("It ran twice.");
    };
    const newer = migrations([{ ...first, up: neverAgain }, { ...second, up: neverAgain }, third]);
    expect(await newer.status(store)).toMatchObject({ version: 2, pending: [{ version: 3 }] });
    expect(await newer.migrate(store, { backup: false })).toMatchObject({
      from: 2,
      to: 3,
      steps: [{ version: 3 }],
    });
    expect(Object.keys(await historyRows(store))).toHaveLength(4);
  });

  test("does nothing, not even a commit, where nothing is pending", async () => {
    const { store, level } = await engines.open();
    const schema = migrations([first, second]);
    await schema.migrate(store);
    const before = await rawRows(level);
    expect(await schema.migrate(store)).toEqual({ from: 2, to: 2, steps: [], backup: undefined });
    expect(await rawRows(level)).toEqual(before);
    expect(await migrations([]).migrate((await engines.open("empty")).store)).toMatchObject({
      from: 0,
      to: 0,
    });
  });

  test("goes to the version that it is told, and no further", async () => {
    const { store } = await engines.open();
    const schema = migrations([first, second, third]);
    expect(await schema.migrate(store, { to: 2 })).toMatchObject({ from: 0, to: 2 });
    expect(await store.view((tx) => tx.buckets())).toEqual(["first", "migrations", "second"]);
    expect(await schema.migrate(store, { backup: false, to: 3 })).toMatchObject({ from: 2, to: 3 });
  });

  test("refuses a store that is newer than the list, tells what to install, and changes nothing", async () => {
    const { store, level } = await engines.open();
    await migrations([first, second, third]).migrate(store);
    const before = await rawRows(level);
    const older = migrations([first, second]);
    for (const call of [
      () => older.migrate(store),
      () => older.migrate(store, { to: 1 }),
      () => older.dryRun(store),
    ]) {
      const error = await errorOf(call());
      expect(error).toMatchObject({ code: "MIGRATION_NEWER", details: { version: 3, known: 2 } });
      for (const part of ["version 3", "third", "up to 2", "Install"]) expect(error.message).toContain(part);
    }
    expect(await rawRows(level)).toEqual(before);
    expect(await older.status(store)).toMatchObject({ version: 3, latest: 2, pending: [] });
  });

  test.each<[what: string, list: Migration[]]>([
    ["renamed a step", [first, bucketStep(2, "2nd"), third]],
    ["reordered steps", [first, { ...third, version: 2 }, { ...second, version: 3 }]],
    ["removed a step", [first, { ...third, version: 2 }]],
    [
      "removed a step, and added others",
      [first, { ...third, version: 2 }, bucketStep(3, "x"), bucketStep(4, "y")],
    ],
    [
      "squeezed a step in",
      [first, bucketStep(2, "between"), { ...second, version: 3 }, { ...third, version: 4 }],
    ],
  ])("refuses a list that has %s, shows both, and changes nothing", async (_, list) => {
    const { store, level } = await engines.open();
    await migrations([first, second, third]).migrate(store);
    const before = await rawRows(level);
    const other = migrations(list);
    for (const call of [
      () => other.migrate(store),
      () => other.migrate(store, { to: 0 }),
      () => other.dryRun(store),
    ]) {
      const error = await errorOf(call());
      expect(error.code).toBe("MIGRATION_MISMATCH");
      expect(error.message).toContain('1 "first", 2 "second", 3 "third"');
      expect(error.message).toContain(list.map((each) => `${each.version} "${each.description}"`).join(", "));
      expect(error.details).toMatchObject({
        store: [{ version: 1 }, { version: 2, description: "second" }, { version: 3 }],
        list: list.map(({ version, description }) => ({ version, description })),
      });
    }
    expect(await rawRows(level)).toEqual(before);
    // Whoever must find out what is wrong needs to look.
    expect(await other.status(store)).toMatchObject({ version: 3, applied: [{ version: 1 }, {}, {}] });
  });

  test("takes a version without a history, as other programs leave it", async () => {
    const { store } = await engines.open();
    await setVersion(store, 2);
    const schema = migrations([first, second, third]);
    expect(await schema.status(store)).toMatchObject({ version: 2, applied: [], pending: [{ version: 3 }] });
    expect(await schema.migrate(store, { backup: false })).toMatchObject({ from: 2, to: 3 });
    expect(await historyRows(store)).toEqual({ schema_version: 3, migration_003: entry(3, "third") });
  });

  test.each(["2", -1, 1.5, {}, true])("refuses %o as a version", async (version) => {
    const { store } = await engines.open();
    await setVersion(store, version);
    const schema = migrations([first]);
    await expectRefused("DATA_CORRUPT", () => schema.migrate(store), "schema_version");
    await expectRefused("DATA_CORRUPT", () => schema.status(store), "schema_version");
  });

  test("tells its state before, between and after", async () => {
    const { store } = await engines.open();
    const schema = migrations([first, second]);
    const pending = [
      { version: 1, description: "first" },
      { version: 2, description: "second" },
    ];
    const empty = { version: 0, latest: 2, applied: [], pending, running: undefined };
    expect(await schema.status(store)).toEqual(empty);
    expect(store.stats().commit).toBe(0);
    await schema.migrate(store, { to: 1 });
    const half = { version: 1, applied: [entry(1, "first")], pending: pending.slice(1) };
    expect(await schema.status(store)).toEqual({ ...empty, ...half });
    await schema.migrate(store, { backup: false });
    const done = { version: 2, applied: [entry(1, "first"), entry(2, "second")], pending: [] };
    expect(await schema.status(store)).toEqual({ ...empty, ...done });
  });

  test("runs each step once where several calls are made at once", async () => {
    const { store } = await engines.open();
    const runs: number[] = [];
    const counted = [first, second, third].map(
      (step): Migration => ({
        ...step,
        up: async (tx) => {
          runs.push(step.version);
          await (step.up as (t: typeof tx) => unknown)(tx);
        },
      }),
    );
    const calls = Array.from({ length: 5 }, () => migrations(counted).migrate(store, { backup: false }));
    const reports = await Promise.all(calls);
    expect(runs).toEqual([1, 2, 3]);
    expect(reports.map(({ steps }) => steps.length)).toEqual([3, 0, 0, 0, 0]);
  });

  test("tries again in the next of several calls where the first failed", async () => {
    const { store } = await engines.open();
    let runs = 0;
    const schema = only({
      up: () => {
        if (++runs === 1) throw new Error("only once");
      },
    });
    const outcomes = await Promise.allSettled([
      schema.migrate(store),
      schema.migrate(store),
      schema.migrate(store),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect(runs).toBe(2);
  });

  test("lets ordinary work go on between steps", async () => {
    const { store } = await engines.open();
    await filled(store, "work", []);
    let done = 0;
    const writers = Array.from({ length: 20 }, (_, i) =>
      store.update(async (tx) => {
        await (await tx.bucket("work"))?.put(i, i);
        done++;
      }),
    );
    await migrations([first, second]).migrate(store, { backup: false });
    await Promise.all(writers);
    expect(done).toBe(20);
    expect(await store.view(async (tx) => (await tx.bucket("work"))?.count())).toBe(20);
  });
});
