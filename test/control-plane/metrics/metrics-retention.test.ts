import type { Database } from "@meshgate/database";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Runner, Scope, storeRunner } from "../../../src/control-plane/common/scope.ts";
import { deleteSnapshots } from "../../../src/control-plane/metrics/metrics-retention.ts";
import { sweepSeries } from "../../../src/control-plane/metrics/series-sweep.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, HOUR, MINUTE, useDatabases } from "../databases.ts";
import {
  dumpMetrics,
  expectCounted,
  Model,
  rolledUp,
  rollUpsOf,
  type Snapshot,
  START,
  snapshot,
} from "./metrics-model.ts";

const at = (ms: number) => new Date(START + ms);
const FIRST = new Date(-8.64e15);
const LAST = new Date(8.64e15);
const ALWAYS = { from: FIRST, to: LAST };
const minute = (ms: number, more: Partial<Snapshot> = {}) => ({
  id: "m",
  timestamp: at(ms),
  granularity: "minute" as const,
  metrics: { c: 1 },
  labels: { node: "n1" },
  ...more,
});

describe("retention of metrics", () => {
  const databases = useDatabases();
  const { clock } = databases;

  const open = async (...ids: string[]) => {
    clock.time = START + 10 * DAY;
    const db = await databases.open({ rollUpDelay: 0, maxSeries: 1000 });
    for (const id of ids) await db.saveTenant({ id, name: id });
    return db;
  };
  const scopeOf = (db: Database, tenantId: string, runner: Runner = storeRunner(db.store)) => {
    const settings = { now: clock.now, maxSeries: 1000, rollUpDelay: 0 } as Scope["settings"];
    return new Scope(runner, settings, tenantId, { maintains: true });
  };

  test("minutes go by whole hours once they are rolled up; what lies before is neither read nor taken", async () => {
    const db = await open("a");
    const { metrics } = db.tenant("a");
    await metrics.saveMany([0, MINUTE, HOUR - 1, HOUR, 90 * MINUTE, 5 * HOUR].map((ms) => minute(ms)));
    // The hour that the time lies in stays whole.
    expect(await deleteSnapshots(scopeOf(db, "a"), "minute", at(HOUR + 30 * MINUTE))).toBe(3);
    expect((await metrics.range("minute", FIRST, LAST)).map(({ timestamp }) => timestamp)).toEqual([
      at(HOUR),
      at(90 * MINUTE),
      at(5 * HOUR),
    ]);
    expect(await metrics.range("hour", FIRST, LAST)).toHaveLength(3);
    const error = await metrics.save(minute(HOUR - 1)).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: "METRIC_TOO_LATE",
      details: { tenantId: "a", granularity: "minute", timestamp: at(HOUR - 1), from: at(HOUR) },
    });
    await metrics.save(minute(HOUR + 1));
    expect(await metrics.rollUp()).toEqual({ hours: 1, days: 1 });
    const [day] = await metrics.range("day", FIRST, LAST);
    expect(day?.rollUp?.["c"]?.count).toBe(7);
    expect(await deleteSnapshots(scopeOf(db, "a"), "minute", at(0))).toBe(0);
    expect(await metrics.get("minute", at(HOUR - 1), "m")).toBeUndefined();
    expect(await metrics.delete("minute", at(HOUR - 1), "m")).toBe(false);
    await metrics.save({ ...minute(0), granularity: "hour" });
  });

  test("hours go by whole days, and days up to today; what is not over stays", async () => {
    const db = await open("a");
    const { metrics } = db.tenant("a");
    clock.time = START + 2 * DAY + 90 * MINUTE;
    await metrics.saveMany([0, HOUR, DAY, 2 * DAY, 2 * DAY + HOUR, 3 * DAY].map((ms) => minute(ms)));
    expect(await deleteSnapshots(scopeOf(db, "a"), "minute", LAST)).toBe(4);
    expect(await deleteSnapshots(scopeOf(db, "a"), "hour", LAST)).toBe(3);
    expect(await deleteSnapshots(scopeOf(db, "a"), "day", LAST)).toBe(2);
    expect((await metrics.range("hour", FIRST, LAST)).map(({ timestamp }) => timestamp)).toEqual([
      at(2 * DAY),
    ]);
    expect(await metrics.range("day", FIRST, LAST)).toEqual([]);
    expect(await metrics.range("minute", FIRST, LAST)).toHaveLength(2);
    await expectRefused("METRIC_TOO_LATE", () => metrics.save({ ...minute(0), granularity: "day" }));
    await expectRefused("METRIC_TOO_LATE", () => metrics.save({ ...minute(0), granularity: "hour" }));
  });

  test("nothing is moved for a tenant that has nothing so old, nor for one without metrics", async () => {
    const db = await open("a", "b");
    await db.tenant("a").metrics.save(minute(0));
    for (const id of ["a", "b"]) {
      const before = (await dumpMetrics(db, id)).state;
      expect(await deleteSnapshots(scopeOf(db, id), "day", at(0))).toBe(0);
      expect(await deleteSnapshots(scopeOf(db, id), "minute", at(0))).toBe(0);
      expect((await dumpMetrics(db, id)).state?.minutesFrom).toBeUndefined();
      expect((await dumpMetrics(db, id)).state?.series).toBe(before?.series);
    }
    await db.tenant("a").metrics.save(minute(-DAY));
    const wrong = [
      () => deleteSnapshots(scopeOf(db, "a"), "week" as never, at(0)),
      () => deleteSnapshots(scopeOf(db, "a"), "day", 1 as never),
      () => deleteSnapshots(scopeOf(db, "a"), "day", at(0), { x: 1 } as never),
    ];
    for (const call of wrong) await expectRefused("OPTION_INVALID", call);
  });

  test("stopped half way, nobody reads what is left, and the next run takes it", async () => {
    const db = await open("a", "b");
    const { metrics } = db.tenant("a");
    const rows = Array.from({ length: 1200 }, (_, n) => minute(n * MINUTE, { metrics: { c: n } }));
    for (const id of ["a", "b"]) await db.tenant(id).metrics.saveMany(rows);
    await metrics.save(minute(30 * HOUR));
    const page = await metrics.list({ granularity: "minute", size: 10 });
    const controller = new AbortController();
    const done: number[] = [];
    const stopped = deleteSnapshots(scopeOf(db, "a"), "minute", at(20 * HOUR), {
      signal: controller.signal,
      onProgress: (progress) => {
        done.push(progress.done);
        controller.abort();
      },
    });
    await expectRefused("ABORTED", () => stopped);
    expect(done).toEqual([500]);
    const left = async () =>
      (await dumpMetrics(db, "a")).snapshots.filter(({ granularity }) => granularity === "minute").length;
    expect(await left()).toBe(701);
    expect(await metrics.range("minute", FIRST, LAST)).toHaveLength(1);
    expect((await metrics.list({ granularity: "minute" })).records).toHaveLength(1);
    expect((await metrics.list({ granularity: "minute", newestFirst: true })).records).toHaveLength(1);
    // A list that was begun before goes on with what there still is.
    const next = await metrics.list({ granularity: "minute", size: 10, after: page.next });
    expect(next.records.map(({ timestamp }) => timestamp)).toEqual([at(30 * HOUR)]);
    expect(next.next).toBeUndefined();
    const [series] = await metrics.series("c", { granularity: "minute", ...ALWAYS });
    expect(series?.points).toHaveLength(1);
    expect(await metrics.get("minute", at(19 * HOUR), "m")).toBeUndefined();
    expect(await metrics.delete("minute", at(19 * HOUR), "m")).toBe(false);
    expect((await metrics.latest("c")).map(({ timestamp }) => timestamp)).toEqual([at(30 * HOUR)]);
    await metrics.delete("minute", at(30 * HOUR), "m");
    expect((await metrics.latest("c")).map(({ granularity }) => granularity)).toEqual(["hour"]);
    expect(await deleteSnapshots(scopeOf(db, "a"), "minute", at(0))).toBe(700);
    expect(await left()).toBe(0);
    expect(await db.tenant("b").metrics.range("minute", FIRST, LAST)).toHaveLength(1200);
    expect(await rollUpsOf(db, "a", "hour")).toEqual(rolledUp(rows, HOUR));
    const first = await metrics.list({ granularity: "hour", size: 5 });
    const second = await metrics.list({ granularity: "hour", size: 500, after: first.next });
    expect(first.records.length + second.records.length).toBe(20);
  });

  test("roll-ups stay what they were, whatever is deleted and comes late in between", async () => {
    const db = await open();
    let run = 0;
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ save: fc.array(snapshot("minute"), { maxLength: 15 }) }) },
      { weight: 2, arbitrary: fc.record({ now: fc.nat(4 * DAY), rollUp: fc.boolean() }) },
      {
        weight: 2,
        arbitrary: fc.record({ before: fc.nat(3 * DAY), kind: fc.constantFrom("minute", "hour") }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const tenantId = `t${run++}`;
        clock.time = START;
        await db.saveTenant({ id: tenantId, name: tenantId });
        const { metrics } = db.tenant(tenantId);
        const model = new Model();
        let [minutesFrom, hoursFrom] = [START, START];
        for (const each of steps) {
          if ("save" in each) {
            for (const row of each.save) {
              // Hours that are gone can tell their day of nothing that comes later.
              if (row.timestamp.getTime() < hoursFrom) continue;
              const isLate = row.timestamp.getTime() < minutesFrom;
              const outcome = await metrics.save(row).catch((error) => error.code);
              if (isLate) expect(outcome).toBe("METRIC_TOO_LATE");
              else model.save(row);
            }
          } else if ("now" in each) {
            clock.time = Math.max(clock.time, START + each.now);
            if (each.rollUp) await metrics.rollUp();
          } else {
            const kind = each.kind as "minute" | "hour";
            const before = kind === "minute" ? minutesFrom : hoursFrom;
            await deleteSnapshots(scopeOf(db, tenantId), kind, at(each.before));
            const { state, snapshots } = await dumpMetrics(db, tenantId);
            minutesFrom = state?.minutesFrom?.getTime() ?? START;
            hoursFrom = state?.hoursFrom?.getTime() ?? START;
            const from = kind === "minute" ? minutesFrom : hoursFrom;
            expect(from).toBeLessThanOrEqual(Math.max(before, Math.min(START + each.before, clock.time)));
            for (const row of snapshots)
              if (row.granularity === kind) expect(row.timestamp.getTime()).toBeGreaterThanOrEqual(from);
          }
        }
        clock.time = START + 5 * DAY;
        await metrics.rollUp();
        const rows = model.all("minute");
        const kept = new Map(
          Array.from(rolledUp(rows, HOUR)).filter(([key]) => (JSON.parse(key) as [number])[0] >= hoursFrom),
        );
        expect(await rollUpsOf(db, tenantId, "hour")).toEqual(kept);
        expect(await rollUpsOf(db, tenantId, "day")).toEqual(rolledUp(rows, DAY));
        await expectCounted(db, tenantId, { exact: false });
      }),
      { numRuns: 25 },
    );
  });

  test("where hours are kept shorter than minutes, what comes late for them stays a minute", async () => {
    const db = await open("a");
    const { metrics } = db.tenant("a");
    await metrics.saveMany([minute(0), minute(5 * DAY)]);
    await deleteSnapshots(scopeOf(db, "a"), "hour", at(3 * DAY));
    const before = await metrics.range("day", FIRST, LAST);
    await metrics.save(minute(MINUTE));
    expect(await metrics.rollUp()).toEqual({ hours: 0, days: 0 });
    expect(await metrics.range("minute", FIRST, LAST)).toHaveLength(3);
    expect(await metrics.range("hour", FIRST, LAST)).toHaveLength(1);
    expect(await metrics.range("day", FIRST, LAST)).toEqual(before);
  });

  test("series go with their last snapshot, of any granularity, and make room", async () => {
    const db = await open("a");
    const { metrics } = db.tenant("a");
    const row = (ms: number, node: string, ...names: string[]) =>
      minute(ms, { metrics: Object.fromEntries(names.map((name) => [name, ms])), labels: { node } });
    await metrics.saveMany([row(0, "n1", "x", "y"), row(1, "n2", "x"), row(3 * DAY, "n1", "x")]);
    expect(await expectCounted(db, "a")).toBe(3);
    expect(await deleteSnapshots(scopeOf(db, "a"), "minute", at(2 * DAY))).toBe(2);
    expect(await expectCounted(db, "a")).toBe(3); // hours have them all
    await deleteSnapshots(scopeOf(db, "a"), "hour", at(2 * DAY));
    expect(await expectCounted(db, "a")).toBe(3); // so have days
    await deleteSnapshots(scopeOf(db, "a"), "day", at(2 * DAY));
    expect(await expectCounted(db, "a")).toBe(1);
    expect(await metrics.listSeries()).toEqual([{ metric: "x", labels: { node: "n1" } }]);
    const many = Array.from({ length: 999 }, (_, n) => row(4 * DAY, `m${n}`, "z"));
    for (const each of many) Object.assign(each, { id: each.labels["node"] });
    expect(await metrics.saveMany(many)).toBe(999);
    await expectRefused("SERIES_LIMIT", () => metrics.save(row(4 * DAY, "n3", "z")));
    for (const granularity of ["minute", "hour", "day"] as const)
      await deleteSnapshots(scopeOf(db, "a"), granularity, at(5 * DAY));
    expect(await expectCounted(db, "a")).toBe(0);
  });

  test("a series that gets a snapshot while it is looked for stays", async () => {
    const db = await open("a");
    const { metrics } = db.tenant("a");
    // The sweep's turns: it reads rows, looks for them in two steps, marks them, looks again, and removes them.
    for (const moment of [1, 2, 3, 4, 5, 6, 7]) {
      await metrics.save(minute(moment, { metrics: { gone: 1, old: 1 } }));
      await metrics.delete("minute", at(moment), "m");
      let calls = 0;
      const then = async <T>(work: Promise<T>): Promise<T> => {
        const result = await work;
        if (++calls === moment) await metrics.save(minute(moment, { metrics: { old: 1 } }));
        return result;
      };
      const runner = storeRunner(db.store);
      const meddling = {
        view: <T>(run: Parameters<Runner["view"]>[0]) => then(runner.view(run) as Promise<T>),
        update: <T>(run: Parameters<Runner["update"]>[0]) => then(runner.update(run) as Promise<T>),
      } as Runner;
      const swept = await sweepSeries(scopeOf(db, "a", meddling), {});
      expect(calls).toBeGreaterThanOrEqual(7);
      expect(swept, `at ${moment}`).toBe(moment === 7 ? 2 : 1);
      expect(await metrics.metricNames()).toEqual(["old"]);
      expect(await expectCounted(db, "a")).toBe(1);
      await metrics.delete("minute", at(moment), "m");
      expect(await sweepSeries(scopeOf(db, "a"), {})).toBe(1);
      expect(await expectCounted(db, "a")).toBe(0);
    }
  });

  test("of many series, each is met that has snapshots, and only that", async () => {
    const db = await open("a");
    const { metrics } = db.tenant("a");
    const values = [
      "\u{1f600}",
      "\uffff",
      "é",
      "?",
      "#",
      "!",
      ...Array.from({ length: 60 }, (_, n) => `n${n}`),
    ];
    // Of each third, minutes, hours or days are left.
    const rows = values.map((node, n) => minute((n % 3) * DAY + n, { labels: { node }, metrics: { c: n } }));
    await metrics.saveMany(rows);
    await metrics.rollUp();
    await deleteSnapshots(scopeOf(db, "a"), "hour", at(DAY));
    await deleteSnapshots(scopeOf(db, "a"), "minute", at(2 * DAY));
    const kinds = ["day", "hour", "minute"] as const;
    const latest = await metrics.latest("c");
    const found = latest.map(({ labels, granularity, value }) => [labels["node"], granularity, value]);
    expect(new Set(found)).toEqual(new Set(values.map((node, n) => [node, kinds[n % 3], n])));
    for (const [k, granularity] of kinds.entries())
      for (const [from, to] of [
        [FIRST, LAST],
        [at(DAY), LAST],
        [FIRST, at(2 * DAY)],
        [at(2 * DAY + 20), at(2 * DAY + 40)],
      ] as const) {
        const read = await metrics.series("c", { granularity, from, to });
        expect(read).toHaveLength(values.length);
        const expected = values.map((node, n): [string, number[]] => {
          const ms = granularity === "minute" ? (n % 3) * DAY + n : (n % 3) * DAY;
          const isThere = n % 3 >= k && at(ms) >= from && at(ms) < to;
          return [node, isThere ? [n] : []];
        });
        const points = read.map(({ labels, points: all }) => [labels["node"], all.map(({ value }) => value)]);
        expect(new Map(points as [string, number[]][])).toEqual(new Map(expected));
      }
    expect(await expectCounted(db, "a")).toBe(values.length);
  });

  test("a suspended tenant is cleaned, too; one that is gone is not made anew", async () => {
    const db = await open("a", "b");
    for (const id of ["a", "b"]) await db.tenant(id).metrics.save(minute(0));
    await db.system.tenants.suspend("a");
    expect(await deleteSnapshots(scopeOf(db, "a"), "minute", at(DAY))).toBe(1);
    await db.tenant("b").wipe();
    await expectRefused("TENANT_NOT_FOUND", () => deleteSnapshots(scopeOf(db, "b"), "minute", at(DAY)));
    expect(await dumpMetrics(db, "b")).toEqual({ snapshots: [], series: [], state: undefined });
  });
});
