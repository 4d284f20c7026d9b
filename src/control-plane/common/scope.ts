/** Where operations run, on which tenant's ground, and on whose behalf. */
import type { Awaitable } from "../../awaitable.ts";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import type { Store } from "../../store/store.ts";
import type { Transaction } from "../../store/transaction.ts";
import { type AuditLogInput, appendAudit, headOf } from "../audit/audit-record.ts";
import {
  createTenant,
  deleteNewTenant,
  GLOBAL,
  refuseInactive,
  SYSTEM_TENANT,
  tenants,
} from "../tenants/tenant-record.ts";
import type { Settings } from "./settings.ts";

/** Runs operations: each in a transaction of its own, or all in one that is open. */
export interface Runner {
  view<T>(run: (tx: Transaction) => Awaitable<T>): Promise<T>;
  update<T>(run: (tx: Transaction) => Awaitable<T>): Promise<T>;
}

/** Each operation is a transaction of its own. */
export function storeRunner(store: Store): Runner {
  return { view: (run) => store.view(run), update: (run) => store.update(run) };
}

/** Runs operations in one transaction. */
export interface TransactionRunner extends Runner {
  /** Waits for operations that were begun and not awaited: a commit must not part them. Later ones are refused. */
  finish(): Promise<void>;
}

/** All operations lie in one transaction. Those that write run one after another, whether they are awaited or not. */
export function transactionRunner(tx: Transaction): TransactionRunner {
  let last: Promise<unknown> = Promise.resolve();
  let isOver = false;
  return {
    view: async (run) => run(tx),
    update: async (run) => {
      if (isOver) throw transactionOver();
      const turn = last.then(() => run(tx));
      last = turn.catch(() => undefined);
      return turn;
    },
    finish: async () => {
      for (let seen: unknown; seen !== last; await seen) seen = last;
      isOver = true;
    },
  };
}

function transactionOver(): DatabaseError {
  return new DatabaseError(
    "TX_CLOSED",
    "The operation was called after the callback of its transaction was over. Await it within.",
  );
}

/** Who does something: what the audit trail is to say of it. */
export interface Actor {
  readonly userId: string;
  readonly ipAddress?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** What a change tells the audit trail about itself, where it has an actor. */
export interface Change {
  /** Noun and verb, such as `node.delete`. */
  readonly action: string;
  /** What was changed, such as `nodes/n1`. */
  readonly resource: string;
  readonly details?: AuditLogInput["details"];
}

/** Further properties of a {@link Scope}. */
interface ScopeOptions {
  readonly actor?: Actor | undefined;
  /** Whether the first write makes the tenant where there is none. */
  readonly creates?: boolean | undefined;
  /** Whether it is upkeep, which goes on while the tenant is suspended. */
  readonly maintains?: boolean | undefined;
}

/** One tenant's ground: all that a tenant's operations can reach. */
export class Scope {
  readonly runner: Runner;
  readonly settings: Settings;
  readonly tenantId: string;
  readonly #options: ScopeOptions;

  /** @param tenantId a tenant's, or `GLOBAL` */
  constructor(runner: Runner, settings: Settings, tenantId: string, options: ScopeOptions = {}) {
    this.runner = runner;
    this.settings = settings;
    this.tenantId = tenantId;
    this.#options = options;
  }

  /** The same ground, for an actor. */
  as(actor: Actor): Scope {
    return new Scope(this.runner, this.settings, this.tenantId, { ...this.#options, actor });
  }

  view<T>(run: (tx: Transaction) => Awaitable<T>): Promise<T> {
    return this.runner.view(run);
  }

  /**
   * Runs an operation that writes, and tells the tenant's audit trail of it in the same commit where there is an actor.
   *
   * @param change what the trail is told, or what gives it from the result: undefined where nothing was changed
   * @throws DatabaseError `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`, and what the operation throws
   */
  update<T>(
    change: Change | ((result: T) => Change | undefined),
    run: (tx: Transaction, now: Date) => Awaitable<T>,
  ): Promise<T> {
    const { actor } = this.#options;
    return this.updateUnlogged(async (tx, now) => {
      // Where the trail cannot be told, nothing is to be changed: its head is read before, as a caller may go on.
      if (actor !== undefined) await headOf(tx, trailOf(this.tenantId));
      const result = await run(tx, now);
      await logChange(tx, actor, this.tenantId, now, () =>
        typeof change === "function" ? change(result) : change,
      );
      return result;
    });
  }

  /**
   * Runs an operation that writes what no trail is kept of: measurements, counts, upkeep.
   *
   * @throws DatabaseError as {@link update}
   */
  updateUnlogged<T>(run: (tx: Transaction, now: Date) => Awaitable<T>): Promise<T> {
    return this.runner.update(async (tx) => {
      const now = this.settings.now();
      const isNew = await this.#requireTenant(tx, now);
      try {
        return await run(tx, now);
      } catch (error) {
        // A caller may catch the error and go on: what was refused must leave no tenant behind.
        if (isNew) await deleteNewTenant(tx, this.tenantId).catch(() => undefined);
        throw error;
      }
    });
  }

  /** @returns whether the tenant was made */
  async #requireTenant(tx: Transaction, now: Date): Promise<boolean> {
    const { tenantId } = this;
    if (tenantId === GLOBAL) return false;
    const found = await tenants.in(tx).get(tenantId);
    const creates = found === undefined && this.#options.creates === true;
    const made = creates ? await createTenant(tx, { id: tenantId, name: tenantId }, now) : found;
    refuseInactive(made, tenantId, this.#options.maintains);
    return creates;
  }
}

/** Tells a tenant's audit trail of a change; that of the system's own tenant of one that concerns all. */
export async function logChange(
  tx: Transaction,
  actor: Actor | undefined,
  tenantId: string,
  now: Date,
  change: () => Change | undefined,
): Promise<void> {
  const said = actor === undefined ? undefined : change();
  if (actor === undefined || said === undefined) return;
  await appendAudit(tx, trailOf(tenantId), { ...actor, ...said }, now);
}

function trailOf(tenantId: string): string {
  return tenantId === GLOBAL ? SYSTEM_TENANT : tenantId;
}

/** @throws DatabaseError `KEY_REQUIRED` for what can be no tenant's id */
export function checkTenantId(id: unknown): string {
  if (typeof id === "string" && id !== GLOBAL) return id;
  throw new DatabaseError("KEY_REQUIRED", `A tenant is named by its id, got ${show(id)}. Pass text.`);
}
