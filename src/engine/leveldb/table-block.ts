import { ByteReader, fixed32 } from "./byte-reader.ts";
import { uncompress } from "./snappy.ts";

/*
 * A block of a table, uncompressed:
 *
 *   block   = entries, starts of those that stand for themselves (4 bytes each), number of these (4 bytes)
 *   entry   = bytes shared with the key before, further bytes of the key, bytes of the value (varints),
 *             the further bytes, the value
 */

const COMPRESSED = 1;

export interface BlockEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Takes a block apart.
 *
 * @param bytes the block as it is stored @param type the byte after it, which tells whether it is compressed
 * @returns its entries; undefined where it has no such form
 */
export function blockEntries(bytes: Uint8Array, type: number): BlockEntry[] | undefined {
  const block = type === COMPRESSED ? uncompress(bytes) : bytes;
  if (block === undefined || block.length < 4 || type > COMPRESSED) return undefined;
  const end = block.length - 4 - fixed32(block, block.length - 4) * 4;
  if (end < 0) return undefined;
  const reader = new ByteReader(block, 0, end);
  const entries: BlockEntry[] = [];
  let before: Uint8Array = block.subarray(0, 0);
  while (!reader.done) {
    const shared = reader.varint();
    const further = reader.varint();
    const length = reader.varint();
    const suffix = reader.take(further);
    const value = reader.take(length);
    if (reader.failed || shared > before.length) return undefined;
    const key = new Uint8Array(shared + further);
    key.set(before.subarray(0, shared));
    key.set(suffix, shared);
    entries.push({ key, value });
    before = key;
  }
  return entries;
}
