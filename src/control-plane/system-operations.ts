import type { Page } from "../collections/pages.ts";
import { spellEmail, type User, users } from "./access/users.ts";
import { AlertRules } from "./alerts/alert-rules.ts";
import { NotificationChannels } from "./alerts/channels.ts";
import { parseIp } from "./common/fields.ts";
import { checkList, type ListOptions, pageOf } from "./common/pages.ts";
import { type Actor, type Runner, Scope } from "./common/scope.ts";
import type { Settings } from "./common/settings.ts";
import { Quarantine } from "./go-import/quarantine.ts";
import { type Node, type NodeStatus, nodes } from "./network/node-record.ts";
import { checkActor } from "./tenant-operations.ts";
import { type BillingRecord, billingRecords } from "./tenants/billing-record.ts";
import { type QuotaLimits, setLimits } from "./tenants/quota.ts";
import type { TenantQuota } from "./tenants/quota-record.ts";
import { GLOBAL, requireTenant } from "./tenants/tenant-record.ts";
import { Tenants } from "./tenants/tenants.ts";

/** What crosses tenants: for those who run the control plane. */
export class SystemOperations {
  readonly #runner: Runner;
  readonly #settings: Settings;
  /** The tenants themselves. */
  readonly tenants: Tenants;
  /** The alert rules that hold for all tenants. */
  readonly alertRules: AlertRules;
  /** The notification channels that all tenants have. */
  readonly channels: NotificationChannels;
  /** What imports of Go files could not take over. */
  readonly quarantine: Quarantine;

  /** @internal */
  constructor(runner: Runner, settings: Settings, actor?: Actor) {
    this.#runner = runner;
    this.#settings = settings;
    this.tenants = new Tenants(runner, settings, actor);
    const global = new Scope(runner, settings, GLOBAL, { actor });
    this.alertRules = new AlertRules(global);
    this.channels = new NotificationChannels(global);
    this.quarantine = new Quarantine(runner, settings, actor);
  }

  /** The same for an actor: see `TenantOperations.as`. @throws DatabaseError `OPTION_INVALID` */
  as(actor: Actor): SystemOperations {
    return new SystemOperations(this.#runner, this.#settings, checkActor(actor));
  }

  /** The user with an email, whoever's it is. @returns undefined where there is none */
  getUserByEmail(email: string): Promise<User | undefined> {
    return this.#runner.view((tx) => users.in(tx).by("email").get(spellEmail(email)));
  }

  /** The users with an id: each tenant may have one. */
  getUsersById(id: string): Promise<User[]> {
    return this.#runner.view((tx) => users.in(tx).by("id").range({ gte: id, lte: id }).toArray());
  }

  /** The nodes with an id: each tenant may have one. */
  getNodesById(id: string): Promise<Node[]> {
    return this.#runner.view((tx) => nodes.in(tx).by("id").range({ gte: id, lte: id }).toArray());
  }

  /** The nodes with a public key: each tenant may have one. */
  getNodesByPublicKey(key: string): Promise<Node[]> {
    return this.#runner.view((tx) =>
      nodes
        .in(tx)
        .by("public_key")
        .range({ prefix: [key] })
        .toArray(),
    );
  }

  /** The nodes with an address: each tenant may have one. */
  async getNodesByIpAddress(address: string): Promise<Node[]> {
    const ip = parseIp(address)?.toString();
    if (ip === undefined) return [];
    return this.#runner.view((tx) =>
      nodes
        .in(tx)
        .by("ip_address")
        .range({ prefix: [ip] })
        .toArray(),
    );
  }

  /** All nodes of a status, tenant by tenant. */
  getNodesByStatus(status: NodeStatus): Promise<Node[]> {
    return this.#runner.view((tx) =>
      nodes
        .in(tx)
        .by("status")
        .range({ prefix: [status] })
        .toArray(),
    );
  }

  /** As {@link getNodesByStatus}, page by page. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  listNodesByStatus(status: NodeStatus, options: ListOptions = {}): Promise<Page<Node>> {
    checkList(options, [], "listNodesByStatus()");
    return this.#runner.view((tx) => pageOf(nodes.in(tx).by("status"), { prefix: [status] }, options));
  }

  /** The bills of all tenants for a month, such as `2026-01`. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  listBills(month: string, options: ListOptions = {}): Promise<Page<BillingRecord>> {
    checkList(options, [], "listBills()");
    return this.#runner.view((tx) =>
      pageOf(billingRecords.in(tx).by("month"), { gte: month, lte: month }, options),
    );
  }

  /**
   * Changes the limits of a tenant. One below what is used already takes nothing away, but lets nothing be added.
   *
   * @throws DatabaseError `TENANT_NOT_FOUND`, `RECORD_INVALID`, `OPTION_INVALID`
   */
  setLimits(tenantId: string, limits: Partial<QuotaLimits>): Promise<TenantQuota> {
    return this.#runner.update(async (tx) => {
      await requireTenant(tx, tenantId);
      return setLimits(tx, tenantId, limits, this.#settings.now());
    });
  }
}
