/** What tenants used, month by month. */
import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import type { Transaction } from "../../store/transaction.ts";
import { id } from "../common/fields.ts";
import { monthsBetween } from "./months.ts";

const count = z.int().nonnegative();

const billing = z.strictObject({
  tenantId: id,
  /** The month that is billed, `2026-01`, of UTC. */
  month: z.string(),
  /** Bytes. */
  bandwidth: count,
  /** The most that there were at a time. */
  peakNodes: count,
  peakUsers: count,
  peakApiKeys: count,
  createdAt: z.date(),
});

/** The collection `billing_records`. */
export const billingRecords = collection({
  name: "billing_records",
  schema: billing,
  key: ["tenantId", "month"],
  indexes: { month: { on: "month" } },
});

export type BillingRecord = RecordOf<typeof billingRecords>;

/** What a month's bill is drawn from. */
export interface MonthOfUse {
  readonly tenantId: string;
  readonly month: string;
  readonly usedBandwidth: number;
  readonly usedNodes: number;
  readonly usedUsers: number;
  readonly usedApiKeys: number;
  readonly peakNodes: number;
  readonly peakUsers: number;
  readonly peakApiKeys: number;
}

/** What the month that is being counted has come to. */
export function billOf(use: MonthOfUse, now: Date): BillingRecord {
  const { tenantId, month, peakNodes, peakUsers, peakApiKeys } = use;
  return { tenantId, month, bandwidth: use.usedBandwidth, peakNodes, peakUsers, peakApiKeys, createdAt: now };
}

/** Draws the bills of the month that was counted last, and of those since, in which nothing changed. */
export async function closeMonths(tx: Transaction, use: MonthOfUse, until: string, now: Date): Promise<void> {
  const [first, ...idle] = monthsBetween(use.month, until);
  if (first === undefined) return;
  const records = billingRecords.in(tx);
  await records.put(billOf(use, now));
  const still = { peakNodes: use.usedNodes, peakUsers: use.usedUsers, peakApiKeys: use.usedApiKeys };
  for (const month of idle) await records.put(billOf({ ...use, ...still, month, usedBandwidth: 0 }, now));
}
