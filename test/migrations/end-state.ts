import type { AnyLevel } from "../helpers/levels.ts";

/** Every row of the engine, past the store. */
export async function rawRows(level: AnyLevel): Promise<Map<string, string>> {
  const rows = await level.iterator({ keyEncoding: "utf8", valueEncoding: "utf8" }).all();
  return new Map(rows as unknown as [string, string][]);
}

const TIMES = ["appliedAt", "startedAt", "durationMs", "backup"];

/** Every row, without what two runs of the same migration may differ in: times, and where backups lie. */
export async function endState(level: AnyLevel): Promise<Map<string, string>> {
  const rows = await rawRows(level);
  for (const [key, value] of rows) {
    if (!key.startsWith("!migrations!Jmigration_")) continue;
    const entry = JSON.parse(value) as Record<string, unknown>;
    for (const name of TIMES) if (name in entry) entry[name] = "…";
    rows.set(key, JSON.stringify(entry));
  }
  return rows;
}

/** The keys of the rows in which two states differ. */
export function differences(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  const keys = new Set([...a.keys(), ...b.keys()]);
  return Array.from(keys).filter((key) => a.get(key) !== b.get(key));
}
