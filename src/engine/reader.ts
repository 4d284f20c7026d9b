import type { AbstractSnapshot } from "abstract-level";
import type { Awaitable } from "../awaitable.ts";
import type { Interval } from "../keys/bounds.ts";
import { compareKeys } from "../keys/order.ts";
import { readError } from "./engine-errors.ts";
import type { Format, Level, Row } from "./level.ts";

/** Which rows a reader walks, and what of them it wants. */
export interface RowRange extends Interval {
  readonly reverse: boolean;
  /** How many rows are wanted at the most; Infinity for all. */
  readonly limit: number;
  readonly keys: boolean;
  readonly values: boolean;
  readonly format: Format;
  /** How many rows the first trip to the engine brings where rows are taken one by one. */
  readonly firstChunk: number;
}

/** All rows of an interval, in order, as text. */
export function allRows(interval: Interval, values: boolean): RowRange {
  const { from, to } = interval;
  const limit = Number.POSITIVE_INFINITY;
  return {
    from,
    to,
    reverse: false,
    limit,
    keys: true,
    values,
    format: "utf8",
    firstChunk: MAX_CHUNK,
  };
}

/** Walks rows in order. One call at a time; `close()` may come at any moment. */
export interface RowReader {
  /** The next rows, at least one and at most `size`; none at the end. */
  chunk(size: number): Promise<Row[]>;
  /** The next row, or undefined at the end. A plain value wherever no trip to the engine is needed. */
  step(): Awaitable<Row | undefined>;
  close(): void;
}

/**
 * The next rows of a reader, taken one by one, each as things are at its step.
 *
 * @param length ends the chunk with the row that takes its values beyond so many bytes or characters
 */
export async function chunkOfSteps(
  reader: RowReader,
  size: number,
  length: number = Number.POSITIVE_INFINITY,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (let taken = 0; rows.length < size && taken < length; ) {
    const step = reader.step();
    const row = step instanceof Promise ? await step : step;
    if (row === undefined) break;
    rows.push(row);
    taken += row[1]?.length ?? 0;
  }
  return rows;
}

/**
 * Counts the rows that a reader has left.
 *
 * @param guard called after each trip: throws where the count is not wanted any more
 */
export async function countRows(reader: RowReader, guard: () => void): Promise<number> {
  for (let count = 0; ; ) {
    const rows = await reader.chunk(MAX_CHUNK);
    guard();
    if (rows.length === 0) return count;
    count += rows.length;
  }
}

/** Rows a trip to the engine brings at the most: past this, a longer wait gains nothing. */
export const MAX_CHUNK = 1000;
/** Bytes or characters of values that are worked on at a time, where their number is not the caller's choice. */
export const CHUNK_LENGTH: number = 1 << 20;
/** The engine's default of 16 KiB would return some 75 rows a trip. */
const HIGH_WATER_MARK = 1 << 20;
/**
 * LevelDB's binding keeps an iterator's last chunk until the garbage collector comes, which sees only a small object:
 * thousands of reads would hold hundreds of megabytes. From so many rows on, a read past the end leaves it none.
 */
const FREED_FROM = 64;
/** The engine takes a larger limit modulo 2^32; no store has that many rows. */
const MAX_LIMIT = 2 ** 31 - 1;
/** By how much a further trip brings more rows than the one before, where rows are taken one by one. */
const CHUNK_GROWTH = 4;

/** Reads rows of an engine, at a snapshot or as they are now. */
export class EngineReader implements RowReader {
  readonly #iterator: EngineIterator | undefined;
  #buffer: Row[] = [];
  #at = 0;
  #nextSize: number;
  /** One that has a limit reads no further than that, and holds no more. */
  readonly #unlimited: boolean;
  /** Rows of the last chunk, which the engine still holds. */
  #held = 0;
  /** Past the last row that the walk can meet. */
  readonly #end: string;

  constructor(level: Level, range: RowRange, snapshot: AbstractSnapshot | undefined) {
    const { from, to, reverse, limit, keys, values, format } = range;
    this.#nextSize = Math.min(limit, range.firstChunk);
    this.#end = reverse ? "" : to;
    this.#unlimited = limit === Number.POSITIVE_INFINITY;
    if (limit === 0 || compareKeys(from, to) >= 0) return;
    const options = {
      gte: from,
      lt: to,
      reverse,
      limit: limit > MAX_LIMIT ? -1 : limit,
      keys,
      values,
      keyEncoding: "utf8",
      valueEncoding: format,
      highWaterMarkBytes: HIGH_WATER_MARK,
      snapshot,
    };
    this.#iterator = level.iterator<string, string>(options) as EngineIterator;
  }

  async chunk(size: number): Promise<Row[]> {
    if (this.#iterator === undefined) return [];
    try {
      const rows = await this.#iterator.nextv(size);
      if (this.#unlimited) this.#held = rows.length;
      return rows;
    } catch (error) {
      throw readError(error);
    }
  }

  step(): Awaitable<Row | undefined> {
    if (this.#at < this.#buffer.length) return this.#buffer[this.#at++];
    return this.#iterator === undefined ? undefined : this.#refill();
  }

  async #refill(): Promise<Row | undefined> {
    this.#buffer = await this.chunk(this.#nextSize);
    this.#nextSize = Math.min(this.#nextSize * CHUNK_GROWTH, MAX_CHUNK);
    this.#at = 1;
    return this.#buffer[0];
  }

  close(): void {
    const iterator = this.#iterator;
    if (iterator === undefined) return;
    // Nothing waits for an iterator to close, and a failure to close one harms no result.
    const close = () => iterator.close().catch(() => undefined);
    const isLarge = this.#held >= FREED_FROM;
    this.#held = 0;
    try {
      if (isLarge) iterator.seek(this.#end);
    } catch {
      close(); // A read is under way: what it brings is freed later.
      return;
    }
    if (isLarge) iterator.nextv(1).then(close, close);
    else close();
  }
}

interface EngineIterator {
  seek(target: string): void;
  nextv(size: number): Promise<Row[]>;
  close(): Promise<void>;
}
