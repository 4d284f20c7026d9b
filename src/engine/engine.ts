import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { DatabaseError } from "../errors.ts";
import { type DirectoryOptions, openDirectory } from "./directory.ts";
import { openError } from "./engine-errors.ts";
import type { AnyLevel, Level } from "./level.ts";
import type { Recovery } from "./leveldb/go-back.ts";
import { DirectoryLock } from "./lock.ts";
import { type EngineManifest, manifestOf } from "./manifest.ts";

/** An open abstract-level database, and what it can do. */
export interface Engine {
  readonly level: Level;
  readonly manifest: EngineManifest;
  /** The directory in which the data lies, where the engine has one. */
  readonly directory: string | undefined;
  /** What the opening went back before; undefined where it did not. */
  readonly recovery?: Recovery | undefined;
  /**
   * Closes the database, unless it was open before the store came, and lets go of its directory.
   *
   * @param isSound whether all that was written went well; false by default
   */
  close(isSound?: boolean): Promise<void>;
}

/**
 * Opens the engine of a store.
 *
 * @param location a directory, or an abstract-level 3 database, open or not
 * @throws DatabaseError the codes of {@link openDirectory}, `OPTION_INVALID` for another location
 */
export async function openEngine(location: string | AnyLevel, options: DirectoryOptions): Promise<Engine> {
  if (typeof location === "string") {
    const { level, recovery, close } = await openDirectory(location, options);
    return {
      recovery,
      level: level as Level,
      manifest: manifestOf(level as Level),
      directory: resolve(location),
      close: (isSound = false) => close(isSound),
    };
  }
  if (!isLevel(location)) {
    throw new DatabaseError(
      "OPTION_INVALID",
      "The location is neither a directory's path nor an abstract-level 3 database. Pass one of these.",
    );
  }
  return openGiven(location, options);
}

/** Databases that stores have been given, by their root: the prefixes of the sublevels in use, "" for the root. */
const inUse = new WeakMap<object, Set<string>>();

/** @returns gives the database free again @throws DatabaseError `STORE_LOCKED` */
function claim(level: Level): () => void {
  const { db: root = level, prefix = "" } = level as Level & { db?: object; prefix?: string };
  const prefixes = inUse.get(root) ?? new Set();
  inUse.set(root, prefixes);
  if (prefixes.has(prefix)) {
    throw new DatabaseError(
      "STORE_LOCKED",
      "The given database is in use by another store. Close that one first.",
    );
  }
  prefixes.add(prefix);
  return () => prefixes.delete(prefix);
}

async function openGiven(level: Level, options: DirectoryOptions): Promise<Engine> {
  const free = claim(level);
  const manifest = manifestOf(level);
  const wasOpen = level.status === "open";
  let lock: DirectoryLock | undefined;
  try {
    if (!wasOpen) await level.open();
    const directory = manifest.permanence ? directoryOf(level) : undefined;
    if (directory !== undefined)
      lock = await DirectoryLock.acquire(await realpath(directory), options.lockTimeout);
  } catch (error) {
    free();
    if (!wasOpen) await level.close();
    throw openError(error, directoryOf(level) ?? "the given database");
  }
  const close = async () => {
    free();
    if (!wasOpen) await level.close();
    lock?.release();
  };
  const location = manifest.permanence ? directoryOf(level) : undefined;
  return { level, manifest, directory: location === undefined ? undefined : resolve(location), close };
}

/** Where a LevelDB database lies; undefined for other engines. */
function directoryOf(level: Level): string | undefined {
  const { location } = level as Level & { location?: unknown };
  return typeof location === "string" ? location : undefined;
}

function isLevel(value: unknown): value is Level {
  const level = value as Partial<Level> | null;
  try {
    return (
      typeof level === "object" &&
      level !== null &&
      typeof level.supports === "object" &&
      typeof level.batch === "function"
    );
  } catch {
    return false; // A proxy that does not let itself be read.
  }
}
