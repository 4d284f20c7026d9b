import { mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ClassicLevel } from "classic-level";
import { DatabaseError } from "../errors.ts";
import { openError } from "./engine-errors.ts";
import type { Recovery } from "./leveldb/go-back.ts";
import { preflight, type Verify } from "./leveldb/preflight.ts";
import { sealClosed } from "./leveldb/seal-closed.ts";
import { DirectoryLock } from "./lock.ts";

export interface DirectoryOptions {
  readonly createIfMissing: boolean;
  readonly lockTimeout: number;
  /** Whose checksums are verified; "changed" by default. */
  readonly verify?: Verify;
  /** Whether the directory is left without a note of what was verified, and how it was closed; false by default. */
  readonly readOnly?: boolean;
  /** Whether it goes back to before a hole that a power cut may have left in the logs; false by default. */
  readonly goesBack?: boolean;
}

/** A LevelDB directory, open and held by this store alone. */
export interface OpenDirectory {
  readonly level: ClassicLevel;
  readonly lock: DirectoryLock;
  /** What the opening went back before; undefined where it did not. */
  readonly recovery: Recovery | undefined;
  /** Closes LevelDB and lets go of the directory. @param isSound whether all that was written went well */
  close(isSound: boolean): Promise<void>;
}

/**
 * LevelDB 1.20 may return an old value of a key whose versions, kept for snapshots, were parted by the end of a table
 * (its issue 320): reads then find the older one first. With tables as large as a level has no end that could part them,
 * up to this size, and 32 times fewer than by default beyond.
 */
const MAX_FILE_BYTES = 64 << 20;

/**
 * Opens a directory as a LevelDB database: all that is special about one stands here.
 *
 * @throws DatabaseError `PATH_INVALID`, `STORE_NOT_FOUND`, `STORE_LOCKED`, `LOCK_TIMEOUT`, `STORE_DAMAGED`, `STORE_IO`
 */
export async function openDirectory(path: string, options: DirectoryOptions): Promise<OpenDirectory> {
  const directory = findDirectory(path, options.createIfMissing);
  const lock = await DirectoryLock.acquire(directory, options.lockTimeout);
  try {
    const { createIfMissing, verify = "changed", readOnly = false, goesBack = false } = options;
    const found = await preflight(directory, { createIfMissing, verify, seals: !readOnly, goesBack });
    const level = new ClassicLevel(directory, {
      createIfMissing: found.isNew,
      maxFileSize: MAX_FILE_BYTES,
    });
    await level.open();
    const close = async (isSound: boolean) => {
      try {
        await level.close();
        if (isSound && !readOnly) sealClosed(directory, found.tables);
      } finally {
        lock.release();
      }
    };
    return { level, lock, recovery: found.recovery, close };
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
export function makeDirectory(path: string): void {
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
