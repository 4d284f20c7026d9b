import type { Row } from "../engine/level.ts";
import { MAX_CHUNK, type RowRange } from "../engine/reader.ts";
import { successor } from "../keys/bounds.ts";
import type { Key } from "../keys/encode.ts";
import { checkCount, checkFunction } from "../store/options.ts";
import type { RangeOptions } from "../store/range-options.ts";
import type { AccessPath } from "./access-path.ts";
import { danglingEntry, keyOfEntry, keyStart } from "./lookup-reader.ts";
import { openToken, sealToken } from "./token.ts";

/** Which records {@link Queries.pages} gives. */
export interface PageOptions<B extends Key = Key, T = object> extends Omit<RangeOptions<B>, "limit"> {
  /** How many records a page has at the most. */
  readonly size: number;
  /** The token of the page before; none for the first page. */
  readonly after?: string | undefined;
  /** Which of the records to give: the others are read and passed over. Not part of what a token is bound to. */
  where?(record: T): boolean;
}

/** Some records, and how to go on. */
export interface Page<T> {
  readonly records: readonly T[];
  /** Asks for the next page, in this transaction or any later one; undefined where this is the last. */
  readonly next: string | undefined;
}

/** Rows read at a time where some are passed over. */
const PASSED = 256;

/** Pages of records, in order. */
export class Pages<T extends object> implements AsyncIterable<Page<T>> {
  readonly #path: AccessPath;
  readonly #rows: RowRange;
  readonly #size: number;
  readonly #after: string | undefined;
  readonly #where: ((record: object) => boolean) | undefined;
  readonly #source: { carriesRecord: boolean; decode: (text: string) => T };

  /** @internal @throws DatabaseError `OPTION_INVALID` */
  constructor(
    path: AccessPath,
    rows: RowRange,
    options: { size: unknown; after: unknown; where?: unknown },
    source: { carriesRecord: boolean; decode: (text: string) => T },
  ) {
    checkCount(options.size, 1, "The option size");
    if (options.where !== undefined) checkFunction(options.where, "where");
    this.#where = options.where as ((record: object) => boolean) | undefined;
    this.#path = path;
    this.#rows = rows;
    this.#size = options.size;
    this.#after = options.after as string | undefined;
    this.#source = source;
  }

  /** Reads one page. @throws DatabaseError as `pages()` */
  first(): Promise<Page<T>> {
    return this.#page(this.#after);
  }

  /** Walks the pages from here on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Page<T>, void> {
    let after = this.#after;
    do {
      const page = await this.#page(after);
      yield page;
      after = page.next;
    } while (after !== undefined);
  }

  async #page(after: string | undefined): Promise<Page<T>> {
    this.#path.core.guardOpen();
    const bounds =
      after === undefined ? this.#rows : this.#beyond(await openToken(this.#path, this.#rows, after));
    const { found, hasMore } =
      this.#where === undefined ? await this.#firstOf(bounds) : await this.#firstWhere(bounds, this.#where);
    const last = found.at(-1);
    return {
      records: found.map(({ record }) => record),
      next:
        hasMore && last !== undefined
          ? await sealToken(this.#path, this.#rows, positionOf(last.row))
          : undefined,
    };
  }

  async #firstOf(bounds: RowRange): Promise<Sought<T>> {
    // One more than a page has tells whether there is another; it is not looked at.
    const rows = await this.#read({ ...bounds, limit: this.#size + 1 });
    return { found: await this.#records(rows.slice(0, this.#size)), hasMore: rows.length > this.#size };
  }

  async #firstWhere(bounds: RowRange, where: (record: object) => boolean): Promise<Sought<T>> {
    const found: Found<T>[] = [];
    const limit = Math.max(this.#size + 1, PASSED);
    for (let rest = bounds; ; ) {
      const rows = await this.#read({ ...rest, limit });
      for (const each of await this.#records(rows)) {
        if (!where(each.record)) continue;
        if (found.length === this.#size) return { found, hasMore: true };
        found.push(each);
      }
      const last = rows.at(-1);
      if (rows.length < limit || last === undefined) return { found, hasMore: false };
      rest = this.#beyond(positionOf(last));
    }
  }

  #beyond(position: string): RowRange {
    return this.#rows.reverse
      ? { ...this.#rows, to: position }
      : { ...this.#rows, from: successor(position) };
  }

  async #read(range: RowRange): Promise<Row[]> {
    const { core } = this.#path;
    const reader = this.#path.read(range);
    const rows: Row[] = [];
    try {
      while (rows.length < range.limit) {
        const chunk = await reader.chunk(Math.min(range.limit - rows.length, MAX_CHUNK));
        core.guardOpen();
        if (chunk.length === 0) break;
        rows.push(...chunk);
      }
      return rows;
    } finally {
      core.close(reader);
    }
  }

  async #records(rows: readonly Row[]): Promise<Found<T>[]> {
    const { core } = this.#path;
    if (this.#source.carriesRecord)
      return rows.map((row) => ({ row, record: this.#source.decode(row[1] as string) }));
    const records = (await this.#path.place())?.records ?? "";
    const keys = rows.map((row) => records + keyOfEntry(this.#path, row));
    const texts = await core.getMany(keys, "utf8");
    core.guardOpen();
    const found: Found<T>[] = [];
    for (const [i, text] of texts.entries()) {
      const row = rows[i] as Row;
      if (text !== undefined) found.push({ row, record: this.#source.decode(text as string) });
      // A writer may have deleted the record since its entry was read.
      else if (core.pending(keys[i] as string) === undefined) throw danglingEntry(this.#path, row);
    }
    return found;
  }
}

/** The records of a page, and whether there are others behind them. */
interface Sought<T> {
  readonly found: readonly Found<T>[];
  readonly hasMore: boolean;
}

/** A record, and the row that it was found by. */
interface Found<T> {
  readonly row: Row;
  readonly record: T;
}

/** Where a row stands, without the prefix: an index that is built anew may get another. */
function positionOf([key]: Row): string {
  return key.slice(keyStart(key));
}
