/** Tries an import on a copy of the store, which is deleted afterwards. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../../store/open-store.ts";
import type { WorkOptions } from "../../store/progress.ts";
import type { Store } from "../../store/store.ts";
import type { Settings } from "../common/settings.ts";
import { type GoImportReport, importGoFile } from "./go-import.ts";

/** As {@link importGoFile}; nothing of it stays. Cost: space for a copy of the store, and the import, in the system's directory for temporary files. */
export async function tryGoFile(
  store: Store,
  settings: Settings,
  path: string,
  tenantId: string,
  work: WorkOptions,
): Promise<GoImportReport> {
  const scratch = await mkdtemp(join(tmpdir(), "meshgate-dry-run-"));
  try {
    const { signal } = work;
    await store.backup(join(scratch, "copy"), signal === undefined ? {} : { signal });
    await using copy = await openStore(join(scratch, "copy"), { durability: "relaxed" });
    const done = await importGoFile(copy, settings, path, tenantId, work);
    return { ...done, dryRun: true };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
