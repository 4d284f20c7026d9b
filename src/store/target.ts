/** A directory that appears under its name when it is whole and on disk, or not at all. */
import { open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DatabaseError } from "../errors.ts";
import { checkPath } from "./options.ts";

/**
 * Makes a directory beside its final name, then moves it there.
 *
 * @param directory must not exist, or be empty
 * @param fill makes the directory of the path that it gets, and what is in it; what it writes there it syncs itself
 * @throws DatabaseError `PATH_INVALID`, `BACKUP_TARGET`, `STORE_IO`, and what `fill` throws
 */
export async function makeWhole<T>(
  directory: string,
  what: string,
  fill: (partial: string) => Promise<T>,
): Promise<T> {
  const target = await freeTarget(directory, what);
  const partial = `${target}.partial-${process.pid}-${process.hrtime.bigint()}`;
  try {
    const result = await fill(partial);
    await syncPath(partial);
    await rename(partial, target);
    await syncPath(dirname(target));
    return result;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // What has no code of the system or the engine was thrown by onProgress, and is passed on as it is.
    const { code } = error as { code?: unknown };
    if (error instanceof DatabaseError || typeof code !== "string") throw error;
    throw new DatabaseError("STORE_IO", `${what} to ${target} could not be written: ${String(error)}.`, {
      cause: error,
    });
  }
}

async function freeTarget(directory: string, what: string): Promise<string> {
  checkPath(directory, what);
  const target = resolve(directory);
  try {
    if ((await readdir(target)).length === 0) return target;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return target;
  }
  throw new DatabaseError(
    "BACKUP_TARGET",
    `${target} is there already. Pass a directory that does not exist, or is empty.`,
  );
}

/** Makes what was written to a file, or renamed in a directory, last. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync().finally(() => handle.close());
}

/** Syncs all files of a directory that has no others within, and the directory. */
export async function syncFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await syncPath(join(directory, name));
  await syncPath(directory);
}
