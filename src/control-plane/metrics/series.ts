/** Reads metrics one by one, series by series. */

import { DatabaseError } from "../../errors.ts";
import { checkBoolean, checkDate, checkOptions, show } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { hasLabels, type Labels } from "../common/labels.ts";
import { AGGREGATES, type Aggregate, addUp, type Point, Rates, Steps, totalsOf } from "./aggregate.ts";
import { findLive } from "./live-series.ts";
import { fromOf, seriesBounds, stateOf } from "./metric-state.ts";
import { type Granularity, type MetricSeries, metricSeries, metricsSnapshots } from "./metrics-record.ts";
import { checkGranularity, GRANULARITIES, laterOf } from "./periods.ts";

/** Which part of a metric's series to give, and how. */
export interface SeriesOptions {
  readonly granularity: Granularity;
  /** From here on, up to `to` without it. */
  readonly from: Date;
  readonly to: Date;
  /** Only series that have these labels, whatever others they have. */
  readonly labels?: Labels | undefined;
  /** Length of a step in milliseconds: steps begin at multiples of it. Without it, each snapshot is a step. */
  readonly step?: number | undefined;
  /** What becomes of the values in a step; "avg" by default. */
  readonly aggregate?: Aggregate | undefined;
  /** Whether all series are taken as one; false by default. Rates are added up, which takes a step. */
  readonly merge?: boolean | undefined;
}

/** A series of a metric. */
export interface Series {
  /** What tells it from others; where all were taken as one, the labels that were asked for. */
  readonly labels: Labels;
  /** In the order of time. Steps without a value are left out. */
  readonly points: readonly Point[];
}

/** The last value of a series. */
export interface LatestValue extends Point {
  readonly metric: string;
  readonly labels: Labels;
  readonly granularity: Granularity;
}

const OPTIONS = ["granularity", "from", "to", "labels", "step", "aggregate", "merge"];

/** @throws DatabaseError `OPTION_INVALID` */
export function checkSeries(options: SeriesOptions): SeriesOptions {
  checkOptions(options ?? null, OPTIONS, "metrics.series()");
  // Read once: what is used must be what was checked.
  const given = { ...options };
  const { granularity, from, to, labels, step, aggregate = "avg", merge } = given;
  checkGranularity(granularity);
  checkDate(from, "The option from");
  checkDate(to, "The option to");
  checkLabels(labels);
  checkBoolean(merge, "The option merge");
  if (step !== undefined && !(Number.isSafeInteger(step) && step > 0))
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option step is ${show(step)}. Pass milliseconds, from 1 on.`,
    );
  if (!AGGREGATES.includes(aggregate))
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option aggregate is ${show(aggregate)}. Pass one of: ${AGGREGATES.join(", ")}.`,
    );
  if (merge && aggregate === "rate" && step === undefined)
    throw new DatabaseError("OPTION_INVALID", "Rates of several series are added up by step. Pass a step.");
  return given;
}

/** @throws DatabaseError `OPTION_INVALID` where they are no labels */
export function checkLabels(labels: unknown): void {
  if (labels === undefined || areLabels(labels)) return;
  throw new DatabaseError(
    "OPTION_INVALID",
    `The labels are ${show(labels)}. Pass an object of text by name.`,
  );
}

function areLabels(labels: unknown): boolean {
  if (typeof labels !== "object" || labels === null) return false;
  try {
    return Object.values(labels).every((value) => typeof value === "string");
  } catch {
    return false;
  }
}

/** The series that there are, of one metric or of all, in the order of metrics and labels. */
export async function findSeries(
  tx: Transaction,
  tenantId: string,
  metric: string | undefined,
  labels: Labels = {},
): Promise<MetricSeries[]> {
  const prefix = metric === undefined ? ([tenantId] as const) : ([tenantId, metric] as const);
  const all = await metricSeries.in(tx).range({ prefix }).toArray();
  return all.filter((each) => hasLabels(each.labels, labels));
}

/** The points of a metric. */
export async function readSeries(
  tx: Transaction,
  tenantId: string,
  metric: string,
  { labels = {}, step, aggregate = "avg", merge = false, granularity, from, to }: SeriesOptions,
): Promise<Series[]> {
  const found = await findSeries(tx, tenantId, metric, labels);
  const state = await stateOf(tx, tenantId);
  const start = laterOf(from, fromOf(state, granularity)) as Date;
  const texts = found.map(({ series }) => series);
  const live = await findLive(tx, state, granularity, texts, start);
  const read = async ({ series }: MetricSeries, into: Steps | Rates) => {
    if (!live.has(series)) return;
    const prefix = [tenantId, granularity, series] as const;
    const bounds = { gte: [...prefix, start] as const, lt: [...prefix, to] as const };
    for await (const snapshot of metricsSnapshots.in(tx).by("series").range(bounds)) {
      const totals = totalsOf(snapshot, metric);
      if (totals !== undefined) into.add(snapshot.timestamp.getTime(), totals);
    }
  };
  const single: Series[] = [];
  const shared = new Steps(step);
  for (const each of found) {
    const into = aggregate === "rate" ? new Rates(step) : merge ? shared : new Steps(step);
    await read(each, into);
    if (into !== shared) single.push({ labels: each.labels, points: pointsOf(into, aggregate) });
  }
  if (!merge) return single;
  const points =
    aggregate === "rate" ? addUp(single.map((each) => each.points)) : pointsOf(shared, aggregate);
  return [{ labels, points }];
}

function pointsOf(steps: Steps | Rates, aggregate: Aggregate): Point[] {
  return steps instanceof Rates ? steps.points() : steps.points(aggregate as Exclude<Aggregate, "rate">);
}

/** The last value of each series, from the finest granularity that has it. */
export async function readLatest(
  tx: Transaction,
  tenantId: string,
  metric: string | undefined,
  labels: Labels = {},
): Promise<LatestValue[]> {
  const rows = await findSeries(tx, tenantId, metric, labels);
  const state = await stateOf(tx, tenantId);
  const wanted = new Map<string, Set<string>>();
  for (const { series, metric: name } of rows)
    wanted.set(series, (wanted.get(series) ?? new Set()).add(name));
  const found = new Map<string, Map<string, Omit<LatestValue, "metric" | "labels">>>();
  for (const granularity of GRANULARITIES) {
    const live = await findLive(tx, state, granularity, wanted.keys());
    for (const [series, metrics] of wanted) {
      if (!live.has(series)) continue;
      const values = found.get(series) ?? new Map();
      found.set(series, values);
      await addLast(tx, seriesBounds(state, granularity, series), metrics, (metric, value) =>
        values.set(metric, { ...value, granularity }),
      );
      if (metrics.size === 0) wanted.delete(series);
    }
  }
  return rows.flatMap(({ metric: name, series, labels: all }) => {
    const last = found.get(series)?.get(name);
    return last === undefined ? [] : [{ metric: name, labels: all, ...last }];
  });
}

/** @param metrics those to look for; those that were found are taken out */
async function addLast(
  tx: Transaction,
  bounds: ReturnType<typeof seriesBounds>,
  metrics: Set<string>,
  tell: (metric: string, value: Point) => void,
): Promise<void> {
  for await (const snapshot of metricsSnapshots
    .in(tx)
    .by("series")
    .range({ ...bounds, reverse: true })) {
    for (const metric of metrics) {
      const totals = totalsOf(snapshot, metric);
      if (totals === undefined) continue;
      metrics.delete(metric);
      tell(metric, { timestamp: snapshot.timestamp, value: totals.last });
    }
    if (metrics.size === 0) return;
  }
}
