/** How the methods of a control plane's database are called rightly. */
import type { Random } from "../control-plane/audit/audit-random.ts";
import { DAY, HOUR, keyOf } from "../control-plane/databases.ts";
import { Hostile } from "../control-plane/isolation/hostile.ts";
import { type Loot, START } from "../control-plane/isolation/loot.ts";
import { METHODS } from "../control-plane/isolation/methods.ts";

type Valid = (h: Hostile) => readonly unknown[];

const id: Valid = () => ["1"];
const none: Valid = () => [];
const nothing = () => undefined;
const ofTenant: Valid = () => ["a"];
const page: Valid = () => [{ size: 2 }];
const owned =
  (fields: object): Valid =>
  () => [{ tenantId: "a", id: "new", ...fields }];
const any = { type: "any" } as const;
const window = [new Date(START), new Date(START + HOUR)] as const;

const NODE = { publicKey: keyOf(77), ipAddress: "10.9.9.9", metadata: { zone: "z" } };
const POLICY = { name: "p", appliedTo: any, rules: [{ action: "log", source: any, destination: any }] };
const RULE = { name: "r", expression: "x > 1", duration: "5m" };
const CHANNEL = { name: "c", type: "slack", config: { url: "u" } };
const SNAPSHOT = { timestamp: window[0], granularity: "minute", metrics: { cpu: 1 }, labels: { of: "n" } };

/** What is not among the methods that strangers call, by name. */
const VALID: Readonly<Record<string, Valid>> = {
  saveTenant: () => [{ id: "new", name: "New", nodeLimit: 3, settings: { a: 1 } }],
  saveUser: owned({ email: "new@a.example", role: "user" }),
  getUserByEmail: (h) => [h.me.emails[0]],
  saveNode: owned(NODE),
  getNodesByStatus: () => ["online"],
  saveNodeGroup: owned({ name: "g", nodeIds: ["1"], labels: { a: "b" } }),
  saveNetworkPolicy: owned(POLICY),
  getPoliciesForNode: () => ["a", "1"],
  saveAlertRule: owned(RULE),
  saveNotificationChannel: owned(CHANNEL),
  createApiKey: () => [{ tenantId: "a", name: "k", userId: "1", permissions: ["nodes:read"] }],
  verifyApiKey: (h) => [h.me.secrets[0], { permission: "nodes:read" }],
  verifySession: (h) => [h.me.sessionTokens[0]],
  saveAuditLog: owned({ userId: "1", action: "login", resource: "auth", details: { a: 1 } }),
  getAuditLogs: () => ["a", { size: 2, userId: "1" }],
  saveMetricsSnapshot: owned(SNAPSHOT),
  getMetricsSnapshots: () => ["a", "minute", ...window],
  updateTenantQuota: () => [{ tenantId: "a", maxNodes: 50 }],
  getApiKey: (h) => [h.me.keyIds[0]],
  getSession: (h) => [h.me.sessionIds[0]],
  tenant: ofTenant,
  wipeTenant: () => ["gone", { onProgress: nothing }],
  importTenant: (h) => ["a", [h.me.exported], { onProgress: nothing }],
  importGoFile: () => ["no-such-file", { tenantId: "a", dryRun: true, onProgress: nothing }],
  ...{ update: () => [nothing], view: () => [nothing] },
  cleanupOldData: () => [100, { onProgress: nothing }],
  "Retention.run": () => [{ onProgress: nothing }],
  "Retention.clean": () => [{ minute: 100, audit: 1 }, { onProgress: nothing }],
  ...{ as: () => [{ userId: "1", ipAddress: "10.1.1.1" }], setLimits: () => ["a", { maxNodes: 50 }] },
  ...{ listNodesByStatus: () => ["online", { size: 2 }], listBills: () => ["2026-01", { size: 2 }] },
  ...{ getUsersById: id, getNodesById: id, getNodesByPublicKey: () => [keyOf(1)] },
  getNodesByIpAddress: () => ["10.10.0.1"],
  ...{ "Tenants.get": ofTenant, "Tenants.getByDomain": () => ["t0.example"], "Tenants.list": page },
  "Tenants.save": () => [{ id: "a", name: "A", settings: { b: 1 } }],
  "Tenants.update": () => ["a", { name: "AA", settings: { c: null } }],
  ...{ "Tenants.suspend": () => ["x"], "Tenants.resume": ofTenant, "Tenants.delete": () => ["x"] },
  ...{ "Quarantine.list": page, "Quarantine.count": () => ["held"], "Quarantine.get": id },
  ...{ "Quarantine.release": () => ["1", { name: "n" }], "Quarantine.discard": id },
};

/** Arguments of a method, as they should be. @param of class, or family of a tenant's handle */
export function validFor(
  of: string,
  name: string,
  loot: Loot,
  other: Loot,
): (random: Random) => readonly unknown[] {
  return (random) => {
    const h = new Hostile(random, loot, [other]);
    const known = METHODS[of]?.[name]?.arguments ?? VALID[`${of}.${name}`] ?? VALID[name];
    if (known !== undefined) return known(h);
    return (name.startsWith("get") && name.endsWith("ByTenant") ? ofTenant : (ARITY[name] ?? none))(h);
  };
}

const ARITY: Readonly<Record<string, Valid>> = {
  ...{ getUser: id, getNode: id, getNodeGroup: id, getNetworkPolicy: id, getAlertRule: id },
  ...{
    getNotificationChannel: id,
    getTenant: ofTenant,
    getNodeGroups: ofTenant,
    getNetworkPolicies: ofTenant,
  },
  ...{ getAlertRules: ofTenant, getNotificationChannels: ofTenant, getTenantQuota: ofTenant },
  ...{ close: none, ttl: () => [DAY] },
};
