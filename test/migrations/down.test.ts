import { eachRow, type Migration, migrations, type Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { expectRefused } from "../helpers/stores.ts";
import { differences, endState, rawRows } from "./end-state.ts";
import {
  addTo,
  bucketStep,
  ENGINES,
  fillItems,
  historyRows,
  ITEMS,
  itemsWith,
  migrateHalf,
  rowsOf,
  SIZE,
  useEngine,
} from "./engines.ts";

/** Takes back what `addTo("+")` did. */
const shorten = (onRow: (key: number) => unknown = () => {}) =>
  eachRow<string, number>(
    "items",
    async ([key, value], { bucket }) => {
      await onRow(key);
      await bucket.put(key, value.slice(0, -1));
    },
    { size: SIZE },
  );

const first = bucketStep(1, "first");
const second: Migration = { version: 2, description: "plus", up: addTo("+"), down: shorten() };
const third = bucketStep(3, "third");
const schema = migrations([first, second, third]);
const withoutBackup = { backup: false } as const;
const itemsOf = (store: Store) => rowsOf<string>(store, "items");

describe.each(ENGINES)("going back over %s", (engine) => {
  const engines = useEngine(engine);

  test("runs the downs from the last on, and reports them", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    await schema.migrate(store, withoutBackup);
    const report = await schema.migrate(store, { ...withoutBackup, to: 1 });
    expect(report).toMatchObject({
      from: 3,
      to: 1,
      steps: [
        { version: 3, description: "third", direction: "down" },
        { version: 2, description: "plus", direction: "down" },
      ],
    });
    expect(await itemsOf(store)).toEqual(itemsWith(""));
    expect(await store.view((tx) => tx.buckets())).toEqual(["first", "items", "migrations", "others"]);
    expect(Object.keys(await historyRows(store))).toEqual(["migration_001", "schema_version"]);
    expect(await schema.status(store)).toMatchObject({
      version: 1,
      pending: [{ version: 2 }, { version: 3 }],
    });
  });

  test("goes back to before the first", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    await schema.migrate(store, withoutBackup);
    expect(await schema.migrate(store, { ...withoutBackup, to: 0 })).toMatchObject({ from: 3, to: 0 });
    expect(await historyRows(store)).toEqual({ schema_version: 0 });
    expect(await schema.status(store)).toMatchObject({ version: 0, applied: [] });
    expect(await schema.migrate(store, { ...withoutBackup, to: 0 })).toMatchObject({ steps: [] });
  });

  test("and forward again leaves the same rows, and so does going back once more", async () => {
    const { store, level } = await engines.open();
    await fillItems(store);
    /** Without what counts commits and buckets made, which no one takes back. */
    const state = async () => {
      await store.compact();
      const rows = await endState(level);
      for (const key of rows.keys()) if (key.startsWith("!~")) rows.delete(key);
      return rows;
    };
    await schema.migrate(store, { ...withoutBackup, to: 1 });
    const low = await state();
    await schema.migrate(store, withoutBackup);
    const high = await state();
    expect(differences(low, high)).not.toEqual([]);
    await schema.migrate(store, { ...withoutBackup, to: 1 });
    expect(differences(low, await state())).toEqual([]);
    await schema.migrate(store, withoutBackup);
    expect(differences(high, await state())).toEqual([]);
  });

  test("is refused before anything is done where a step on the way has no down", async () => {
    const { store, level } = await engines.open();
    const list = [first, { version: 2, description: "for good", up: () => {} }, third];
    const irreversible = migrations(list);
    await irreversible.migrate(store);
    const before = await rawRows(level);
    for (const to of [0, 1]) {
      const back = () => irreversible.migrate(store, { to, backup: engines.places.path(`backup-${to}`) });
      await expectRefused("MIGRATION_IRREVERSIBLE", back, /Migration 2 \(for good\) has no down/);
      await expectRefused("MIGRATION_IRREVERSIBLE", () => irreversible.dryRun(store, { to }));
    }
    expect(await rawRows(level)).toEqual(before);
    expect(await irreversible.migrate(store, { ...withoutBackup, to: 2 })).toMatchObject({ from: 3, to: 2 });
  });

  test("leaves a down that throws without a trace, and tries it again", async () => {
    const { store, level } = await engines.open();
    let isBroken = true;
    const down: Migration["down"] = async (tx) => {
      await tx.deleteBucket("first");
      if (isBroken) throw new Error("Not now.");
    };
    const list = migrations([{ ...first, down }]);
    await list.migrate(store);
    const before = await rawRows(level);
    const back = () => list.migrate(store, { ...withoutBackup, to: 0 });
    await expectRefused("MIGRATION_FAILED", back, /Migration 1 down \(first\) failed: Not now\./);
    expect(await rawRows(level)).toEqual(before);
    isBroken = false;
    expect(await back()).toMatchObject({ from: 1, to: 0 });
  });

  test("in batches stops, shows, refuses and goes on as forward does", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    const seen: number[] = [];
    const list = migrations([first, { ...second, down: shorten((key) => seen.push(key)) }]);
    await list.migrate(opened.store, withoutBackup);
    await migrateHalf(opened.store, list, { to: 0 });
    const { store } = await engines.reopen(opened);
    expect(await list.status(store)).toMatchObject({
      version: 2,
      pending: [],
      running: { version: 2, direction: "down", rows: 2 * SIZE, total: ITEMS },
    });
    await expectRefused("BUCKET_MIGRATING", () => store.view((tx) => tx.bucket("items")));
    const report = await list.migrate(store, { to: 1 });
    expect(report).toMatchObject({ from: 2, to: 1, steps: [{ version: 2, direction: "down" }] });
    expect(await itemsOf(store)).toEqual(itemsWith(""));
    expect(seen).toHaveLength(ITEMS);
    expect(Object.keys(await historyRows(store))).toEqual(["migration_001", "schema_version"]);
  });

  test("finishes what is half done forward first", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    await migrateHalf(store, schema);
    const report = await schema.migrate(store, { to: 0 });
    expect(report.steps.map(({ version, direction }) => [version, direction])).toEqual([
      [2, "up"],
      [2, "down"],
      [1, "down"],
    ]);
    expect(report).toMatchObject({ from: 1, to: 0 });
    expect(await itemsOf(store)).toEqual(itemsWith(""));
  });

  test("and forward again finishes what is half done backward first", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    await schema.migrate(store, withoutBackup);
    await migrateHalf(store, schema, { to: 0 }, 3);
    const report = await schema.migrate(store);
    expect(report.steps.map(({ version, direction }) => [version, direction])).toEqual([
      [2, "down"],
      [2, "up"],
      [3, "up"],
    ]);
    expect(report.to).toBe(3);
    expect(await itemsOf(store)).toEqual(itemsWith("+"));
  });

  test("is refused amid a step forward that has no down, which can still be finished", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const list = migrations([first, { version: 2, description: "plus", up: addTo("+") }]);
    await migrateHalf(store, list);
    const history = await historyRows(store);
    await expectRefused("MIGRATION_IRREVERSIBLE", () => list.migrate(store, { to: 1 }), "Migration 2");
    expect(await historyRows(store)).toEqual(history);
    expect(await list.migrate(store, { to: 2 })).toMatchObject({ from: 1, to: 2 });
    expect(await itemsOf(store)).toEqual(itemsWith("+"));
  });

  test("is refused to versions that there are not", async () => {
    const { store } = await engines.open();
    for (const to of [-1, 1.5, 4, Number.NaN, Number.POSITIVE_INFINITY, "1", null]) {
      await expectRefused("OPTION_INVALID", () => schema.migrate(store, { to: to as number }), "to is");
      await expectRefused("OPTION_INVALID", () => schema.dryRun(store, { to: to as number }), "to is");
    }
    expect(store.stats().commit).toBe(0);
  });
});
