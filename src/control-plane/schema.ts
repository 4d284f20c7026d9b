/** The control plane's schema versions. Steps that were released stay as they are: stores went through them. */
import { type Migrations, migrations } from "../migrations/migrations.ts";
import type { Transaction } from "../store/transaction.ts";
import { type AlertRule, alertRules } from "./alerts/alert-record.ts";
import { createQuota, quotas } from "./tenants/quota-record.ts";
import { GLOBAL, SYSTEM_TENANT, type Tenant, tenants } from "./tenants/tenant-record.ts";

const DEFAULT_RULES = [
  {
    id: "node-down",
    name: "Node Down",
    description: "Alert when a node goes offline",
    expression: "meshgate_active_nodes < 1",
    severity: "warning",
    duration: "5m",
  },
  {
    id: "high-auth-failures",
    name: "High Authentication Failures",
    description: "Alert on high authentication failure rate",
    expression: 'rate(meshgate_auth_attempts_total{status="failed"}[5m]) > 0.1',
    severity: "warning",
    duration: "2m",
  },
  {
    id: "api-errors",
    name: "API Errors",
    description: "Alert on high API error rate",
    expression: 'rate(meshgate_api_requests_total{status=~"5.."}[5m]) > 0.05',
    severity: "critical",
    duration: "2m",
  },
] as const;

/** The list of migrations. @param now the clock */
export function controlPlaneSchema(now: () => Date): Migrations {
  return migrations([
    {
      version: 1,
      description: "Initial schema with multi-tenancy support",
      up: (tx) => addSystemTenant(tx, now()),
    },
    {
      version: 2,
      description: "Add enhanced monitoring and audit features",
      up: async (tx) => {
        for (const rule of defaultRules(now())) await alertRules.in(tx).insert(rule);
        for await (const { id, nodeLimit } of tenants.in(tx).range())
          if (!(await quotas.in(tx).has(id)))
            await createQuota(tx, { tenantId: id, maxNodes: nodeLimit }, now());
      },
    },
  ]);
}

/** The alert rules that every database begins with. */
export function defaultRules(at: Date): AlertRule[] {
  return DEFAULT_RULES.map((rule) => ({
    ...rule,
    tenantId: GLOBAL,
    enabled: true,
    createdAt: at,
    updatedAt: at,
  }));
}

/** The tenant that every database begins with. */
export function systemTenant(createdAt: Date): Tenant {
  return {
    id: SYSTEM_TENANT,
    name: "System Tenant",
    domain: "system.local",
    settings: { subnetCidr: "10.10.10.0/24", maxNodes: 1000, policyMode: "strict", heartbeatInterval: 30 },
    createdAt,
    isActive: true,
    nodeLimit: 1000,
  };
}

async function addSystemTenant(tx: Transaction, now: Date): Promise<void> {
  if (!(await tenants.in(tx).has(SYSTEM_TENANT))) await tenants.in(tx).insert(systemTenant(now));
}
