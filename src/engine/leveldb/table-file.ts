import { ByteReader, fixed32 } from "./byte-reader.ts";
import { crc32c, unmask } from "./crc32c.ts";
import { damaged } from "./damage.ts";
import type { FileReader } from "./file-reader.ts";
import type { TableRecord } from "./manifest-file.ts";
import { type BlockEntry, blockEntries } from "./table-block.ts";

/*
 * The format of LevelDB's tables (NNNNNN.ldb):
 *
 *   file    = data blocks, a filter, a block that names the filter, the index, footer
 *   block   = bytes, type (1 byte: 1 for compressed), masked CRC-32C of both (4 bytes)
 *   index   = a block with an entry for each data block: a key not below those in it, and its place
 *   place   = offset, bytes without type and checksum (varints)
 *   footer  = places of the filter's name and of the index, zeros up to byte 40, magic number (8 bytes)
 */
const FOOTER = 48;
const TRAILER = 5;
const MAGIC = [0x8b80fb57, 0xdb477524] as const;
/** Blocks up to this size are opened to look at their keys. */
const OPENED = 64 << 20;

/** Where a block lies. */
export interface BlockPlace {
  readonly offset: number;
  /** Its bytes, without type and checksum. */
  readonly size: number;
}

/** A data block, as the index tells it. */
export interface DataBlock extends BlockPlace {
  /** Not below any key in it, and below all in the next one; with a sequence number. */
  readonly upTo: Uint8Array;
}

/**
 * Verifies a table: that each byte belongs to a block, each block matches its checksum, and that it is the table which
 * the manifest means.
 *
 * Cost: it reads the file, and computes the checksum of each block; the event loop goes on after each few MiB.
 *
 * @throws DatabaseError `STORE_DAMAGED`, the system's error where the file cannot be read
 */
export async function verifyTable(reader: FileReader, path: string, record: TableRecord): Promise<void> {
  await reader.open(path);
  if (reader.size !== record.size)
    throw damaged(path, `it has ${reader.size} bytes, the manifest says ${record.size}`);
  const { data, others } = await readPlaces(reader);
  let next = 0;
  for (const block of [...data, ...others]) {
    if (block.offset !== next) throw damaged(path, "its blocks do not follow one another", next);
    // Waiting for each of many small blocks would cost more than their checksums.
    if (!isHeldSound(reader, block)) await verifyBlock(reader, block);
    next += block.size + TRAILER;
  }
  if (next !== reader.size - FOOTER) throw damaged(path, "its blocks do not follow one another", next);
  await verifyEnds(reader, data, record);
}

/**
 * Reads where the data blocks of an open table lie. The index itself is verified.
 *
 * @throws DatabaseError `STORE_DAMAGED`
 */
export async function readIndex(reader: FileReader): Promise<readonly DataBlock[]> {
  return (await readPlaces(reader)).data;
}

/** @throws DatabaseError `STORE_DAMAGED` where a block does not match its checksum */
export async function verifyBlock(reader: FileReader, { offset, size }: BlockPlace): Promise<void> {
  const crc = await reader.checksum(offset, size + 1);
  const expected = unmask(fixed32(await reader.bytes(offset + size + 1, 4), 0));
  if (crc !== expected) throw damaged(reader.path, "a block does not match its checksum", offset);
}

/** Whether a block is in the reader's buffer, and sound. */
function isHeldSound(reader: FileReader, { offset, size }: BlockPlace): boolean {
  const bytes = reader.held(offset, size + TRAILER);
  return bytes !== undefined && crc32c(bytes, 0, size + 1) === unmask(fixed32(bytes, size + 1));
}

/** The entries of a block that was verified. @throws DatabaseError `STORE_DAMAGED` */
export async function readBlock(reader: FileReader, { offset, size }: BlockPlace): Promise<BlockEntry[]> {
  const bytes = await reader.bytes(offset, size + 1);
  const entries = blockEntries(bytes.subarray(0, size), bytes[size] as number);
  if (entries === undefined) throw damaged(reader.path, "a block cannot be read", offset);
  return entries;
}

interface Places {
  readonly data: readonly DataBlock[];
  /** The blocks that follow, in order. */
  readonly others: readonly BlockPlace[];
}

async function readPlaces(reader: FileReader): Promise<Places> {
  const { path, size } = reader;
  if (size < FOOTER) throw damaged(path, "it is too short for a table");
  const start = size - FOOTER;
  // The whole of a table of the usual size comes into the buffer at once.
  await reader.bytes(0, Math.min(size, OPENED));
  const footer = (await reader.bytes(start, FOOTER)).slice();
  if (fixed32(footer, 40) !== MAGIC[0] || fixed32(footer, 44) !== MAGIC[1])
    throw damaged(path, "it does not end as a table", size - 8);
  const places = new ByteReader(footer, 0, 40);
  const names = readPlace(places);
  const index = readPlace(places);
  const isPadded = footer.subarray(places.at, 40).every((byte) => byte === 0);
  if (places.failed || !isPadded || !fits(names, start) || !fits(index, start))
    throw damaged(path, "its footer cannot be read", start);
  await verifyBlock(reader, index);
  await verifyBlock(reader, names);
  const data = placesIn(path, await readBlock(reader, index), index.offset);
  const filters = placesIn(path, await readBlock(reader, names), names.offset);
  for (const place of [...data, ...filters])
    if (!fits(place, start)) throw damaged(path, "a block lies outside of the file", index.offset);
  return { data, others: [...filters, names, index] };
}

function placesIn(path: string, entries: readonly BlockEntry[], offset: number): DataBlock[] {
  return entries.map(({ key, value }) => {
    const reader = new ByteReader(value);
    const place = readPlace(reader);
    if (reader.failed) throw damaged(path, "a place cannot be read", offset);
    return { ...place, upTo: key };
  });
}

function readPlace(reader: ByteReader): BlockPlace {
  return { offset: reader.varint(), size: reader.varint() };
}

function fits({ offset, size }: BlockPlace, end: number): boolean {
  return offset + size + TRAILER <= end;
}

/** Two tables may be of one size: the first and the last key, with their sequence numbers, tell them apart. */
async function verifyEnds(
  reader: FileReader,
  data: readonly DataBlock[],
  record: TableRecord,
): Promise<void> {
  const ends = [data[0], data.at(-1)];
  for (const [i, block] of ends.entries()) {
    if (block === undefined || block.size > OPENED) continue;
    const key = (await readBlock(reader, block)).at(i === 0 ? 0 : -1)?.key;
    const expected = i === 0 ? record.smallest : record.largest;
    if (key === undefined || Buffer.compare(key, expected) !== 0)
      throw damaged(reader.path, "its keys are not those that the manifest tells: it is another table");
  }
}
