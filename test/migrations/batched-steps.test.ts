import { type Batch, eachRow, type MigrationProgress, migrations } from "@meshgate/database";
import { describe, expect, test, vi } from "vitest";
import { tap } from "../helpers/levels.ts";
import { expectRefused, filled, numbered } from "../helpers/stores.ts";
import { rawRows } from "./end-state.ts";
import {
  addTo,
  bucketStep,
  ENGINES,
  fillItems,
  historyRows,
  ITEMS,
  itemsWith,
  migrateHalf,
  only,
  rowsOf,
  SIZE,
  useEngine,
} from "./engines.ts";

const RUNNING = "!migrations!Jmigration_running";
const BATCHES = Math.ceil(ITEMS / SIZE);

describe.each(ENGINES)("a batched step over %s", (engine) => {
  const engines = useEngine(engine);

  test("handles every row once, in batches that are a commit each, with the cursor in it", async () => {
    const { store, level } = await engines.open();
    await fillItems(store);
    const { written } = tap(level);
    const seen: number[] = [];
    await only({ up: addTo("+", (key) => seen.push(key)) }).migrate(store, { backup: false });
    expect(seen).toEqual(numbered(ITEMS).map(([key]) => key));
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
    // One more tells that nothing is left, and is the one with the version.
    expect(written).toHaveLength(BATCHES + 1);
    for (const [i, { puts, deletes }] of written.entries()) {
      const isLast = i === BATCHES;
      expect(isLast ? deletes : puts).toContain(RUNNING);
      expect(puts.includes("!migrations!Jschema_version")).toBe(isLast);
      expect(puts.filter((key) => key.startsWith("!items!")).length).toBe(
        isLast ? 0 : Math.min(SIZE, ITEMS - i * SIZE),
      );
    }
  });

  test("reports rows, share and rate after each batch", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const told: MigrationProgress[] = [];
    await only({ up: addTo("+") }).migrate(store, {
      backup: false,
      onProgress: (progress) => told.push(progress),
    });
    expect(told).toHaveLength(BATCHES);
    for (const [i, progress] of told.entries()) {
      const rows = Math.min(ITEMS, (i + 1) * SIZE);
      const share = rows / ITEMS;
      expect(progress).toMatchObject({ version: 1, description: "the only one", rows, total: ITEMS, share });
      expect(progress.rate).toBeGreaterThan(0);
    }
  });

  test("of the user's own gets each cursor that it gave, and reports no share where it counts nothing", async () => {
    const { store } = await engines.open();
    const cursors: unknown[] = [];
    const given: (Batch | undefined)[] = [
      { cursor: { page: 1, of: ["a", null] }, rows: 10 },
      { cursor: null, rows: 0 },
      { cursor: 0, rows: 5 },
      undefined,
    ];
    const told: MigrationProgress[] = [];
    const run = (_: unknown, cursor: unknown) => {
      cursors.push(cursor);
      return given[cursors.length - 1];
    };
    await only({ up: { affects: [], run } }).migrate(store, {
      onProgress: (progress) => told.push(progress),
    });
    expect(cursors).toEqual([undefined, { page: 1, of: ["a", null] }, null, 0]);
    expect(told.map(({ rows, total, share }) => [rows, total, share])).toEqual([
      [10, undefined, undefined],
      [10, undefined, undefined],
      [15, undefined, undefined],
    ]);
  });

  test("never tells a share above 1, whatever it counted", async () => {
    const { store } = await engines.open();
    let left = 3;
    const up = {
      affects: [],
      count: () => 0,
      run: () => (left-- > 0 ? { cursor: left, rows: 2 } : undefined),
    };
    const shares: unknown[] = [];
    await only({ up }).migrate(store, { onProgress: ({ share }) => shares.push(share) });
    expect(shares).toEqual([1, 1, 1]);
  });

  test("stops between batches where the signal aborts, keeps what was done, and goes on there", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    const seen: number[] = [];
    const schema = migrations([{ version: 1, description: "plus", up: addTo("+", (key) => seen.push(key)) }]);
    await migrateHalf(opened.store, schema, {}, 2);
    expect(seen).toHaveLength(2 * SIZE);
    const { store } = await engines.reopen(opened);
    const told: number[] = [];
    const report = await schema.migrate(store, { onProgress: ({ rows }) => told.push(rows) });
    expect(report).toMatchObject({ from: 0, to: 1, steps: [{ version: 1 }] });
    // Rows of the run before are counted on.
    expect(told[0]).toBe(3 * SIZE);
    expect(seen).toEqual(numbered(ITEMS).map(([key]) => key));
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
  });

  test("is stopped as often as one likes", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    const seen: number[] = [];
    const schema = only({ up: addTo("+", (key) => seen.push(key)) });
    let at = opened;
    for (let i = 0; i < BATCHES; i++) {
      await migrateHalf(at.store, schema, {}, 1);
      at = await engines.reopen(at);
    }
    await schema.migrate(at.store);
    expect(seen).toEqual(numbered(ITEMS).map(([key]) => key));
    expect(await rowsOf(at.store, "items")).toEqual(itemsWith("+"));
  });

  test("is not begun where the signal aborted before", async () => {
    const { store, level } = await engines.open();
    await fillItems(store);
    const before = await rawRows(level);
    const schema = only({ up: addTo("+") });
    await expectRefused("ABORTED", () => schema.migrate(store, { signal: AbortSignal.abort() }));
    expect(await rawRows(level)).toEqual(before);
    expect(await schema.status(store)).toMatchObject({ version: 0, running: undefined });
  });

  test("keeps the batches before one that throws, and tries that again", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const reason = new Error("Row 9 is odd.");
    const seen: number[] = [];
    let isBroken = true;
    const up = addTo("+", (key) => {
      if (key === 9 && isBroken) throw reason;
      seen.push(key);
    });
    const schema = migrations([bucketStep(1, "first"), { version: 2, description: "plus", up }]);
    const failure = schema.migrate(store, { backup: false });
    await expect(failure).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringMatching(/Migration 2 up \(plus\) failed: Row 9 is odd\..*[Bb]atches/),
      cause: reason,
    });
    expect(await schema.status(store)).toMatchObject({ version: 1, running: { version: 2, rows: 2 * SIZE } });
    isBroken = false;
    expect(await schema.migrate(store)).toMatchObject({ from: 1, to: 2 });
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
    // Only row 8, of the batch that was rolled back, was handed out twice.
    expect(seen.filter((key, i) => seen.indexOf(key) !== i)).toEqual([8]);
  });

  test("goes on after the store was closed amid it", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    let closing: Promise<void> | undefined;
    const schema = only({ up: addTo("+") });
    const onProgress = () => {
      closing ??= opened.store.close();
    };
    const stopped = schema.migrate(opened.store, { backup: false, onProgress });
    await expect(stopped).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      cause: { code: "STORE_CLOSED" },
    });
    await closing;
    const { store } = await engines.reopen(opened);
    expect(await schema.status(store)).toMatchObject({ running: { rows: SIZE } });
    await schema.migrate(store);
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
  });

  test("stops where onProgress throws, and goes on with the next call", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const schema = only({ up: addTo("+") });
    const reason = new Error("The listener is gone.");
    const onProgress = () => {
      throw reason;
    };
    await expect(schema.migrate(store, { backup: false, onProgress })).rejects.toMatchObject({
      cause: reason,
    });
    await schema.migrate(store);
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
  });

  test("leaves in its history how long all its runs took, and nothing of its progress", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const schema = only({ up: addTo("+") });
    await migrateHalf(store, schema);
    await schema.migrate(store);
    const rows = await historyRows(store);
    expect(Object.keys(rows)).toEqual(["migration_001", "schema_version"]);
    expect(Object.keys(rows["migration_001"] as object)).toEqual([
      "version",
      "description",
      "appliedAt",
      "durationMs",
    ]);
  });

  test("counts the time of each batch, and of its commit, once", async () => {
    const { store } = await engines.open();
    let clock = 0;
    const now = vi.spyOn(performance, "now").mockImplementation(() => clock);
    try {
      let left = 5;
      const run = () => {
        clock += 100;
        return left-- > 0 ? { cursor: left, rows: 10 } : undefined;
      };
      const rates: number[] = [];
      const onProgress = ({ rate }: MigrationProgress) => {
        rates.push(rate);
        // Time between batches is the commit's, or the listener's.
        clock += 10;
      };
      const report = await only({ up: { affects: [], run } }).migrate(store, { backup: false, onProgress });
      expect(report.steps[0]?.durationMs).toBe(650);
      expect(rates.map(Math.round)).toEqual([100, 95, 94, 93, 93]);
    } finally {
      now.mockRestore();
    }
    expect(await historyRows(store)).toMatchObject({ migration_001: { durationMs: 650 } });
  });

  test("that gives no batch is told so", async () => {
    const { store } = await engines.open();
    for (const given of [
      {},
      { rows: 1 },
      { cursor: 1 },
      { cursor: 1, rows: -1 },
      { cursor: 1, rows: "1" },
      true,
      null,
    ]) {
      const run = () => given as Batch;
      const failed = only({ up: { affects: [], run } }).migrate(store);
      await expect(failed).rejects.toMatchObject({
        cause: { message: expect.stringContaining("{ cursor, rows }") },
      });
    }
  });

  test("that is finished in other batches than it was begun in handles each row once", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const change = async (
      [key, value]: [number, string],
      { bucket }: { bucket: { put(k: number, v: string): unknown } },
    ) => {
      await bucket.put(key, `${value}+`);
    };
    await migrateHalf(store, only({ up: eachRow("items", change, { size: 7 }) }));
    await only({ up: eachRow("items", change, { size: 2 }) }).migrate(store);
    expect(await rowsOf(store, "items")).toEqual(itemsWith("+"));
  });
});

describe.each(ENGINES)("eachRow() over %s", (engine) => {
  const engines = useEngine(engine);

  test("has nothing to do where the bucket is empty or missing", async () => {
    const { store } = await engines.open();
    await filled(store, "empty", []);
    const never = () => {
      throw new Error("There is no row.");
    };
    const lists = ["empty", "missing"].map((bucket, i) => ({
      version: i + 1,
      description: bucket,
      up: eachRow(bucket, never),
    }));
    await migrations(lists).migrate(store, { backup: false });
    expect(await store.view((tx) => tx.buckets())).toEqual(["empty", "migrations"]);
  });

  test("meets keys of every type in order, and leaves the buckets within alone", async () => {
    const { store } = await engines.open();
    const keys = [null, false, -1, 2.5, new Date(0), "a", "b!", "ä", ["a", 1], ["a", 2, "x"]];
    await filled(store, "mixed", [...keys.map((key) => [key, 1] as const), ["nested", undefined]]);
    await store.update(async (tx) => {
      await (await (await tx.bucket("mixed"))?.bucket("nested"))?.put("inner", 1);
    });
    const seen: unknown[] = [];
    const up = eachRow(
      "mixed",
      async ([key], { bucket }) => {
        seen.push(key);
        await bucket.put(key, 2);
      },
      { size: 1 },
    );
    await only({ up }).migrate(store, { backup: false });
    expect(seen).toEqual(keys);
    await store.view(async (tx) => {
      const bucket = await tx.bucket("mixed");
      expect(await bucket?.values().toArray()).toEqual(keys.map(() => 2));
      expect(await (await bucket?.bucket("nested"))?.get("inner")).toBe(1);
    });
  });

  test("reads and writes in the bucket's own encoding", async () => {
    const { store } = await engines.open();
    await store.update(async (tx) => {
      await (await tx.createBucket("texts", { encoding: "utf8" })).put("a", "plain");
      await (await tx.createBucket("blobs", { encoding: "bytes" })).put("a", new Uint8Array([1, 2]));
    });
    await migrations([
      {
        version: 1,
        description: "texts",
        up: eachRow<string>("texts", ([key, text], { bucket }) => bucket.put(key, `${text}!`)),
      },
      {
        version: 2,
        description: "blobs",
        up: eachRow<Uint8Array>("blobs", ([key, bytes], { bucket }) =>
          bucket.put(
            key,
            bytes.map((byte) => byte + 1),
          ),
        ),
      },
    ]).migrate(store, { backup: false });
    await store.view(async (tx) => {
      expect(await (await tx.bucket("texts"))?.get("a")).toBe("plain!");
      expect(await (await tx.bucket("blobs"))?.get("a")).toEqual(new Uint8Array([2, 3]));
    });
  });

  test("deletes the row that it is at, and others ahead", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const seen: number[] = [];
    const up = eachRow<string, number>(
      "items",
      async ([key], { bucket }) => {
        seen.push(key);
        if (key % 3 === 0) await bucket.delete(key);
        if (key % 3 === 0) await bucket.delete(key + 1);
      },
      { size: SIZE },
    );
    await only({ up }).migrate(store, { backup: false });
    const kept = numbered(ITEMS).flatMap(([key]) => ((key as number) % 3 === 2 ? [key] : []));
    expect((await rowsOf(store, "items"))?.map(([key]) => key)).toEqual(kept);
    expect(seen.every((key) => key % 3 !== 1)).toBe(true);
  });

  test("takes fewer rows at a time where they are large", async () => {
    const { store } = await engines.open();
    await filled(
      store,
      "items",
      Array.from({ length: 12 }, (_, i) => [i, "x".repeat(1 << 20)]),
    );
    const told: number[] = [];
    const up = eachRow("items", () => {});
    await only({ up }).migrate(store, { backup: false, onProgress: ({ rows }) => told.push(rows) });
    expect(told.at(-1)).toBe(12);
    expect(told.length).toBeGreaterThanOrEqual(3);
  });

  test("goes beyond one batch by default", async () => {
    const { store } = await engines.open();
    await filled(store, "items", numbered(2500));
    const told: number[] = [];
    const up = eachRow("items", () => {});
    await only({ up }).migrate(store, { backup: false, onProgress: ({ rows }) => told.push(rows) });
    expect(told).toEqual([1000, 2000, 2500]);
  });
});
