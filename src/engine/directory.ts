import { mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ClassicLevel } from "classic-level";
import { DatabaseError } from "../errors.ts";
import { openError } from "./engine-errors.ts";
import { DirectoryLock } from "./lock.ts";

export interface DirectoryOptions {
  readonly createIfMissing: boolean;
  readonly lockTimeout: number;
}

/** A LevelDB directory, open and held by this store alone. */
export interface OpenDirectory {
  readonly level: ClassicLevel;
  readonly lock: DirectoryLock;
}

const DATA_FILE = /^\d+\.(ldb|sst|log)$/;

/**
 * Opens a directory as a LevelDB database: all that is special about one stands here.
 *
 * @throws DatabaseError `PATH_INVALID`, `STORE_NOT_FOUND`, `STORE_LOCKED`, `LOCK_TIMEOUT`, `STORE_DAMAGED`, `STORE_IO`
 */
export async function openDirectory(path: string, options: DirectoryOptions): Promise<OpenDirectory> {
  const directory = findDirectory(path, options.createIfMissing);
  const lock = await DirectoryLock.acquire(directory, options.lockTimeout);
  try {
    const isNew = preflight(directory, options.createIfMissing);
    const level = new ClassicLevel(directory, { createIfMissing: isNew });
    await level.open();
    return { level, lock };
  } catch (error) {
    lock.release();
    throw openError(error, directory);
  }
}

/** @returns the directory's real path, by which two spellings or a symbolic link are known to be one store */
function findDirectory(path: string, createIfMissing: boolean): string {
  if (path === "" || path.includes("\0")) {
    throw new DatabaseError(
      "PATH_INVALID",
      "The path of the store is empty or has a NUL character. Pass a directory.",
    );
  }
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined && createIfMissing) makeDirectory(resolve(path));
    if (found === undefined || found.isDirectory()) return realpathSync.native(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" && !createIfMissing)
      throw new DatabaseError("STORE_NOT_FOUND", `There is no store at ${path}.`, { cause: error });
    if (code !== "EEXIST" && code !== "ENOTDIR") {
      throw new DatabaseError("STORE_IO", `The directory ${path} could not be opened: ${String(error)}.`, {
        cause: error,
      });
    }
  }
  throw new DatabaseError(
    "PATH_INVALID",
    `${path} is a file, or lies below one. A store is a directory: pass another path. A file of bbolt is brought over by an import.`,
  );
}

/** Makes a directory and its parents. Node's own recursive mkdir never returns below a parent like /proc. */
function makeDirectory(path: string): void {
  if (makeOne(path)) return;
  makeDirectory(dirname(path));
  if (!makeOne(path)) throw new Error(`${dirname(path)} cannot hold a directory`);
}

/** @returns false where the parent is missing */
function makeOne(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST" && code !== "ENOENT") throw error;
    return code === "EEXIST";
  }
}

/**
 * Refuses a directory that LevelDB would take for a new one, wiping the data that is there.
 *
 * LevelDB decides by the file CURRENT alone.
 *
 * @returns whether there is no database yet
 */
function preflight(directory: string, createIfMissing: boolean): boolean {
  const files = readdirSync(directory);
  if (!files.includes("CURRENT")) {
    const data = files.filter((file) => DATA_FILE.test(file));
    if (data.length === 0 && createIfMissing) return true;
    if (data.length === 0) throw new DatabaseError("STORE_NOT_FOUND", `There is no store at ${directory}.`);
    throw new DatabaseError(
      "STORE_DAMAGED",
      `${directory} has data files (${data.slice(0, 3).join(", ")}…) but no file CURRENT, which names its manifest. Restore CURRENT or a backup: opened like this, the data would be deleted.`,
    );
  }
  const manifest = readFileSync(join(directory, "CURRENT"), "utf8").trim();
  if (files.includes(manifest)) return false;
  throw new DatabaseError(
    "STORE_DAMAGED",
    `${directory}: the file CURRENT names ${JSON.stringify(manifest.slice(0, 40))}, which is not there. Restore it, or a backup.`,
  );
}
