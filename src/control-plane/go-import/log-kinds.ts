/** Network policies, audit logs and metrics, as the Go package has them. */
import type { Collection } from "../../collections/collection.ts";
import { DatabaseError } from "../../errors.ts";
import { type AuditLog, appendAudit, auditLogs, content } from "../audit/audit-record.ts";
import { canonicalJson } from "../audit/canonical.ts";
import { parse } from "../common/parse.ts";
import { type Granularity, type MetricsSnapshot, metricsSnapshots } from "../metrics/metrics-record.ts";
import { networkPolicies } from "../network/policy-record.ts";
import { asIs, type Draft, list, needed, object, type Reader, record, unlessEmpty } from "./go-json.ts";
import type { GoKind } from "./go-kind.ts";
import { asRange, portList, remoteAddress, time } from "./go-values.ts";
import type { Landing, Outcome } from "./landing.ts";

const targetFields = object({ type: needed(asIs), values: asIs, labels: asIs });

const target: Reader = (value, at) => {
  const draft = targetFields(value, at) as Draft;
  if (draft?.["type"] === "cidr" && Array.isArray(draft["values"]))
    draft["values"] = draft["values"].map(asRange);
  return draft;
};

/** What lets traffic through, or keeps it out, is said in full, or not taken over. */
export const goPolicies: GoKind = {
  bucket: "network_policies",
  keyField: "id",
  owner: "default",
  stamps: ["createdAt", "updatedAt"],
  fields: record({
    id: asIs,
    name: asIs,
    description: asIs,
    tenant_id: asIs,
    rules: list(
      object({
        action: needed(asIs),
        protocol: needed(asIs),
        ports: portList,
        source: needed(target),
        destination: needed(target),
      }),
    ),
    applied_to: needed(target),
    priority: needed(asIs),
    enabled: needed(asIs),
    created_at: time,
    updated_at: time,
  }),
  complete: (draft) => (draft["rules"] ??= []),
  write: (landing, draft) => landing.insert(networkPolicies as unknown as Collection, draft),
};

export const goAuditLogs: GoKind = {
  bucket: "audit_logs",
  owner: "default",
  fields: record({
    id: needed(asIs),
    tenant_id: asIs,
    user_id: asIs,
    action: asIs,
    resource: asIs,
    details: asIs,
    ip_address: remoteAddress,
    user_agent: unlessEmpty,
    timestamp: needed(time),
    success: needed(asIs),
  }),
  complete: (draft) => {
    draft["userId"] ??= "";
    draft["resource"] ??= "";
  },
  write: writeEntry,
};

async function writeEntry(landing: Landing, draft: Draft): Promise<Outcome> {
  const { tx, now } = landing;
  const entry = parse(content, draft, auditLogs.name);
  const known = await auditLogs.in(tx).by("id").get([entry.tenantId, entry.id]);
  // Another of that id is refused as any that is taken.
  if (known !== undefined && isSame(known, entry)) return "present";
  await appendAudit(tx, entry.tenantId, entry, now);
  await landing.requireTenant(entry.tenantId);
  return "imported";
}

/** Whether an entry is one that was imported before. */
function isSame({ sequence: _, hash: _hash, ...known }: AuditLog, entry: object): boolean {
  return canonicalJson(known) === canonicalJson(entry);
}

export const goSnapshots: GoKind = {
  bucket: "metrics_snapshots",
  owner: "default",
  fields: record({
    id: needed(asIs),
    tenant_id: asIs,
    timestamp: needed(time),
    metrics: asIs,
    labels: asIs,
    granularity: asIs,
  }),
  complete: (draft) => (draft["metrics"] ??= {}),
  write: writeSnapshot,
};

async function writeSnapshot(landing: Landing, draft: Draft): Promise<Outcome> {
  const snapshot = draft as unknown as MetricsSnapshot;
  const { tenantId, granularity, timestamp, id } = snapshot;
  const canBeKey = [tenantId, granularity, id].every((part) => typeof part === "string");
  const key: [string, Granularity, Date, string] = [tenantId, granularity, timestamp, id];
  const known = canBeKey ? await metricsSnapshots.in(landing.tx).get(key) : undefined;
  if (known !== undefined) {
    if (contentOf(known) === contentOf(snapshot)) return "present";
    throw new DatabaseError(
      "UNIQUE_VIOLATION",
      `There is another snapshot ${JSON.stringify(key)} already. Release it with another id, or discard it.`,
      { details: { collection: metricsSnapshots.name, key } },
    );
  }
  try {
    await landing.snapshots(tenantId).save(snapshot);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "METRIC_TOO_LATE") return "expired";
    throw error;
  }
  await landing.requireTenant(tenantId);
  return "imported";
}

function contentOf({ metrics, labels = {} }: Partial<MetricsSnapshot>): string {
  return canonicalJson({ metrics, labels });
}
