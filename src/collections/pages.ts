import type { Row } from "../engine/level.ts";
import { MAX_CHUNK, type RowRange } from "../engine/reader.ts";
import { successor } from "../keys/bounds.ts";
import type { Key } from "../keys/encode.ts";
import { checkCount } from "../store/options.ts";
import type { RangeOptions } from "../store/range-options.ts";
import type { AccessPath } from "./access-path.ts";
import { danglingEntry, keyOfEntry, keyStart } from "./lookup-reader.ts";
import { openToken, sealToken } from "./token.ts";

/** Which records {@link Queries.pages} gives. */
export interface PageOptions<B extends Key = Key> extends Omit<RangeOptions<B>, "limit"> {
  /** How many records a page has at the most. */
  readonly size: number;
  /** The token of the page before; none for the first page. */
  readonly after?: string | undefined;
}

/** Some records, and how to go on. */
export interface Page<T> {
  readonly records: readonly T[];
  /** Asks for the next page, in this transaction or any later one; undefined where this is the last. */
  readonly next: string | undefined;
}

/** Pages of records, in order. */
export class Pages<T extends object> implements AsyncIterable<Page<T>> {
  readonly #path: AccessPath;
  readonly #rows: RowRange;
  readonly #size: number;
  readonly #after: string | undefined;
  readonly #source: { carriesRecord: boolean; decode: (text: string) => T };

  /** @internal @throws DatabaseError `OPTION_INVALID` */
  constructor(
    path: AccessPath,
    rows: RowRange,
    options: { size: unknown; after: unknown },
    source: { carriesRecord: boolean; decode: (text: string) => T },
  ) {
    checkCount(options.size, 1, "The option size");
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
    const { core } = this.#path;
    core.guardOpen();
    const bounds = after === undefined ? this.#rows : await this.#beyond(after);
    // One more than a page has tells whether there is another.
    const rows = await this.#read({ ...bounds, limit: this.#size + 1 });
    const shown = rows.slice(0, this.#size);
    const records = await this.#records(shown);
    const last = shown.at(-1);
    const isLast = rows.length <= this.#size || last === undefined;
    return { records, next: isLast ? undefined : await sealToken(this.#path, this.#rows, positionOf(last)) };
  }

  async #beyond(token: string): Promise<RowRange> {
    const position = await openToken(this.#path, this.#rows, token);
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

  async #records(rows: readonly Row[]): Promise<T[]> {
    if (this.#source.carriesRecord) return rows.map((row) => this.#source.decode(row[1] as string));
    const { core } = this.#path;
    const records = (await this.#path.place())?.records ?? "";
    const keys = rows.map((row) => records + keyOfEntry(this.#path, row));
    const texts = await core.getMany(keys, "utf8");
    core.guardOpen();
    const found: T[] = [];
    for (const [i, text] of texts.entries()) {
      if (text !== undefined) found.push(this.#source.decode(text as string));
      // A writer may have deleted the record since its entry was read.
      else if (core.pending(keys[i] as string) === undefined) throw danglingEntry(this.#path, rows[i] as Row);
    }
    return found;
  }
}

/** Where a row stands, without the prefix: an index that is built anew may get another. */
function positionOf([key]: Row): string {
  return key.slice(keyStart(key));
}
