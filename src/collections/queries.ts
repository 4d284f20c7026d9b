import { type Awaitable, attempt, chain } from "../awaitable.ts";
import type { Row } from "../engine/level.ts";
import { countRows, type RowRange, type RowReader } from "../engine/reader.ts";
import { decodeKey } from "../keys/decode.ts";
import type { Key } from "../keys/encode.ts";
import { checkOptions } from "../store/options.ts";
import { Range } from "../store/range.ts";
import { type RangeOptions, toRowRange } from "../store/range-options.ts";
import { codecOf } from "../store/values.ts";
import type { AccessPath } from "./access-path.ts";
import { keyOfEntry, LookupReader } from "./lookup-reader.ts";
import { OnceReader } from "./once-reader.ts";
import { type PageOptions, Pages } from "./pages.ts";
import { checkRead, fromJson, fromText } from "./record-codec.ts";

/** How a query is answered: what {@link Queries.explain} tells. */
export interface Explanation {
  readonly collection: string;
  /** The index's name; undefined for the primary key. */
  readonly index: string | undefined;
  /** The abstract-level sublevel that is walked, as its path from the root; empty where there is none yet. */
  readonly sublevel: readonly string[];
  /** The least encoded key in that sublevel that is covered. */
  readonly from: string;
  /** The least encoded key above all that are covered. */
  readonly to: string;
  readonly reverse: boolean;
  readonly limit: number;
  /** How many rows of the sublevel the query reads. */
  readonly rows: number;
  /** How many records it reads besides, one by one: none where the rows carry all that is needed. */
  readonly lookups: number;
}

/** Which parts of the rows a query wants. */
interface Wanted {
  readonly keys: boolean;
  readonly values: boolean;
}

const JSON_ROWS = codecOf("utf8");
const PAGE_OPTIONS = ["size", "after", "where", "prefix", "gt", "gte", "lt", "lte", "reverse"];

/**
 * Reads records in the order of a key: the primary key's, or an index's.
 *
 * `T` is the record's type, `K` the primary key's, `B` that of the key in whose order it reads. Valid only while its
 * transaction is open.
 */
export class Queries<T extends object, K extends Key, B extends Key> {
  /** @internal */
  protected readonly path: AccessPath;
  readonly #checked: boolean;

  /** @internal @param checked whether what is read is checked by the schema */
  constructor(path: AccessPath, checked: boolean) {
    this.path = path;
    this.#checked = checked;
  }

  /**
   * The records between two bounds. Nothing is read until it is asked for. In a writer, a record that moves ahead of
   * the walk within its index is not met again, but by a multi-entry index. Cost: an index that includes the record
   * answers by one walk, any other reads each record besides.
   *
   * @throws DatabaseError `OPTION_INVALID`, `KEY_INVALID`; when it is read `INDEX_NOT_READY`, `TX_CLOSED`,
   * `DATA_CORRUPT`, and `RECORD_INVALID` where reads are checked
   */
  range(options?: RangeOptions<B>): Range<T> {
    const decode = (row: Row) => this.decode(row[1] as string);
    if (this.#carriesRecord) return this.rangeOf(options, { keys: false, values: true }, decode);
    const { core } = this.path;
    const read = (rows: RowRange) => {
      // What a writer changes meanwhile is passed over, and must not count.
      const limit = core.writes === undefined ? rows.limit : Number.POSITIVE_INFINITY;
      return new LookupReader(this.path, this.#read({ ...rows, limit }), rows.limit);
    };
    const rows = this.#rows(options, this.#wantedForKey);
    return new Range(core, { rows, decode, read, guard: () => core.guardOpen() });
  }

  /** The first record between two bounds; undefined where there is none. Errors as {@link range}. */
  async first(options?: RangeOptions<B>): Promise<T | undefined> {
    return this.range(options).first();
  }

  /** Counts what lies between two bounds. Cost: it walks keys, and reads no record. */
  async count(options?: RangeOptions<B>): Promise<number> {
    const { core } = this.path;
    core.guardOpen();
    const reader = this.path.read(this.#rows(options, { keys: true, values: false }));
    try {
      return await countRows(reader, () => core.guardOpen());
    } finally {
      core.close(reader);
    }
  }

  /** The primary keys of the records between two bounds, in the order of {@link range}. Cost: it reads no record. */
  keys(options?: RangeOptions<B>): Range<K> {
    return this.rangeOf(options, this.#wantedForKey, (row) => decodeKey(keyOfEntry(this.path, row)) as K);
  }

  /**
   * The records between two bounds, page by page, each with a token that asks for the next: for lists that are shown
   * over several requests. What comes and goes between two pages is met if it lies ahead.
   *
   * @param options bounds as of {@link range}; `size`: records a page; `after`: the token of the page before;
   * `where`: passes over records for which it is not true
   * @returns pages to walk with `for await`, or one with `first()`
   * @throws DatabaseError as {@link range}; `TOKEN_INVALID` for a token of another collection, index, order or bounds,
   * and for one that this store did not give
   */
  pages(options: PageOptions<B, T>): Pages<T> {
    checkOptions(options, PAGE_OPTIONS, "pages()");
    const { after, size, where, ...bounds } = options ?? {};
    const rows = this.#rows(bounds as RangeOptions<B>, {
      keys: true,
      values: this.#carriesRecord || this.path.index?.unique === true,
    });
    return new Pages<T>(
      this.path,
      rows,
      { size, after, where },
      {
        carriesRecord: this.#carriesRecord,
        decode: (text) => this.decode(text),
      },
    );
  }

  /** Tells how {@link range} answers, and what it reads. Cost: it walks the rows. */
  async explain(options?: RangeOptions<B>): Promise<Explanation> {
    const { definition, index } = this.path;
    const { from, to, reverse, limit } = this.#rows(options, { keys: true, values: false });
    const rows = await this.count(options);
    return {
      collection: definition.name,
      index: index?.name,
      sublevel: await this.path.sublevel(),
      from,
      to,
      reverse,
      limit,
      rows,
      lookups: this.#carriesRecord ? 0 : rows,
    };
  }

  /** @internal A range over the rows themselves. */
  protected rangeOf<R>(
    options: RangeOptions<B> | undefined,
    want: Wanted,
    decode: (row: Row) => R,
  ): Range<R> {
    const { core } = this.path;
    const read = (rows: RowRange) => this.#read(rows);
    return new Range(core, {
      rows: this.#rows(options, want),
      decode,
      read,
      guard: () => core.guardOpen(),
    });
  }

  #read(rows: RowRange): RowReader {
    const { core, index } = this.path;
    const isWriter = core.writes !== undefined;
    if (!isWriter || index === undefined || index.multiEntry >= 0) return this.path.read(rows);
    const entries = this.path.read({ ...rows, limit: Number.POSITIVE_INFINITY });
    return new OnceReader(this.path, entries, rows.limit);
  }

  /** @internal */
  protected decode(text: string): T {
    return this.#check(fromText(this.path.definition, text));
  }

  /** The record that a row holds, if there is one. */
  protected recordAt(row: string): Awaitable<T | undefined> {
    const { core, definition } = this.path;
    const toRecord = (value: unknown) =>
      value === undefined ? undefined : this.#check(fromJson(definition, value));
    // What is no JSON is read again as text, whose beginning the error tells.
    const asText = (error: unknown) => {
      if (!(error instanceof SyntaxError)) throw error;
      return chain(core.get(row, "utf8"), (text) => this.decode(text as string));
    };
    return attempt(() => chain(core.json(row), toRecord), asText);
  }

  #check(record: object): T {
    return (this.#checked ? checkRead(this.path.definition, record) : record) as T;
  }

  /** Which rows of the path options cover; bounds are without the prefix. */
  #rows(options: RangeOptions<B> | undefined, want: Wanted): RowRange {
    this.path.core.guardOpen();
    return toRowRange("", JSON_ROWS, options as RangeOptions, want, (bounds) => this.path.interval(bounds));
  }

  /** Whether the path's rows hold the records' text. */
  get #carriesRecord(): boolean {
    return this.path.index === undefined || this.path.index.include === "record";
  }

  /** What of an entry's row tells the primary key: entries of unique indexes have it in their values. */
  get #wantedForKey(): Wanted {
    return { keys: true, values: this.path.index?.unique === true };
  }
}
