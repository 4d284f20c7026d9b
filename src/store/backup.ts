import { open, readdir, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { openDirectory } from "../engine/directory.ts";
import type { Level, Row } from "../engine/level.ts";
import type { MaintainedLevel } from "../engine/manifest.ts";
import { MAX_CHUNK, type RowReader } from "../engine/reader.ts";
import type { Lease } from "../engine/readers.ts";
import { DatabaseError } from "../errors.ts";
import { checkWork, report, type WorkOptions } from "./progress.ts";
import { ALL_ROWS } from "./system.ts";
import type { Transactions } from "./transactions.ts";

export type BackupOptions = WorkOptions;

/** What {@link Store.backup} copied. */
export interface BackupReport {
  /** The number of the commit that the copy holds. */
  readonly commit: number;
  /** Rows copied, the store's own among them. */
  readonly rows: number;
}

/**
 * Copies all rows at the last commit into a new LevelDB directory, beside its final name first.
 *
 * Rows are copied, not files: the copy is compact, and may come from any engine.
 */
export async function backup(
  transactions: Transactions,
  directory: string,
  options: BackupOptions,
): Promise<BackupReport> {
  checkWork(options, "backup()");
  const target = await freeTarget(directory);
  const partial = `${target}.partial-${process.pid}-${process.hrtime.bigint()}`;
  const lease = await transactions.lease(options.signal, true);
  try {
    const rows = await copyRows(lease, partial, options);
    await rename(partial, target);
    await syncDirectory(dirname(target));
    return { commit: lease.commit, rows };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // What has no code of the system or the engine was thrown by onProgress, and is passed on as it is.
    const { code } = error as { code?: unknown };
    if (error instanceof DatabaseError || typeof code !== "string") throw error;
    throw new DatabaseError("STORE_IO", `The backup to ${target} could not be written: ${String(error)}.`, {
      cause: error,
    });
  } finally {
    lease.release();
  }
}

async function copyRows(lease: Lease, path: string, options: BackupOptions): Promise<number> {
  const { level, lock } = await openDirectory(path, { createIfMissing: true, lockTimeout: 0 });
  const limit = Number.POSITIVE_INFINITY;
  const range = {
    ...ALL_ROWS,
    reverse: false,
    limit,
    keys: true,
    values: true,
    format: "view",
    firstChunk: MAX_CHUNK,
  };
  const reader: RowReader = lease.source.read({ ...range, format: "view" });
  try {
    let done = 0;
    for (let rows = await reader.chunk(MAX_CHUNK); rows.length > 0; rows = await reader.chunk(MAX_CHUNK)) {
      await putAll(level as Level, rows);
      done += rows.length;
      report(options, done);
    }
    // Moves what is still in the log into tables, which LevelDB syncs.
    await (level as Level as MaintainedLevel).compactRange("!", "~", { keyEncoding: "utf8" });
    return done;
  } finally {
    reader.close();
    await level.close().finally(() => lock.release());
  }
}

async function putAll(level: Level, rows: readonly Row[]): Promise<void> {
  const batch = level.batch();
  for (const [key, value] of rows) {
    batch.put<string, Uint8Array>(key, value as Uint8Array, { keyEncoding: "utf8", valueEncoding: "view" });
  }
  await batch.write();
}

async function freeTarget(directory: string): Promise<string> {
  if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
    throw new DatabaseError(
      "PATH_INVALID",
      "A backup needs the path of a directory that does not exist yet.",
    );
  }
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

/** Makes a rename in the directory last. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  await handle.sync().finally(() => handle.close());
}
