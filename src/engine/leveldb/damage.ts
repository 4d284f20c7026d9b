import { basename, dirname } from "node:path";
import { DatabaseError } from "../../errors.ts";

/**
 * The error of a data file that is not as LevelDB wrote it.
 *
 * @param path the file @param offset the byte at which it shows, where it has a place
 * @returns `STORE_DAMAGED` with details `{ file, offset?, reason }`
 */
export function damaged(path: string, reason: string, offset?: number): DatabaseError {
  const file = basename(path);
  const where = offset === undefined ? "" : ` at byte ${offset}`;
  return new DatabaseError(
    "STORE_DAMAGED",
    `The store at ${dirname(path)} is damaged: ${file}${where}: ${reason}. Restore a backup, or run repair() on the directory.`,
    { details: { file, ...(offset === undefined ? {} : { offset }), reason } },
  );
}

/** Whether an error tells that a file is not there. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
