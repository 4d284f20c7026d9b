import type { Row } from "../engine/level.ts";
import { firstAhead, MAX_CHUNK, type RowRange, type RowReader } from "../engine/reader.ts";
import type { TransactionCore } from "./core.ts";

/** What a range walks, and how it turns a row into what it gives. */
export interface RangeSpec<T> {
  readonly rows: RowRange;
  readonly decode: (row: Row) => T;
  /** Checked before each step: throws where the bucket is gone. */
  readonly guard: () => void;
  /** Opens a reader of the rows; by default of the transaction's. */
  readonly read?: (rows: RowRange) => RowReader;
}

/**
 * The rows of a bucket between two bounds, in order. Nothing is read until it is asked for, and each of the ways to
 * ask reads anew.
 *
 * In a read-only transaction that is the rows at its commit. In a writer it is exact at each step: what the same
 * transaction puts ahead of the walk is met, what it deletes ahead is not, and nothing is met twice.
 *
 * Valid only while its transaction is open.
 */
export class Range<T> implements AsyncIterable<T> {
  readonly #core: TransactionCore;
  readonly #spec: RangeSpec<T>;

  /** @internal */
  constructor(core: TransactionCore, spec: RangeSpec<T>) {
    this.#core = core;
    this.#spec = spec;
  }

  /**
   * Reads the whole range into an array. Cost: a trip to the engine for up to 84 rows, then for ever more, up to 1000;
   * with a limit the last 16 come in one of their own. It fetches the next ones while these are decoded.
   *
   * @throws DatabaseError `TX_CLOSED`, `TX_EXPIRED`, `BUCKET_NOT_FOUND`, `DATA_CORRUPT`, `STORE_DAMAGED`
   */
  async toArray(): Promise<T[]> {
    const { decode, rows: range } = this.#spec;
    const reader = this.#open();
    const results: T[] = [];
    let wanted = range.limit;
    let size = firstAhead(wanted);
    let next = reader.chunk(Math.min(wanted, size));
    try {
      while (wanted > 0) {
        const rows = await next;
        this.#spec.guard();
        if (rows.length === 0) break;
        wanted -= rows.length;
        // The engine fetches the next rows while this thread decodes these.
        size = Math.min(2 * size, MAX_CHUNK);
        if (wanted > 0) next = reader.chunk(Math.min(wanted, size));
        for (let i = 0; i < rows.length; i++) results.push(decode(rows[i] as Row));
      }
      return results;
    } catch (error) {
      next.catch(() => undefined); // Where decoding failed, nobody waits for the rows asked for ahead.
      throw error;
    } finally {
      this.#core.close(reader);
    }
  }

  /** Reads the first row of the range; undefined where it is empty. */
  async first(): Promise<T | undefined> {
    const reader = this.#open({ ...this.#spec.rows, limit: Math.min(this.#spec.rows.limit, 1) });
    try {
      const [row] = await reader.chunk(1);
      this.#spec.guard();
      return row === undefined ? undefined : this.#spec.decode(row);
    } finally {
      this.#core.close(reader);
    }
  }

  /** Walks the range row by row, reading ahead of what is asked for. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return new RangeIterator(this.#core, this.#spec, this.#open());
  }

  #open(rows: RowRange = this.#spec.rows): RowReader {
    this.#spec.guard();
    return this.#spec.read === undefined ? this.#core.read(rows) : this.#spec.read(rows);
  }
}

class RangeIterator<T> implements AsyncIterableIterator<T> {
  readonly #core: TransactionCore;
  readonly #spec: RangeSpec<T>;
  readonly #reader: RowReader;
  #done = false;

  constructor(core: TransactionCore, spec: RangeSpec<T>, reader: RowReader) {
    this.#core = core;
    this.#spec = spec;
    this.#reader = reader;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#done) return { done: true, value: undefined };
    try {
      this.#spec.guard();
      const step = this.#reader.step();
      const row = step instanceof Promise ? await step : step;
      this.#spec.guard();
      if (row !== undefined) return { done: false, value: this.#spec.decode(row) };
    } catch (error) {
      this.#close();
      throw error;
    }
    this.#close();
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #close(): void {
    this.#done = true;
    this.#core.close(this.#reader);
  }
}
