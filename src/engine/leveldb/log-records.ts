/*
 * LevelDB's log, in which batches and changes of its manifest lie:
 *
 *   log      = { block }                                      32 KiB each, but for the last
 *   block    = { fragment } filler                            the filler is shorter than a fragment's header
 *   fragment = checksum (32 bits) length (16 bits) type bytes
 *   type     = 1 a whole record, 2 its beginning, 3 a further part, 4 its end
 */
import { fixed32 } from "./byte-reader.ts";
import { crc32c, unmask } from "./crc32c.ts";

/** A record that is sound. */
export interface LogRecord {
  readonly offset: number;
  readonly record: Uint8Array;
}

/** A part of a log that cannot be relied on. */
export interface LogDamage {
  readonly offset: number;
  readonly reason: string;
}

const BLOCK = 32_768;
const HEADER = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;

/**
 * The sound records of a log, and between them what is not sound. Behind a bad fragment the rest of its block is left
 * out: its length cannot be relied on, and what looks like a record there may be a part of somebody's value.
 */
export function* recordsOf(file: Uint8Array): Generator<LogRecord | LogDamage> {
  let parts: Uint8Array[] = [];
  let start = 0;
  // Whether parts of a record are to be passed over, since its beginning was bad.
  let isBroken = false;
  for (let at = 0; at < file.length; ) {
    const left = BLOCK - (at % BLOCK);
    if (left < HEADER) {
      at += left;
      continue;
    }
    const fragment = readFragment(file, at, left);
    if (typeof fragment === "string") {
      yield { offset: parts.length > 0 ? start : at, reason: fragment };
      parts = [];
      isBroken = true;
      at += left;
      continue;
    }
    const { type, bytes } = fragment;
    if (type === FULL || type === FIRST) {
      if (parts.length > 0) yield { offset: start, reason: "has a record without an end" };
      parts = [];
      isBroken = false;
      start = at;
    } else if (parts.length === 0) {
      if (!isBroken) yield { offset: at, reason: "has a record without a beginning" };
      isBroken = true;
    }
    if (!isBroken) parts.push(bytes);
    at += HEADER + bytes.length;
    if ((type === FULL || type === LAST) && parts.length > 0) {
      yield { offset: start, record: parts.length === 1 ? bytes : Buffer.concat(parts) };
      parts = [];
    }
  }
  if (parts.length > 0) yield { offset: start, reason: "ends within a record" };
}

/** @param left the bytes to the end of the block @returns what is wrong, where it is not sound */
function readFragment(
  file: Uint8Array,
  at: number,
  left: number,
): { type: number; bytes: Uint8Array } | string {
  if (at + HEADER > file.length) return "ends within a record";
  const length = (file[at + 4] as number) + (file[at + 5] as number) * 256;
  const type = file[at + 6] as number;
  if (type === 0 && length === 0) return "has zeros where a record should be";
  if (HEADER + length > left) return "has a record that is longer than its block";
  const end = at + HEADER + length;
  if (end > file.length) return "ends within a record";
  if (crc32c(file, at + 6, end) !== unmask(fixed32(file, at))) return "has a record with a wrong checksum";
  if (type < FULL || type > LAST) return `has a record of type ${type}, which LevelDB does not write`;
  return { type, bytes: file.subarray(at + HEADER, end) };
}

export const isDamage = (item: LogRecord | LogDamage): item is LogDamage => !("record" in item);
