import { constants, existsSync } from "node:fs";
import { copyFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeDirectory } from "../engine/directory.ts";
import { damaged, isMissing } from "../engine/leveldb/damage.ts";
import { DatabaseError } from "../errors.ts";
import { BACKUP_FILE, type BackupFacts, readBackupFile } from "./backup-file.ts";
import { checkPath } from "./options.ts";
import { checkWork, report, type WorkOptions } from "./progress.ts";
import { makeWhole, syncFiles } from "./target.ts";
import { backupError, openBackup, type VerifiedBackup, verifyRows } from "./verify-backup.ts";

/**
 * Makes a store of a backup. The copy is verified as {@link verifyBackup} does it, and appears under its name only when
 * it is right and on disk.
 *
 * Cost: it reads everything twice, and writes it once.
 *
 * @param backup a directory that `backup()` made, and in which no store is open
 * @param directory must not exist yet, or be empty
 * @param options progress is told in rows of the copy
 * @throws DatabaseError `BACKUP_INVALID` as {@link verifyBackup}, `BACKUP_TARGET` where the directory is taken,
 * `PATH_INVALID`, `OPTION_INVALID`, `ABORTED`, `STORE_IO`
 */
export async function restore(
  backup: string,
  directory: string,
  options: WorkOptions = {},
): Promise<VerifiedBackup> {
  checkPath(backup, "restore()");
  checkWork(options, "restore()");
  const source = resolve(backup);
  const facts = await readBackupFile(source);
  return makeWhole(directory, "The restored store", async (partial) => {
    await copyBackup(source, partial, facts, options);
    await verifyCopy(source, partial, facts, options);
    // What lives on is no backup any more.
    await rm(join(partial, BACKUP_FILE));
    const { commit, rows, bytes, made } = facts;
    return { commit, rows, bytes, made };
  });
}

async function copyBackup(
  source: string,
  partial: string,
  facts: BackupFacts,
  work: WorkOptions,
): Promise<void> {
  const { names } = await openBackup(source);
  makeDirectory(partial);
  for (const name of [...names, BACKUP_FILE]) {
    report(work, 0, facts.rows);
    const from = join(source, name);
    await copyFile(from, join(partial, name), constants.COPYFILE_FICLONE).catch((error) => {
      throw isMissing(error) && !existsSync(from)
        ? backupError(source, damaged(from, "it is missing"))
        : error;
    });
  }
  await syncFiles(partial);
}

async function verifyCopy(
  source: string,
  partial: string,
  facts: BackupFacts,
  work: WorkOptions,
): Promise<void> {
  try {
    await verifyRows(partial, facts, work);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== "BACKUP_INVALID") throw error;
    // It names the copy, which will be gone. Where the backup itself is wrong, this names it.
    const { signal } = work;
    await verifyRows(source, facts, { signal });
    throw new DatabaseError("STORE_IO", `The copy of ${source} is not what was copied. Try another disk.`, {
      cause: error,
    });
  }
}
