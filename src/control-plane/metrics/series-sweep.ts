import { report, type WorkOptions } from "../../store/progress.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Scope } from "../common/scope.ts";
import { findLive } from "./live-series.ts";
import { seriesBounds, stateOf } from "./metric-state.ts";
import {
  type Granularity,
  type MetricSeries,
  type MetricState,
  type MetricsSnapshot,
  metricSeries,
  metricStates,
  metricsSnapshots,
} from "./metrics-record.ts";
import { GRANULARITIES } from "./periods.ts";

/** Series that are looked at, or written, in one transaction. */
const BATCH = 100;

/** By granularity, the series that may have snapshots. */
type Live = ReadonlyMap<Granularity, ReadonlySet<string>>;

/**
 * Takes series away that no snapshot has any more. To look for one may take long, and is not done in a writer's turn:
 * series without are marked, looked for again, and go if they still have the mark, which each snapshot takes off.
 *
 * @returns how many went
 */
export async function sweepSeries(scope: Scope, work: WorkOptions): Promise<number> {
  const { tenantId } = scope;
  const rows = await scope.view((tx) =>
    metricSeries
      .in(tx)
      .range({ prefix: [tenantId] })
      .toArray(),
  );
  const marked = await inBatches(work, await withoutSnapshots(scope, rows, work), (batch) =>
    mark(scope, batch),
  );
  const gone = await withoutSnapshots(scope, marked.flat(), work);
  const removed = await inBatches(work, gone, (batch) => remove(scope, batch));
  return removed.reduce((sum, each) => sum + each, 0);
}

/** @returns what the batches gave */
async function inBatches<T>(
  work: WorkOptions,
  rows: readonly MetricSeries[],
  run: (batch: readonly MetricSeries[]) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < rows.length; i += BATCH) {
    results.push(await run(rows.slice(i, i + BATCH)));
    report(work, i);
  }
  return results;
}

/** Those of some series that no snapshot has. */
async function withoutSnapshots(
  scope: Scope,
  rows: readonly MetricSeries[],
  work: WorkOptions,
): Promise<MetricSeries[]> {
  const live: Live = await scope.view(async (tx) => {
    const state = await stateOf(tx, scope.tenantId);
    const found = new Map<Granularity, ReadonlySet<string>>();
    for (const granularity of GRANULARITIES)
      found.set(
        granularity,
        await findLive(
          tx,
          state,
          granularity,
          rows.map(({ series }) => series),
        ),
      );
    return found;
  });
  const look = (batch: readonly MetricSeries[]) =>
    scope.view(async (tx) => {
      const state = await stateOf(tx, scope.tenantId);
      const empty: MetricSeries[] = [];
      for (const row of batch) if (!(await hasSnapshot(tx, state, row, live))) empty.push(row);
      return empty;
    });
  return (await inBatches(work, rows, look)).flat();
}

function keyOf({ tenantId, metric, series }: MetricSeries): [string, string, string] {
  return [tenantId, metric, series];
}

async function mark(scope: Scope, rows: readonly MetricSeries[]): Promise<MetricSeries[]> {
  return scope.updateUnlogged(async (tx) => {
    const marked: MetricSeries[] = [];
    for (const row of rows)
      if (await metricSeries.in(tx).has(keyOf(row)))
        marked.push(await metricSeries.in(tx).put({ ...row, leaving: true }));
    return marked;
  });
}

async function remove(scope: Scope, rows: readonly MetricSeries[]): Promise<number> {
  return scope.updateUnlogged(async (tx) => {
    let removed = 0;
    for (const row of rows) {
      const found = await metricSeries.in(tx).get(keyOf(row));
      if (found?.leaving && (await metricSeries.in(tx).delete(keyOf(row)))) removed++;
    }
    const state = await stateOf(tx, scope.tenantId);
    await metricStates.in(tx).put({ ...state, series: Math.max(0, state.series - removed) });
    return removed;
  });
}

/** Whether a snapshot has a series. Most that live show it by the newest one, most that do not, by the oldest. */
async function hasSnapshot(
  tx: Transaction,
  state: MetricState,
  { metric, series }: MetricSeries,
  live: Live,
): Promise<boolean> {
  const records = metricsSnapshots.in(tx).by("series");
  const has = ({ metrics }: MetricsSnapshot) => Object.hasOwn(metrics, metric);
  const granularities = GRANULARITIES.filter((each) => live.get(each)?.has(series));
  for (const granularity of granularities) {
    const newest = await records.first({
      ...seriesBounds(state, granularity, series),
      reverse: true,
      limit: 1,
    });
    if (newest !== undefined && has(newest)) return true;
  }
  for (const granularity of granularities)
    for await (const snapshot of records.range(seriesBounds(state, granularity, series)))
      if (has(snapshot)) return true;
  return false;
}
