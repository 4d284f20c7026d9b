import { openDirectory } from "../engine/directory.ts";
import type { Level, Row } from "../engine/level.ts";
import type { MaintainedLevel } from "../engine/manifest.ts";
import { MAX_CHUNK, type RowReader } from "../engine/reader.ts";
import type { Lease } from "../engine/readers.ts";
import { writeBackupFile } from "./backup-file.ts";
import { checkCount, checkOptions } from "./options.ts";
import { checkWork, report, type WorkOptions } from "./progress.ts";
import { RowDigest } from "./row-digest.ts";
import { ALL_ROWS } from "./system.ts";
import { makeWhole } from "./target.ts";
import { Throttle } from "./throttle.ts";
import type { Transactions } from "./transactions.ts";

export interface BackupOptions extends WorkOptions {
  /** How many bytes of keys and values are copied a second at the most; no limit by default. */
  readonly bytesPerSecond?: number | undefined;
}

/** What {@link Store.backup} copied. */
export interface BackupReport {
  /** The number of the commit that the copy holds. */
  readonly commit: number;
  /** Rows copied, the store's own among them. */
  readonly rows: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
}

/**
 * Copies all rows at the last commit into a new LevelDB directory, beside its final name first.
 *
 * Rows are copied, not files: the copy is compact, and may come from any engine. The digest in its backup file is of
 * the rows as they were read, so that what was written otherwise is noticed, too.
 */
export async function backup(
  transactions: Transactions,
  directory: string,
  options: BackupOptions,
): Promise<BackupReport> {
  checkOptions(options, ["signal", "onProgress", "bytesPerSecond"], "backup()");
  const { bytesPerSecond = Number.POSITIVE_INFINITY, ...work } = options;
  checkWork(work, "backup()");
  checkCount(bytesPerSecond, 1, "The option bytesPerSecond");
  return makeWhole(directory, "The backup", async (partial) => {
    const lease = await transactions.lease(work.signal, true);
    try {
      const { commit } = lease;
      const digest = await copyRows(lease, partial, work, new Throttle(bytesPerSecond));
      const { rows, bytes } = digest;
      await writeBackupFile(partial, { commit, rows, bytes, rowDigest: digest.finish(), made: new Date() });
      return { commit, rows, bytes };
    } finally {
      lease.release();
    }
  });
}

async function copyRows(
  lease: Lease,
  path: string,
  work: WorkOptions,
  throttle: Throttle,
): Promise<RowDigest> {
  // Left without a seal, so that all of a backup is verified when it is opened.
  const { level, close } = await openDirectory(path, {
    createIfMissing: true,
    lockTimeout: 0,
    readOnly: true,
  });
  const digest = new RowDigest();
  const limit = Number.POSITIVE_INFINITY;
  const range = { ...ALL_ROWS, reverse: false, limit, keys: true, values: true, firstChunk: MAX_CHUNK };
  const reader: RowReader = lease.source.read({ ...range, format: "view" });
  try {
    for (let rows = await reader.chunk(MAX_CHUNK); rows.length > 0; rows = await reader.chunk(MAX_CHUNK)) {
      const before = digest.bytes;
      await putAll(level as Level, rows, digest);
      report(work, digest.rows);
      await throttle.spend(digest.bytes - before, work.signal);
    }
    // Moves what is still in the log into tables, which LevelDB syncs.
    await (level as Level as MaintainedLevel).compactRange("!", "~", { keyEncoding: "utf8" });
    return digest;
  } finally {
    reader.close();
    await close(true);
  }
}

async function putAll(level: Level, rows: readonly Row[], digest: RowDigest): Promise<void> {
  const batch = level.batch();
  for (const [key, value] of rows) {
    const bytes = Buffer.from(key);
    digest.add(bytes, value as Uint8Array);
    batch.put<Uint8Array, Uint8Array>(bytes, value as Uint8Array, VIEWS);
  }
  await batch.write();
}

const VIEWS = { keyEncoding: "view", valueEncoding: "view" } as const;
