import { type Awaitable, chain } from "../awaitable.ts";
import type { Row } from "../engine/level.ts";
import type { RowRange, RowReader } from "../engine/reader.ts";
import { DatabaseError } from "../errors.ts";
import { type Interval, type KeyBounds, toInterval } from "../keys/bounds.ts";
import type { TransactionCore } from "../store/core.ts";
import { sublevelOf } from "../store/sublevel.ts";
import type { Definition, Index } from "./definition.ts";
import { toEntryInterval } from "./index-bounds.ts";
import { type LiveIndex, readLayout } from "./layout.ts";

/** Where rows are read: whole prefixes of sublevels. */
export interface Place {
  /** Of the rows that are walked: records, or entries of an index. */
  readonly prefix: string;
  /** Of the records. */
  readonly records: string;
}

/** One way to a collection's records within a transaction: by primary key, or by an index. */
export class AccessPath {
  readonly core: TransactionCore;
  readonly definition: Definition;
  /** Undefined for the primary key. */
  readonly index: Index | undefined;

  constructor(core: TransactionCore, definition: Definition, index?: Index) {
    this.core = core;
    this.definition = definition;
    this.index = index;
  }

  /** Where the rows are; undefined where the store has no such collection yet. @throws DatabaseError `INDEX_NOT_READY` */
  place(): Awaitable<Place | undefined> {
    this.core.guardOpen();
    return chain(readLayout(this.core, this.definition), (layout) => {
      if (layout === undefined) return undefined;
      if (this.index === undefined) return { prefix: layout.prefix, records: layout.prefix };
      const live = layout.indexes.find(({ index }) => index === this.index);
      if (live?.ready !== true) throw this.#notReady(live);
      return { prefix: live.prefix, records: layout.prefix };
    });
  }

  #notReady(live: LiveIndex | undefined): DatabaseError {
    const { definition, index } = this;
    const why =
      live === undefined
        ? "was not built as it is defined now"
        : "is still being built: wait for build() to end";
    return new DatabaseError(
      "INDEX_NOT_READY",
      `The index ${JSON.stringify(index?.name)} of ${JSON.stringify(definition.name)} ${why}. Call build() on the collection, or query another way.`,
    );
  }

  /** The keys that bounds cover, without the prefix. @throws DatabaseError `KEY_INVALID`, `KEY_TOO_LARGE` */
  interval(bounds: KeyBounds): Interval {
    return this.index === undefined
      ? toInterval(bounds)
      : toEntryInterval(this.definition, this.index, bounds);
  }

  /** Reads rows of the path; the range's bounds are without the prefix. */
  read(range: RowRange): RowReader {
    const place = this.place();
    return place instanceof Promise
      ? new PromisedReader(place.then((found) => this.#readAt(found, range)))
      : this.#readAt(place, range);
  }

  #readAt(place: Place | undefined, range: RowRange): RowReader {
    if (place === undefined) return NOTHING;
    const { prefix } = place;
    return this.core.read({ ...range, from: prefix + range.from, to: prefix + range.to });
  }

  /** The sublevel that is walked, as abstract-level names it. */
  async sublevel(): Promise<string[]> {
    const place = await this.place();
    return place === undefined ? [] : sublevelOf(place.prefix);
  }
}

/** Reads what is known only later where it is. */
class PromisedReader implements RowReader {
  readonly #reader: Promise<RowReader>;

  constructor(reader: Promise<RowReader>) {
    this.#reader = reader;
    reader.catch(() => undefined); // Whoever reads gets the error.
  }

  async chunk(size: number): Promise<Row[]> {
    return (await this.#reader).chunk(size);
  }

  async step(): Promise<Row | undefined> {
    return (await this.#reader).step();
  }

  close(): void {
    this.#reader.then((reader) => reader.close()).catch(() => undefined);
  }
}

const NOTHING: RowReader = {
  chunk: async () => [],
  step: () => undefined,
  close: () => undefined,
};
