import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { damaged } from "./damage.ts";
import { type Entry, entryOf } from "./entry.ts";
import { addFlaw, type Survey } from "./findings.ts";
import type { TableRecord } from "./manifest-file.ts";
import { entriesOfTable, type TableDamage } from "./table-entries.ts";

const NOTHING = new Uint8Array(0);

/**
 * Reads a table through, and adds what is sound in it to a survey, and what is not.
 *
 * @param record what the manifest tells of it, where that is known
 */
export async function surveyTable(
  path: string,
  record: TableRecord | undefined,
  rank: number,
  found: Survey,
): Promise<void> {
  const file = await readFile(path);
  const damages: TableDamage[] = [];
  let first: Entry | undefined;
  let last: Entry | undefined;
  for (const entry of entriesOfTable(file, (damage) => damages.push(damage))) {
    first ??= entry;
    last = entry;
  }
  const ends = record && {
    from: entryOf(record.smallest, NOTHING),
    to: entryOf(record.largest, NOTHING),
  };
  const isAnother =
    record !== undefined &&
    (file.length !== record.size ||
      (damages.length === 0 && !(isSame(first, ends?.from) && isSame(last, ends?.to))));
  if (isAnother) {
    damages.length = 0;
    const reason = "it is cut, or another table than the one that the manifest means";
    damages.push({ offset: 0, reason, keys: { from: undefined, to: undefined } });
  }
  for (const { offset, reason, keys } of damages) {
    const flaw = { file: basename(path), offset, reason };
    addFlaw(found, flaw);
    if (keys === undefined) continue;
    // Copies: the views would keep the whole file in memory.
    const from = keys.from?.slice() ?? ends?.from.key;
    const to = keys.to?.slice() ?? ends?.to.key;
    found.keys.push({ ...flaw, rank, from, to });
  }
  if (isAnother || first === undefined) return;
  const known = new Set(damages.map(({ offset }) => offset));
  found.sources.push({
    file: basename(path),
    first: first.key.slice(),
    rank,
    open: () => openTable(path, known),
  });
}

async function openTable(path: string, known: ReadonlySet<number>): Promise<Iterator<Entry>> {
  return entriesOfTable(await readFile(path), ({ offset, reason }) => {
    if (!known.has(offset)) throw damaged(path, reason, offset);
  });
}

function isSame(entry: Entry | undefined, expected: Entry | undefined): boolean {
  if (entry === undefined || expected === undefined) return false;
  return entry.sequence === expected.sequence && Buffer.compare(entry.key, expected.key) === 0;
}
