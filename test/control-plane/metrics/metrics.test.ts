import type { Database } from "@meshgate/database";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectRefused } from "../../helpers/stores.ts";
import { HOUR, MINUTE, useDatabases } from "../databases.ts";
import {
  dumpMetrics,
  expectCounted,
  LABELS,
  Model,
  type Snapshot,
  START,
  snapshot,
} from "./metrics-model.ts";

const at = (minutes: number) => new Date(START + minutes * MINUTE);
const one = (n: number, more: Partial<Snapshot> = {}) => ({
  id: `m${n}`,
  timestamp: at(n),
  granularity: "minute" as const,
  metrics: { cpu: n },
  labels: { node: "n1" },
  ...more,
});
const GRANULARITIES = ["minute", "hour", "day"] as const;

async function withTenants(db: Database, ...ids: string[]): Promise<Database> {
  for (const id of ids) await db.saveTenant({ id, name: id });
  return db;
}

describe("snapshots", () => {
  const databases = useDatabases();
  const open = async (options = {}) => withTenants(await databases.open(options), "a", "b");

  test("are kept with a series that the database makes, and an id where none is given", async () => {
    const { metrics } = (await open()).tenant("a");
    const labels = { zone: "z", node: 'n"1', "a b": "\ud800" };
    const { id: _, ...input } = one(1, { labels });
    const kept = await metrics.save({ ...input, series: "{}" } as never);
    expect(kept.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(kept.series).toBe('{"a b"="\\ud800",node="n\\"1",zone="z"}');
    expect(kept).toMatchObject({ tenantId: "a", labels, metrics: { cpu: 1 }, timestamp: at(1) });
    expect(await metrics.get("minute", at(1), kept.id)).toEqual(kept);
    expect(await metrics.get("hour", at(1), kept.id)).toBeUndefined();
    const { labels: none, ...bare } = one(2);
    expect(none).toEqual({ node: "n1" });
    expect(await metrics.save(bare)).toMatchObject({ labels: {}, series: "{}" });
  });

  test("what does not fit is refused, and leaves nothing behind", async () => {
    const db = await open();
    const { metrics } = db.tenant("a");
    const wrong: unknown[] = [
      undefined,
      "x",
      {},
      one(1, { id: "" }),
      one(1, { id: "rollup:x" }),
      one(1, { id: "\ud800" }),
      one(1, { metrics: { "": 1 } }),
      one(1, { metrics: { "\ud800": 1 } }),
      one(1, { metrics: { cpu: Number.NaN } }),
      one(1, { metrics: { cpu: Number.POSITIVE_INFINITY } }),
      one(1, { metrics: JSON.parse('{"__proto__": 1}') }),
      one(1, { labels: JSON.parse('{"__proto__": "1"}') }),
      one(1, { labels: { node: 1 } as never }),
      one(1, {
        labels: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`l${i}`, "x".repeat(1000)])),
      }),
      one(1, { granularity: "second" as never }),
      one(1, { timestamp: new Date(Number.NaN) }),
      { ...one(1), rollUp: {} },
      { ...one(1), other: 1 },
    ];
    for (const input of wrong) {
      await expectRefused("RECORD_INVALID", () => metrics.save(input as never));
      await expectRefused("RECORD_INVALID", () => metrics.saveMany([one(2), input as never]));
    }
    await expectRefused("TENANT_MISMATCH", () => metrics.save({ ...one(1), tenantId: "b" }));
    await expectRefused("TENANT_NOT_FOUND", () => db.tenant("none").metrics.save(one(1)));
    await expectRefused("OPTION_INVALID", () => metrics.saveMany(1 as never));
    expect(await dumpMetrics(db, "a")).toEqual({ snapshots: [], series: [], state: undefined });
    expect(await expectCounted(db, "a")).toBe(0);
  });

  test("a range has its begin, and not its end; times of any year are in order", async () => {
    const { metrics } = (await open()).tenant("a");
    const times = [-8.64e15, -1, 0, 9, 10, START, 8.64e15].map((ms) => new Date(ms));
    expect(await metrics.saveMany(times.map((timestamp, n) => one(n, { timestamp })))).toBe(7);
    const found = async (from: number, to: number) =>
      (await metrics.range("minute", new Date(from), new Date(to))).map(({ id }) => id);
    expect(await found(-8.64e15, 8.64e15)).toEqual(["m0", "m1", "m2", "m3", "m4", "m5"]);
    expect(await found(0, 10)).toEqual(["m2", "m3"]);
    expect(await found(1, 9)).toEqual([]);
    expect(await found(10, 0)).toEqual([]);
    expect(await metrics.range("hour", new Date(-8.64e15), new Date(8.64e15))).toEqual([]);
  });

  test("agree with a plain array: saved, replaced, deleted, in ranges and in pages", async () => {
    const db = await open();
    let run = 0;
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ save: fc.array(snapshot(...GRANULARITIES), { maxLength: 12 }) }) },
      { weight: 1, arbitrary: fc.record({ delete: fc.nat(20) }) },
    );
    const bounds = fc.tuple(fc.integer({ min: -60, max: 4400 }), fc.integer({ min: -60, max: 4400 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        bounds,
        fc.integer({ min: 1, max: 7 }),
        async (steps, [from, to], size) => {
          const tenantId = `t${run++}`;
          await withTenants(db, tenantId);
          const { metrics } = db.tenant(tenantId);
          const model = new Model();
          for (const each of steps) {
            if ("save" in each) {
              expect(await metrics.saveMany(each.save)).toBe(each.save.length);
              for (const row of each.save) model.save(row);
              continue;
            }
            const row = model.all("minute")[each.delete] ?? one(0);
            expect(await metrics.delete(row.granularity, row.timestamp, row.id)).toBe(model.delete(row));
          }
          await expectCounted(db, tenantId, { exact: false });
          for (const granularity of GRANULARITIES) {
            const expected = model.within(granularity, at(from), at(to));
            const plain = (rows: readonly object[]) =>
              rows.map((row) => ({ ...row, tenantId: undefined, series: undefined }));
            expect(plain(await metrics.range(granularity, at(from), at(to)))).toEqual(expected);
            for (const newestFirst of [false, true])
              for (const labels of [undefined, LABELS[1]]) {
                const listed: object[] = [];
                let after: string | undefined;
                do {
                  const options = {
                    granularity,
                    from: at(from),
                    to: at(to),
                    labels,
                    newestFirst,
                    size,
                    after,
                  };
                  const page = await metrics.list(options);
                  expect(page.records.length).toBeLessThanOrEqual(size);
                  listed.push(...page.records);
                  after = page.next;
                } while (after !== undefined);
                const wanted = expected.filter((row) => labels === undefined || row.labels["node"] === "n1");
                expect(plain(listed)).toEqual(newestFirst ? wanted.reverse() : wanted);
              }
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  test("a tenant meets its own, whatever ids, labels and tokens it is given", async () => {
    const db = await open();
    const [a, b] = [db.tenant("a").metrics, db.tenant("b").metrics];
    for (const n of [1, 2, 3]) {
      await a.save(one(n));
      await b.save(one(n, { metrics: { cpu: -n, secret: n } }));
    }
    expect((await a.get("minute", at(1), "m1"))?.metrics).toEqual({ cpu: 1 });
    expect((await a.range("minute", at(0), at(9))).map(({ metrics }) => metrics["cpu"])).toEqual([1, 2, 3]);
    expect(await a.metricNames()).toEqual(["cpu"]);
    expect(await a.listSeries()).toEqual([{ metric: "cpu", labels: { node: "n1" } }]);
    expect(await a.listSeries("secret")).toEqual([]);
    expect((await a.latest()).map(({ value }) => value)).toEqual([3]);
    expect(await a.series("secret", { granularity: "minute", from: at(0), to: at(9) })).toEqual([]);
    const { next } = await a.list({ granularity: "minute", size: 1 });
    await expectRefused("TOKEN_INVALID", () => b.list({ granularity: "minute", size: 1, after: next }));
    await expectRefused("TOKEN_INVALID", () => a.list({ granularity: "hour", size: 1, after: next }));
    for (const after of ["x", ".", `0${next}`, `zzzzzzzzzzzzzzzzzz${next}`, next?.slice(1), 7 as never])
      await expectRefused("TOKEN_INVALID", () => a.list({ granularity: "minute", after }));
    expect(await a.delete("minute", at(1), "m1")).toBe(true);
    expect(await a.delete("minute", at(1), "m1")).toBe(false);
    expect(await b.range("minute", at(0), at(9))).toHaveLength(3);
    await expectCounted(db, "b");
  });

  test("options and arguments that are wrong are refused", async () => {
    const { metrics } = (await open()).tenant("a");
    const wrong = [
      () => metrics.range("week" as never, at(0), at(1)),
      () => metrics.range("minute", "now" as never, at(1)),
      () => metrics.range("minute", at(0), undefined as never),
      () => metrics.get("minute", new Date(Number.NaN), "x"),
      () => metrics.delete("x" as never, at(0), "x"),
      () => metrics.list(undefined as never),
      () => metrics.list({} as never),
      () => metrics.list({ granularity: "minute", form: at(0) } as never),
      () => metrics.list({ granularity: "minute", from: 1 as never }),
      () => metrics.list({ granularity: "minute", to: 1 as never }),
      () => metrics.list({ granularity: "minute", size: 0 }),
      () => metrics.list({ granularity: "minute", newestFirst: 1 as never }),
      () => metrics.list({ granularity: "minute", labels: { node: 1 } as never }),
      () => metrics.latest("cpu", 1 as never),
      () => metrics.rollUp({ signals: 1 } as never),
    ];
    for (const call of wrong) await expectRefused("OPTION_INVALID", call);
  });

  test("a bulk call tells how far it is, and is stopped as a whole", async () => {
    const db = await open();
    const { metrics } = db.tenant("a");
    const rows = Array.from({ length: 600 }, (_, n) => one(n));
    const seen: unknown[] = [];
    await metrics.saveMany(rows, { onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([256, 512, 600].map((done) => ({ done, total: 600 })));
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const more = rows.map((row) => ({ ...row, labels: { node: "n2" } }));
    await expectRefused("ABORTED", () => metrics.saveMany(more, { signal: controller.signal, onProgress }));
    expect(await metrics.listSeries()).toEqual([{ metric: "cpu", labels: { node: "n1" } }]);
    await expectCounted(db, "a");
  });

  test("the audit trail is told nothing, and a closed database refuses", async () => {
    const db = await open();
    const tenant = db.tenant("a");
    const before = (await tenant.audit.list()).records.length;
    await tenant.as({ userId: "u" }).metrics.save(one(1));
    await tenant.as({ userId: "u" }).metrics.saveMany([one(2)]);
    await tenant.as({ userId: "u" }).metrics.delete("minute", at(1), "m1");
    await tenant.as({ userId: "u" }).metrics.rollUp();
    expect((await tenant.audit.list()).records).toHaveLength(before);
    await db.close();
    const { metrics } = tenant;
    for (const call of [
      () => metrics.save(one(1)),
      () => metrics.saveMany([]),
      () => metrics.range("minute", at(0), at(1)),
      () => metrics.list({ granularity: "minute" }),
      () => metrics.get("minute", at(0), "x"),
      () => metrics.delete("minute", at(0), "x"),
      () => metrics.series("cpu", { granularity: "minute", from: at(0), to: at(1) }),
      () => metrics.latest(),
      () => metrics.metricNames(),
      () => metrics.listSeries(),
      () => metrics.rollUp(),
    ])
      await expectRefused("STORE_CLOSED", call);
  });
});

describe("the cap on series", () => {
  const databases = useDatabases();
  const open = async (maxSeries: number) => withTenants(await databases.open({ maxSeries }), "a", "b");
  const series = (n: number, node: number, ...names: string[]) =>
    one(n, { metrics: Object.fromEntries(names.map((name) => [name, n])), labels: { node: `n${node}` } });

  test("is of metrics by labels, of each tenant, and tells limit, use and wish", async () => {
    const db = await open(4);
    const [a, b] = [db.tenant("a").metrics, db.tenant("b").metrics];
    await a.save(series(1, 1, "x", "y"));
    await a.save(series(2, 1, "x", "y"));
    await a.save(series(1, 1, "x")); // replaces
    await a.save(series(3, 2, "x"));
    const error = await a.save(series(4, 2, "x", "y", "z")).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: "SERIES_LIMIT",
      details: { tenantId: "a", limit: 4, used: 3, wanted: 2 },
    });
    expect(await a.get("minute", at(4), "m4")).toBeUndefined();
    await a.save(series(4, 2, "x", "y"));
    await expectRefused("SERIES_LIMIT", () => a.save(series(5, 3, "x")));
    await a.save(series(5, 2, "y"));
    await b.save(series(1, 1, "p", "q", "r", "s"));
    expect(await expectCounted(db, "a")).toBe(4);
    expect(await expectCounted(db, "b")).toBe(4);
    await a.save(one(9, { metrics: {} }));
  });

  test("holds for saves at the same time, and for bulks", async () => {
    const db = await open(10);
    const { metrics } = db.tenant("a");
    const saves = Array.from({ length: 25 }, (_, n) => metrics.save(series(n, n, "x")));
    const settled = await Promise.allSettled(saves);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    for (const each of settled)
      if (each.status === "rejected") expect(each.reason).toMatchObject({ code: "SERIES_LIMIT" });
    expect(await expectCounted(db, "a")).toBe(10);
    const { metrics: other } = db.tenant("b");
    const bulk = Array.from({ length: 11 }, (_, n) => series(n, n, "x"));
    await expectRefused("SERIES_LIMIT", () => other.saveMany(bulk));
    expect(await dumpMetrics(db, "b")).toEqual({ snapshots: [], series: [], state: undefined });
    expect(await other.saveMany(bulk.slice(1))).toBe(10);
    expect(await expectCounted(db, "b")).toBe(10);
  });

  test("counts what a shared transaction keeps, also where a save in it fails", async () => {
    const db = await open(3);
    await db.update(async (tx) => {
      const { metrics } = tx.tenant("a");
      await metrics.save(series(1, 1, "x"));
      await expectRefused("SERIES_LIMIT", () => metrics.save(series(2, 2, "x", "y", "z")));
      await expectRefused("RECORD_INVALID", () => metrics.save(series(3, 3, "")));
      // What came before the one that is refused is in the transaction, and counted.
      await expectRefused("SERIES_LIMIT", () =>
        metrics.saveMany([series(4, 4, "x"), series(5, 5, "x"), series(6, 6, "x")]),
      );
      await metrics.save(series(7, 5, "x"));
      await Promise.all([metrics.save(series(8, 1, "x")), metrics.save(series(9, 4, "x"))]);
      expect(await metrics.listSeries("x")).toHaveLength(3);
    });
    expect(await expectCounted(db, "a")).toBe(3);
    await expect(
      db.update(async (tx) => {
        await tx.tenant("b").metrics.save(series(1, 1, "x"));
        throw new Error("rolled back");
      }),
    ).rejects.toThrow("rolled back");
    await db.tenant("b").metrics.save(series(2, 1, "y"));
    expect(await expectCounted(db, "b")).toBe(1);
    expect(await db.tenant("b").metrics.metricNames()).toEqual(["y"]);
  });

  test("a tenant that was wiped begins anew", async () => {
    const db = await open(2);
    await db.tenant("a").metrics.saveMany([series(1, 1, "x", "y"), series(1, 1, "x")]);
    await db.tenant("a").wipe();
    await withTenants(db, "a");
    await db.tenant("a").metrics.save(series(1, 2, "x", "z"));
    expect(await expectCounted(db, "a")).toBe(2);
  });

  test("the flat methods are the same", async () => {
    const db = await open(5);
    await db.saveMetricsSnapshot({ ...one(1), tenantId: "c" });
    const found = await db.getMetricsSnapshots("c", "minute", at(0), new Date(START + HOUR));
    expect(found).toEqual(await db.tenant("c").metrics.range("minute", at(0), at(60)));
    expect(found).toHaveLength(1);
  });
});
