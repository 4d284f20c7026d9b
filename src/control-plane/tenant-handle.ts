import { DatabaseError } from "../errors.ts";
import { checkWork, type WorkOptions } from "../store/progress.ts";
import type { Store } from "../store/store.ts";
import type { Transaction } from "../store/transaction.ts";
import { type Actor, logChange, type Scope } from "./common/scope.ts";
import { checkActor, TenantOperations } from "./tenant-operations.ts";
import { GLOBAL } from "./tenants/tenant-record.ts";
import { exportTenant } from "./transfer/export.ts";
import type { Chunks } from "./transfer/export-reader.ts";
import { importTenant } from "./transfer/import.ts";
import { wipeTenant } from "./transfer/wipe.ts";

/** A tenant's operations, each a transaction of its own, and the long work that takes many. */
export class TenantHandle extends TenantOperations {
  readonly #store: Store;
  readonly #scope: Scope;
  readonly #actor: Actor | undefined;

  /** @internal */
  constructor(store: Store, scope: Scope, actor?: Actor) {
    super(scope);
    this.#store = store;
    this.#scope = scope;
    this.#actor = actor;
  }

  override as(actor: Actor): TenantHandle {
    const checked = checkActor(actor);
    return new TenantHandle(this.#store, this.#scope.as(checked), checked);
  }

  /**
   * All of the tenant as NDJSON, as it is at the moment when the first line is read: `Readable.from(tenant.export())`
   * makes it a stream. Cost: bounded memory; the snapshot is held until the last line.
   *
   * @returns lines, each with its line feed
   * @throws DatabaseError `ABORTED`, `TX_EXPIRED` where it takes longer than `maxTransactionAge`
   */
  export(work: WorkOptions = {}): AsyncGenerator<string, void> {
    checkWork(work, "export()");
    return exportTenant(this.#store, this.id, this.#scope.settings.now(), work);
  }

  /**
   * Brings the tenant back from an export of it, with its ids, times, counts and audit trail. The tenant must not be
   * there, or have no rows; the limits and the state of one that is there stay, one that is not gets the default ones:
   * `importTenant()` of the database takes them from the export. Until it is whole, nothing else can write to the
   * tenant; where it fails, all is as before.
   *
   * @param source text or bytes, however they are cut: a file's stream will do
   * @returns how many records there were
   * @throws DatabaseError `EXPORT_INVALID`, `TENANT_NOT_EMPTY`, `TENANT_SUSPENDED`, `TENANT_BUSY`, `RECORD_INVALID`,
   * `UNIQUE_VIOLATION` where another tenant has what must be unique, `QUOTA_EXCEEDED`, `ABORTED`
   */
  import(source: Chunks, work: WorkOptions = {}): Promise<number> {
    checkWork(work, "import()");
    return importTenant(this.#store, this.#scope.settings, this.id, source, work, false);
  }

  /**
   * Deletes the tenant with all its rows, audit trail and counts included, in small commits. Until it is done, the
   * tenant refuses all else; where it was stopped, it goes on when it is called again. An actor is told to the trail
   * of the tenant "system".
   *
   * @returns how many rows there were
   * @throws DatabaseError `TENANT_SUSPENDED`: a suspended tenant is wiped by `wipeTenant()` of the database;
   * `TENANT_REQUIRED` for the tenant "system", `ABORTED`
   */
  async wipe(work: WorkOptions = {}): Promise<number> {
    checkWork(work, "wipe()");
    const suspended = new DatabaseError(
      "TENANT_SUSPENDED",
      `The tenant ${JSON.stringify(this.id)} is suspended. Resume it, or call wipeTenant() of the database.`,
      { details: { tenantId: this.id } },
    );
    return wipeTenant(
      this.#store,
      this.id,
      work,
      (tenant) => {
        if (tenant?.isActive === false) throw suspended;
      },
      (tx) => this.#logWipe(tx),
    );
  }

  #logWipe(tx: Transaction): Promise<void> {
    return logChange(tx, this.#actor, GLOBAL, this.#scope.settings.now(), () => ({
      action: "tenant.wipe",
      resource: `tenants/${this.id}`,
    }));
  }
}
