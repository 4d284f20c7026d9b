/** Records that hold for all tenants, and those of a tenant that take their place. */
import type { Page } from "../../collections/pages.ts";
import { checkBoolean } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { GLOBAL } from "../tenants/tenant-record.ts";
import { checkList, type ListOptions, pageOf } from "./pages.ts";
import type { Scope } from "./scope.ts";
import { type SwitchableRecord, SwitchableRecords } from "./switchable-records.ts";
import type { Kind } from "./tenant-records.ts";

/** Which of the records to list. */
export interface SharedListOptions extends ListOptions {
  /** Only those that are on, or off. */
  readonly enabled?: boolean | undefined;
}

/**
 * Records of a kind that are global, or one tenant's. A tenant reads the global ones and cannot change them: its own
 * record with the id of a global one takes the place of that for itself, until it is deleted.
 */
export abstract class SharedRecords<
  T extends SwitchableRecord,
  Input extends { readonly id: string },
> extends SwitchableRecords<T, Input> {
  readonly #scope: Scope;
  readonly #kind: Kind<T>;

  constructor(scope: Scope, kind: Kind<T>) {
    super(scope, kind);
    this.#scope = scope;
    this.#kind = kind;
  }

  /** The handle's own records, in the order of their ids. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  list(options: SharedListOptions = {}): Promise<Page<T>> {
    return this.#list(this.#scope.tenantId, options, "list()");
  }

  /** The global records, in the order of their ids. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  listGlobal(options: SharedListOptions = {}): Promise<Page<T>> {
    return this.#list(GLOBAL, options, "listGlobal()");
  }

  /** Reads a global record. @returns undefined where there is none with this id @throws DatabaseError `KEY_INVALID` */
  getGlobal(id: string): Promise<T | undefined> {
    return this.#scope.view((tx) => this.#kind.collection.in(tx).get([GLOBAL, id]));
  }

  /**
   * What counts for the tenant: the enabled global records, then its own, each in the order of their ids. Its own
   * record with the id of a global one stands in that one's place; where it is off, neither counts. Cost: two ranges.
   */
  effective(): Promise<T[]> {
    return this.#scope.view(async (tx) => {
      const records = this.#kind.collection.in(tx);
      const byId = new Map<string, T>();
      // Of the global handle both are the same.
      for (const tenantId of new Set([GLOBAL, this.#scope.tenantId]))
        for await (const record of records.range({ prefix: [tenantId] })) byId.set(record.id, record);
      return Array.from(byId.values()).filter(({ enabled }) => enabled);
    });
  }

  /** To switch a global record, a tenant gets its own copy of it. */
  protected override async switched(tx: Transaction, id: string): Promise<T> {
    const records = this.#kind.collection.in(tx);
    const isOwn = await records.has([this.#scope.tenantId, id]);
    const shared = isOwn ? undefined : await records.get([GLOBAL, id]);
    return shared ?? super.switched(tx, id);
  }

  #list(tenantId: string, options: SharedListOptions, of: string): Promise<Page<T>> {
    checkList(options, ["enabled"], `${this.#kind.noun}: ${of}`);
    const { enabled, ...page } = options;
    checkBoolean(enabled, "The option enabled");
    const where = enabled === undefined ? undefined : (record: T) => record.enabled === enabled;
    return this.#scope.view((tx) =>
      pageOf(this.#kind.collection.in(tx), { prefix: [tenantId] }, page, where),
    );
  }
}
