import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseError } from "../../errors.ts";
import { isMissing } from "./damage.ts";
import { syncFile, syncNames } from "./file-sync.ts";
import { CURRENT, findLive, manifestName } from "./live-files.ts";
import { readManifest } from "./manifest-file.ts";
import type { Preflight } from "./preflight.ts";
import { type Stamp, stampOf, writeSeal } from "./seal.ts";

/**
 * Notes how the files of a database are after LevelDB has closed it in good order, its logs on disk before.
 *
 * @param tables those that were there when it was opened, from the pre-flight
 */
export function sealClosed(directory: string, tables: Preflight["tables"]): void {
  try {
    const current = manifestName(directory, readFileSync(join(directory, CURRENT), "latin1"));
    const state = readManifest(join(directory, current), readFileSync(join(directory, current)), true);
    const live = findLive(directory, state, readdirSync(directory));
    for (const log of live.logs) syncFile(join(directory, log));
    syncNames(directory);
    const files: Record<string, Stamp> = {};
    for (const name of [current, ...live.logs]) files[name] = stampOf(join(directory, name));
    for (const { name } of live.tables) {
      // A table never changes: one that did is not vouched for, and will be verified.
      const stamp = tables.has(name) ? tables.get(name) : stampOf(join(directory, name));
      if (stamp !== undefined) files[name] = stamp;
    }
    writeSeal(directory, { clean: true, current, files });
  } catch (error) {
    // Without a seal the next opening finds out by itself what is wrong here.
    if (!(error instanceof DatabaseError) && !isMissing(error) && !isSystemError(error)) throw error;
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === "string";
}
