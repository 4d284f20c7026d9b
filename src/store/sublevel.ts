import type { TransactionCore } from "./core.ts";
import { rowsOf } from "./system.ts";

/** The path of names by which abstract-level opens the sublevel of a prefix: `db.sublevel(path)`. */
export function sublevelOf(prefix: string): string[] {
  return prefix.slice(1, -1).split("!!");
}

/** The bytes on disk of a sublevel's own rows, as the engine estimates them. */
export async function bytesOf(core: TransactionCore, prefix: string): Promise<number | undefined> {
  const { from, to } = rowsOf(prefix);
  return core.base.approximateSize?.(from, to);
}
