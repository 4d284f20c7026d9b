import { DatabaseError } from "../errors.ts";

/** The error for a file that bbolt wrote and something else changed or cut. */
export function damaged(path: string, page: number, reason: string, cause?: unknown): DatabaseError {
  return new DatabaseError(
    "BOLT_DAMAGED",
    `${path}: page ${page} is damaged: ${reason}. Take a fresh copy of the file, or restore a backup.`,
    { details: { path, page }, ...(cause === undefined ? {} : { cause }) },
  );
}

/** The error for a file that is none of bbolt's, or none that can be read here. */
export function invalid(path: string, reason: string, cause?: unknown): DatabaseError {
  return new DatabaseError("BOLT_INVALID", `${path}: ${reason}.`, {
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The error for a file that another program writes to while it is read. */
export function busy(path: string, reason: string): DatabaseError {
  return new DatabaseError(
    "BOLT_BUSY",
    `${path}: page 0 or 1 is not what it was: ${reason}. Stop the program that uses the file, or read a copy.`,
    { details: { path } },
  );
}
