import { validate } from "../collections/schema.ts";
import { DatabaseError } from "../errors.ts";
import { checkOptions } from "../store/options.ts";
import { ApiKeys } from "./access/api-keys.ts";
import { Sessions } from "./access/sessions.ts";
import { Users } from "./access/users.ts";
import { AlertRules } from "./alerts/alert-rules.ts";
import { NotificationChannels } from "./alerts/channels.ts";
import { AuditTrail } from "./audit/audit.ts";
import { actor } from "./audit/audit-record.ts";
import type { Actor, Scope } from "./common/scope.ts";
import { Metrics } from "./metrics/metrics.ts";
import { NodeMetricsLog } from "./metrics/node-metrics.ts";
import { NodeGroups } from "./network/groups.ts";
import { Nodes } from "./network/nodes.ts";
import { NetworkPolicies } from "./network/policies.ts";
import { Quota } from "./tenants/quota.ts";
import { type Tenant, tenants } from "./tenants/tenant-record.ts";
import { prefixOf, WITHIN } from "./transfer/tenant-rows.ts";

/**
 * All that can be done within one tenant. A capability: it reaches that tenant's rows and no others, whatever ids or
 * tokens it is given. What reaches further is private at run time, too: no field leads to it.
 */
export class TenantOperations {
  readonly #scope: Scope;
  readonly users: Users;
  readonly nodes: Nodes;
  readonly groups: NodeGroups;
  readonly quota: Quota;
  readonly policies: NetworkPolicies;
  readonly alertRules: AlertRules;
  readonly channels: NotificationChannels;
  readonly apiKeys: ApiKeys;
  readonly sessions: Sessions;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly nodeMetrics: NodeMetricsLog;

  /** @internal */
  constructor(scope: Scope) {
    this.#scope = scope;
    this.users = new Users(scope);
    this.nodes = new Nodes(scope);
    this.groups = new NodeGroups(scope);
    this.quota = new Quota(scope);
    this.policies = new NetworkPolicies(scope);
    this.alertRules = new AlertRules(scope);
    this.channels = new NotificationChannels(scope);
    this.apiKeys = new ApiKeys(scope);
    this.sessions = new Sessions(scope);
    this.audit = new AuditTrail(scope);
    this.metrics = new Metrics(scope);
    this.nodeMetrics = new NodeMetricsLog(scope);
  }

  /** The tenant's id. */
  get id(): string {
    return this.#scope.tenantId;
  }

  /** The tenant itself. @returns undefined where there is none */
  get(): Promise<Tenant | undefined> {
    return this.#scope.view((tx) => tenants.in(tx).get(this.#scope.tenantId));
  }

  /** How many rows the tenant has, by collection. Cost: it walks their keys. */
  usage(): Promise<Readonly<Record<string, number>>> {
    return this.#scope.view(async (tx) => {
      const rows: Record<string, number> = {};
      for (const each of WITHIN) rows[each.name] = await each.in(tx).count(prefixOf(this.#scope.tenantId));
      return rows;
    });
  }

  /**
   * The same for an actor: what changes something is told to the tenant's audit trail, in the same commit.
   *
   * @throws DatabaseError `OPTION_INVALID`
   */
  as(actor: Actor): TenantOperations {
    return new TenantOperations(this.#scope.as(checkActor(actor)));
  }
}

/** @throws DatabaseError `OPTION_INVALID` with `details.issues` */
export function checkActor(given: Actor): Actor {
  // One that the trail refused later would leave a change without its entry, where the caller catches that error.
  checkOptions(given ?? null, ["userId", "ipAddress", "userAgent"], "as()");
  const checked = validate(actor, given, "actors");
  if (!Array.isArray(checked)) return checked as Actor;
  const why = checked.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  throw new DatabaseError(
    "OPTION_INVALID",
    `The actor cannot be told to the audit trail: ${why}. The userId is the id of the user, or a name for the program that acts.`,
    { details: { issues: checked } },
  );
}
