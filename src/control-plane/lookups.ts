import type { Awaitable } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import type { Transaction } from "../store/transaction.ts";
import { type ApiKey, apiKeys, shown } from "./access/api-key-record.ts";
import { type Session, sessionOf, sessions } from "./access/session-record.ts";
import { type User, users } from "./access/users.ts";
import {
  type AlertRule,
  alertRules,
  type NotificationChannel,
  notificationChannels,
} from "./alerts/alert-record.ts";
import type { Runner } from "./common/scope.ts";
import { type NodeGroup, nodeGroups } from "./network/group-record.ts";
import { type Node, nodes } from "./network/node-record.ts";
import { type NetworkPolicy, networkPolicies } from "./network/policy-record.ts";
import { GLOBAL } from "./tenants/tenant-record.ts";

/**
 * Reads records by their id alone, whoever's they are. Each gives undefined where there is none, and throws DatabaseError
 * `ID_AMBIGUOUS` where several tenants have one: ask one of them, as in `tenant(id).users.get()`. Cost: one short range
 * of an index.
 */
export class Lookups {
  readonly #runner: Runner;

  /** @internal */
  constructor(runner: Runner) {
    this.#runner = runner;
  }

  getUser(id: string): Promise<User | undefined> {
    return this.#only("users", id, (tx) => users.in(tx).by("id").range(only(id)).toArray());
  }

  getNode(id: string): Promise<Node | undefined> {
    return this.#only("nodes", id, (tx) => nodes.in(tx).by("id").range(only(id)).toArray());
  }

  getNodeGroup(id: string): Promise<NodeGroup | undefined> {
    return this.#only("groups", id, (tx) => nodeGroups.in(tx).by("id").range(only(id)).toArray());
  }

  getNetworkPolicy(id: string): Promise<NetworkPolicy | undefined> {
    return this.#only("policies", id, (tx) => networkPolicies.in(tx).by("id").range(only(id)).toArray());
  }

  /** A global one, or a tenant's. */
  getAlertRule(id: string): Promise<AlertRule | undefined> {
    return this.#only("alertRules", id, (tx) => alertRules.in(tx).by("id").range(only(id)).toArray());
  }

  /** A global one, or a tenant's. */
  getNotificationChannel(id: string): Promise<NotificationChannel | undefined> {
    return this.#only("channels", id, (tx) => notificationChannels.in(tx).by("id").range(only(id)).toArray());
  }

  /** Ids of API keys are unique among all tenants. */
  async getApiKey(id: string): Promise<ApiKey | undefined> {
    const found = await this.#runner.view((tx) => apiKeys.in(tx).by("id").get(id));
    return found === undefined ? undefined : shown(found);
  }

  /** Ids of sessions are unique among all tenants. */
  async getSession(id: string): Promise<Session | undefined> {
    const found = await this.#runner.view((tx) => sessions.in(tx).by("id").get(id));
    return found === undefined ? undefined : sessionOf(found);
  }

  /** @throws DatabaseError `ID_AMBIGUOUS` */
  async #only<T extends { readonly tenantId: string }>(
    family: string,
    id: string,
    read: (tx: Transaction) => Awaitable<T[]>,
  ): Promise<T | undefined> {
    const found = await this.#runner.view(read);
    if (found.length <= 1) return found[0];
    const tenants = found.map(({ tenantId }) => tenantId);
    const named = tenants.map((each) => (each === GLOBAL ? "all (global)" : JSON.stringify(each)));
    throw new DatabaseError(
      "ID_AMBIGUOUS",
      `Several tenants have ${JSON.stringify(id)} among their ${family}: ${named.join(", ")}. Ask one of them: tenant(…).${family}.get().`,
      { details: { id, tenants } },
    );
  }
}

/** The keys that begin with an id, and go no further. */
function only(id: string): { readonly gte: string; readonly lte: string } {
  return { gte: id, lte: id };
}
