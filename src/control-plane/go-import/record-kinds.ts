/** Users, API keys, nodes, groups, alert rules and channels, as the Go package has them. */
import type { Collection } from "../../collections/collection.ts";
import type { Transaction } from "../../store/transaction.ts";
import { type ApiKeyRecord, apiKeys } from "../access/api-key-record.ts";
import { requireUser } from "../access/user-reference.ts";
import { users } from "../access/users.ts";
import { alertRules, notificationChannels } from "../alerts/alert-record.ts";
import { canonicalJson } from "../audit/canonical.ts";
import { type NodeGroup, nodeGroups } from "../network/group-record.ts";
import { requireNodes } from "../network/groups.ts";
import { nodes } from "../network/node-record.ts";
import { defaultRules } from "../schema.ts";
import { as, asIs, type Draft, record, unlessEmpty } from "./go-json.ts";
import type { GoKind } from "./go-kind.ts";
import { hostAddress, secretHash, time, unixSeconds } from "./go-values.ts";
import type { Landing, Outcome } from "./landing.ts";

export const goUsers: GoKind = {
  bucket: "users",
  keyField: "id",
  owner: "default",
  stamps: ["createdAt"],
  fields: record({
    id: asIs,
    email: asIs,
    password_hash: unlessEmpty,
    role: unlessEmpty,
    tenant_id: asIs,
    created_at: time,
    last_login: time,
  }),
  // Whoever had no role may do the least.
  complete: (draft) => (draft["role"] ??= "viewer"),
  write: (landing, draft) => insert(landing, users, draft, { counted: "users" }),
};

export const goNodes: GoKind = {
  bucket: "nodes",
  keyField: "id",
  owner: "default",
  stamps: ["createdAt"],
  fields: record({
    id: asIs,
    tenant_id: asIs,
    name: unlessEmpty,
    public_key: asIs,
    ip_address: hostAddress,
    status: unlessEmpty,
    last_seen: time,
    created_at: time,
    metadata: asIs,
    // The three that nodes had besides their id before there were tenants.
    publicKey: asIs,
    ip: as("ipAddress", hostAddress),
    lastSeen: unixSeconds,
  }),
  complete: (draft) => (draft["name"] ??= draft["id"]),
  write: (landing, draft) => insert(landing, nodes, draft, { counted: "nodes" }),
};

export const goGroups: GoKind = {
  bucket: "node_groups",
  keyField: "id",
  owner: "default",
  stamps: ["createdAt", "updatedAt"],
  fields: record({
    id: asIs,
    name: asIs,
    description: asIs,
    tenant_id: asIs,
    node_ids: asIs,
    labels: asIs,
    created_at: time,
    updated_at: time,
  }),
  complete: (draft) => {
    if (Array.isArray(draft["nodeIds"])) draft["nodeIds"] = Array.from(new Set(draft["nodeIds"]));
  },
  write: (landing, draft) => {
    const { tenantId, id, nodeIds = [] } = draft as Partial<NodeGroup>;
    const named = Array.isArray(nodeIds) ? nodeIds : [];
    const check = () => requireNodes(landing.tx, tenantId as string, String(id), named);
    return insert(landing, nodeGroups, draft, { check });
  },
};

export const goAlertRules: GoKind = {
  bucket: "alert_rules",
  keyField: "id",
  owner: "all",
  stamps: ["createdAt", "updatedAt"],
  fields: record({
    id: asIs,
    name: asIs,
    description: asIs,
    expression: asIs,
    severity: unlessEmpty,
    duration: unlessEmpty,
    enabled: asIs,
    tenant_id: asIs,
    created_at: time,
    updated_at: time,
  }),
  complete: (draft) => (draft["duration"] ??= "0s"),
  write: async (landing, draft) => {
    const outcome = await insert(landing, alertRules, draft);
    if (outcome !== "present" || !(await isDefaultRule(landing.tx, draft))) return outcome;
    await alertRules.in(landing.tx).put(draft as never);
    return "imported";
  },
};

/** Whether the rule of that key is one that every database begins with, and nobody has changed it. */
async function isDefaultRule(tx: Transaction, { tenantId, id }: Draft): Promise<boolean> {
  const found = await alertRules.in(tx).get([tenantId as string, id as string]);
  if (found === undefined) return false;
  const made = defaultRules(found.createdAt).find((rule) => rule.id === id && rule.tenantId === tenantId);
  return canonicalJson(found) === canonicalJson(made);
}

export const goChannels: GoKind = {
  bucket: "notification_channels",
  keyField: "id",
  // Not everybody's: all tenants could read the secrets in its configuration.
  owner: "default",
  fields: record({ id: asIs, name: asIs, type: asIs, config: asIs, tenant_id: asIs, enabled: asIs }),
  write: (landing, draft) => insert(landing, notificationChannels, draft),
};

export const goApiKeys: GoKind = {
  bucket: "api_keys",
  keyField: "id",
  owner: "default",
  stamps: ["createdAt"],
  fields: record({
    id: asIs,
    name: asIs,
    key: as("importedHash", secretHash),
    tenant_id: asIs,
    user_id: unlessEmpty,
    permissions: asIs,
    expires_at: time,
    created_at: time,
    last_used: time,
    is_active: asIs,
  }),
  complete: (draft) => (draft["permissions"] ??= []),
  write: (landing, draft) => {
    const { tenantId, userId, isActive } = draft as Partial<ApiKeyRecord>;
    const counted = isActive === true ? "apiKeys" : undefined;
    const check = async () => {
      if (userId !== undefined) await requireUser(landing.tx, tenantId as string, userId, "The API key");
    };
    const secrets = [{ algorithm: "sha256", hash: draft["importedHash"] }];
    // When it was revoked, Go did not note.
    const revoked = isActive === false ? { revokedAt: landing.now } : {};
    return insert(landing, apiKeys, { ...draft, ...revoked, secrets }, { counted, check });
  },
};

function insert(
  landing: Landing,
  collection: unknown,
  draft: Draft,
  options?: Parameters<Landing["insert"]>[2],
): Promise<Outcome> {
  return landing.insert(collection as Collection, draft, options);
}
