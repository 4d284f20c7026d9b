import { resolve } from "node:path";
import { openFiles, type SoundFiles } from "../engine/leveldb/rows.ts";
import { DatabaseError } from "../errors.ts";
import { BACKUP_FILE, type BackupFacts, readBackupFile } from "./backup-file.ts";
import { checkPath } from "./options.ts";
import { checkWork, report, type WorkOptions } from "./progress.ts";
import { RowDigest } from "./row-digest.ts";
import { COMMIT_KEY } from "./system.ts";

/** What {@link verifyBackup} found a backup to hold. */
export interface VerifiedBackup {
  /** The number of the commit that it is of. */
  readonly commit: number;
  /** How many rows, the store's own among them. */
  readonly rows: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
  readonly made: Date;
}

/**
 * Verifies that a backup is whole and holds the rows that it was made of: every file's checksums, and the digest over
 * all rows. It opens nothing for writing, and takes no lock: no store may be open there.
 *
 * Cost: it reads everything; in memory are few files of 2 MB, or the largest value.
 *
 * @param directory as `backup()` made it; opened and written to since, it is another store, and no backup
 * @param options progress is told in rows
 * @throws DatabaseError `BACKUP_INVALID` with `details` { directory, reason, file, offset } as far as they are known,
 * `PATH_INVALID`, `OPTION_INVALID`, `ABORTED`, `STORE_IO`
 */
export async function verifyBackup(directory: string, options: WorkOptions = {}): Promise<VerifiedBackup> {
  checkPath(directory, "verifyBackup()");
  checkWork(options, "verifyBackup()");
  const path = resolve(directory);
  const facts = await readBackupFile(path);
  await verifyRows(path, facts, options);
  const { commit, rows, bytes, made } = facts;
  return { commit, rows, bytes, made };
}

/** Opens the files of a backup. @throws DatabaseError `BACKUP_INVALID`, `STORE_IO` */
export function openBackup(directory: string): Promise<SoundFiles> {
  return openFiles(directory).catch((error) => {
    throw backupError(directory, error);
  });
}

/** @throws DatabaseError `BACKUP_INVALID` where the rows are not those that the facts tell of */
export async function verifyRows(directory: string, facts: BackupFacts, work: WorkOptions): Promise<void> {
  const files = await openBackup(directory);
  const digest = new RowDigest();
  let commit: string | undefined;
  const key = Buffer.from(COMMIT_KEY);
  for (const rows = files.rows(); ; ) {
    const next = await rows.next().catch((error) => {
      throw backupError(directory, error);
    });
    if (next.done === true) break;
    for (const row of next.value) {
      digest.add(...row);
      if (key.equals(row[0])) commit = Buffer.from(row[1]).toString();
    }
    report(work, digest.rows, Math.max(facts.rows, digest.rows));
  }
  const { rows, bytes } = digest;
  const found: BackupFacts = { ...facts, commit: Number(commit), rows, bytes, rowDigest: digest.finish() };
  const reason = difference(found, facts);
  if (reason === undefined) return;
  throw new DatabaseError(
    "BACKUP_INVALID",
    `The backup ${directory} is not as it was made: ${reason}. It was written to since, or its files belong to several stores: use another backup.`,
    { details: { directory, file: BACKUP_FILE, reason } },
  );
}

function difference(found: BackupFacts, made: BackupFacts): string | undefined {
  for (const fact of ["commit", "rows", "bytes"] as const)
    if (found[fact] !== made[fact])
      return `it has ${fact === "commit" ? "commit" : `${fact}:`} ${found[fact]}, and had ${made[fact]}`;
  return found.rowDigest === made.rowDigest ? undefined : "its rows are others than those it was made of";
}

/** Gives the library's own error for what kept a backup from being read. */
export function backupError(directory: string, cause: unknown): DatabaseError {
  if (cause instanceof DatabaseError) {
    if (cause.code !== "STORE_DAMAGED") return cause;
    const { file, reason, offset } = cause.details ?? {};
    const where = offset === undefined ? "" : ` at byte ${offset}`;
    return new DatabaseError(
      "BACKUP_INVALID",
      `The backup ${directory} is damaged: ${file}${where}: ${reason}. Use another backup.`,
      { details: { directory, ...cause.details }, cause },
    );
  }
  return new DatabaseError("STORE_IO", `The backup ${directory} could not be read: ${String(cause)}.`, {
    cause,
  });
}
