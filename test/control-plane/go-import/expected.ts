/** What the import of a file into a new database must come to: worked out row by row, by the rules alone. */
import { Fault, Fields, parseRecord } from "./go-fields.ts";
import type { GoLine } from "./go-files.ts";
import type { Context, Fieldwise } from "./go-models.ts";
import * as models from "./go-models.ts";

/** The known buckets, in the order in which they are imported. */
export const KNOWN = [
  "tenants",
  "tenant_quotas",
  "users",
  "nodes",
  "node_groups",
  "alert_rules",
  "notification_channels",
  "network_policies",
  "api_keys",
  "audit_logs",
  "metrics_snapshots",
] as const;
export type Known = (typeof KNOWN)[number];

/** Indexes, which are made anew. */
export const INDEXES: readonly string[] = [
  "idx_users_by_email",
  "idx_users_by_tenant",
  "idx_nodes_by_tenant",
  "idx_nodes_by_status",
  "idx_sessions_by_user",
];

/** What becomes of a row: a record, or the code with which it is held. */
export interface Fate {
  readonly bucket: Known;
  readonly line: GoLine;
  readonly record?: Fieldwise;
  readonly code?: string;
}

export type Tenant = ReturnType<typeof models.tenant>;

/** A quota as far as it follows from the file. */
export interface Quota {
  maxNodes: number;
  maxUsers: number;
  maxApiKeys: number;
  maxBandwidth: number;
  usedBandwidth: number;
  usedNodes: number;
  usedUsers: number;
  usedApiKeys: number;
}

export interface Bill {
  readonly tenantId: string;
  readonly month: string;
  readonly bandwidth: number;
}

export interface Expected {
  readonly fates: readonly Fate[];
  readonly tenants: ReadonlyMap<string, Tenant>;
  readonly tenantsMade: readonly string[];
  readonly quotas: ReadonlyMap<string, Quota>;
  readonly bills: readonly Bill[];
  /** Lines of buckets that are kept as they are. */
  readonly kept: readonly GoLine[];
}

const LIMITS = { maxUsers: 50, maxApiKeys: 10, maxBandwidth: 1_000_000_000 };

export function expectedOf(lines: readonly GoLine[], now: Date, tenantId = "system"): Expected {
  const model = new Model(now, tenantId);
  for (const bucket of KNOWN) {
    const rows = lines.filter(
      ({ path, key }) => key !== undefined && path.length === 1 && path[0]?.toString("latin1") === bucket,
    );
    rows.sort((a, b) => Buffer.compare(a.key as Buffer, b.key as Buffer));
    for (const line of rows) model.add(bucket, line);
  }
  const kept = lines.filter(({ path }) => {
    const top = path[0]?.toString("latin1") as string;
    return path.length > 1 || !(KNOWN.includes(top as Known) || INDEXES.includes(top));
  });
  return { ...model, kept };
}

class Model implements Omit<Expected, "kept"> {
  readonly fates: Fate[] = [];
  readonly tenants = new Map<string, Tenant>();
  readonly tenantsMade: string[] = [];
  readonly quotas = new Map<string, Quota>();
  readonly bills: Bill[] = [];
  readonly #now: Date;
  readonly #tenantId: string;
  /** What is unique and taken, and what can be referred to. */
  readonly #taken = new Set<string>();

  constructor(now: Date, tenantId: string) {
    this.#now = now;
    this.#tenantId = tenantId;
    this.#addTenant({ ...this.#bare("system"), name: "System Tenant", domain: "system.local" });
  }

  add(bucket: Known, line: GoLine): void {
    const key = (line.key as Buffer).toString("utf8");
    try {
      const fields = new Fields(parseRecord(line.value));
      const context = { key, tenantId: this.#tenantId, now: this.#now };
      this.fates.push({ bucket, line, record: this.#record(bucket, fields, context) });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.fates.push({ bucket, line, code: error.code });
    }
  }

  #record(bucket: Known, fields: Fields, context: Context): Fieldwise {
    if (bucket === "tenants") return this.#tenant(fields, context);
    if (bucket === "tenant_quotas") return this.#quota(fields, context);
    const record = MODELS[bucket](fields, context);
    fields.end();
    const { tenantId, id } = record;
    this.#check(bucket, record);
    if (tenantId !== "" && !this.tenants.has(tenantId)) {
      this.tenantsMade.push(tenantId);
      this.#addTenant(this.#bare(tenantId));
    }
    this.#taken.add(`${bucket} ${tenantId} ${id}`);
    const counted = COUNTED[bucket];
    const quota = this.quotas.get(tenantId);
    if (counted !== undefined && quota !== undefined && record["isActive"] !== false) quota[counted] += 1;
    return record;
  }

  /** What must be the record's alone, and what must be there. */
  #check(bucket: Known, record: Fieldwise): void {
    const { tenantId, id } = record;
    if (bucket === "users") this.#take(`email ${record["email"]}`);
    if (bucket === "audit_logs") this.#take(`entry ${tenantId} ${id}`);
    if (bucket === "nodes") {
      const address = record["ipAddress"];
      const mine = [`key ${tenantId} ${record["publicKey"]}`];
      if (address !== undefined) mine.push(`address ${tenantId} ${address}`);
      this.#take(...mine);
    }
    if (bucket === "node_groups")
      for (const nodeId of record["nodeIds"] as string[]) this.#need(`nodes ${tenantId} ${nodeId}`);
    const userId = record["userId"];
    if (bucket === "api_keys" && userId !== undefined) this.#need(`users ${tenantId} ${userId}`);
  }

  #take(...names: string[]): void {
    const taken = names.find((name) => this.#taken.has(name));
    if (taken !== undefined) throw new Fault("UNIQUE_VIOLATION", taken);
    for (const name of names) this.#taken.add(name);
  }

  #need(name: string): void {
    if (!this.#taken.has(name)) throw new Fault("REFERENCE_INVALID", name);
  }

  #tenant(fields: Fields, context: Context): Fieldwise {
    const made = models.tenant(fields, context);
    fields.end();
    // The system's own tenant is a default, which gives way.
    if (made.id === "system") this.#taken.delete("domain system.local");
    if (made.domain !== undefined) this.#take(`domain ${made.domain}`);
    this.#addTenant(made);
    return { ...made, tenantId: made.id };
  }

  #quota(fields: Fields, context: Context): Fieldwise {
    const { id, updatedAt, usedBandwidth, ...limits } = models.quota(fields, context);
    fields.end();
    if (!this.tenants.has(id)) {
      this.tenantsMade.push(id);
      this.#addTenant(this.#bare(id));
    }
    const quota = this.quotas.get(id) as Quota;
    for (const [name, limit] of Object.entries(limits))
      if (limit !== undefined) quota[name as keyof Quota] = limit;
    const month = updatedAt.toISOString().slice(0, 7);
    if (month === this.#now.toISOString().slice(0, 7)) quota.usedBandwidth = usedBandwidth;
    else if (usedBandwidth > 0) this.bills.push({ tenantId: id, month, bandwidth: usedBandwidth });
    return { id, tenantId: id };
  }

  #bare(id: string): Tenant {
    const settings = {
      subnetCidr: "10.10.10.0/24",
      maxNodes: 1000,
      policyMode: "strict",
      heartbeatInterval: 30,
    } as const;
    return {
      ...{ id, name: id, domain: undefined, settings },
      ...{ createdAt: this.#now, isActive: true, nodeLimit: 1000 },
    };
  }

  #addTenant(tenant: Tenant): void {
    this.tenants.set(tenant.id, tenant);
    if (tenant.domain !== undefined) this.#taken.add(`domain ${tenant.domain}`);
    const uses = { usedBandwidth: 0, usedNodes: 0, usedUsers: 0, usedApiKeys: 0 };
    this.quotas.set(tenant.id, { ...LIMITS, ...uses, maxNodes: tenant.nodeLimit });
  }
}

const MODELS = {
  users: models.user,
  nodes: models.node,
  node_groups: models.group,
  alert_rules: models.alertRule,
  notification_channels: models.channel,
  network_policies: models.policy,
  api_keys: models.apiKey,
  audit_logs: models.auditLog,
  metrics_snapshots: models.snapshot,
} as const;

const COUNTED: Partial<Record<Known, "usedNodes" | "usedUsers" | "usedApiKeys">> = {
  nodes: "usedNodes",
  users: "usedUsers",
  api_keys: "usedApiKeys",
};
