/*
 * A record of LevelDB's log is one batch of writes:
 *
 *   batch = sequence (64 bits) count (32 bits) { write }      integers are little-endian
 *   write = 1 key value | 0 key                               a put, or a deletion; each a length, then bytes
 *
 * The first write has the batch's sequence number, each further one the next.
 */
import { ByteReader, fixed32, fixed64 } from "./byte-reader.ts";
import { DELETED, type Entry, PUT } from "./entry.ts";

/** A batch: all of it was written, or nothing. */
export interface WriteBatch {
  readonly sequence: number;
  readonly entries: readonly Entry[];
}

const HEADER = 12;

/** @throws RangeError where the record is no batch */
export function decodeBatch(record: Uint8Array): WriteBatch {
  const sequence = fixed64(record, 0);
  const count = fixed32(record, 8);
  const reader = new ByteReader(record, HEADER);
  const entries: Entry[] = [];
  while (!reader.done) {
    const kind = reader.take(1)[0];
    if (kind !== PUT && kind !== DELETED) throw new RangeError(`a write is of kind ${kind}`);
    const key = reader.lengthPrefixed();
    const value = kind === PUT ? reader.lengthPrefixed() : undefined;
    entries.push({ key, sequence: sequence + entries.length, value });
  }
  if (reader.failed || record.length < HEADER || entries.length !== count)
    throw new RangeError("a batch does not have the writes that it tells of");
  return { sequence, entries };
}
