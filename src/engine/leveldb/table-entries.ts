/**
 * Reads what is sound in a table, block by block: unlike the verification of table-file.ts, it goes on where a block is
 * damaged. The format stands there.
 */
import { ByteReader, fixed32 } from "./byte-reader.ts";
import { crc32c, unmask } from "./crc32c.ts";
import { type Entry, entryOf, keyIn } from "./entry.ts";
import { type BlockEntry, blockEntries } from "./table-block.ts";

/** Keys between two others, these among them; an end that is undefined is not known. */
export interface KeySpan {
  readonly from: Uint8Array | undefined;
  readonly to: Uint8Array | undefined;
}

/** A part of a table that cannot be relied on. */
export interface TableDamage {
  readonly offset: number;
  readonly reason: string;
  /** Where the entries lay that it held; undefined where it held none. */
  readonly keys: KeySpan | undefined;
}

interface Place {
  readonly offset: number;
  readonly size: number;
}

interface DataBlock extends Place {
  /** No key within is above. */
  readonly last: Uint8Array;
}

const FOOTER = 48;
const PLACES = 40;
/** Behind each block stand its type and its checksum. */
const TRAILER = 5;
const MAGIC: Uint8Array = Buffer.from("57fb808b247547db", "hex");
const ALL: KeySpan = { from: undefined, to: undefined };

/**
 * The entries in the sound blocks of a table, in order.
 *
 * @param tell gets what is damaged, when its turn comes; what it throws ends the walk
 */
export function* entriesOfTable(file: Uint8Array, tell: (damage: TableDamage) => void): Generator<Entry> {
  const blocks = dataBlocks(file, tell);
  let from: Uint8Array | undefined;
  for (const [i, block] of blocks.entries()) {
    const entries = entriesIn(file, block);
    // The index may tell a shorter key than the last block has.
    const to = i === blocks.length - 1 ? undefined : block.last;
    if (typeof entries === "string") tell({ offset: block.offset, reason: entries, keys: { from, to } });
    else yield* entries;
    from = block.last;
  }
}

/** @returns what is wrong, where the block is not sound */
function entriesIn(file: Uint8Array, place: Place): Entry[] | string {
  const block = readBlock(file, place);
  if (typeof block === "string") return block;
  try {
    return block.map(({ key, value }) => entryOf(key, value));
  } catch (error) {
    return `a block has a right checksum, but ${(error as RangeError).message}`;
  }
}

function readBlock(file: Uint8Array, { offset, size }: Place): BlockEntry[] | string {
  const end = offset + size;
  if (end + TRAILER > file.length - FOOTER) return "a block lies outside of the file";
  if (crc32c(file, offset, end + 1) !== unmask(fixed32(file, end + 1)))
    return "a block does not match its checksum";
  const entries = blockEntries(file.subarray(offset, end), file[end] as number);
  return entries ?? "a block has a right checksum, but cannot be read";
}

/** The blocks that hold entries, in order. What else is damaged is told of at once. */
function dataBlocks(file: Uint8Array, tell: (damage: TableDamage) => void): DataBlock[] {
  const start = Math.max(0, file.length - FOOTER);
  if (file.length < FOOTER || Buffer.compare(file.subarray(start + PLACES), MAGIC) !== 0) {
    tell({ offset: start, reason: "it does not end as a table", keys: ALL });
    return [];
  }
  const footer = new ByteReader(file, start, start + PLACES);
  const names = readPlace(footer);
  const index = readPlace(footer);
  const end = checkFilters(file, names, tell);
  const blocks = readIndex(file, index);
  if (typeof blocks !== "string" && isGapless(blocks, end)) return blocks;
  const reason = typeof blocks === "string" ? blocks : "its blocks do not follow one another";
  tell({ offset: index.offset, reason: `${reason} (the index)`, keys: ALL });
  return [];
}

/** A damaged filter hides rows, but takes none away. @returns where the data blocks end, where that can be told */
function checkFilters(
  file: Uint8Array,
  names: Place,
  tell: (damage: TableDamage) => void,
): number | undefined {
  const entries = readBlock(file, names);
  if (typeof entries === "string") {
    tell({ offset: names.offset, reason: `${entries} (the filter's name)`, keys: undefined });
    return undefined;
  }
  let end = names.offset;
  for (const { value } of entries) {
    const { offset, size } = readPlace(new ByteReader(value));
    end = Math.min(end, offset);
    const sum = offset + size + 1;
    if (sum + 4 <= file.length && crc32c(file, offset, sum) === unmask(fixed32(file, sum))) continue;
    tell({ offset, reason: "a block does not match its checksum (the filter)", keys: undefined });
  }
  return end;
}

function readIndex(file: Uint8Array, place: Place): DataBlock[] | string {
  const entries = readBlock(file, place);
  if (typeof entries === "string") return entries;
  try {
    return entries.map(({ key, value }) => ({ last: keyIn(key), ...readPlace(new ByteReader(value)) }));
  } catch (error) {
    return `it has a right checksum, but ${(error as RangeError).message}`;
  }
}

function readPlace(reader: ByteReader): Place {
  return { offset: reader.varint(), size: reader.varint() };
}

/** Whether blocks follow one another from the beginning, up to the end where that is known. */
function isGapless(blocks: readonly DataBlock[], end: number | undefined): boolean {
  let at = 0;
  for (const { offset, size } of blocks) {
    if (offset !== at) return false;
    at = offset + size + TRAILER;
  }
  return end === undefined || at === end;
}
