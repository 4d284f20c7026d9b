import { join } from "node:path";
import { openBolt } from "../bolt/bolt-file.ts";
import { type BoltImportReport, importBolt } from "../bolt-import/import-bolt.ts";
import { openStore } from "../store/open-store.ts";
import type { Progress, WorkOptions } from "../store/progress.ts";
import type { Durability } from "../store/store.ts";
import { inTemporary } from "./temporary.ts";

/** What is imported, and where to. */
export interface PlainImport {
  readonly file: string;
  readonly directory: string;
  readonly dryRun: boolean;
}

/**
 * Brings any bbolt file into a store, buckets to buckets. A dry run does so in a temporary directory, and does not look
 * at the one that is named.
 *
 * @throws DatabaseError as `openBolt()`, `openStore()` and `importBolt()`
 */
export async function importPlain(order: PlainImport, work: WorkOptions): Promise<BoltImportReport> {
  // A file that is not there, or not bbolt's, must not leave a new store behind.
  await (await openBolt(order.file)).close();
  if (!order.dryRun) return importInto(order.directory, order.file, work, "durable");
  // What is deleted at the end need not be on disk.
  return inTemporary((directory) => importInto(join(directory, "store"), order.file, work, "relaxed"));
}

async function importInto(
  directory: string,
  file: string,
  work: WorkOptions,
  durability: Durability,
): Promise<BoltImportReport> {
  await using store = await openStore(directory, { durability });
  return await importBolt(file, store, { ...work, onProgress: (progress) => tellOnce(progress, work) });
}

/** Rows are counted as they are read through, and again as they are written, but people know of so many only. */
function tellOnce({ done, total }: Progress, { onProgress }: WorkOptions): void {
  if (total === undefined) onProgress?.({ done, total });
  else onProgress?.({ done: done - total / 2, total: total / 2 });
}
