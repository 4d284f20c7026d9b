/** Tells what was lost by bucket. */

import type { Level } from "../engine/level.ts";
import type { LostKeys } from "../engine/leveldb/findings.ts";
import { decodeKey } from "../keys/decode.ts";
import type { Key } from "../keys/encode.ts";
import { rowsOf, SYSTEM_PREFIXES } from "../store/system.ts";
import type { Catalog } from "./catalog.ts";
import type { LostRange } from "./report.ts";
import type { Salvaged } from "./salvage.ts";

/** A bucket's rows, or those of the store. */
interface Place {
  readonly bucket: readonly string[] | undefined;
  readonly prefix: string;
}

/** @param level the new database, in which the rows around each range are looked up */
export async function describeLosses(
  ranges: readonly LostKeys[],
  salvaged: Salvaged,
  catalog: Catalog,
  level: Level,
): Promise<LostRange[]> {
  const places: Place[] = [
    ...catalog.buckets.map((bucket) => ({ bucket: catalog.pathOf(bucket), prefix: bucket.record.prefix })),
    ...SYSTEM_PREFIXES.map((prefix) => ({ bucket: undefined, prefix })),
  ];
  const losses: LostRange[] = [];
  for (const range of ranges) {
    const { file, offset, reason } = range;
    const flaw = { file, ...(offset === undefined ? {} : { offset }), reason };
    const old = salvaged.old.get(range);
    for (const { bucket, prefix } of places) {
      if (!meets(range, prefix)) continue;
      const neighbours =
        bucket === undefined ? { after: undefined, before: undefined } : await around(level, prefix, range);
      losses.push({ ...flaw, bucket, ...neighbours, old: old?.get(prefix) ?? 0 });
    }
  }
  return losses;
}

/** Whether a range has keys of a sublevel. */
function meets({ from, to }: LostKeys, prefix: string): boolean {
  const rows = rowsOf(prefix);
  const isBefore = to !== undefined && Buffer.compare(to, Buffer.from(rows.from)) < 0;
  const isBehind = from !== undefined && Buffer.compare(from, Buffer.from(rows.to)) >= 0;
  return !isBefore && !isBehind;
}

/** The last key that a sublevel has below a range, and the first one above it. */
async function around(
  level: Level,
  prefix: string,
  { from, to }: LostKeys,
): Promise<{ after: Key | undefined; before: Key | undefined }> {
  const rows = rowsOf(prefix);
  const [start, end] = [Buffer.from(rows.from), Buffer.from(rows.to)];
  const options = { keyEncoding: "view", limit: 1 } as const;
  const below =
    from === undefined || Buffer.compare(from, start) <= 0
      ? []
      : await level.keys<Uint8Array>({ ...options, gte: start, lt: from, reverse: true }).all();
  const above =
    to === undefined || Buffer.compare(to, end) >= 0
      ? []
      : await level.keys<Uint8Array>({ ...options, gt: to, lt: end }).all();
  return { after: keyIn(below[0], prefix), before: keyIn(above[0], prefix) };
}

function keyIn(row: Uint8Array | undefined, prefix: string): Key | undefined {
  if (row === undefined) return undefined;
  try {
    return decodeKey(Buffer.from(row).toString(), prefix.length);
  } catch {
    return undefined; // Another program wrote it.
  }
}
