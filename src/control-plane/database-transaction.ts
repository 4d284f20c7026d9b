import type { Transaction } from "../store/transaction.ts";
import { checkTenantId, type Runner, Scope, transactionRunner } from "./common/scope.ts";
import type { Settings } from "./common/settings.ts";
import { Operations } from "./operations.ts";
import { TenantOperations } from "./tenant-operations.ts";

/** Operations that share one transaction: they commit together, or not at all. Valid while its callback runs. */
export class DatabaseTransaction extends Operations {
  /** The store's transaction beneath: for buckets and collections of your own. */
  readonly transaction: Transaction;
  readonly #scopeOf: (tenantId: string) => Scope;

  /** @internal */
  constructor(tx: Transaction, settings: Settings, runner: Runner = transactionRunner(tx)) {
    super(runner, settings);
    this.transaction = tx;
    this.#scopeOf = (tenantId) => new Scope(runner, settings, checkTenantId(tenantId));
  }

  /** The ground of one tenant: reaches its rows and no others. @throws DatabaseError `KEY_REQUIRED` */
  tenant(id: string): TenantOperations {
    return new TenantOperations(this.#scopeOf(id));
  }
}
