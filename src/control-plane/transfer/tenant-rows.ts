/** Where a tenant's rows lie: all collections of the control plane. */
import type { Collection } from "../../collections/collection.ts";
import type { Transaction } from "../../store/transaction.ts";
import { apiKeys } from "../access/api-key-record.ts";
import { sessions } from "../access/session-record.ts";
import { users } from "../access/users.ts";
import { alertRules, notificationChannels } from "../alerts/alert-record.ts";
import { auditHeads, auditLogs } from "../audit/audit-record.ts";
import { quarantined } from "../go-import/held-record.ts";
import { goImports } from "../go-import/import-record.ts";
import { metricLate, metricSeries, metricStates, metricsSnapshots } from "../metrics/metrics-record.ts";
import { nodeMetrics } from "../metrics/node-metrics-record.ts";
import { nodeGroups } from "../network/group-record.ts";
import { nodes } from "../network/node-record.ts";
import { networkPolicies } from "../network/policy-record.ts";
import { retentionStates } from "../retention/retention-record.ts";
import { billingRecords } from "../tenants/billing-record.ts";
import { quotas } from "../tenants/quota-record.ts";
import { tenants } from "../tenants/tenant-record.ts";

const listed = (list: readonly unknown[]) => list as readonly Collection[];

/** Collections whose primary key leads with the tenant, in an order in which what is referred to comes first. */
export const WITHIN: readonly Collection[] = listed([
  users,
  nodes,
  nodeGroups,
  alertRules,
  notificationChannels,
  networkPolicies,
  apiKeys,
  sessions,
  billingRecords,
  auditLogs,
  metricSeries,
  metricLate,
  metricsSnapshots,
  nodeMetrics,
]);

/** Collections with one record a tenant, besides that of the tenant itself. */
export const SINGLE: readonly Collection[] = listed([quotas, auditHeads, metricStates]);

/** All collections. */
export const COLLECTIONS: readonly Collection[] = [
  ...listed([tenants, retentionStates, quarantined, goImports]),
  ...SINGLE,
  ...WITHIN,
];

/** @returns the name of a collection in which the tenant has rows; undefined where it has none */
export async function hasRows(tx: Transaction, tenantId: string): Promise<string | undefined> {
  for (const each of WITHIN) {
    const found = await each.in(tx).keys(prefixOf(tenantId)).first();
    if (found !== undefined) return each.name;
  }
  return undefined;
}

/** Deletes what is left of a tenant without rows. */
export async function forgetTenant(tx: Transaction, tenantId: string): Promise<void> {
  for (const each of SINGLE) await each.in(tx).delete(tenantId);
  await tenants.in(tx).delete(tenantId);
}

/** All that a tenant has in a collection. */
export function prefixOf(tenantId: string): { readonly prefix: never } {
  // The keys of these collections are of several types, which lead with the tenant alike.
  return { prefix: [tenantId] as never };
}
