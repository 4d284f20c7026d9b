/** Each model's fields, from Go's names to ours: what a record must be once it is imported. */
import { cidrOf, earliest, Fields, nodeAddress, remoteAddress, wrong } from "./go-fields.ts";

/** What the models need to know besides a record's fields. */
export interface Context {
  /** The row's key as text. */
  readonly key: string;
  /** Whose a record is that names no tenant. */
  readonly tenantId: string;
  readonly now: Date;
}

export type Fieldwise = Readonly<Record<string, unknown>> & {
  readonly tenantId: string;
  readonly id: string;
};

/** The id that a record says is its own must be the key that it lies under. */
function idOf(fields: Fields, { key }: Context, name = "id"): string {
  const id = fields.text(name) ?? key;
  return id === key ? id : wrong("it lies under another key");
}

function textOf(fields: Fields, name: string, most = 512): string {
  return fields.text(name, { most, empty: true }) ?? "";
}

const named = (fields: Fields) => fields.must("name", { empty: true });

export function tenant(fields: Fields, context: Context) {
  const settings = new Fields(fields.any("settings") ?? {});
  fields.any("used_nodes");
  const made = {
    id: idOf(fields, context),
    name: named(fields),
    domain: fields.text("domain", { most: 253 })?.toLowerCase(),
    settings: {
      subnetCidr: cidrOf(settings.text("subnet_cidr", { empty: true }) ?? "10.10.10.0/24"),
      maxNodes: settings.count("max_nodes", true) ?? 1000,
      policyMode: settings.one("policy_mode", ["strict", "permissive"], "strict"),
      heartbeatInterval: settings.count("heartbeat_interval", true) ?? 30,
    },
    createdAt: fields.time("created_at") ?? context.now,
    isActive: fields.flag("is_active"),
    nodeLimit: fields.count("node_limit", true) ?? 1000,
  };
  settings.end();
  return made;
}

export function quota(fields: Fields, context: Context) {
  for (const name of ["used_nodes", "used_users", "used_api_keys"]) fields.count(name, false);
  return {
    id: idOf(fields, context, "tenant_id"),
    maxNodes: fields.count("max_nodes", true),
    maxUsers: fields.count("max_users", true),
    maxApiKeys: fields.count("max_api_keys", true),
    maxBandwidth: fields.count("max_bandwidth", true),
    usedBandwidth: fields.count("used_bandwidth", false) ?? 0,
    updatedAt: fields.time("updated_at") ?? context.now,
  };
}

const ownerOf = (fields: Fields, context: Context) => fields.text("tenant_id") ?? context.tenantId;

export function user(fields: Fields, context: Context): Fieldwise {
  const lastLogin = fields.time("last_login");
  const email = fields.must("email").trim().toLowerCase();
  if (!/^[^\s@]+@[^\s@]+\.[a-z]+$/.test(email)) wrong("no email");
  return {
    id: idOf(fields, context),
    tenantId: ownerOf(fields, context),
    email,
    passwordHash: fields.text("password_hash", { most: 1024 }),
    role: fields.one("role", ["admin", "user", "viewer"], "viewer"),
    createdAt: fields.time("created_at") ?? lastLogin ?? context.now,
    lastLogin,
  };
}

function publicKey(written: string): string {
  const isKey = /^[A-Za-z0-9+/]{43}=$/.test(written) && Buffer.from(written, "base64").length === 32;
  return isKey ? written : wrong("no key");
}

export function node(fields: Fields, context: Context): Fieldwise {
  const older = fields.text("publicKey");
  if (older !== undefined) return olderNode(fields, context, older);
  const id = idOf(fields, context);
  const lastSeen = fields.time("last_seen");
  return {
    id,
    tenantId: ownerOf(fields, context),
    name: fields.text("name") ?? id,
    publicKey: publicKey(fields.must("public_key")),
    ipAddress: nodeAddress(fields.text("ip_address")),
    status: fields.one("status", ["online", "offline", "maintenance", "unknown"], "unknown"),
    lastSeen,
    createdAt: fields.time("created_at") ?? lastSeen ?? context.now,
    metadata: fields.labels("metadata"),
  };
}

function olderNode(fields: Fields, context: Context, key: string): Fieldwise {
  const id = idOf(fields, context);
  const seconds = fields.count("lastSeen", true);
  const lastSeen = seconds === undefined ? undefined : new Date(seconds * 1000);
  return {
    id,
    tenantId: context.tenantId,
    name: id,
    publicKey: publicKey(key),
    ipAddress: nodeAddress(fields.text("ip")),
    status: "unknown",
    lastSeen,
    createdAt: lastSeen ?? context.now,
    metadata: {},
  };
}

/** createdAt and updatedAt. */
function stamps(fields: Fields, { now }: Context) {
  const updated = fields.time("updated_at");
  const createdAt = fields.time("created_at") ?? updated ?? now;
  return { createdAt, updatedAt: updated ?? createdAt };
}

export function group(fields: Fields, context: Context): Fieldwise {
  return {
    id: idOf(fields, context),
    tenantId: ownerOf(fields, context),
    name: named(fields),
    description: textOf(fields, "description", 65_536),
    nodeIds: fields.list("node_ids"),
    labels: fields.labels("labels"),
    ...stamps(fields, context),
  };
}

export function alertRule(fields: Fields, context: Context): Fieldwise {
  const duration = fields.text("duration", { or: "0s" }) as string;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(duration)) wrong("no duration");
  return {
    id: idOf(fields, context),
    tenantId: fields.text("tenant_id") ?? "",
    name: named(fields),
    description: textOf(fields, "description", 65_536),
    expression: fields.must("expression", { most: 65_536 }),
    severity: fields.one("severity", ["info", "warning", "critical"], "warning"),
    duration,
    enabled: fields.flag("enabled"),
    ...stamps(fields, context),
  };
}

export function channel(fields: Fields, context: Context): Fieldwise {
  return {
    id: idOf(fields, context),
    tenantId: ownerOf(fields, context),
    name: named(fields),
    type: fields.one("type", ["email", "slack", "webhook"]),
    config: fields.object("config") ?? {},
    enabled: fields.flag("enabled"),
  };
}

function target(raw: unknown) {
  const fields = new Fields(raw);
  const type = fields.one("type", ["node", "group", "cidr", "any"]);
  const values = fields.list("values");
  const made = {
    type,
    values: type === "cidr" ? values.map(cidrOf) : values,
    labels: fields.labels("labels"),
  };
  fields.end();
  const isEmpty = values.length === 0;
  if (type === "any" && !isEmpty) wrong("any of what?");
  if (type === "cidr" && isEmpty) wrong("no CIDR");
  if (type !== "any" && isEmpty && Object.keys(made.labels).length === 0) wrong("nobody is meant");
  return made;
}

const ALL = ["any", "*", "all"];

function policyRule(raw: unknown) {
  const fields = new Fields(raw);
  const ports = fields.list("ports");
  const isAll = ports.length === 1 && ALL.includes(ports[0] as string);
  if (!isAll && !ports.every((port) => /^\d+(-\d+)?$/.test(port))) wrong("no ports");
  const made = {
    action: fields.one("action", ["allow", "deny", "log"]),
    protocol: fields.one("protocol", ["tcp", "udp", "icmp", "any"]),
    ports: isAll ? [] : ports,
    source: target(fields.any("source")),
    destination: target(fields.any("destination")),
  };
  fields.end();
  return made;
}

export function policy(fields: Fields, context: Context): Fieldwise {
  const rules = fields.any("rules") ?? [];
  const priority = fields.any("priority") ?? 100;
  if (!Number.isSafeInteger(priority)) wrong("no priority");
  return {
    id: idOf(fields, context),
    tenantId: ownerOf(fields, context),
    name: named(fields),
    description: textOf(fields, "description", 65_536),
    rules: Array.isArray(rules) ? rules.map(policyRule) : wrong("no rules"),
    appliedTo: target(fields.any("applied_to")),
    priority,
    enabled: fields.flag("enabled"),
    ...stamps(fields, context),
  };
}

export function apiKey(fields: Fields, context: Context): Fieldwise {
  if (!/^[0-9a-f]{64}$/.test(fields.must("key"))) wrong("hashed otherwise");
  const permissions = fields.list("permissions");
  if (!permissions.every((each) => /^[\w.:*-]+$/.test(each))) wrong("no permission");
  const [lastUsed, expiresAt] = [fields.time("last_used"), fields.time("expires_at")];
  return {
    id: idOf(fields, context),
    tenantId: ownerOf(fields, context),
    name: named(fields),
    userId: fields.text("user_id"),
    permissions,
    expiresAt,
    createdAt: fields.time("created_at") ?? earliest(lastUsed, expiresAt) ?? context.now,
    lastUsed,
    isActive: fields.flag("is_active"),
  };
}

export function auditLog(fields: Fields, context: Context): Fieldwise {
  return {
    id: fields.text("id") ?? context.key,
    tenantId: ownerOf(fields, context),
    userId: fields.must("user_id", { empty: true }),
    action: fields.must("action", { most: 256 }),
    resource: fields.must("resource", { most: 2048, empty: true }),
    details: fields.object("details"),
    ipAddress: remoteAddress(fields.text("ip_address")),
    userAgent: fields.text("user_agent", { most: 65_536 }),
    timestamp: fields.time("timestamp") ?? wrong("no timestamp"),
    success: fields.flag("success"),
  };
}

export function snapshot(fields: Fields, context: Context): Fieldwise {
  const metrics = fields.object("metrics") ?? wrong("no metrics");
  if (!Object.values(metrics).every(Number.isFinite)) wrong("no number");
  return {
    id: fields.text("id") ?? context.key,
    tenantId: ownerOf(fields, context),
    timestamp: fields.time("timestamp") ?? wrong("no timestamp"),
    granularity: fields.one("granularity", ["minute", "hour", "day"]),
    metrics,
    labels: fields.labels("labels"),
  };
}
