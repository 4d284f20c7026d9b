import type { Transaction } from "../../store/transaction.ts";
import type { Scope } from "./scope.ts";
import { type Kind, type TenantRecord, TenantRecords } from "./tenant-records.ts";

/** A record that can be switched off without being deleted. */
export interface SwitchableRecord extends TenantRecord {
  readonly enabled: boolean;
}

/** A tenant's records of a kind that can be switched on and off. */
export abstract class SwitchableRecords<
  T extends SwitchableRecord,
  Input extends { readonly id: string },
> extends TenantRecords<T, Input> {
  readonly #scope: Scope;
  readonly #kind: Kind<T>;

  constructor(scope: Scope, kind: Kind<T>) {
    super(scope, kind);
    this.#scope = scope;
    this.#kind = kind;
  }

  /** Switches a record on; one that is on stays as it is. @returns it as it is now @throws DatabaseError as `update` */
  enable(id: string): Promise<T> {
    return this.#switch(id, true);
  }

  /** Switches a record off; one that is off stays as it is. @returns it as it is now @throws DatabaseError as `update` */
  disable(id: string): Promise<T> {
    return this.#switch(id, false);
  }

  /**
   * What is switched: the tenant's own record, or one that becomes its own by that.
   *
   * @throws DatabaseError `RECORD_NOT_FOUND`
   */
  protected switched(tx: Transaction, id: string): Promise<T> {
    return this.find(tx, id);
  }

  #switch(id: string, enabled: boolean): Promise<T> {
    const { collection, noun, createdAt, updatedAt } = this.#kind;
    const { tenantId } = this.#scope;
    const change = ({ isChanged }: { isChanged: boolean }) =>
      isChanged
        ? { action: `${noun}.${enabled ? "enable" : "disable"}`, resource: `${collection.name}/${id}` }
        : undefined;
    return this.#scope
      .update(change, async (tx, now) => {
        const found = await this.switched(tx, id);
        const old = found.tenantId === tenantId ? found : undefined;
        if (old?.enabled === enabled) return { kept: old, isChanged: false };
        const stamps: Record<string, Date> = {};
        if (createdAt !== undefined && old === undefined) stamps[createdAt] = now;
        if (updatedAt !== undefined) stamps[updatedAt] = now;
        const record = { ...found, tenantId, enabled, ...stamps };
        return { kept: await this.store(tx, record, old, now), isChanged: true };
      })
      .then(({ kept }) => kept);
  }
}
