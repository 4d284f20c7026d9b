/** What metrics are, told by plain arrays. */
import type { Database } from "@meshgate/database";
import fc from "fast-check";
import { expect } from "vitest";
import {
  metricSeries,
  metricStates,
  metricsSnapshots,
} from "../../../src/control-plane/metrics/metrics-record.ts";
import { DAY, HOUR, MINUTE } from "../databases.ts";

export interface Snapshot {
  readonly id: string;
  readonly timestamp: Date;
  readonly granularity: "minute" | "hour" | "day";
  readonly metrics: Record<string, number>;
  readonly labels: Record<string, string>;
}

export interface Totals {
  count: number;
  sum: number;
  min: number;
  max: number;
  first: number;
  last: number;
  increase: number;
}

export const START: number = Date.UTC(2026, 2, 1);

const IDS = ["a", "b", "a!", 'a"b', "é", "\u{1f600}", "\uffff", "?", "#", " "];
export const LABELS: readonly Record<string, string>[] = [
  {},
  { node: "n1" },
  { node: "n2" },
  { node: "n1", zone: "z" },
  { 'a="1",b': "2" },
  { a: "1", b: "2" },
  { node: 'n1",zone="z' },
];

/** Moments around the edges of hours and days, and between them. */
const moment = fc.oneof(
  fc.integer({ min: 0, max: (3 * DAY) / MINUTE - 1 }).map((n) => START + n * MINUTE),
  fc.integer({ min: 0, max: 3 * DAY - 1 }).map((n) => START + n),
  fc
    .tuple(fc.integer({ min: 0, max: 71 }), fc.constantFrom(-1, 0, 1))
    .map(([hour, by]) => START + hour * HOUR + by),
);

const values = fc.record(
  { m: fc.integer({ min: -1000, max: 1000 }), c: fc.nat(1000), toString: fc.nat(10) },
  { requiredKeys: [] },
);

export function snapshot(...granularities: Snapshot["granularity"][]): fc.Arbitrary<Snapshot> {
  return fc.record({
    id: fc.constantFrom(...IDS),
    timestamp: moment.map((ms) => new Date(ms)),
    granularity: fc.constantFrom(...granularities),
    metrics: values.map((given) => ({ ...given })),
    labels: fc.constantFrom(...LABELS),
  });
}

/** Some snapshots by their keys: what is saved again replaces. */
export class Model {
  readonly #rows = new Map<string, Snapshot>();

  save(row: Snapshot): void {
    this.#rows.set(keyOf(row), row);
  }

  delete(row: Snapshot): boolean {
    return this.#rows.delete(keyOf(row));
  }

  /** In the order of time, then of ids by their UTF-8 bytes. */
  all(granularity: Snapshot["granularity"]): Snapshot[] {
    return Array.from(this.#rows.values())
      .filter((row) => row.granularity === granularity)
      .sort(byTime);
  }

  within(granularity: Snapshot["granularity"], from: Date, to: Date): Snapshot[] {
    return this.all(granularity).filter(({ timestamp }) => timestamp >= from && timestamp < to);
  }
}

function byTime(a: Snapshot, b: Snapshot): number {
  return (
    a.timestamp.getTime() - b.timestamp.getTime() || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id))
  );
}

function keyOf({ granularity, timestamp, id }: Snapshot): string {
  return JSON.stringify([granularity, timestamp.getTime(), id]);
}

/** Labels as they are compared here. */
export function nameOf(labels: Record<string, string>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What values come to that follow each other. */
export function totalsOf(numbers: readonly number[]): Totals {
  let increase = 0;
  for (let i = 1; i < numbers.length; i++) {
    const [before, after] = [numbers[i - 1] as number, numbers[i] as number];
    increase += after >= before ? after - before : after;
  }
  return {
    count: numbers.length,
    sum: numbers.reduce((sum, each) => sum + each, 0),
    min: Math.min(...numbers),
    max: Math.max(...numbers),
    first: numbers[0] as number,
    last: numbers.at(-1) as number,
    increase,
  };
}

/** What some snapshots come to, by the begin of the period, labels and metric: each value is in there once. */
export function rolledUp(rows: readonly Snapshot[], length: number): Map<string, Totals> {
  const numbers = new Map<string, number[]>();
  for (const { timestamp, labels, metrics } of rows)
    for (const [metric, value] of Object.entries(metrics)) {
      const key = JSON.stringify([Math.floor(timestamp.getTime() / length) * length, nameOf(labels), metric]);
      numbers.set(key, [...(numbers.get(key) ?? []), value]);
    }
  return new Map(Array.from(numbers, ([key, list]) => [key, totalsOf(list)]));
}

/** The roll-ups that a tenant has, told like those of the model. */
export async function rollUpsOf(
  db: Database,
  tenantId: string,
  granularity: "hour" | "day",
): Promise<Map<string, Totals>> {
  const rows = await db.tenant(tenantId).metrics.range(granularity, new Date(-8.64e15), new Date(8.64e15));
  const found = new Map<string, Totals>();
  for (const { timestamp, labels, rollUp, metrics } of rows) {
    if (rollUp === undefined) continue;
    expect(Object.keys(metrics)).toEqual(Object.keys(rollUp));
    for (const [metric, totals] of Object.entries(rollUp)) {
      expect(metrics[metric]).toBe(totals.sum / totals.count);
      const key = JSON.stringify([timestamp.getTime(), nameOf(labels), metric]);
      expect(found.has(key), "one roll-up a series and period").toBe(false);
      found.set(key, totals);
    }
  }
  return found;
}

/** All that a tenant has in the collections of metrics. */
export function dumpMetrics(db: Database, tenantId: string) {
  return db.store.view(async (tx) => ({
    snapshots: await metricsSnapshots
      .in(tx)
      .range({ prefix: [tenantId] })
      .toArray(),
    series: await metricSeries
      .in(tx)
      .range({ prefix: [tenantId] })
      .toArray(),
    state: await metricStates.in(tx).get(tenantId),
  }));
}

/** Expects that there is a row for each series that snapshots have, and that rows are counted. */
export async function expectCounted(
  db: Database,
  tenantId: string,
  options = { exact: true },
): Promise<number> {
  const { snapshots, series, state } = await dumpMetrics(db, tenantId);
  const needed = new Set(
    snapshots.flatMap((each) =>
      Object.keys(each.metrics).map((metric) => JSON.stringify([metric, each.series])),
    ),
  );
  const there = series.map((each) => JSON.stringify([each.metric, each.series]));
  expect(state?.series ?? 0).toBe(there.length);
  if (options.exact) expect(new Set(there)).toEqual(needed);
  else for (const each of needed) expect(there).toContain(each);
  return there.length;
}
