import type { Page } from "../collections/pages.ts";
import type { ApiKeyInput, NewApiKey } from "./access/api-keys.ts";
import type { User, UserInput } from "./access/users.ts";
import { type ApiKeyVerification, type VerifyOptions, verifyApiKey } from "./access/verify-key.ts";
import { type SessionVerification, verifySession } from "./access/verify-session.ts";
import type { AlertRule, NotificationChannel } from "./alerts/alert-record.ts";
import type { AlertRuleInput } from "./alerts/alert-rules.ts";
import type { NotificationChannelInput } from "./alerts/channels.ts";
import type { AuditListOptions } from "./audit/audit.ts";
import type { AuditLog, AuditLogInput } from "./audit/audit-record.ts";
import { readOnce } from "./common/record-rules.ts";
import { checkTenantId, type Runner, Scope } from "./common/scope.ts";
import type { Settings } from "./common/settings.ts";
import { Lookups } from "./lookups.ts";
import type { MetricsSnapshotInput } from "./metrics/metrics.ts";
import type { Granularity, MetricsSnapshot } from "./metrics/metrics-record.ts";
import type { NodeGroup } from "./network/group-record.ts";
import type { NodeGroupInput } from "./network/groups.ts";
import type { Node, NodeStatus } from "./network/node-record.ts";
import type { NodeInput } from "./network/nodes.ts";
import type { NetworkPolicyInput } from "./network/policies.ts";
import type { NetworkPolicy } from "./network/policy-record.ts";
import { SystemOperations } from "./system-operations.ts";
import { TenantOperations } from "./tenant-operations.ts";
import type { QuotaLimits } from "./tenants/quota.ts";
import { LIMIT_NAMES, type TenantQuota } from "./tenants/quota-record.ts";
import { GLOBAL, type Tenant, type TenantInput } from "./tenants/tenant-record.ts";

/** A record that names its tenant. */
export type Owned<Input> = Omit<Input, "tenantId"> & { readonly tenantId: string };
/** A record of a tenant, or of all where it names none. */
export type Shared<Input> = Omit<Input, "tenantId"> & { readonly tenantId?: string | undefined };

/**
 * The operations by the names that the Go package gave them. Each names its tenant, and the first write to a tenant
 * makes it where there is none. Errors are those of the operation of the same kind that a tenant's handle has, or
 * `system`: more can be done there.
 */
export class Operations extends Lookups {
  readonly #runner: Runner;
  readonly #settings: Settings;
  /** What crosses tenants. */
  readonly system: SystemOperations;

  /** @internal */
  constructor(runner: Runner, settings: Settings) {
    super(runner);
    this.#runner = runner;
    this.#settings = settings;
    this.system = new SystemOperations(runner, settings);
  }

  async saveTenant(input: TenantInput): Promise<Tenant> {
    return this.system.tenants.save(input);
  }

  /** @returns undefined where there is none */
  async getTenant(id: string): Promise<Tenant | undefined> {
    return this.system.tenants.get(id);
  }

  /** All tenants in the order of their ids. */
  async listTenants(): Promise<Tenant[]> {
    return this.system.tenants.all();
  }

  async saveUser(input: Owned<UserInput>): Promise<User> {
    const given = readOwned(input, "users");
    return this.#of(given).users.save(given);
  }

  /** @param email in any case @returns undefined where there is none */
  async getUserByEmail(email: string): Promise<User | undefined> {
    return this.system.getUserByEmail(email);
  }

  /** All users of a tenant in the order of their ids. Cost: one range. */
  async getUsersByTenant(tenantId: string): Promise<User[]> {
    return this.#within(tenantId).users.all();
  }

  async saveNode(input: Owned<NodeInput>): Promise<Node> {
    const given = readOwned(input, "nodes");
    return this.#of(given).nodes.save(given);
  }

  /** All nodes of a tenant in the order of their ids. Cost: one range. */
  async getNodesByTenant(tenantId: string): Promise<Node[]> {
    return this.#within(tenantId).nodes.all();
  }

  /** All nodes of a status, tenant by tenant. */
  async getNodesByStatus(status: NodeStatus): Promise<Node[]> {
    return this.system.getNodesByStatus(status);
  }

  async saveNodeGroup(input: Owned<NodeGroupInput>): Promise<NodeGroup> {
    const given = readOwned(input, "node_groups");
    return this.#of(given).groups.save(given);
  }

  /** All groups of a tenant in the order of their ids. */
  async getNodeGroups(tenantId: string): Promise<NodeGroup[]> {
    return this.#within(tenantId).groups.all();
  }

  async saveNetworkPolicy(input: Owned<NetworkPolicyInput>): Promise<NetworkPolicy> {
    const given = readOwned(input, "network_policies");
    return this.#of(given).policies.save(given);
  }

  /** All policies of a tenant in the order of their ids. */
  async getNetworkPolicies(tenantId: string): Promise<NetworkPolicy[]> {
    return this.#within(tenantId).policies.all();
  }

  /** The enabled policies that apply to a node, in order of priority. */
  async getPoliciesForNode(tenantId: string, nodeId: string): Promise<NetworkPolicy[]> {
    return this.#within(tenantId).policies.forNode(nodeId);
  }

  /** @param input without a tenant it holds for all */
  async saveAlertRule(input: Shared<AlertRuleInput>): Promise<AlertRule> {
    const given = readOnce(input, "alert_rules");
    if (isGlobal(given)) return this.system.alertRules.save(given);
    return this.#of(given).alertRules.save(given);
  }

  /** The rules that count for a tenant; without one, all that are global. */
  async getAlertRules(tenantId?: string): Promise<AlertRule[]> {
    return tenantId === undefined
      ? this.system.alertRules.all()
      : this.#within(tenantId).alertRules.effective();
  }

  /** @param input without a tenant it is there for all */
  async saveNotificationChannel(input: Shared<NotificationChannelInput>): Promise<NotificationChannel> {
    const given = readOnce(input, "notification_channels");
    if (isGlobal(given)) return this.system.channels.save(given);
    return this.#of(given).channels.save(given);
  }

  /** The channels that count for a tenant; without one, all that are global. */
  async getNotificationChannels(tenantId?: string): Promise<NotificationChannel[]> {
    return tenantId === undefined ? this.system.channels.all() : this.#within(tenantId).channels.effective();
  }

  /** Makes an API key. @returns the key, and its secret, which cannot be shown again */
  async createApiKey(input: Owned<ApiKeyInput>): Promise<NewApiKey> {
    const { tenantId, ...key } = readOwned(input, "api_keys");
    return this.#of({ tenantId }).apiKeys.create(key);
  }

  /** Tells whose an API key is, or why it is refused. Cost: two or three point reads. */
  async verifyApiKey(secret: string, options?: VerifyOptions): Promise<ApiKeyVerification> {
    return verifyApiKey(this.#runner, this.#settings, secret, options);
  }

  /** Tells whose a session is, or why it is refused. */
  async verifySession(token: string): Promise<SessionVerification> {
    return verifySession(this.#runner, this.#settings, token);
  }

  /** Adds an entry to the tenant's chain. One that is there already is refused, not replaced. */
  async saveAuditLog(input: Owned<AuditLogInput>): Promise<AuditLog> {
    const { tenantId, ...entry } = readOwned(input, "audit_logs");
    return this.#of({ tenantId }).audit.append(entry);
  }

  /** The tenant's entries, the newest first, page by page. */
  async getAuditLogs(tenantId: string, options?: AuditListOptions): Promise<Page<AuditLog>> {
    return this.#within(tenantId).audit.list(options);
  }

  async saveMetricsSnapshot(input: Owned<MetricsSnapshotInput>): Promise<MetricsSnapshot> {
    const given = readOwned(input, "metrics_snapshots");
    return this.#of(given).metrics.save(given);
  }

  /** A tenant's snapshots in order of time. @param from inclusive @param to exclusive */
  async getMetricsSnapshots(
    tenantId: string,
    granularity: Granularity,
    from: Date,
    to: Date,
  ): Promise<MetricsSnapshot[]> {
    return this.#within(tenantId).metrics.range(granularity, from, to);
  }

  /** @returns undefined where there is no such tenant */
  async getTenantQuota(tenantId: string): Promise<TenantQuota | undefined> {
    return this.#within(tenantId).quota.get();
  }

  /** Changes a tenant's limits. Uses are counted, not set: where a whole quota is passed, its uses are passed over. */
  async updateTenantQuota(quota: Partial<TenantQuota> & { readonly tenantId: string }): Promise<TenantQuota> {
    const given = readOnce(quota, "quotas");
    const limits: Record<string, number> = {};
    for (const name of LIMIT_NAMES) if (given[name] !== undefined) limits[name] = given[name];
    return this.system.setLimits(given.tenantId, limits as Partial<QuotaLimits>);
  }

  /** The operations of the tenant that a record names. */
  #of(input: { readonly tenantId?: string | undefined }): TenantOperations {
    return this.#within(input.tenantId);
  }

  #within(tenantId: string | undefined): TenantOperations {
    const scope = new Scope(this.#runner, this.#settings, checkTenantId(tenantId), { creates: true });
    return new TenantOperations(scope);
  }
}

function isGlobal(input: { readonly tenantId?: string | undefined }): boolean {
  return input.tenantId === undefined || input.tenantId === GLOBAL;
}

/** Reads a record once that has to name its tenant. @throws DatabaseError `KEY_REQUIRED`, `RECORD_INVALID` */
function readOwned<I extends object>(input: I, collection: string): I {
  if (typeof input !== "object" || input === null) checkTenantId(undefined);
  return readOnce(input, collection);
}
