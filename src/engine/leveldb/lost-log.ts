/** Tells an empty log that was never needed from one whose batches are gone. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type LiveTable, numberOf } from "./live-files.ts";
import { entriesOfTable } from "./table-entries.ts";

/** The first batch of all logs, where an empty log comes before it. */
export interface LateStart {
  /** The empty log. */
  readonly path: string;
  readonly sequence: number;
}

/**
 * Whether batches of the empty log are gone. A compaction that is asked for when nothing is to be written leaves an
 * empty log for a moment: then all that was written before the next log is in tables. Else it was in the log, as after
 * a power cut. Cost: it reads tables, in this one case, the newest first.
 */
export function isLogLost(directory: string, tables: readonly LiveTable[], { sequence }: LateStart): boolean {
  const newestFirst = [...tables].sort((a, b) => numberOf(b.name) - numberOf(a.name));
  return sequence > 1 && !newestFirst.some(({ name }) => reaches(join(directory, name), sequence - 1));
}

/** Whether a table has an entry with this sequence number, or a later one. */
function reaches(path: string, sequence: number): boolean {
  // What is damaged is told of when the table is verified.
  for (const entry of entriesOfTable(readFileSync(path), () => undefined))
    if (entry.sequence >= sequence) return true;
  return false;
}
