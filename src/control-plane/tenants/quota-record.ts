/** Limits and uses of tenants. Uses are counted in the commit that changes what they count. */
import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { DatabaseError } from "../../errors.ts";
import type { Transaction } from "../../store/transaction.ts";
import { id } from "../common/fields.ts";
import { closeMonths } from "./billing-record.ts";
import { monthOf } from "./months.ts";

const count = z.int().nonnegative();

/** What a tenant may have unless it is given more, or less. */
export const DEFAULT_LIMITS = {
  maxNodes: 1000,
  maxUsers: 50,
  maxApiKeys: 10,
  /** Bytes a month. */
  maxBandwidth: 1_000_000_000,
} as const;
export const LIMIT_NAMES = Object.keys(DEFAULT_LIMITS) as readonly (keyof typeof DEFAULT_LIMITS)[];

export const quota = z.strictObject({
  tenantId: id,
  maxNodes: count.default(DEFAULT_LIMITS.maxNodes),
  maxUsers: count.default(DEFAULT_LIMITS.maxUsers),
  maxApiKeys: count.default(DEFAULT_LIMITS.maxApiKeys),
  maxBandwidth: count.default(DEFAULT_LIMITS.maxBandwidth),
  usedNodes: count.default(0),
  usedUsers: count.default(0),
  usedApiKeys: count.default(0),
  /** Bytes in the month that `month` names. */
  usedBandwidth: count.default(0),
  /** The month that is being counted, `2026-01`; months are those of UTC. */
  month: z.string().regex(/^\d{4,6}-\d\d$/),
  /** The most that there were at a time in that month, for its bill. */
  peakNodes: count.default(0),
  peakUsers: count.default(0),
  peakApiKeys: count.default(0),
  updatedAt: z.date(),
});

/** The collection `tenant_quotas`. */
export const quotas = collection({ name: "tenant_quotas", schema: quota, key: "tenantId" });

export type TenantQuota = RecordOf<typeof quotas>;

/** What a quota counts while it is there. */
export type Counted = "nodes" | "users" | "apiKeys";

interface Fields {
  readonly used: "usedNodes" | "usedUsers" | "usedApiKeys";
  readonly max: "maxNodes" | "maxUsers" | "maxApiKeys";
  readonly peak: "peakNodes" | "peakUsers" | "peakApiKeys";
}

export const COUNTED: Readonly<Record<Counted, Fields>> = {
  nodes: { used: "usedNodes", max: "maxNodes", peak: "peakNodes" },
  users: { used: "usedUsers", max: "maxUsers", peak: "peakUsers" },
  apiKeys: { used: "usedApiKeys", max: "maxApiKeys", peak: "peakApiKeys" },
};

/** Adds the quota of a new tenant. */
export async function createQuota(
  tx: Transaction,
  limits: { tenantId: string; maxNodes?: number },
  now: Date,
): Promise<TenantQuota> {
  return quotas.in(tx).insert({ ...limits, month: monthOf(now), updatedAt: now });
}

/** The quota of a tenant, in the month of `now`: months that ended since it was last written are billed in this commit. */
export async function currentQuota(tx: Transaction, tenantId: string, now: Date): Promise<TenantQuota> {
  const found = await quotas.in(tx).get(tenantId);
  return found === undefined ? createQuota(tx, { tenantId }, now) : renewed(tx, found, now);
}

async function renewed(tx: Transaction, found: TenantQuota, now: Date): Promise<TenantQuota> {
  const month = monthOf(now);
  // A clock that was set back bills nothing twice.
  if (found.month >= month) return found;
  await closeMonths(tx, found, month, now);
  const peaks = { peakNodes: found.usedNodes, peakUsers: found.usedUsers, peakApiKeys: found.usedApiKeys };
  return quotas.in(tx).put({ ...found, ...peaks, month, usedBandwidth: 0, updatedAt: now });
}

/**
 * Looks whether there is room for one more. It writes nothing, so that what fails after it has counted nothing.
 *
 * @returns counts what was added; to be called once it was
 * @throws DatabaseError `QUOTA_EXCEEDED` with `details` { tenantId, quota, limit, used, wanted }
 */
export async function reserve(
  tx: Transaction,
  tenantId: string,
  counted: Counted,
  now: Date,
): Promise<() => Promise<void>> {
  const { used, max } = COUNTED[counted];
  const found = await quotas.in(tx).get(tenantId);
  if (found !== undefined && found[used] >= found[max])
    throw quotaExceeded(tenantId, counted, { limit: found[max], used: found[used], wanted: 1 });
  return () => addCount(tx, tenantId, counted, 1, now, found);
}

/**
 * Counts what was added or taken away.
 *
 * @param known the quota as it is, where it was read already
 */
export async function addCount(
  tx: Transaction,
  tenantId: string,
  counted: Counted,
  change: number,
  now: Date,
  known?: TenantQuota,
): Promise<void> {
  const { used, peak } = COUNTED[counted];
  const before = await (known === undefined ? currentQuota(tx, tenantId, now) : renewed(tx, known, now));
  const count = Math.max(0, before[used] + change);
  await quotas
    .in(tx)
    .put({ ...before, [used]: count, [peak]: Math.max(before[peak], count), updatedAt: now });
}

/** An error for what a tenant may not have more of. */
export function quotaExceeded(
  tenantId: string,
  what: Counted | "bandwidth",
  { limit, used, wanted }: { limit: number; used: number; wanted: number },
): DatabaseError {
  return new DatabaseError(
    "QUOTA_EXCEEDED",
    `The tenant ${JSON.stringify(tenantId)} uses ${used} of ${limit} ${UNITS[what]}, and there is no room for ${wanted} more. Free some, or raise the limit with updateTenantQuota().`,
    { details: { tenantId, quota: what, limit, used, wanted } },
  );
}

const UNITS = { nodes: "nodes", users: "users", apiKeys: "API keys", bandwidth: "bytes this month" } as const;
