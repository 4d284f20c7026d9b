/** Which of a directory's files make up the database. */
import { join } from "node:path";
import { damaged } from "./damage.ts";
import type { ManifestState, TableRecord } from "./manifest-file.ts";

export const CURRENT = "CURRENT";
/** What the file CURRENT holds. */
const POINTER = /^(MANIFEST-\d+)\n$/;
const NUMBERED = /^(\d+)\.(ldb|sst|log)$/;

/** A table that is needed, under the name that it has in the directory. */
export interface LiveTable {
  readonly name: string;
  readonly record: TableRecord;
}

/** The files that a manifest says are needed. */
export interface LiveFiles {
  readonly tables: readonly LiveTable[];
  /** Names of the logs, the oldest first. */
  readonly logs: readonly string[];
}

export function isDataFile(name: string): boolean {
  return NUMBERED.test(name);
}

/** @returns the name in a file CURRENT @throws DatabaseError `STORE_DAMAGED` */
export function manifestName(directory: string, pointer: string): string {
  const name = POINTER.exec(pointer)?.[1];
  if (name !== undefined) return name;
  const shown = JSON.stringify(pointer.slice(0, 40));
  throw damaged(join(directory, CURRENT), `it should name a manifest, and holds ${shown}`);
}

/** The number in the name of a manifest or a log. */
export function numberOf(name: string): number {
  return Number(/\d+/.exec(name)?.[0]);
}

/**
 * Finds the files that a manifest needs.
 *
 * @param names what the directory holds
 * @throws DatabaseError `STORE_DAMAGED` where one is missing, or the manifest is older than the files
 */
export function findLive(directory: string, state: ManifestState, names: readonly string[]): LiveFiles {
  const byNumber = new Map<number, string>();
  const logs: { name: string; number: number }[] = [];
  for (const name of names) {
    const [, digits, kind] = NUMBERED.exec(name) ?? [];
    if (kind === undefined) continue;
    if (kind !== "log") byNumber.set(Number(digits), name);
    else if (isLiveLog(Number(digits), state)) logs.push({ name, number: Number(digits) });
  }
  const tables = Array.from(state.tables.values(), (record) => {
    const name = byNumber.get(record.number);
    if (name !== undefined) return { name, record };
    throw damaged(
      join(directory, fileName(record.number, "ldb")),
      "the manifest needs this table, and it is gone",
    );
  });
  logs.sort((a, b) => a.number - b.number);
  if (state.logNumber > 0 && logs.every(({ number }) => number !== state.logNumber))
    throw damaged(
      join(directory, fileName(state.logNumber, "log")),
      "the manifest needs this log, and it is gone",
    );
  return { tables, logs: logs.map(({ name }) => name) };
}

/** Whether a log may hold what is in no table. */
export function isLiveLog(number: number, { logNumber, previousLog }: ManifestState): boolean {
  return number >= logNumber || (previousLog > 0 && number === previousLog);
}

/** The name of a data file. */
export function fileName(number: number, kind: "ldb" | "sst" | "log"): string {
  return `${String(number).padStart(6, "0")}.${kind}`;
}
