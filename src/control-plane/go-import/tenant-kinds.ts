/** Tenants and their quotas, as the Go package has them. */
import type { Transaction } from "../../store/transaction.ts";
import { canonicalJson } from "../audit/canonical.ts";
import { parse } from "../common/parse.ts";
import { systemTenant } from "../schema.ts";
import { billingRecords } from "../tenants/billing-record.ts";
import { monthOf } from "../tenants/months.ts";
import { currentQuota, DEFAULT_LIMITS, LIMIT_NAMES, quota, quotas } from "../tenants/quota-record.ts";
import {
  createTenant,
  requireTenant,
  SYSTEM_TENANT,
  type Tenant,
  type TenantInput,
  tenant,
  tenants,
} from "../tenants/tenant-record.ts";
import { asIs, type Draft, object, passedOver, record, unlessEmpty, unlessZero } from "./go-json.ts";
import type { GoKind } from "./go-kind.ts";
import { time } from "./go-values.ts";
import type { Landing, Outcome } from "./landing.ts";

/** Go wrote 0 for limits that were never set, and enforced none. */
export const goTenants: GoKind = {
  bucket: "tenants",
  keyField: "id",
  stamps: ["createdAt"],
  fields: record({
    id: asIs,
    name: asIs,
    domain: unlessEmpty,
    settings: object({
      subnet_cidr: unlessEmpty,
      max_nodes: unlessZero,
      policy_mode: unlessEmpty,
      heartbeat_interval: unlessZero,
    }),
    created_at: time,
    is_active: asIs,
    node_limit: unlessZero,
    // Counted anew.
    used_nodes: passedOver,
  }),
  write: writeTenant,
};

async function writeTenant(landing: Landing, draft: Draft): Promise<Outcome> {
  const { tx, now } = landing;
  const input = draft as unknown as TenantInput & Pick<Tenant, "createdAt">;
  const old = await tenants.in(tx).get(input.id);
  if (old === undefined) {
    await createTenant(tx, input, now);
    return "imported";
  }
  if (!isAsMade(old)) return "present";
  const isFollowing = await hasLimitsAsMade(tx, old);
  const kept = await tenants.in(tx).put(old.busy === undefined ? input : { ...input, busy: old.busy });
  if (isFollowing) {
    const standing = await currentQuota(tx, kept.id, now);
    await quotas.in(tx).put({ ...standing, maxNodes: kept.nodeLimit, updatedAt: now });
  }
  return "imported";
}

/** Whether a tenant is as the database makes it by itself, and nobody has changed it. */
function isAsMade(found: Tenant): boolean {
  const { id, createdAt } = found;
  const made = id === SYSTEM_TENANT ? systemTenant(createdAt) : tenant.parse({ id, name: id, createdAt });
  return canonicalJson(found) === canonicalJson(made);
}

/** Whether a tenant's limits are those that it was made with. */
async function hasLimitsAsMade(tx: Transaction, { id, nodeLimit }: Tenant): Promise<boolean> {
  const found = await quotas.in(tx).get(id);
  const made = { ...DEFAULT_LIMITS, maxNodes: nodeLimit };
  return found === undefined || LIMIT_NAMES.every((name) => found[name] === made[name]);
}

export const goQuotas: GoKind = {
  bucket: "tenant_quotas",
  keyField: "tenantId",
  fields: record({
    tenant_id: unlessEmpty,
    max_nodes: unlessZero,
    max_users: unlessZero,
    max_api_keys: unlessZero,
    max_bandwidth: unlessZero,
    used_bandwidth: asIs,
    updated_at: time,
    // Counted anew.
    used_nodes: passedOver,
    used_users: passedOver,
    used_api_keys: passedOver,
  }),
  write: writeQuota,
};

async function writeQuota(landing: Landing, draft: Draft): Promise<Outcome> {
  const { tx, now } = landing;
  const given = parse(quota, { month: monthOf(now), updatedAt: now, ...draft }, quotas.name);
  const { tenantId, usedBandwidth, updatedAt } = given;
  await landing.requireTenant(tenantId);
  const owner = await requireTenant(tx, tenantId);
  if (!(await hasLimitsAsMade(tx, owner))) return "present";
  const standing = await currentQuota(tx, tenantId, now);
  const month = monthOf(updatedAt);
  const isOfThisMonth = month >= standing.month;
  // What was counted here is not what was counted there.
  const used = isOfThisMonth && standing.usedBandwidth === 0 ? { usedBandwidth } : {};
  const limits = Object.fromEntries(
    LIMIT_NAMES.filter((name) => name in draft).map((name) => [name, given[name]]),
  );
  await quotas.in(tx).put({ ...standing, ...limits, updatedAt: now, ...used });
  if (!isOfThisMonth && usedBandwidth > 0 && !(await billingRecords.in(tx).has([tenantId, month]))) {
    // Go counted nothing else.
    const peaks = { peakNodes: 0, peakUsers: 0, peakApiKeys: 0 };
    await billingRecords
      .in(tx)
      .insert({ tenantId, month, bandwidth: usedBandwidth, ...peaks, createdAt: updatedAt });
  }
  return "imported";
}
