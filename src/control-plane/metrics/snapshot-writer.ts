import { randomUUID } from "node:crypto";
import { recordInvalid } from "../../collections/schema.ts";
import { DatabaseError } from "../../errors.ts";
import type { Transaction } from "../../store/transaction.ts";
import { parse } from "../common/parse.ts";
import { ownCopy } from "../common/record-rules.ts";
import { fromOf, stateOf } from "./metric-state.ts";
import {
  type Granularity,
  type MetricSeries,
  type MetricState,
  type MetricsSnapshot,
  metricLate,
  metricSeries,
  metricStates,
  metricsSnapshot,
  metricsSnapshots,
} from "./metrics-record.ts";
import { DAYS, HOURS, startOf } from "./periods.ts";
import { seriesOf } from "./series-text.ts";

/** What a snapshot is made from. Its id is made up where it is not given. */
export interface MetricsSnapshotInput {
  readonly id?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly timestamp: Date;
  readonly granularity: Granularity;
  /** Values by metric. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** What the ids of roll-ups begin with. */
export const ROLL_UP = "rollup:";

/** Writes snapshots in one transaction, in which nothing else changes the tenant's metrics meanwhile. */
export class SnapshotWriter {
  readonly #tx: Transaction;
  readonly #tenantId: string;
  readonly #maxSeries: number;
  /** Metrics of series that are known to be there, by series. */
  readonly #known = new Map<string, Set<string>>();
  #state: MetricState | undefined;

  constructor(tx: Transaction, tenantId: string, maxSeries: number) {
    this.#tx = tx;
    this.#tenantId = tenantId;
    this.#maxSeries = maxSeries;
  }

  /** @throws DatabaseError `RECORD_INVALID`, `TENANT_MISMATCH`, `SERIES_LIMIT`, `METRIC_TOO_LATE`, before it writes */
  async save(input: MetricsSnapshotInput): Promise<MetricsSnapshot> {
    const snapshot = toSnapshot(this.#tenantId, input);
    this.#state ??= await stateOf(this.#tx, this.#tenantId);
    refuseTooLate(this.#state, snapshot);
    const changed = await this.#changedSeries(snapshot);
    const fresh = changed.filter(({ leaving }) => leaving === undefined).length;
    this.#refuseTooMany(this.#state, fresh);
    const kept = await metricsSnapshots.in(this.#tx).put(snapshot);
    for (const { leaving: _, ...row } of changed) await metricSeries.in(this.#tx).put(row);
    if (fresh > 0)
      this.#state = await metricStates
        .in(this.#tx)
        .put({ ...this.#state, series: this.#state.series + fresh });
    this.#remember(snapshot);
    await noteLate(this.#tx, this.#state, snapshot);
    return kept;
  }

  /** The snapshot's series that are not there yet, and those that are about to go. */
  async #changedSeries({ metrics, series, labels }: MetricsSnapshot): Promise<MetricSeries[]> {
    const known = this.#known.get(series);
    const changed: MetricSeries[] = [];
    for (const metric of Object.keys(metrics)) {
      if (known?.has(metric)) continue;
      const found = await metricSeries.in(this.#tx).get([this.#tenantId, metric, series]);
      if (found === undefined) changed.push({ tenantId: this.#tenantId, metric, series, labels });
      else if (found.leaving) changed.push(found);
    }
    return changed;
  }

  #remember({ metrics, series }: MetricsSnapshot): void {
    const known = this.#known.get(series) ?? new Set();
    for (const metric of Object.keys(metrics)) known.add(metric);
    this.#known.set(series, known);
  }

  #refuseTooMany({ series: used }: MetricState, wanted: number): void {
    const limit = this.#maxSeries;
    if (wanted === 0 || used + wanted <= limit) return;
    throw new DatabaseError(
      "SERIES_LIMIT",
      `The tenant ${JSON.stringify(this.#tenantId)} has ${used} of ${limit} series of metrics, and ${wanted} more do not fit. Use fewer labels or values of them: each combination is a series of every metric. Or raise maxSeries.`,
      { details: { tenantId: this.#tenantId, limit, used, wanted } },
    );
  }
}

/** The snapshot as it is kept. @throws DatabaseError `RECORD_INVALID`, `TENANT_MISMATCH` */
function toSnapshot(tenantId: string, input: MetricsSnapshotInput): MetricsSnapshot {
  const given = ownCopy(tenantId, input, metricsSnapshots.name);
  const { id = randomUUID() } = given;
  const parsed = parse(metricsSnapshot, { ...given, tenantId, id, series: "" }, metricsSnapshots.name);
  refuseRollUp(parsed);
  return { ...parsed, series: seriesOf(parsed.labels) };
}

/** Roll-ups are made here, and nowhere else. */
function refuseRollUp({ tenantId, granularity, timestamp, id, rollUp }: MetricsSnapshot): void {
  const issues = [];
  if (id.startsWith(ROLL_UP))
    issues.push({ path: ["id"], message: `Ids that begin with ${ROLL_UP} are those of roll-ups` });
  if (rollUp !== undefined) issues.push({ path: ["rollUp"], message: "Only rollUp() makes roll-ups" });
  if (issues.length > 0)
    throw recordInvalid(metricsSnapshots.name, [tenantId, granularity, timestamp, id], issues);
}

function refuseTooLate(state: MetricState, { tenantId, granularity, timestamp }: MetricsSnapshot): void {
  const from = fromOf(state, granularity);
  if (from === undefined || timestamp >= from) return;
  throw new DatabaseError(
    "METRIC_TOO_LATE",
    `The ${granularity} snapshot is of ${timestamp.toISOString()}, and retention took away what lies before ${from.toISOString()}. Send snapshots sooner, or keep them longer.`,
    { details: { tenantId, granularity, timestamp, from } },
  );
}

/** Notes that a period that was rolled up already must be so anew. */
export async function noteLate(
  tx: Transaction,
  state: MetricState,
  { granularity, timestamp }: Pick<MetricsSnapshot, "granularity" | "timestamp">,
): Promise<void> {
  const level = [HOURS, DAYS].find(({ source }) => source === granularity);
  const until = level === undefined ? undefined : state[level.until];
  if (level === undefined || until === undefined || timestamp >= until) return;
  const start = new Date(startOf(timestamp.getTime(), level.length));
  await metricLate.in(tx).put({ tenantId: state.tenantId, granularity: level.target, start });
}
