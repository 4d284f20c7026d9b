/** Takes back what a power cut has left behind a hole in the logs. */
import { copyFileSync, existsSync, renameSync, truncateSync } from "node:fs";
import { basename, dirname } from "node:path";
import { syncFile, syncNames } from "./file-sync.ts";
import type { Hole } from "./log-history.ts";

/** What an opening went back before, since a power cut had left a hole in the store's history. */
export interface Recovery {
  /** The log with the hole, and where in it. */
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
  /** Copies of the logs as they were, in the store's directory: nothing reads them, and they may be deleted. */
  readonly kept: readonly string[];
}

/**
 * Ends the logs where the hole is: later ones get another name, under which LevelDB passes over them, and the one with
 * the hole is cut there, after it was copied. Cut off at any moment, what is left has the same hole, or none.
 *
 * @param logs paths of all live logs, the oldest first
 * @returns the names of the copies
 * @throws the system's errors
 */
export function goBack(logs: readonly string[], { path, offset }: Hole): string[] {
  const copy = freeName(path);
  copyFileSync(path, copy);
  syncFile(copy);
  const kept = [basename(copy)];
  const later = logs.slice(logs.indexOf(path) + 1);
  // The newest first: amid that, those that are left must not seem to be all.
  for (const log of later.reverse()) {
    const name = freeName(log);
    renameSync(log, name);
    kept.push(basename(name));
  }
  syncNames(dirname(path));
  truncateSync(path, offset);
  syncFile(path);
  return kept;
}

/** LevelDB may give a number once more. */
function freeName(path: string): string {
  for (let n = 1; ; n++) {
    const name = `${path}.lost${n === 1 ? "" : `-${n}`}`;
    if (!existsSync(name)) return name;
  }
}
