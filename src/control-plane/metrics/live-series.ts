import { compareKeys } from "../../keys/order.ts";
import type { Transaction } from "../../store/transaction.ts";
import { fromOf } from "./metric-state.ts";
import { type Granularity, type MetricState, metricsSnapshots } from "./metrics-record.ts";
import { laterOf } from "./periods.ts";

/** So few series are read at once, whether they have snapshots or not. */
const FEW = 8;

/**
 * Which of some series may have snapshots from a time on. A seek for one that has none ends at the next that has some,
 * behind all that was deleted in between: seeks for each of many would cross that again and again. Here, it is crossed
 * once.
 */
export async function findLive(
  tx: Transaction,
  state: MetricState,
  granularity: Granularity,
  series: Iterable<string>,
  from?: Date,
): Promise<ReadonlySet<string>> {
  const wanted = Array.from(new Set(series)).sort(compareKeys);
  if (wanted.length <= FEW) return new Set(wanted);
  const prefix = [state.tenantId, granularity] as const;
  const start = laterOf(from, fromOf(state, granularity));
  const entries = metricsSnapshots.in(tx).by("series");
  const live = new Set<string>();
  for (let i = 0; i < wanted.length; ) {
    const each = wanted[i] as string;
    const gte = start === undefined ? ([...prefix, each] as const) : ([...prefix, each, start] as const);
    const next = await entries.entries({ prefix, gte, limit: 1 }).first();
    if (next === undefined) break;
    if (next.series === each) live.add(each);
    // Those before what was found have nothing; that itself may have only what is too old.
    i++;
    while (i < wanted.length && compareKeys(wanted[i] as string, next.series) < 0) i++;
  }
  return live;
}
