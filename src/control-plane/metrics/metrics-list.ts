import type { Page } from "../../collections/pages.ts";
import { checkBoolean, checkDate, checkOptions } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { hasLabels, type Labels } from "../common/labels.ts";
import { type ListOptions, pageOf } from "../common/pages.ts";
import { fromOf, stateOf } from "./metric-state.ts";
import { type Granularity, type MetricsSnapshot, metricsSnapshots } from "./metrics-record.ts";
import { checkGranularity, laterOf } from "./periods.ts";
import { checkLabels } from "./series.ts";
import { endOfToken, tokenOf } from "./watermark-token.ts";

/** Which snapshots to list. */
export interface MetricsListOptions extends ListOptions {
  readonly granularity: Granularity;
  readonly from?: Date | undefined;
  /** Without the moment itself. */
  readonly to?: Date | undefined;
  /** Only snapshots that have these labels, whatever others they have. */
  readonly labels?: Labels | undefined;
  /** Whether the order is that of time turned round; false by default. */
  readonly newestFirst?: boolean | undefined;
}

const LIST = ["size", "after", "granularity", "from", "to", "labels", "newestFirst"];

/** @throws DatabaseError `OPTION_INVALID` */
export function checkListed(options: MetricsListOptions): MetricsListOptions {
  checkOptions(options ?? null, LIST, "metrics.list()");
  // Read once: what is used must be what was checked.
  const given = { ...options };
  const { granularity, from, to, labels, newestFirst } = given;
  checkGranularity(granularity);
  if (from !== undefined) checkDate(from, "The option from");
  if (to !== undefined) checkDate(to, "The option to");
  checkLabels(labels);
  checkBoolean(newestFirst, "The option newestFirst");
  return given;
}

/** One page of snapshots. What was read before retention moved the watermark stays the list that it was. */
export async function listSnapshots(
  tx: Transaction,
  tenantId: string,
  { granularity, from, to, labels, newestFirst: reverse, size, after }: MetricsListOptions,
): Promise<Page<MetricsSnapshot>> {
  const prefix = [tenantId, granularity] as const;
  const watermark = fromOf(await stateOf(tx, tenantId), granularity);
  const token = endOfToken(after, watermark);
  const start = laterOf(from, token.watermark);
  const isMoved = watermark !== undefined && watermark.getTime() !== token.watermark?.getTime();
  const isWanted = (each: MetricsSnapshot) =>
    !(isMoved && each.timestamp < watermark) && hasLabels(each.labels, labels ?? {});
  const page = await pageOf(
    metricsSnapshots.in(tx),
    {
      prefix,
      gte: start === undefined ? undefined : [...prefix, start],
      lt: to === undefined ? undefined : [...prefix, to],
      reverse,
    },
    { size, after: token.after },
    isMoved || labels !== undefined ? isWanted : undefined,
  );
  return { ...page, next: tokenOf(token.watermark, page.next) };
}
