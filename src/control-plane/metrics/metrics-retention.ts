/**
 * Takes snapshots away that have grown old. Minutes go by whole hours and hours by whole days, once they are rolled
 * up: what is left of a period would not do to roll it up anew. The watermark moves before the first row goes, so that
 * nobody reads a part, nor crosses what is left of deleted rows.
 */
import { checkDate } from "../../store/options.ts";
import { checkWork, report, type WorkOptions } from "../../store/progress.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Runner, Scope } from "../common/scope.ts";
import { fromOf, stateOf, withFrom } from "./metric-state.ts";
import {
  type Granularity,
  type MetricState,
  metricLate,
  metricStates,
  metricsSnapshots,
} from "./metrics-record.ts";
import { nodeMetrics } from "./node-metrics-record.ts";
import { checkGranularity, DAYS, HOURS, type Level, startOf, toDate } from "./periods.ts";
import { nextPeriod, rollUp } from "./roll-up.ts";
import { sweepSeries } from "./series-sweep.ts";

/** Rows a commit: few enough that other writers hardly wait. */
const BATCH = 500;

/**
 * Deletes a tenant's snapshots that lie before a time, or as many of them as are rolled up, in order of time; then the
 * series that have none left.
 *
 * @param work progress is told in snapshots
 * @returns how many snapshots there were
 * @throws DatabaseError `OPTION_INVALID`, `TENANT_NOT_FOUND`, `TENANT_BUSY`; `ABORTED`: what was deleted stays deleted
 */
export async function deleteSnapshots(
  scope: Scope,
  granularity: Granularity,
  before: Date,
  work: WorkOptions = {},
): Promise<number> {
  checkGranularity(granularity);
  checkDate(before, "The time before which snapshots are deleted");
  checkWork(work, "deleteSnapshots()");
  const { tenantId } = scope;
  const { signal } = work;
  if (granularity !== "day") await rollUp(scope, { signal });
  const bound = await moveFrom(scope, granularity, before);
  if (bound === undefined) return 0;
  const prefix = [tenantId, granularity] as const;
  let deleted = 0;
  for (let gt: readonly [string, Granularity, Date, string] | undefined; ; ) {
    // Read apart from the writer's turn: nothing is added before the watermark any more.
    const keys = await scope.view((tx) =>
      metricsSnapshots
        .in(tx)
        .keys({ prefix, gt, lt: [...prefix, bound], limit: BATCH })
        .toArray(),
    );
    gt = keys.at(-1);
    if (gt === undefined) break;
    deleted += await scope.updateUnlogged((tx) => metricsSnapshots.in(tx).deleteMany(keys));
    report(work, deleted);
  }
  await sweepSeries(scope, { signal });
  return deleted;
}

/**
 * Deletes what nodes of all tenants told of themselves before a time, in order of time.
 *
 * @param work progress is told in records
 * @returns how many records there were
 * @throws DatabaseError `OPTION_INVALID`; `ABORTED`: what was deleted stays deleted
 */
export async function deleteNodeMetrics(
  runner: Runner,
  before: Date,
  work: WorkOptions = {},
): Promise<number> {
  checkDate(before, "The time before which node metrics are deleted");
  checkWork(work, "deleteNodeMetrics()");
  let deleted = 0;
  for (let gte: Date | undefined; ; ) {
    const keys = await runner.view((tx) =>
      nodeMetrics.in(tx).by("time").keys({ gte, lt: before, limit: BATCH }).toArray(),
    );
    // Those of one moment may be in two batches.
    gte = keys.at(-1)?.[2];
    if (gte === undefined) return deleted;
    deleted += await runner.update((tx) => nodeMetrics.in(tx).deleteMany(keys));
    report(work, deleted);
  }
}

/** Moves the watermark. @returns what lies before it is to be deleted; undefined where nothing does */
function moveFrom(scope: Scope, granularity: Granularity, before: Date): Promise<Date | undefined> {
  const { tenantId, settings } = scope;
  return scope.updateUnlogged(async (tx, now) => {
    const state = await stateOf(tx, tenantId);
    const old = fromOf(state, granularity);
    const wanted = toDate(
      await boundOf(tx, state, granularity, before, now.getTime() - settings.rollUpDelay),
    );
    const moves = wanted !== undefined && (old === undefined || wanted > old);
    const bound = moves ? wanted : old;
    if (bound === undefined) return undefined;
    const prefix = [tenantId, granularity] as const;
    const first = metricsSnapshots.in(tx).keys({ prefix, lt: [...prefix, bound], limit: 1 });
    if ((await first.first()) === undefined) return undefined;
    if (moves) await metricStates.in(tx).put(withFrom(state, granularity, bound));
    return bound;
  });
}

/** Up to where snapshots may go: whole periods, and none that is still to be rolled up. */
async function boundOf(
  tx: Transaction,
  state: MetricState,
  granularity: Granularity,
  before: Date,
  ended: number,
): Promise<number> {
  const { length } = granularity === "minute" ? HOURS : DAYS;
  const ends = [before.getTime(), ended];
  // What an hour needs, the day that it lies in needs, too.
  const levels = granularity === "minute" ? [HOURS] : granularity === "hour" ? [HOURS, DAYS] : [];
  for (const level of levels) {
    const next = await nextPeriod(tx, state, level, ended);
    const late = await firstLate(tx, state.tenantId, level);
    ends.push(...[next, late].filter((start) => start !== undefined).map((start) => start.getTime()));
  }
  return startOf(Math.min(...ends), length);
}

async function firstLate(tx: Transaction, tenantId: string, { target }: Level): Promise<Date | undefined> {
  const key = await metricLate
    .in(tx)
    .keys({ prefix: [tenantId, target], limit: 1 })
    .first();
  return key?.[2];
}
