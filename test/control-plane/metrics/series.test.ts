import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Labels } from "../../../src/control-plane/common/labels.ts";
import { seriesOf } from "../../../src/control-plane/metrics/series-text.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, HOUR, MINUTE, useDatabases } from "../databases.ts";
import { LABELS, Model, nameOf, type Snapshot, START, snapshot, totalsOf } from "./metrics-model.ts";

const AGGREGATES = ["avg", "min", "max", "sum", "count", "last", "rate"] as const;
type Aggregate = (typeof AGGREGATES)[number];

const at = (seconds: number) => new Date(START + seconds * 1000);

/** A value at a moment, as the model has it. */
type Value = readonly [ms: number, value: number];

function aggregated(values: readonly Value[], aggregate: Exclude<Aggregate, "rate">): number {
  const totals = totalsOf(values.map(([, value]) => value));
  return aggregate === "avg" ? totals.sum / totals.count : totals[aggregate];
}

/** The values of one series in steps. */
function inSteps(values: readonly Value[], step: number): Map<number, Value[]> {
  const steps = new Map<number, Value[]>();
  for (const value of values) {
    const start = Math.floor(value[0] / step) * step;
    steps.set(start, [...(steps.get(start) ?? []), value]);
  }
  return steps;
}

/** How fast a counter grew: by step, what it grew between two moments and how long that was, at the later one. */
function rates(values: readonly Value[], step: number | undefined): [number, number][] {
  const grown = new Map<number, [number, number]>();
  let waiting = 0;
  for (let i = 1; i < values.length; i++) {
    const [[before, from], [now, to]] = [values[i - 1] as Value, values[i] as Value];
    waiting += to < from ? to : to - from;
    if (now === before) continue;
    const start = step === undefined ? now : Math.floor(now / step) * step;
    const [increase, ms] = grown.get(start) ?? [0, 0];
    grown.set(start, [increase + waiting, ms + now - before]);
    waiting = 0;
  }
  return Array.from(grown, ([start, [increase, ms]]) => [start, (increase / ms) * 1000]);
}

function pointsOf(values: readonly Value[], aggregate: Aggregate, step: number | undefined): Value[] {
  if (aggregate === "rate") return rates(values, step);
  if (step === undefined) return values.map(([ms, value]) => [ms, aggregate === "count" ? 1 : value]);
  return Array.from(inSteps(values, step), ([start, list]) => [start, aggregated(list, aggregate)]);
}

describe("a series", () => {
  const databases = useDatabases();
  const open = async () => {
    const db = await databases.open();
    for (const id of ["a", "b"]) await db.saveTenant({ id, name: id });
    return db;
  };

  test("has its raw points, aggregates and rates as a plain array gives them", async () => {
    const db = await open();
    let run = 0;
    const step = fc.constantFrom(undefined, 1, 1000, MINUTE, 7 * MINUTE, HOUR, DAY, 40 * DAY);
    const bound = fc.oneof(
      fc.integer({ min: -HOUR, max: 3 * DAY }).map((ms) => new Date(START + ms)),
      fc.integer({ min: 0, max: 72 }).map((hour) => new Date(START + hour * HOUR)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(snapshot("minute", "hour"), { minLength: 1, maxLength: 120 }),
        fc.constantFrom("m", "c", "toString", "none"),
        fc.constantFrom({}, { node: "n1" }, { zone: "z", node: "n1" }, { toString: "x" }),
        step,
        bound,
        bound,
        async (rows, metric, labels: Record<string, string>, length, from, to) => {
          const tenantId = `t${run++}`;
          await db.saveTenant({ id: tenantId, name: tenantId });
          const { metrics } = db.tenant(tenantId);
          await metrics.saveMany(rows);
          const model = new Model();
          for (const row of rows) model.save(row);
          const saved = rows.filter((row) => Object.hasOwn(row.metrics, metric)).map((row) => row.labels);
          const wanted = new Map(
            saved
              .filter((each) => Object.entries(labels).every(([name, value]) => each[name] === value))
              .map((each) => [nameOf(each), each]),
          );
          const valuesOf = (row: Snapshot): Value => [row.timestamp.getTime(), row.metrics[metric] as number];
          const valuesBy = (name: string) =>
            model
              .within("minute", from, to)
              .filter((row) => nameOf(row.labels) === name && Object.hasOwn(row.metrics, metric))
              .map(valuesOf);
          for (const aggregate of AGGREGATES) {
            const options = { granularity: "minute", from, to, labels, step: length, aggregate } as const;
            const found = await metrics.series(metric, options);
            const plain = new Map(
              found.map((each) => [
                nameOf(each.labels),
                each.points.map(({ timestamp, value }) => [timestamp.getTime(), value]),
              ]),
            );
            const expected = Array.from(wanted.keys(), (name): [string, Value[]] => [
              name,
              pointsOf(valuesBy(name), aggregate, length),
            ]);
            expect(found).toHaveLength(wanted.size);
            expect(plain).toEqual(new Map(expected));
            if (length === undefined) continue;
            const [merged, ...others] = await metrics.series(metric, { ...options, merge: true });
            expect(others).toEqual([]);
            expect(merged?.labels).toEqual(labels);
            const points = merged?.points.map(({ timestamp, value }) => [timestamp.getTime(), value]);
            if (aggregate === "rate") {
              const sums = new Map<number, number>();
              for (const [, list] of expected)
                for (const [ms, value] of list) sums.set(ms, (sums.get(ms) ?? 0) + value);
              const sorted = Array.from(sums).sort(([a], [b]) => a - b);
              expect(points?.map(([ms]) => ms)).toEqual(sorted.map(([ms]) => ms));
              sorted.forEach(([, sum], i) => {
                expect(points?.[i]?.[1]).toBeCloseTo(sum, 6);
              });
            } else if (aggregate !== "last") {
              const all = Array.from(wanted.keys()).flatMap(valuesBy);
              all.sort(([a], [b]) => a - b);
              expect(points).toEqual(pointsOf(all, aggregate, length));
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("a rate takes resets for what they are, and needs two moments", async () => {
    const { metrics } = (await open()).tenant("a");
    const values = [10, 40, 5, 5, 65];
    const rows = values.map((c, n) => ({
      timestamp: at(n * 30),
      granularity: "minute" as const,
      metrics: { c },
    }));
    await metrics.saveMany(rows);
    const read = async (more: object) => {
      const [series] = await metrics.series("c", {
        granularity: "minute",
        from: at(0),
        to: at(999),
        ...more,
      });
      return series?.points.map(({ timestamp, value }) => [(timestamp.getTime() - START) / 1000, value]);
    };
    expect(await read({ aggregate: "rate" })).toEqual([
      [30, 1],
      [60, 5 / 30],
      [90, 0],
      [120, 2],
    ]);
    expect(await read({ aggregate: "rate", step: MINUTE })).toEqual([
      [0, 1],
      [60, 5 / 60],
      [120, 2],
    ]);
    expect(await read({ aggregate: "rate", from: at(120) })).toEqual([]);
    // Two snapshots of one moment: what they say counts with the next.
    await metrics.save({ ...(rows[4] as object), metrics: { c: 95 }, id: "~" } as never);
    await metrics.save({ timestamp: at(130), granularity: "minute", metrics: { c: 105 } });
    const later = await read({ aggregate: "rate", from: at(90) });
    expect(later?.at(-1)).toEqual([130, expect.any(Number)]);
    expect(
      (later ?? []).reduce((sum, [s = 0, rate = 0]) => sum + rate * (s === 120 ? 30 : 10), 0),
    ).toBeCloseTo(100);
  });

  test("merged, the last value is the latest of all, and raw points are in order of time", async () => {
    const { metrics } = (await open()).tenant("a");
    const save = (second: number, node: string, c: number) =>
      metrics.save({ timestamp: at(second), granularity: "minute", metrics: { c }, labels: { node } });
    await save(50, "n1", 1);
    await save(20, "n2", 2);
    await save(70, "n1", 3);
    await save(80, "n2", 4);
    const options = { granularity: "minute", from: at(0), to: at(999), merge: true } as const;
    const values = async (more: object) =>
      (await metrics.series("c", { ...options, ...more })).map(({ points }) =>
        points.map(({ value }) => value),
      );
    expect(await values({})).toEqual([[2, 1, 3, 4]]);
    expect(await values({ aggregate: "last", step: MINUTE })).toEqual([[1, 4]]);
    expect(await values({ aggregate: "sum", step: MINUTE })).toEqual([[3, 7]]);
    expect(await metrics.series("none", options)).toEqual([{ labels: {}, points: [] }]);
  });

  test("great numbers stay numbers, and times at the ends of time stay times", async () => {
    const { metrics } = (await open()).tenant("a");
    const max = Number.MAX_VALUE;
    const [first, last] = [new Date(-8.64e15), new Date(8.64e15)];
    for (const [id, value] of [max, max, -max].entries())
      await metrics.save({ id: `m${id}`, timestamp: first, granularity: "minute", metrics: { c: value } });
    await metrics.save({
      timestamp: new Date(last.getTime() - 1),
      granularity: "minute",
      metrics: { c: max },
    });
    for (const aggregate of AGGREGATES) {
      const options = { granularity: "minute", from: first, to: last, aggregate, step: 7 * DAY } as const;
      const [series] = await metrics.series("c", options);
      for (const { timestamp, value } of series?.points ?? []) {
        expect(Number.isFinite(value), aggregate).toBe(true);
        expect(Number.isNaN(timestamp.getTime())).toBe(false);
      }
      expect(series?.points).toHaveLength(aggregate === "rate" ? 1 : 2);
    }
  });

  test("the latest value is that of the finest granularity; names and series are listed in order", async () => {
    const { metrics } = (await open()).tenant("a");
    const save = (granularity: Snapshot["granularity"], second: number, node: string, values: object) =>
      metrics.save({
        timestamp: at(second),
        granularity,
        metrics: values as Record<string, number>,
        labels: { node },
      });
    expect(await metrics.latest()).toEqual([]);
    await save("minute", 60, "n1", { x: 1, y: 1 });
    await save("minute", 120, "n1", { x: 2 });
    await save("hour", 3600, "n1", { x: 9, z: 5 });
    await save("day", 0, "n2", { x: 7 });
    const entry = (metric: string, node: string, granularity: string, second: number, value: number) => ({
      metric,
      labels: { node },
      granularity,
      timestamp: at(second),
      value,
    });
    const all = [
      entry("x", "n1", "minute", 120, 2),
      entry("x", "n2", "day", 0, 7),
      entry("y", "n1", "minute", 60, 1),
      entry("z", "n1", "hour", 3600, 5),
    ];
    expect(await metrics.latest()).toEqual(all);
    expect(await metrics.latest("x")).toEqual(all.slice(0, 2));
    expect(await metrics.latest("x", { node: "n2" })).toEqual(all.slice(1, 2));
    expect(await metrics.latest(undefined, { node: "n9" })).toEqual([]);
    expect(await metrics.metricNames()).toEqual(["x", "y", "z"]);
    expect(await metrics.listSeries("x")).toEqual([
      { metric: "x", labels: { node: "n1" } },
      { metric: "x", labels: { node: "n2" } },
    ]);
    expect(await metrics.listSeries()).toHaveLength(4);
    const { id } = await metrics.save({ timestamp: at(999), granularity: "day", metrics: { gone: 1 } });
    await metrics.delete("day", at(999), id);
    expect(await metrics.latest("gone")).toEqual([]);
  });

  test("options that are wrong are refused", async () => {
    const { metrics } = (await open()).tenant("a");
    const right = { granularity: "minute", from: at(0), to: at(1) } as const;
    const wrong: unknown[] = [
      undefined,
      {},
      { ...right, granularity: "x" },
      { ...right, from: 0 },
      { ...right, to: undefined },
      { ...right, labels: { a: 1 } },
      { ...right, labels: null },
      ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1"].map((step) => ({ ...right, step })),
      { ...right, aggregate: "median" },
      { ...right, merge: 1 },
      { ...right, merge: true, aggregate: "rate" },
      { ...right, steps: 1 },
    ];
    for (const options of wrong)
      await expectRefused("OPTION_INVALID", () => metrics.series("c", options as never));
    expect(await metrics.series("c", right)).toEqual([]);
  });
});

test("labels that differ have texts that differ, and the order of labels is none", () => {
  const texts = new Set(LABELS.map(seriesOf));
  expect(texts.size).toBe(LABELS.length);
  const hostile = fc.string({
    unit: fc.constantFrom("a", '"', "\\", "=", ",", "{", "}", "\u0000"),
    maxLength: 4,
  });
  const labels = fc.dictionary(hostile, hostile, { maxKeys: 3, noNullPrototype: true });
  fc.assert(
    fc.property(labels, labels, (a: Labels, b: Labels) => {
      const isSame = nameOf({ ...a }) === nameOf({ ...b });
      expect(seriesOf(a) === seriesOf(b)).toBe(isSame);
      expect(seriesOf(Object.fromEntries(Object.entries(a).reverse()))).toBe(seriesOf(a));
    }),
    { numRuns: 2000 },
  );
});
