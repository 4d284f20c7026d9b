import { forMany, type Many } from "../../collections/bulk.ts";
import type { Page } from "../../collections/pages.ts";
import { checkDate } from "../../store/options.ts";
import type { WorkOptions } from "../../store/progress.ts";
import type { Labels } from "../common/labels.ts";
import type { Scope } from "../common/scope.ts";
import { fromOf, stateOf } from "./metric-state.ts";
import { checkListed, listSnapshots, type MetricsListOptions } from "./metrics-list.ts";
import { type Granularity, type MetricsSnapshot, metricSeries, metricsSnapshots } from "./metrics-record.ts";
import { checkGranularity, laterOf } from "./periods.ts";
import { type RollUpReport, rollUp } from "./roll-up.ts";
import {
  checkLabels,
  checkSeries,
  findSeries,
  type LatestValue,
  readLatest,
  readSeries,
  type Series,
  type SeriesOptions,
} from "./series.ts";
import { type MetricsSnapshotInput, noteLate, SnapshotWriter } from "./snapshot-writer.ts";

export type { MetricsSnapshotInput } from "./snapshot-writer.ts";

/** A metric, and labels that tell one series of it from others. */
export interface NamedSeries {
  readonly metric: string;
  readonly labels: Labels;
}

/**
 * The metrics of a tenant: snapshots of many values at one moment, and what they come to over time.
 *
 * Hours and days are those of UTC. {@link rollUp} makes a snapshot of each hour from its minutes, and of each day from
 * its hours. Hours and days that a program saved itself stay as they are, beside those that were rolled up, and hours
 * of both kinds count for their day.
 */
export class Metrics {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /**
   * Writes a snapshot, whether there is one of its granularity, timestamp and id or not. The audit trail is told
   * nothing: these are measurements, not changes. Cost: a point read for each metric.
   *
   * @returns the snapshot as it is kept
   * @throws DatabaseError `RECORD_INVALID` with `details.issues`, `SERIES_LIMIT` with `details` { limit, used, wanted }
   * where its metrics or labels are too many new ones, `METRIC_TOO_LATE` with `details` { from } where it lies before
   * what retention took away, `TENANT_MISMATCH`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`
   */
  save(snapshot: MetricsSnapshotInput): Promise<MetricsSnapshot> {
    return this.#scope.updateUnlogged((tx) => this.#writer(tx).save(snapshot));
  }

  /**
   * Writes many snapshots in one commit.
   *
   * @param work progress is told in snapshots
   * @returns how many
   * @throws DatabaseError as {@link save}, and then none is written, unless the caller's own transaction goes on;
   * `ABORTED`
   */
  saveMany(snapshots: Many<MetricsSnapshotInput>, work: WorkOptions = {}): Promise<number> {
    return this.#scope.updateUnlogged((tx) => {
      const writer = this.#writer(tx);
      return forMany(snapshots, work, (snapshot) => writer.save(snapshot));
    });
  }

  #writer(tx: ConstructorParameters<typeof SnapshotWriter>[0]): SnapshotWriter {
    return new SnapshotWriter(tx, this.#scope.tenantId, this.#scope.settings.maxSeries);
  }

  /** Reads a snapshot. @returns undefined where there is none @throws DatabaseError `OPTION_INVALID`, `KEY_INVALID` */
  get(granularity: Granularity, timestamp: Date, id: string): Promise<MetricsSnapshot | undefined> {
    checkGranularity(granularity);
    const at = checkDate(timestamp, "The timestamp");
    const { tenantId } = this.#scope;
    return this.#scope.view(async (tx) => {
      const from = fromOf(await stateOf(tx, tenantId), granularity);
      if (from !== undefined && at < from) return undefined;
      return metricsSnapshots.in(tx).get([tenantId, granularity, at, id]);
    });
  }

  /**
   * Deletes a snapshot. Its series stay until retention finds that no other snapshot has them.
   *
   * @returns whether there was one
   * @throws DatabaseError `OPTION_INVALID`, `KEY_INVALID`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`
   */
  delete(granularity: Granularity, timestamp: Date, id: string): Promise<boolean> {
    checkGranularity(granularity);
    const at = checkDate(timestamp, "The timestamp");
    const { tenantId } = this.#scope;
    return this.#scope.updateUnlogged(async (tx) => {
      const state = await stateOf(tx, tenantId);
      const from = fromOf(state, granularity);
      if (from !== undefined && at < from) return false;
      const isDeleted = await metricsSnapshots.in(tx).delete([tenantId, granularity, at, id]);
      if (isDeleted) await noteLate(tx, state, { granularity, timestamp: at });
      return isDeleted;
    });
  }

  /**
   * All snapshots of a time, in its order; those of one moment in the order of their ids. Cost: one range.
   *
   * @param to without the moment itself
   * @throws DatabaseError `OPTION_INVALID`
   */
  range(granularity: Granularity, from: Date, to: Date): Promise<MetricsSnapshot[]> {
    checkGranularity(granularity);
    const begin = checkDate(from, "The begin of the range");
    const end = checkDate(to, "The end of the range");
    const { tenantId } = this.#scope;
    return this.#scope.view(async (tx) => {
      const start = laterOf(begin, fromOf(await stateOf(tx, tenantId), granularity)) as Date;
      return metricsSnapshots
        .in(tx)
        .range({ gte: [tenantId, granularity, start], lt: [tenantId, granularity, end] })
        .toArray();
    });
  }

  /**
   * Snapshots page by page. What retention takes away meanwhile is not met.
   *
   * @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID`
   */
  list(options: MetricsListOptions): Promise<Page<MetricsSnapshot>> {
    const checked = checkListed(options);
    return this.#scope.view((tx) => listSnapshots(tx, this.#scope.tenantId, checked));
  }

  /**
   * One metric over time: an array with one entry for each series, or one for all where they are merged. Of hours and
   * days that were rolled up, aggregates go back to the values: an average is the sum of sums by the sum of counts.
   * Cost: it reads snapshots with the labels of the series, and no others.
   *
   * A rate is that of a counter, a second, over the time between the snapshots that it comes of; where the counter
   * fell, it was reset, and grew by its new value. The first snapshot has none.
   *
   * @throws DatabaseError `OPTION_INVALID`, `KEY_INVALID`
   */
  series(metric: string, options: SeriesOptions): Promise<Series[]> {
    const checked = checkSeries(options);
    return this.#scope.view((tx) => readSeries(tx, this.#scope.tenantId, metric, checked));
  }

  /**
   * The last value of each series, of one metric or of all: from minutes where it has any, else from hours, else from
   * days. Series without a snapshot are left out. Cost: a short range a series; one of which only old snapshots have a
   * value is walked back to there.
   *
   * @param labels only series that have these, whatever others they have
   * @throws DatabaseError `OPTION_INVALID`, `KEY_INVALID`
   */
  latest(metric?: string, labels?: Labels): Promise<LatestValue[]> {
    checkLabels(labels);
    return this.#scope.view((tx) => readLatest(tx, this.#scope.tenantId, metric, labels));
  }

  /** The names of all metrics, in order. Cost: it walks the keys of all series. */
  metricNames(): Promise<string[]> {
    return this.#scope.view(async (tx) => {
      const keys = await metricSeries
        .in(tx)
        .keys({ prefix: [this.#scope.tenantId] })
        .toArray();
      return Array.from(new Set(keys.map(([, metric]) => metric)));
    });
  }

  /** The series that there are, of one metric or of all, in the order of metrics and labels. */
  async listSeries(metric?: string): Promise<NamedSeries[]> {
    const found = await this.#scope.view((tx) => findSeries(tx, this.#scope.tenantId, metric));
    return found.map(({ metric: name, labels }) => ({ metric: name, labels }));
  }

  /**
   * Rolls up hours and days that are over for longer than the option `rollUpDelay`, in small commits. Called again, it
   * changes nothing. Hours and days that got snapshots since they were rolled up are rolled up anew.
   *
   * @param work progress is told in hours and days
   * @throws DatabaseError `OPTION_INVALID`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`; `ABORTED`: what was
   * rolled up stays so, and the next call goes on
   */
  rollUp(work: WorkOptions = {}): Promise<RollUpReport> {
    return rollUp(this.#scope, work);
  }
}
