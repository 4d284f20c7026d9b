import { join } from "node:path";
import { openBolt } from "../bolt/bolt-file.ts";
import type { Database } from "../control-plane/database.ts";
import { DatabaseManager } from "../control-plane/database-manager.ts";
import type { GoImportReport } from "../control-plane/go-import/go-import.ts";
import { controlPlaneSchema } from "../control-plane/schema.ts";
import { DatabaseError } from "../errors.ts";
import type { WorkOptions } from "../store/progress.ts";
import { inTemporary } from "./temporary.ts";

/** What is imported, and where to. */
export interface GoImport {
  readonly file: string;
  readonly directory: string;
  readonly dryRun: boolean;
  /** The tenant of records that name none. */
  readonly tenant: string | undefined;
}

/**
 * Brings a Go control plane's file into the database of a control plane, which is made where there is none.
 *
 * @throws DatabaseError as `openBolt()`, `DatabaseManager.open()` and `Database.importGoFile()`
 */
export async function importGo(order: GoImport, work: WorkOptions): Promise<GoImportReport> {
  // A file that is not there, or not bbolt's, must not leave a new database behind.
  await (await openBolt(order.file)).close();
  return order.dryRun ? rehearse(order, work) : importInto(order.directory, order, work);
}

async function importInto(directory: string, order: GoImport, work: WorkOptions): Promise<GoImportReport> {
  await using db = await DatabaseManager.open(directory, { retention: false });
  return await importFile(db, order, work, false);
}

async function importFile(
  db: Database,
  { file, tenant }: GoImport,
  work: WorkOptions,
  dryRun: boolean,
): Promise<GoImportReport> {
  return db.importGoFile(file, { ...work, dryRun, tenantId: tenant });
}

/** A dry run leaves the directory as it is: it is only read, or a temporary database stands for it. */
async function rehearse(order: GoImport, work: WorkOptions): Promise<GoImportReport> {
  const report = await inTemporary(async (temporary) => {
    const copy = join(temporary, "database");
    return (await rehearseThere(order, copy, work)) ?? (await importInto(copy, order, work));
  });
  return { ...report, dryRun: true };
}

/** @returns undefined where the directory has no store, or one that had to be copied first */
async function rehearseThere(
  order: GoImport,
  copy: string,
  work: WorkOptions,
): Promise<GoImportReport | undefined> {
  try {
    await using db = await DatabaseManager.open(order.directory, { retention: false, readOnly: true });
    const { pending } = await controlPlaneSchema(() => new Date()).status(db.store);
    if (pending.length === 0) return await importFile(db, order, work, true);
    // The import would migrate the database first, which a copy shows without touching it.
    await db.store.backup(copy, { signal: work.signal });
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "STORE_NOT_FOUND") return undefined;
    throw error;
  }
}
