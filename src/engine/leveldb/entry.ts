import { fixed32 } from "./byte-reader.ts";

/** One write of a key, as LevelDB keeps it: later ones of a key hide earlier ones. */
export interface Entry {
  readonly key: Uint8Array;
  /** The number of the write: each has one of its own, and later ones have greater ones. */
  readonly sequence: number;
  /** Undefined where the key was deleted. */
  readonly value: Uint8Array | undefined;
}

/** What is told of an entry's kind. */
export const DELETED = 0;
export const PUT = 1;

/** Behind the key in a table's key stand eight bytes: the kind, and the sequence number. */
const TAG = 8;

/** Takes a table's key apart. @throws RangeError where it is none */
export function entryOf(tableKey: Uint8Array, value: Uint8Array): Entry {
  const key = keyIn(tableKey);
  const kind = tableKey[key.length] as number;
  if (kind !== PUT && kind !== DELETED) throw new RangeError(`an entry is of kind ${kind}`);
  const sequence = (fixed32(tableKey, key.length) >>> 8) + fixed32(tableKey, key.length + 4) * 2 ** 24;
  return { key, sequence, value: kind === PUT ? value : undefined };
}

/** The key itself within a table's key. @throws RangeError where it is none */
export function keyIn(tableKey: Uint8Array): Uint8Array {
  if (tableKey.length < TAG) throw new RangeError("a table's key is too short");
  return tableKey.subarray(0, -TAG);
}
