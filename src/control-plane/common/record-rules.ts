/** Rules that hold for every record within a tenant. */
import type { Awaitable } from "../../awaitable.ts";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";

/**
 * Reads a record once, and refuses one of another tenant: what is used later must be what was checked, and a field of
 * the caller's object may say something else each time.
 *
 * @throws DatabaseError `RECORD_INVALID`, `TENANT_MISMATCH`
 */
export function ownCopy<I extends object>(tenantId: string, input: I, collection: string): I {
  // What is no object spreads to one that is empty.
  const copy = typeof input === "object" && input !== null ? { ...input } : input;
  refuseForeign(tenantId, copy, collection);
  return copy;
}

/** Refuses what is no record, and one of another tenant. @throws DatabaseError `RECORD_INVALID`, `TENANT_MISMATCH` */
export function refuseForeign(tenantId: string, input: unknown, collection: string): void {
  if (typeof input !== "object" || input === null)
    throw new DatabaseError(
      "RECORD_INVALID",
      `A record of ${JSON.stringify(collection)} is an object, got ${show(input)}.`,
    );
  const given = (input as { tenantId?: unknown }).tenantId;
  if (given === undefined || given === tenantId) return;
  throw new DatabaseError(
    "TENANT_MISMATCH",
    `The record is one of the tenant ${show(given)}, the handle is that of ${JSON.stringify(tenantId)}. Use the handle of the record's tenant.`,
    { details: { tenantId } },
  );
}

/** Writes records. One of another tenant that is in the way is not told of. @throws DatabaseError `UNIQUE_VIOLATION` */
export async function withinTenant<T>(tenantId: string, write: () => Awaitable<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw withoutForeignKey(tenantId, error);
  }
}

function withoutForeignKey(tenantId: string, error: unknown): unknown {
  if (!(error instanceof DatabaseError) || error.code !== "UNIQUE_VIOLATION") return error;
  const { key, ...details } = error.details as { key?: unknown; index?: unknown; value?: unknown };
  if (Array.isArray(key) && key[0] === tenantId) return error;
  return new DatabaseError(
    "UNIQUE_VIOLATION",
    `The ${String(details.index)} ${JSON.stringify(details.value)} is taken. Choose another one.`,
    { details },
  );
}

/** A copy without the fields that are undefined. */
export function defined(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

/** The names of the fields in which two records differ. */
export function changedFields(before: object, after: object): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const read = (record: object, name: string) => JSON.stringify((record as Record<string, unknown>)[name]);
  return Array.from(names).filter((name) => read(before, name) !== read(after, name));
}

export function idChanged(collection: string, id: string): DatabaseError {
  return new DatabaseError(
    "RECORD_INVALID",
    `The id ${JSON.stringify(id)} of a record of ${JSON.stringify(collection)} cannot change. Save a new one, and delete this.`,
  );
}
