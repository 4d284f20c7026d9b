import { realpath } from "node:fs/promises";
import { DatabaseError } from "../errors.ts";
import { type DirectoryOptions, openDirectory } from "./directory.ts";
import { openError } from "./engine-errors.ts";
import type { Level } from "./level.ts";
import { DirectoryLock } from "./lock.ts";
import { type EngineManifest, manifestOf } from "./manifest.ts";

/** An open abstract-level database, and what it can do. */
export interface Engine {
  readonly level: Level;
  readonly manifest: EngineManifest;
  /** Closes the database, unless it was open before the store came, and lets go of its directory. */
  close(): Promise<void>;
}

/**
 * Opens the engine of a store.
 *
 * @param location a directory, or an abstract-level 3 database, open or not
 * @throws DatabaseError the codes of {@link openDirectory}, `OPTION_INVALID` for another location
 */
export async function openEngine(location: string | Level, options: DirectoryOptions): Promise<Engine> {
  if (typeof location === "string") {
    const { level, lock } = await openDirectory(location, options);
    return {
      level: level as Level,
      manifest: manifestOf(level as Level),
      close: () => level.close().finally(() => lock.release()),
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

async function openGiven(level: Level, options: DirectoryOptions): Promise<Engine> {
  const manifest = manifestOf(level);
  const wasOpen = level.status === "open";
  let lock: DirectoryLock | undefined;
  try {
    if (!wasOpen) await level.open();
    const directory = manifest.permanence ? directoryOf(level) : undefined;
    if (directory !== undefined)
      lock = await DirectoryLock.acquire(await realpath(directory), options.lockTimeout);
  } catch (error) {
    if (!wasOpen) await level.close();
    throw openError(error, directoryOf(level) ?? "the given database");
  }
  const close = async () => {
    if (!wasOpen) await level.close();
    await lock?.release();
  };
  return { level, manifest, close };
}

/** Where a LevelDB database lies; undefined for other engines. */
function directoryOf(level: Level): string | undefined {
  const { location } = level as Level & { location?: unknown };
  return typeof location === "string" ? location : undefined;
}

function isLevel(value: unknown): value is Level {
  const level = value as Partial<Level> | null;
  return (
    typeof level === "object" &&
    level !== null &&
    typeof level.supports === "object" &&
    typeof level.batch === "function"
  );
}
