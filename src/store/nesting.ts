import { AsyncLocalStorage } from "node:async_hooks";
import type { Awaitable } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";

/** A callback under way, which calls made from it can find; one made later, from a timer say, finds it over. */
interface Scope {
  /** Tells the stores apart. */
  readonly owner: object;
  readonly writable: boolean;
  /** The callback in which the transaction of another store was begun. */
  readonly outer: Scope | undefined;
  open: boolean;
}

// One for all stores: each further one would make every promise of the process slower for good.
const currentScope = new AsyncLocalStorage<Scope>();

/** Calls a transaction's callback so that a transaction asked for within it is known as nested. */
export async function runScoped<A extends { writable: boolean }, T>(
  owner: object,
  fn: (transaction: A) => Awaitable<T>,
  transaction: A,
): Promise<T> {
  let outer = currentScope.getStore();
  while (outer?.open === false) outer = outer.outer; // A callback that is over must not be kept in memory.
  const scope: Scope = { owner, writable: transaction.writable, outer, open: true };
  try {
    return await currentScope.run(scope, fn, transaction);
  } finally {
    scope.open = false;
  }
}

/** @throws DatabaseError `TX_NESTED` within a callback of the same owner, which the call would wait for */
export function refuseNested(owner: object): void {
  if (scopeOf(owner) === undefined) return;
  throw new DatabaseError(
    "TX_NESTED",
    "The call was made within the callback of a transaction, for whose end it would wait forever. Use the transaction that the callback has, or make the call after it.",
  );
}

/** Whether the call comes from within a view of the same owner. */
export function isWithinView(owner: object): boolean {
  return scopeOf(owner)?.writable === false;
}

/** The innermost callback of that owner, from which the current call comes and which is not over. */
function scopeOf(owner: object): Scope | undefined {
  let scope = currentScope.getStore();
  while (scope !== undefined && !(scope.open && scope.owner === owner)) scope = scope.outer;
  return scope;
}
