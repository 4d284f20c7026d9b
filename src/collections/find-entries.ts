import type { Row } from "../engine/level.ts";
import { allRows, MAX_CHUNK } from "../engine/reader.ts";
import { keysWithin } from "../keys/bounds.ts";
import type { TransactionCore } from "../store/core.ts";
import { AccessPath } from "./access-path.ts";
import type { Definition } from "./definition.ts";
import type { Entries, Entry } from "./entries.ts";
import type { Layout, LiveIndex } from "./layout.ts";
import { keyOfEntry } from "./lookup-reader.ts";
import { rowKey } from "./record-codec.ts";

/**
 * Finds the entries of a record that cannot be read, by the places of the indexes in the definition. Cost: it walks
 * all indexes.
 */
export async function findEntries(
  core: TransactionCore,
  definition: Definition,
  layout: Layout,
  primary: string,
): Promise<Entries> {
  const found: (readonly Entry[])[] = [];
  const key = rowKey(definition, primary);
  for (const live of layout.indexes)
    found[live.index.place] = await findInIndex(
      core,
      new AccessPath(core, definition, live.index),
      live,
      key,
    );
  return found;
}

async function findInIndex(
  core: TransactionCore,
  path: AccessPath,
  { prefix }: LiveIndex,
  key: string,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  const reader = core.read(allRows(keysWithin(prefix), true));
  try {
    while (true) {
      const rows = await reader.chunk(MAX_CHUNK);
      core.guardOpen();
      if (rows.length === 0) return entries;
      for (const row of rows) {
        if (isOf(path, row, key)) entries.push({ key: row[0].slice(prefix.length), value: row[1] as string });
      }
    }
  } finally {
    core.close(reader);
  }
}

function isOf(path: AccessPath, row: Row, key: string): boolean {
  try {
    return keyOfEntry(path, row) === key;
  } catch {
    return false;
  }
}
