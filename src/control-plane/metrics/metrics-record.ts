/*
 * Metrics as they are kept. A snapshot holds the values of several metrics at one moment, and labels that tell whose
 * they are. Snapshots with the same labels are one series of each metric:
 *
 *   metrics_snapshots  tenant ! granularity ! timestamp ! id     -> snapshot; its index by_series is on
 *                      tenant ! granularity ! series ! timestamp
 *   metric_series      tenant ! metric ! series                  -> which series a metric has, with their labels
 *   metric_states      tenant                                    -> watermarks, and how many series there are
 *   metric_late        tenant ! granularity ! start              -> periods to be rolled up anew
 */
import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { id, labels } from "../common/fields.ts";
import { hasNoProto, PROTO_REFUSED } from "../common/json-object.ts";

export const granularity = z.enum(["minute", "hour", "day"]);
export type Granularity = z.output<typeof granularity>;

const metricName = z
  .string()
  .min(1)
  .max(256)
  .refine((text) => text.isWellFormed(), "The name of a metric has no lone surrogates");
const finite = z.number();

/** What a roll-up knows of a metric in its period. Nothing of it exceeds the greatest number that there is. */
const totals = z.strictObject({
  count: z.int().positive(),
  sum: finite,
  min: finite,
  max: finite,
  first: finite,
  last: finite,
  /** By how much a counter grew between the first value and the last, over all that it was reset. */
  increase: finite,
});

export type Totals = z.output<typeof totals>;

/** Characters that the text of a series has at the most: keys hold it. */
const MAX_SERIES = 4096;

export const metricsSnapshot = z.strictObject({
  tenantId: id,
  id,
  timestamp: z.date(),
  granularity,
  /** Values by metric; in a roll-up the averages. */
  metrics: z.custom<Record<string, number>>(hasNoProto, PROTO_REFUSED).pipe(z.record(metricName, finite)),
  labels: labels.default({}),
  /** The labels as one text, such as `{node="n1"}`: made by the database. */
  series: z.string().max(MAX_SERIES, `All labels together have at most ${MAX_SERIES} characters`),
  /** In roll-ups: what there was in the period that begins at the timestamp. */
  rollUp: z.record(metricName, totals).optional(),
});

/** The collection `metrics_snapshots`. */
export const metricsSnapshots = collection({
  name: "metrics_snapshots",
  schema: metricsSnapshot,
  key: ["tenantId", "granularity", "timestamp", "id"],
  indexes: { series: { on: ["tenantId", "granularity", "series", "timestamp"] } },
});

export type MetricsSnapshot = RecordOf<typeof metricsSnapshots>;

/** The collection `metric_series`. */
export const metricSeries = collection({
  name: "metric_series",
  schema: z.strictObject({
    tenantId: id,
    metric: metricName,
    series: z.string(),
    labels,
    /** No snapshot was found that has it: it goes, unless one comes in before. */
    leaving: z.literal(true).optional(),
  }),
  key: ["tenantId", "metric", "series"],
});

export type MetricSeries = RecordOf<typeof metricSeries>;

/** The collection `metric_states`. Times are undefined until there is something to tell. */
export const metricStates = collection({
  name: "metric_states",
  schema: z.strictObject({
    tenantId: id,
    /** How many rows the tenant has in `metric_series`. */
    series: z.int().nonnegative().default(0),
    /** Up to here minutes are rolled up to hours, and hours to days; without the moment itself. */
    hoursUntil: z.date().optional(),
    daysUntil: z.date().optional(),
    /** Up to here retention took snapshots away: what lies before is neither read nor accepted. */
    minutesFrom: z.date().optional(),
    hoursFrom: z.date().optional(),
    daysFrom: z.date().optional(),
  }),
  key: "tenantId",
});

export type MetricState = RecordOf<typeof metricStates>;

/** The collection `metric_late`: periods that got a snapshot after they were rolled up. */
export const metricLate = collection({
  name: "metric_late",
  schema: z.strictObject({ tenantId: id, granularity: z.enum(["hour", "day"]), start: z.date() }),
  key: ["tenantId", "granularity", "start"],
});
