/** What a tenant's metrics stand at: how many series there are, what is rolled up, what retention took away. */
import type { Transaction } from "../../store/transaction.ts";
import { type Granularity, type MetricState, metricStates } from "./metrics-record.ts";

/** Where it is noted up to where retention took snapshots away. */
const FROM = { minute: "minutesFrom", hour: "hoursFrom", day: "daysFrom" } as const satisfies Record<
  Granularity,
  keyof MetricState
>;

export async function stateOf(tx: Transaction, tenantId: string): Promise<MetricState> {
  return (await metricStates.in(tx).get(tenantId)) ?? { tenantId, series: 0 };
}

/** Where a granularity's snapshots begin: before, retention took them away. */
export function fromOf(state: MetricState, granularity: Granularity): Date | undefined {
  return state[FROM[granularity]];
}

export function withFrom(state: MetricState, granularity: Granularity, from: Date): MetricState {
  return { ...state, [FROM[granularity]]: from };
}

/** Where the snapshots of a series lie in their index, without those that retention took away. */
export function seriesBounds(state: MetricState, granularity: Granularity, series: string) {
  const prefix = [state.tenantId, granularity, series] as const;
  const from = fromOf(state, granularity);
  return { prefix, gte: from === undefined ? undefined : ([...prefix, from] as const) };
}
