import type { AbstractSnapshot } from "abstract-level";
import type { Awaitable } from "../awaitable.ts";
import type { Interval } from "../keys/bounds.ts";
import { compareKeys } from "../keys/order.ts";
import { endedError, readError } from "./engine-errors.ts";
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
/** Rows that the first trip brings where it is not known how many will be taken. */
export const FIRST_CHUNK = 32;
/** With the last chunk, 100 rows: see below. */
const FIRST_AHEAD = 84;
/** Bytes or characters of values that are worked on at a time, where their number is not the caller's choice. */
export const CHUNK_LENGTH: number = 1 << 20;
/** The engine's default of 16 KiB would return some 75 rows a trip. */
const HIGH_WATER_MARK = 1 << 20;
/**
 * LevelDB's binding keeps an iterator's last chunk until the garbage collector takes the iterator, which it is in no
 * hurry to do: it sees a small object. Thousands of reads would hold gigabytes. From so many rows on, one read more,
 * which nobody waits for, leaves the iterator with a row.
 */
const FREED_FROM = 32;
/**
 * Rows that are left for a trip of their own, so that the iterator ends up with few and needs not be freed. That takes
 * no more trips, and while the engine fetches them this thread decodes those before.
 */
const LAST_CHUNK = 16;
/** A smaller one is not parted: there would be too little to decode meanwhile. */
const PARTED_FROM = 64;
/** By how much a further trip brings more rows than the one before, where rows are taken one by one. */
const CHUNK_GROWTH = 4;

const NO_ROWS: readonly Row[] = [];

/** Reads of all engines that are under way. */
let underWay = 0;

/**
 * How many rows the first trip brings of a walk that decodes what it has while the engine fetches more: few, so that
 * there is something to decode soon; the next ones bring ever more. Where other reads keep this thread busy meanwhile,
 * the fewest trips are the best, but not without a limit: the engine takes room for as many rows as it is asked for.
 */
export function firstAhead(limit: number): number {
  return underWay > 0 && limit < Number.POSITIVE_INFINITY ? MAX_CHUNK : FIRST_AHEAD;
}

/** Reads rows of an engine, at a snapshot or as they are now. */
export class EngineReader implements RowReader {
  readonly #iterator: EngineIterator | undefined;
  /** How many rows are still wanted. The engine is not told: past a limit it would not free what it holds. */
  #wanted: number;
  #buffer: readonly Row[] = NO_ROWS;
  #at = 0;
  #nextSize: number;
  /** The next rows, asked for while those of the buffer are taken. */
  #ahead: Promise<Row[]> | undefined;
  /** Comes when the buffer has the next rows: steps that were not awaited one by one wait for the same. */
  #filling: Promise<void> | undefined;
  /** The read that is under way. */
  #reading: Promise<Row[]> | undefined;
  /** Rows of the last chunk, which the engine still holds. */
  #held = 0;
  /** The key of the last of them. */
  #last: string | undefined;
  #isClosed = false;
  /** Whether that chunk was shorter than asked for: mostly since there are no more rows. */
  #isShort = false;

  constructor(level: Level, range: RowRange, snapshot: AbstractSnapshot | undefined) {
    const { from, to, reverse, limit, keys, values, format } = range;
    this.#nextSize = range.firstChunk;
    this.#wanted = limit;
    if (limit === 0 || compareKeys(from, to) >= 0) return;
    const options = {
      gte: from,
      lt: to,
      reverse,
      // A walk that may come to the end of the range must know its last row: see close().
      keys: keys || limit === Number.POSITIVE_INFINITY,
      values,
      keyEncoding: "utf8",
      valueEncoding: format,
      highWaterMarkBytes: HIGH_WATER_MARK,
      snapshot,
    };
    this.#iterator = level.iterator<string, string>(options) as EngineIterator;
  }

  async chunk(size: number): Promise<Row[]> {
    const wanted = this.#part(Math.min(size, this.#wanted));
    if (this.#iterator === undefined || wanted === 0) return [];
    if (this.#isClosed) throw endedError();
    underWay++;
    const reading = this.#iterator.nextv(wanted);
    this.#reading = reading;
    try {
      const rows = await reading;
      this.#wanted -= rows.length;
      this.#isShort = rows.length < wanted;
      // What gives none may not have asked the engine.
      if (rows.length > 0) {
        this.#held = rows.length;
        this.#last = rows.at(-1)?.[0];
      }
      return rows;
    } catch (error) {
      throw readError(error);
    } finally {
      underWay--;
      if (this.#reading === reading) this.#reading = undefined;
    }
  }

  /** How many rows of a chunk to fetch now. */
  #part(size: number): number {
    return size === this.#wanted && size >= PARTED_FROM ? size - LAST_CHUNK : size;
  }

  step(): Awaitable<Row | undefined> {
    if (this.#at < this.#buffer.length) return this.#buffer[this.#at++];
    if (this.#iterator === undefined) return undefined;
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling.then(() => (this.#buffer.length === 0 ? undefined : this.step()));
  }

  async #fill(): Promise<void> {
    const isWalk = this.#buffer.length > 0;
    const ahead = this.#ahead ?? this.#readOn();
    this.#ahead = undefined;
    this.#buffer = await ahead;
    this.#at = 0;
    // Whoever has come to a second chunk will mostly want a third.
    if (!isWalk || this.#buffer.length === 0) return;
    this.#ahead = this.#readOn();
    this.#ahead.catch(() => undefined); // Whoever comes to it gets the error.
  }

  #readOn(): Promise<Row[]> {
    const size = this.#nextSize;
    this.#nextSize = Math.min(size * CHUNK_GROWTH, MAX_CHUNK);
    return this.chunk(size);
  }

  close(): void {
    const iterator = this.#iterator;
    if (iterator === undefined || this.#isClosed) return;
    this.#isClosed = true;
    // Nothing waits for an iterator to close, and a failure to close one harms no result.
    const close = () => iterator.close().catch(() => undefined);
    const free = () => {
      if (this.#held < FREED_FROM) return close();
      // At the end, only a seek has it read again. To a row that is there: it is done on this thread, and would have to
      // cross all that was deleted before one that is.
      if (this.#isShort) iterator.seek(this.#last as string);
      return iterator.nextv(1).then(close, close);
    };
    try {
      if (this.#reading === undefined) free();
      else this.#reading.then(free).catch(close);
    } catch {
      close(); // An engine that cannot seek.
    }
  }
}

interface EngineIterator {
  seek(target: string): void;
  nextv(size: number): Promise<Row[]>;
  close(): Promise<void>;
}
