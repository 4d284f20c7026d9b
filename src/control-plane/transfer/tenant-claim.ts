/**
 * Who does long work on a tenant. What keeps a tenant busy stands in its record, and outlives a crash; whether the work
 * still goes on is known in memory alone, as a store is held by one process.
 */
import { DatabaseError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import type { Transaction } from "../../store/transaction.ts";

/** Work under way, by tenant. */
const claims = new WeakMap<Store, Map<string, TenantClaim>>();

/** The right of one piece of work to write to its tenant, while all else is refused. */
export class TenantClaim {
  readonly tenantId: string;
  readonly #store: Store;
  readonly kind: "import" | "wipe";
  /** Resolves when the work has ended, whether well or not. */
  readonly over: Promise<void>;
  #end = (): void => undefined;

  constructor(store: Store, tenantId: string, kind: "import" | "wipe") {
    this.tenantId = tenantId;
    this.#store = store;
    this.kind = kind;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Whether other work took the tenant over, or this has ended. */
  get isLost(): boolean {
    return this.#current !== this;
  }

  /**
   * Begins the work with a commit. A wipe waits for one that is under way, and ends an import; an import is refused
   * beside either.
   *
   * @throws DatabaseError `TENANT_BUSY`, and what the callback throws
   */
  async begin<T>(run: (tx: Transaction) => Promise<T>): Promise<T> {
    for (;;) {
      const begun = await this.#store.update(async (tx) => {
        const current = this.#current;
        if (current !== undefined && this.kind === "import") throw this.#refused();
        if (current?.kind === "wipe") return undefined;
        const result = await run(tx);
        this.#all.set(this.tenantId, this);
        return { result };
      });
      if (begun !== undefined) return begun.result;
      await this.#current?.over;
    }
  }

  /** Runs a further step of the work, in a commit. @throws DatabaseError `TENANT_BUSY` where the tenant was taken over */
  update<T>(run: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#store.update((tx) => {
      if (this.isLost) throw this.#refused();
      return run(tx);
    });
  }

  /** Gives the tenant free for other work. */
  end(): void {
    if (!this.isLost) this.#all.delete(this.tenantId);
    this.#end();
  }

  get #all(): Map<string, TenantClaim> {
    const all = claims.get(this.#store) ?? new Map<string, TenantClaim>();
    claims.set(this.#store, all);
    return all;
  }

  get #current(): TenantClaim | undefined {
    return this.#all.get(this.tenantId);
  }

  #refused(): DatabaseError {
    const current = this.#current?.kind;
    return new DatabaseError(
      "TENANT_BUSY",
      `The tenant ${JSON.stringify(this.tenantId)} is being ${current === "import" ? "imported" : "wiped"} by another call. Wait for its end.`,
      { details: { tenantId: this.tenantId, busy: current ?? "wipe" } },
    );
  }
}
