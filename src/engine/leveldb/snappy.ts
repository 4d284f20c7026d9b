import { ByteReader } from "./byte-reader.ts";

/*
 * Snappy's block format, in which LevelDB compresses:
 *
 *   block   = length of the output (varint), elements
 *   element = tag byte, then by its two lowest bits
 *             0  literal: length - 1 in the other six bits, or in the 1-4 bytes that follow (60-63); then the bytes
 *             1  copy: length - 4 in three bits, distance in the other three and one byte
 *             2  copy: length - 1 in six bits, distance in two bytes
 *             3  copy: length - 1 in six bits, distance in four bytes
 */

/** @returns what was compressed; undefined where the bytes are not Snappy's */
export function uncompress(bytes: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(bytes);
  const length = reader.varint();
  // No element gives more than 64 bytes for two of its own.
  if (reader.failed || length > bytes.length * 32) return undefined;
  const output = new Uint8Array(length);
  let filled = 0;
  while (!reader.done) {
    const tag = reader.take(1)[0] as number;
    const kind = tag & 3;
    if (kind === 0) {
      const literal = reader.take(literalLength(reader, tag >>> 2));
      if (reader.failed || literal.length > length - filled) return undefined;
      output.set(literal, filled);
      filled += literal.length;
      continue;
    }
    const count = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const distance = kind === 1 ? (tag >>> 5) * 256 + little(reader, 1) : little(reader, kind === 2 ? 2 : 4);
    if (reader.failed || distance === 0 || distance > filled || count > length - filled) return undefined;
    // Byte by byte: a copy may reach into what it writes.
    for (const end = filled + count; filled < end; filled++)
      output[filled] = output[filled - distance] as number;
  }
  return reader.failed || filled !== length ? undefined : output;
}

function literalLength(reader: ByteReader, bits: number): number {
  return bits < 60 ? bits + 1 : little(reader, bits - 59) + 1;
}

function little(reader: ByteReader, count: number): number {
  return reader.take(count).reduceRight((value, byte) => value * 256 + byte, 0);
}
