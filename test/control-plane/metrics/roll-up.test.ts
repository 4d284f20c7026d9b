import type { Database } from "@meshgate/database";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { metricLate, metricStates } from "../../../src/control-plane/metrics/metrics-record.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, HOUR, MINUTE, useDatabases } from "../databases.ts";
import { dumpMetrics, Model, rolledUp, rollUpsOf, type Snapshot, START, snapshot } from "./metrics-model.ts";

const at = (ms: number) => new Date(START + ms);
const DELAY = 5 * MINUTE;
const minute = (ms: number, value: number, more: Partial<Snapshot> = {}) => ({
  id: `m${ms}`,
  timestamp: at(ms),
  granularity: "minute" as const,
  metrics: { c: value },
  labels: { node: "n1" },
  ...more,
});

describe("roll-ups", () => {
  const databases = useDatabases();
  const { clock } = databases;

  async function withTenants(db: Database, ...ids: string[]): Promise<Database> {
    for (const id of ids) await db.saveTenant({ id, name: id });
    return db;
  }
  const open = async () => {
    clock.time = START;
    return withTenants(await databases.open({ rollUpDelay: DELAY }), "a", "b");
  };
  const late = (db: Database, tenantId: string) =>
    db.store.view(async (tx) => {
      const keys = await metricLate
        .in(tx)
        .keys({ prefix: [tenantId] })
        .toArray();
      return keys.map(([, granularity, start]) => [granularity, start.getTime() - START]);
    });

  test("an hour has what lies from its begin up to its end, once it is over for the delay", async () => {
    const db = await open();
    const { metrics } = db.tenant("a");
    await metrics.saveMany([
      minute(-1, 100),
      minute(0, 1),
      minute(MINUTE, 5, { metrics: { c: 5, d: 2 } }),
      minute(MINUTE, 7, { labels: {}, id: "x" }),
      minute(2 * MINUTE, 3),
      minute(HOUR - 1, 9),
      minute(HOUR, 1000),
    ]);
    clock.time = START + HOUR + DELAY - 1;
    expect(await metrics.rollUp()).toEqual({ hours: 1, days: 1 });
    clock.time++;
    expect(await metrics.rollUp()).toEqual({ hours: 1, days: 0 });
    expect(await metrics.rollUp()).toEqual({ hours: 0, days: 0 });
    const [before, bare, hour, ...others] = await metrics.range("hour", at(-DAY), at(DAY));
    expect(others).toEqual([]);
    expect(before).toMatchObject({ timestamp: at(-HOUR), metrics: { c: 100 } });
    const single = { count: 1, sum: 7, min: 7, max: 7, first: 7, last: 7, increase: 0 };
    const [first, second] = bare?.series === "{}" ? [bare, hour] : [hour, bare];
    expect(first).toMatchObject({ timestamp: at(0), labels: {}, rollUp: { c: single } });
    expect(second).toMatchObject({
      timestamp: at(0),
      labels: { node: "n1" },
      metrics: { c: 4.5, d: 2 },
      rollUp: {
        c: { count: 4, sum: 18, min: 1, max: 9, first: 1, last: 9, increase: 13 },
        d: { count: 1, sum: 2, min: 2, max: 2, first: 2, last: 2, increase: 0 },
      },
    });
    const [total] = await metrics.series("c", {
      granularity: "hour",
      from: at(-DAY),
      to: at(DAY),
      step: 365 * DAY,
      aggregate: "avg",
      merge: true,
    });
    expect(total?.points.map(({ value }) => value)).toEqual([(100 + 18 + 7) / 6]);
  });

  test("agree with one roll-up of everything, however snapshots come in and whenever they are rolled up", async () => {
    const db = await open();
    let run = 0;
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ save: fc.array(snapshot("minute"), { maxLength: 20 }) }) },
      { weight: 1, arbitrary: fc.record({ save: fc.array(snapshot("hour"), { maxLength: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ delete: fc.nat(30) }) },
      { weight: 2, arbitrary: fc.record({ rollUpAt: fc.integer({ min: 0, max: 4 * DAY }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const [tenantId, other] = [`t${run}`, `u${run++}`];
        clock.time = START;
        await withTenants(db, tenantId, other);
        const { metrics } = db.tenant(tenantId);
        const model = new Model();
        for (const each of steps) {
          if ("save" in each) {
            await metrics.saveMany(each.save);
            for (const row of each.save) model.save(row);
          } else if ("delete" in each) {
            const row = model.all("minute")[each.delete];
            if (row !== undefined) {
              expect(await metrics.delete(row.granularity, row.timestamp, row.id)).toBe(true);
              model.delete(row);
            }
          } else {
            clock.time = START + each.rollUpAt; // also back
            await metrics.rollUp();
          }
        }
        clock.time = START + 5 * DAY;
        await metrics.rollUp();
        const hours = rolledUp(model.all("minute"), HOUR);
        expect(await rollUpsOf(db, tenantId, "hour")).toEqual(hours);
        // The days from all hours, those that were given among them: sums and counts add up.
        const days = await rollUpsOf(db, tenantId, "day");
        const all = rolledUp([...model.all("minute"), ...model.all("hour")], DAY);
        expect(new Set(days.keys())).toEqual(new Set(all.keys()));
        for (const [key, { count, sum, min, max }] of all)
          expect(days.get(key)).toMatchObject({ count, sum, min, max });
        if (model.all("hour").length === 0) expect(days).toEqual(all);

        const before = await dumpMetrics(db, tenantId);
        expect(await metrics.rollUp()).toEqual({ hours: 0, days: 0 });
        expect(await dumpMetrics(db, tenantId)).toEqual(before);
        expect(await late(db, tenantId)).toEqual([]);
        // All at once, they come to the same rows.
        await db.tenant(other).metrics.saveMany([...model.all("minute"), ...model.all("hour")]);
        await db.tenant(other).metrics.rollUp();
        const own = (rows: readonly object[]) => rows.map((row) => ({ ...row, tenantId }));
        expect(own((await dumpMetrics(db, other)).snapshots)).toEqual(before.snapshots);
      }),
      { numRuns: 25 },
    );
  });

  test("what comes late is noted with its commit, and rolled up with all that its period has", async () => {
    const db = await open();
    const { metrics } = db.tenant("a");
    await metrics.saveMany([minute(0, 1), minute(25 * HOUR, 2), minute(49 * HOUR, 3)]);
    clock.time = START + 3 * DAY;
    expect(await metrics.rollUp()).toEqual({ hours: 3, days: 2 });
    await metrics.save(minute(HOUR - 1, 5));
    await metrics.save(minute(HOUR, 7));
    expect(await late(db, "a")).toEqual([
      ["hour", 0],
      ["hour", HOUR],
    ]);
    expect(await metrics.rollUp()).toEqual({ hours: 2, days: 1 });
    expect(await late(db, "a")).toEqual([]);
    const [day] = await metrics.range("day", at(0), at(DAY));
    expect(day?.rollUp?.["c"]).toMatchObject({ count: 3, sum: 13, min: 1, max: 7, first: 1, last: 7 });
    // A period that nothing is left of has no roll-up either.
    for (const [ms, each] of [
      [0, "m0"] as const,
      [HOUR - 1, `m${HOUR - 1}`] as const,
      [HOUR, `m${HOUR}`] as const,
    ])
      expect(await metrics.delete("minute", at(ms), each)).toBe(true);
    await metrics.save({ ...minute(0, 8), granularity: "hour" });
    await metrics.rollUp();
    expect((await metrics.range("hour", at(0), at(DAY))).map(({ id }) => id)).toEqual(["m0"]);
    const [again] = await metrics.range("day", at(0), at(DAY));
    expect(again?.rollUp?.["c"]).toMatchObject({ count: 1, sum: 8 });
  });

  test("go on where they were stopped", async () => {
    const db = await open();
    const rows = Array.from({ length: 2500 }, (_, n) =>
      minute(n * 17 * MINUTE, n, { labels: { node: `n${n % 3}` } }),
    );
    for (const id of ["a", "b"]) await db.tenant(id).metrics.saveMany(rows);
    clock.time = START + 100 * DAY;
    for (let stops = 0; stops < 20; stops++) {
      const controller = new AbortController();
      const stopped = db.tenant("a").metrics.rollUp({
        signal: controller.signal,
        onProgress: ({ done }) => done > 0 && controller.abort(),
      });
      const outcome = await stopped.catch((error) => error.code);
      if (outcome !== "ABORTED") {
        expect(stops).toBeGreaterThan(3);
        break;
      }
      const state = await db.store.view((tx) => metricStates.in(tx).get("a"));
      expect(state?.hoursUntil).toBeDefined();
    }
    await db.tenant("a").metrics.rollUp();
    await db.tenant("b").metrics.rollUp();
    const [a, b] = [await dumpMetrics(db, "a"), await dumpMetrics(db, "b")];
    expect(a.snapshots).toEqual(b.snapshots.map((row) => ({ ...row, tenantId: "a" })));
    expect(a.state).toEqual({ ...b.state, tenantId: "a" });
    expect(await rollUpsOf(db, "a", "hour")).toEqual(rolledUp(rows, HOUR));
    expect(await rollUpsOf(db, "a", "day")).toEqual(rolledUp(rows, DAY));
  });

  test("two at the same time, with saves between them, come to the same", async () => {
    const db = await open();
    const { metrics } = db.tenant("a");
    const rows = Array.from({ length: 2000 }, (_, n) => minute(n * 7 * MINUTE, n % 50));
    await metrics.saveMany(rows);
    clock.time = START + 30 * DAY;
    const more = Array.from({ length: 50 }, (_, n) => minute(n * HOUR + 1, n));
    await Promise.all([metrics.rollUp(), metrics.rollUp(), ...more.map((row) => metrics.save(row))]);
    await metrics.rollUp();
    await metrics.rollUp();
    const model = new Model();
    for (const row of [...rows, ...more]) model.save(row);
    expect(await rollUpsOf(db, "a", "hour")).toEqual(rolledUp(model.all("minute"), HOUR));
    expect(await rollUpsOf(db, "a", "day")).toEqual(rolledUp(model.all("minute"), DAY));
  });

  test("a transaction of the caller's holds them whole, or not at all", async () => {
    const db = await open();
    const { metrics } = db.tenant("a");
    await metrics.saveMany([minute(0, 1), minute(DAY, 2)]);
    clock.time = START + 3 * DAY;
    const before = await dumpMetrics(db, "a");
    await expect(
      db.update(async (tx) => {
        expect(await tx.tenant("a").metrics.rollUp()).toEqual({ hours: 2, days: 2 });
        throw new Error("rolled back");
      }),
    ).rejects.toThrow("rolled back");
    expect(await dumpMetrics(db, "a")).toEqual(before);
    await db.update(async (tx) => {
      await tx.tenant("a").metrics.rollUp();
      await tx.tenant("a").metrics.save(minute(MINUTE, 9));
      expect(await tx.tenant("a").metrics.rollUp()).toEqual({ hours: 1, days: 1 });
    });
    const [day] = await metrics.range("day", at(0), at(DAY));
    expect(day?.rollUp?.["c"]).toMatchObject({ count: 2, sum: 10 });
  });

  test("moments that lie far apart, and great numbers, are rolled up at once", async () => {
    const db = await open();
    const { metrics } = db.tenant("a");
    const max = Number.MAX_VALUE;
    const [first, last] = [new Date(-8.64e15), new Date(8.64e15)];
    await metrics.save({ timestamp: first, granularity: "minute", metrics: { c: max } });
    await metrics.save({ timestamp: new Date(-8.64e15 + 1), granularity: "minute", metrics: { c: max } });
    await metrics.save({ timestamp: new Date(-1), granularity: "minute", metrics: { c: -max } });
    await metrics.save({ timestamp: last, granularity: "minute", metrics: { c: 1 } });
    clock.time = START + 10 * DAY;
    expect(await metrics.rollUp()).toEqual({ hours: 2, days: 2 });
    const days = await metrics.range("day", first, last);
    expect(days.map(({ timestamp }) => timestamp.getTime())).toEqual([-8.64e15, -DAY]);
    expect(days[0]?.rollUp?.["c"]).toMatchObject({ count: 2, sum: max, max, min: max });
    clock.time = 8.64e15;
    expect(await metrics.rollUp()).toEqual({ hours: 0, days: 0 });
  });

  test("without an end of the delay nothing is rolled up; suspended tenants are not either", async () => {
    clock.time = START;
    const db = await withTenants(await databases.open({ rollUpDelay: Number.POSITIVE_INFINITY }, "x"), "a");
    await db.tenant("a").metrics.save(minute(0, 1));
    clock.time = START + 10 * DAY;
    expect(await db.tenant("a").metrics.rollUp()).toEqual({ hours: 0, days: 0 });
    const other = await open();
    const { metrics } = other.tenant("a");
    await metrics.save(minute(0, 1));
    clock.time = START + 10 * DAY;
    const controller = new AbortController();
    controller.abort();
    await expectRefused("ABORTED", () => metrics.rollUp({ signal: controller.signal }));
    await other.system.tenants.suspend("a");
    await expectRefused("TENANT_SUSPENDED", () => metrics.rollUp());
    await other.system.tenants.resume("a");
    expect(await metrics.rollUp()).toEqual({ hours: 0, days: 1 });
  });
});
