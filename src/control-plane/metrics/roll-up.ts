/**
 * Roll-ups: an hour's minutes become one snapshot a series, a day's hours likewise. What lies before the watermark is
 * rolled up; each commit moves it together with what it wrote, so that work that was stopped goes on where it was. A
 * period that gets a snapshot later is rolled up anew from all that it has.
 */
import { createHash } from "node:crypto";
import { checkWork, report, type WorkOptions } from "../../store/progress.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Scope } from "../common/scope.ts";
import { averageOf, join, totalsOf } from "./aggregate.ts";
import { fromOf, stateOf } from "./metric-state.ts";
import {
  type MetricState,
  type MetricsSnapshot,
  metricLate,
  metricStates,
  metricsSnapshots,
  type Totals,
} from "./metrics-record.ts";
import { DAYS, HOURS, type Level, laterOf, startOf, toDate } from "./periods.ts";
import { noteLate, ROLL_UP } from "./snapshot-writer.ts";

/** How many periods were rolled up, those anew among them. */
export interface RollUpReport {
  readonly hours: number;
  readonly days: number;
}

/** Snapshots that are read in one commit, but that a period is never split: other writers wait for it. */
const BATCH = 500;

/** Rolls up all that is due. @throws DatabaseError as `Metrics.rollUp` */
export async function rollUp(scope: Scope, work: WorkOptions = {}): Promise<RollUpReport> {
  checkWork(work, "rollUp()");
  let done = 0;
  const tell = (periods: number) => {
    done += periods;
    report(work, done);
  };
  const hours = (await rollLate(scope, HOURS, tell)) + (await rollNew(scope, HOURS, tell));
  const days = (await rollLate(scope, DAYS, tell)) + (await rollNew(scope, DAYS, tell));
  return { hours, days };
}

/** The begin of the first period that is not rolled up though it is over. */
export async function nextPeriod(
  tx: Transaction,
  state: MetricState,
  { source, target, length, until }: Level,
  ended: number,
): Promise<Date | undefined> {
  const end = toDate(startOf(ended, length));
  if (end === undefined) return undefined;
  const { tenantId } = state;
  // What retention took away is neither read nor made again.
  const from = laterOf(state[until], laterOf(fromOf(state, source), fromOf(state, target)));
  const first = await metricsSnapshots
    .in(tx)
    .keys({
      prefix: [tenantId, source],
      gte: from === undefined ? undefined : [tenantId, source, from],
      lt: [tenantId, source, end],
      limit: 1,
    })
    .first();
  return first === undefined ? undefined : new Date(startOf(first[2].getTime(), length));
}

/** Rolls up periods behind the watermark. @returns how many */
async function rollNew(scope: Scope, level: Level, tell: (periods: number) => void): Promise<number> {
  const { tenantId, settings } = scope;
  const next = async (tx: Transaction, now: Date) => {
    const state = await stateOf(tx, tenantId);
    return { state, start: await nextPeriod(tx, state, level, now.getTime() - settings.rollUpDelay) };
  };
  let periods = 0;
  // Whoever has nothing to do takes no writer's turn.
  while ((await scope.view((tx) => next(tx, settings.now()))).start !== undefined) {
    const done = await scope.updateUnlogged(async (tx, now) => {
      let count = 0;
      for (let rows = 0; rows < BATCH; count++) {
        const { state, start } = await next(tx, now);
        if (start === undefined) break;
        rows += await rollPeriod(tx, state, level, start);
        const until = new Date(start.getTime() + level.length);
        await metricStates.in(tx).put({ ...state, [level.until]: until });
      }
      return count;
    });
    periods += done;
    tell(done);
  }
  return periods;
}

/** Rolls up anew what got snapshots after it was rolled up. @returns how many periods */
async function rollLate(scope: Scope, level: Level, tell: (periods: number) => void): Promise<number> {
  const prefix = [scope.tenantId, level.target] as const;
  let periods = 0;
  // Each once: those that come in meanwhile, behind it, are for the next time.
  let after: Date | undefined;
  const next = (tx: Transaction) => {
    const gt = after === undefined ? undefined : ([...prefix, after] as const);
    return metricLate.in(tx).keys({ prefix, gt, limit: 1 }).first();
  };
  while ((await scope.view(next)) !== undefined) {
    const done = await scope.updateUnlogged(async (tx) => {
      let count = 0;
      for (let rows = 0; rows < BATCH; rows++) {
        const key = await next(tx);
        if (key === undefined) break;
        after = key[2];
        const state = await stateOf(tx, scope.tenantId);
        if (isWithin(state, level, after)) {
          rows += await rollPeriod(tx, state, level, after);
          count++;
        }
        await metricLate.in(tx).delete(key);
      }
      return count;
    });
    periods += done;
    tell(done);
  }
  return periods;
}

/** Whether a period was rolled up, and neither it nor what it was made of was taken away since. */
function isWithin(state: MetricState, { source, target, until }: Level, start: Date): boolean {
  const from = laterOf(fromOf(state, source), fromOf(state, target));
  const end = state[until];
  return end !== undefined && start < end && (from === undefined || start >= from);
}

interface Group {
  readonly labels: MetricsSnapshot["labels"];
  readonly metrics: Map<string, Totals>;
}

/** Writes a period's roll-ups, whatever there were of it. @returns how many snapshots were read */
async function rollPeriod(tx: Transaction, state: MetricState, level: Level, start: Date): Promise<number> {
  const { tenantId } = state;
  const { source, target, length } = level;
  const records = metricsSnapshots.in(tx);
  const end = new Date(start.getTime() + length);
  const groups = new Map<string, Group>();
  let rows = 0;
  for await (const snapshot of records.range({
    gte: [tenantId, source, start],
    lt: [tenantId, source, end],
  })) {
    addTo(groups, snapshot);
    rows++;
  }
  const written = new Set<string>();
  for (const [series, { labels, metrics }] of groups) {
    if (metrics.size === 0) continue;
    const id = rollUpId(series);
    const averages = Array.from(metrics, ([metric, totals]) => [metric, averageOf(totals)]);
    const made = {
      rollUp: Object.fromEntries(metrics),
      metrics: Object.fromEntries(averages),
      labels,
      series,
    };
    await records.put({ tenantId, granularity: target, timestamp: start, id, ...made });
    written.add(id);
  }
  for (const old of await records.range({ prefix: [tenantId, target, start] }).toArray()) {
    if (old.rollUp === undefined || written.has(old.id)) continue;
    await records.delete([tenantId, target, start, old.id]);
  }
  await noteLate(tx, state, { granularity: target, timestamp: start });
  return rows;
}

function addTo(groups: Map<string, Group>, snapshot: MetricsSnapshot): void {
  const { series, labels } = snapshot;
  const group = groups.get(series) ?? { labels, metrics: new Map() };
  groups.set(series, group);
  for (const metric of Object.keys(snapshot.metrics)) {
    const before = group.metrics.get(metric);
    const totals = totalsOf(snapshot, metric) as Totals;
    group.metrics.set(metric, before === undefined ? totals : join(before, totals));
  }
}

/** The same for the same series: rolled up twice, a period has one roll-up. */
function rollUpId(series: string): string {
  return ROLL_UP + createHash("sha256").update(series).digest("base64url");
}
