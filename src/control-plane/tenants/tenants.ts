import type { Page } from "../../collections/pages.ts";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import { readOnce } from "../common/record-rules.ts";
import { type Actor, type Change, logChange, type Runner } from "../common/scope.ts";
import type { Settings } from "../common/settings.ts";
import { forgetTenant, hasRows } from "../transfer/tenant-rows.ts";
import { currentQuota, quotas } from "./quota-record.ts";
import {
  createTenant,
  refuseSystem,
  requireActive,
  requireTenant,
  type Tenant,
  type TenantInput,
  tenants,
} from "./tenant-record.ts";

/** All tenants: for the system alone. */
export class Tenants {
  readonly #runner: Runner;
  readonly #settings: Settings;
  readonly #actor: Actor | undefined;

  /** @internal */
  constructor(runner: Runner, settings: Settings, actor: Actor | undefined) {
    this.#runner = runner;
    this.#settings = settings;
    this.#actor = actor;
  }

  /** @returns undefined where there is none */
  get(id: string): Promise<Tenant | undefined> {
    return this.#runner.view((tx) => tenants.in(tx).get(id));
  }

  /** @returns undefined where no tenant has this domain */
  getByDomain(domain: string): Promise<Tenant | undefined> {
    return this.#runner.view((tx) => tenants.in(tx).by("domain").get(spellDomain(domain)));
  }

  /** All tenants in the order of their ids. */
  all(): Promise<Tenant[]> {
    return this.#runner.view((tx) => tenants.in(tx).range().toArray());
  }

  /** The tenants in the order of their ids, page by page. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  list(options: ListOptions = {}): Promise<Page<Tenant>> {
    checkList(options, [], "tenants.list()");
    return this.#runner.view((tx) => pageOf(tenants.in(tx), {}, options));
  }

  /**
   * Writes a tenant whole. A new one gets a quota of `nodeLimit` nodes; where `nodeLimit` changes, the quota follows.
   *
   * @throws DatabaseError `RECORD_INVALID`, `UNIQUE_VIOLATION` for a domain that another has, `TENANT_BUSY`
   */
  save(input: TenantInput): Promise<Tenant> {
    return this.#update(
      ({ id }) => ({ action: "tenant.save", resource: `tenants/${show(id)}` }),
      async (tx, now) => {
        const given = readOnce(input, tenants.name);
        refuseBusy(given);
        const old = await tenants.in(tx).get(given.id);
        if (old === undefined) return createTenant(tx, given, now);
        return this.#replace(tx, old, { createdAt: old.createdAt, ...given }, now);
      },
    );
  }

  /** Changes some fields of a tenant. @throws DatabaseError `TENANT_NOT_FOUND`; else as {@link save} */
  update(id: string, patch: Partial<Omit<TenantInput, "id">>): Promise<Tenant> {
    const change = () => ({ action: "tenant.update", resource: `tenants/${id}` });
    return this.#update(change, async (tx, now) => {
      const given = readOnce(patch, tenants.name);
      refuseBusy(given);
      const old = await requireTenant(tx, id);
      const settings = { ...old.settings, ...readOnce(given.settings ?? {}, "tenants.settings") };
      return this.#replace(tx, old, { ...old, ...given, settings, id }, now);
    });
  }

  /** Suspends a tenant: it can be read, and refuses all writes through its handles. @throws DatabaseError `TENANT_NOT_FOUND` */
  suspend(id: string): Promise<Tenant> {
    return this.#setActive(id, false);
  }

  /** Ends a suspension. @throws DatabaseError `TENANT_NOT_FOUND` */
  resume(id: string): Promise<Tenant> {
    return this.#setActive(id, true);
  }

  /**
   * Deletes a tenant that has no rows left but its own, its quota and its audit trail.
   *
   * @returns whether there was one
   * @throws DatabaseError `TENANT_REQUIRED` for the tenant "system"; `TENANT_NOT_EMPTY`: what still has rows is deleted by `tenant(id).wipe()`; `TENANT_BUSY`
   */
  delete(id: string): Promise<boolean> {
    return this.#runner.update(async (tx) => {
      refuseSystem(id);
      if (!(await tenants.in(tx).has(id))) return false;
      await requireActive(tx, id, true);
      const left = await hasRows(tx, id);
      if (left !== undefined) {
        throw new DatabaseError(
          "TENANT_NOT_EMPTY",
          `The tenant ${JSON.stringify(id)} still has rows in ${JSON.stringify(left)}. Delete them, or all at once with tenant(${JSON.stringify(id)}).wipe().`,
          { details: { tenantId: id, collection: left } },
        );
      }
      await forgetTenant(tx, id);
      return true;
    });
  }

  #setActive(id: string, isActive: boolean): Promise<Tenant> {
    const action = isActive ? "tenant.resume" : "tenant.suspend";
    const change = () => ({ action, resource: `tenants/${id}` });
    return this.#update(change, async (tx) =>
      tenants.in(tx).put({ ...(await requireTenant(tx, id)), isActive }),
    );
  }

  async #replace(tx: Transaction, old: Tenant, record: object, now: Date): Promise<Tenant> {
    // Only the work itself ends what it began.
    const kept = await tenants.in(tx).put({ ...record, busy: old.busy } as Tenant);
    if (kept.nodeLimit === old.nodeLimit) return kept;
    const quota = await currentQuota(tx, old.id, now);
    await quotas.in(tx).put({ ...quota, maxNodes: kept.nodeLimit, updatedAt: now });
    return kept;
  }

  /** Runs a change of a tenant, and tells that tenant's audit trail of it. */
  #update(
    change: (kept: Tenant) => Change,
    run: (tx: Transaction, now: Date) => Promise<Tenant>,
  ): Promise<Tenant> {
    return this.#runner.update(async (tx) => {
      const now = this.#settings.now();
      const tenant = await run(tx, now);
      await logChange(tx, this.#actor, tenant.id, now, () => change(tenant));
      return tenant;
    });
  }
}

/** Domains are kept in lower case. What is none is for the index to refuse. */
function spellDomain(domain: string): string {
  return typeof domain === "string" ? domain.toLowerCase() : domain;
}

/** Only the work itself begins and ends what keeps a tenant busy. @throws DatabaseError `RECORD_INVALID` */
function refuseBusy(input: object): void {
  if ((input as { busy?: unknown }).busy === undefined) return;
  throw new DatabaseError(
    "RECORD_INVALID",
    "The field busy of a tenant is set by wipe() and import() alone. Leave it out.",
  );
}
