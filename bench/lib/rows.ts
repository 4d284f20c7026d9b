// The rows of every benchmark: one-minute metrics snapshots of about 200 bytes, under [tenant, timestamp].
import charwise from "charwise";

/** The bucket that holds them. */
export const BUCKET = "metrics";

/** What precedes an encoded key on disk, and what follows the last one: a sublevel's bounds. */
export const PREFIX: string = `!${BUCKET}!`;
export const END: string = `!${BUCKET}"`;

/** A key as each subject wants it, made before the clock starts. */
export interface RowKey {
  readonly tuple: readonly [string, number];
  /** The whole key on disk. */
  readonly text: string;
}

/** A row to write. */
export interface Row {
  readonly key: RowKey;
  readonly value: object;
}

const ROWS_PER_TENANT = 10_000;
const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

/** The key of a row: rows are numbered in key order. */
export function keyOf(row: number): RowKey {
  const tuple = [tenantOf(row), timeOf(row)] as const;
  return { tuple, text: PREFIX + encode(tuple) };
}

/** The value of a row. */
export function recordOf(row: number): object {
  return {
    id: `m-${String(row).padStart(7, "0")}`,
    tenantId: tenantOf(row),
    timestamp: new Date(timeOf(row)).toISOString(),
    granularity: "minute",
    metrics: { cpu: fraction(row, 7919), memory: fraction(row, 104_729), load: (row % 400) / 100 },
    labels: { node: `node-${row % 40}`, region: "eu" },
  };
}

/** What a rewrite makes of a row's value: one field is another. */
export function rewritten(record: object): object {
  return { ...record, granularity: "hourly" };
}

/** What charwise makes of a key: the peer's own encoder, so that an error in ours would show. */
export function encode(key: unknown): string {
  return charwise.encode(key);
}

/**
 * A number from 0 to `span` - 1, which looks random and is the same for the same turn. The turn's bits are mixed as
 * MurmurHash3 does at its end: numbers that merely keep away from one another would miss LevelDB's cache each time.
 */
export function pick(turn: number, span: number): number {
  let bits = turn + 1;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return Math.floor((((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32) * span);
}

function tenantOf(row: number): string {
  return `tenant-${String(Math.floor(row / ROWS_PER_TENANT)).padStart(3, "0")}`;
}

function timeOf(row: number): number {
  return START + (row % ROWS_PER_TENANT) * MINUTE;
}

function fraction(row: number, factor: number): number {
  return ((row * factor) % 10_000) / 10_000;
}
