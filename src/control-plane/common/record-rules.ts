/** Rules that hold for every record within a tenant. */
import type { Awaitable } from "../../awaitable.ts";
import { DatabaseError, unreadable } from "../../errors.ts";
import { show } from "../../store/options.ts";

/**
 * Reads a record once, and refuses one of another tenant: what is used later must be what was checked, and a field of
 * the caller's object may say something else each time.
 *
 * @throws DatabaseError `RECORD_INVALID`, `TENANT_MISMATCH`
 */
export function ownCopy<I extends object>(tenantId: string, input: I, collection: string): I {
  const copy = readOnce(input, collection);
  const given = (copy as { tenantId?: unknown }).tenantId;
  if (given === undefined || given === tenantId) return copy;
  throw new DatabaseError(
    "TENANT_MISMATCH",
    `The record is one of the tenant ${show(given)}, the handle is that of ${JSON.stringify(tenantId)}. Use the handle of the record's tenant.`,
    { details: { tenantId } },
  );
}

/** Reads a record once. @throws DatabaseError `RECORD_INVALID` for what is none, and what cannot be read */
export function readOnce<I extends object>(input: I, collection: string): I {
  const named = `A record of ${JSON.stringify(collection)}`;
  // What is no object spreads to one that is empty.
  if (typeof input !== "object" || input === null)
    throw new DatabaseError("RECORD_INVALID", `${named} is an object, got ${show(input)}.`);
  try {
    return { ...input };
  } catch (cause) {
    throw unreadable("RECORD_INVALID", named, cause);
  }
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
