/** Records as a Go control plane writes them, with nothing left out. */
import { createHash } from "node:crypto";
import { keyOf } from "../databases.ts";

export const ZERO = "0001-01-01T00:00:00Z";
export const SOME = "2025-03-04T05:06:07Z";

export const user = (id: string, fields: object = {}) => ({
  ...{ id, email: `${id}@example.com`, password_hash: "", role: "user", tenant_id: "t1" },
  ...{ created_at: SOME, last_login: ZERO },
  ...fields,
});
export const node = (id: string, n: number, fields: object = {}): { id: string } => ({
  ...{ id, tenant_id: "t1", name: id, public_key: keyOf(n), ip_address: "", status: "online" },
  ...{ last_seen: ZERO, created_at: SOME, metadata: null },
  ...fields,
});
export const tenant = (id: string, fields: object = {}) => ({
  ...{ id, name: id, domain: "", created_at: SOME, is_active: true, node_limit: 0, used_nodes: 0 },
  settings: { subnet_cidr: "10.1.0.0/16", max_nodes: 0, policy_mode: "strict", heartbeat_interval: 0 },
  ...fields,
});
export const log = (id: string, fields: object = {}) => ({
  ...{ id, tenant_id: "t1", user_id: "u", action: "login", resource: "auth", details: null },
  ...{ ip_address: "", user_agent: "", timestamp: SOME, success: true },
  ...fields,
});
export const hashOf = (secret: string) => createHash("sha256").update(secret).digest("hex");
/** What an API key was made of. */
export const secretOf = (id: string) => `the secret of ${id}`;
export const apiKey = (id: string, fields: object = {}) => ({
  ...{ id, name: id, key: hashOf(secretOf(id)), tenant_id: "t1", user_id: "", permissions: ["*"] },
  ...{ expires_at: null, created_at: SOME, last_used: ZERO, is_active: true },
  ...fields,
});
export const target = (fields: object = {}) => ({ type: "any", values: null, ...fields });
export const policy = (id: string, rule: object = {}, fields: object = {}) => ({
  ...{ id, name: id, description: "", tenant_id: "t1", applied_to: target(), priority: 0, enabled: true },
  ...{ created_at: SOME, updated_at: SOME },
  rules: [{ action: "allow", protocol: "tcp", ports: [], source: target(), destination: target(), ...rule }],
  ...fields,
});
export const snapshot = (id: string, fields: object = {}) => ({
  ...{ id, tenant_id: "t1", timestamp: SOME, metrics: { cpu: 1 }, labels: {}, granularity: "minute" },
  ...fields,
});
export const group = (id: string, fields: object = {}) => ({
  ...{ id, name: id, description: "", tenant_id: "t1", node_ids: null, labels: null },
  ...{ created_at: SOME, updated_at: SOME },
  ...fields,
});

/** Each record under its id. */
export function byId(...records: readonly { readonly id: string }[]): Record<string, unknown> {
  return Object.fromEntries(records.map((record) => [record.id, record]));
}
