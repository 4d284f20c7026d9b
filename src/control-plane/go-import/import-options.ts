import { checkBoolean, checkOptions, checkPath } from "../../store/options.ts";
import { checkWork, type WorkOptions } from "../../store/progress.ts";
import { checkTenantId } from "../common/scope.ts";

/** Options of `Database.importGoFile()`. */
export interface GoImportOptions extends WorkOptions {
  /** Whose records become that name no tenant; "system" by default. */
  readonly tenantId?: string | undefined;
  /** Whether to try it on a copy of the store, of which nothing stays; false by default. */
  readonly dryRun?: boolean | undefined;
}

/** @throws DatabaseError `PATH_INVALID`, `OPTION_INVALID`, `KEY_REQUIRED` */
export function checkImport(
  file: unknown,
  options: GoImportOptions,
): Omit<GoImportOptions, keyof WorkOptions> & { readonly work: WorkOptions } {
  checkPath(file, "importGoFile()", "file");
  checkOptions(options, ["tenantId", "dryRun", "signal", "onProgress"], "importGoFile()");
  const { tenantId, dryRun, signal, onProgress } = options;
  const work = { signal, onProgress };
  checkWork(work, "importGoFile()");
  checkBoolean(dryRun, "The option dryRun");
  if (tenantId !== undefined) checkTenantId(tenantId);
  return { tenantId, dryRun, work };
}
