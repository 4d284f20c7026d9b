import { type Awaitable, chain } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import type { TransactionCore } from "../store/core.ts";
import { mapKeys, show } from "../store/options.ts";
import type { WorkOptions } from "../store/progress.ts";
import type { RangeOptions } from "../store/range-options.ts";
import { AccessPath } from "./access-path.ts";
import { forMany, type Many } from "./bulk.ts";
import type { Definition } from "./definition.ts";
import type { Kept } from "./entries.ts";
import { IndexQueries } from "./index-queries.ts";
import { type Layout, readLayout, refuseChanged } from "./layout.ts";
import { Queries } from "./queries.ts";
import { primaryOfKey, rowKey } from "./record-codec.ts";
import { recordExists, recordNotFound, refuseMoved } from "./record-errors.ts";
import { register } from "./registry.ts";
import type { CollectionTypes } from "./types.ts";
import { changed, remove, replace, toIncoming } from "./writes.ts";

/**
 * The records of a collection in one transaction: reads by primary key, and all writes. Every write changes the
 * entries of the indexes with the record. Valid only while its transaction is open.
 */
export class Records<C extends CollectionTypes> extends Queries<C["record"], C["key"], C["key"]> {
  readonly #core: TransactionCore;
  readonly #definition: Definition;
  readonly #checked: boolean;

  /** @internal */
  constructor(core: TransactionCore, definition: Definition, checked: boolean) {
    super(new AccessPath(core, definition), checked);
    this.#core = core;
    this.#definition = definition;
    this.#checked = checked;
  }

  /**
   * The same records, read by an index.
   *
   * @throws DatabaseError `INDEX_NOT_FOUND`
   */
  by<N extends keyof C["indexes"] & string>(name: N): IndexQueries<C, C["indexes"][N]> {
    const { indexes } = this.#definition;
    const index = indexes.find((candidate) => candidate.name === name);
    if (index !== undefined)
      return new IndexQueries(new AccessPath(this.#core, this.#definition, index), this.#checked);
    throw new DatabaseError(
      "INDEX_NOT_FOUND",
      `The collection ${JSON.stringify(this.#definition.name)} has no index ${show(name)}. It has: ${indexes.map((each) => each.name).join(", ") || "none"}.`,
    );
  }

  /**
   * Reads a record.
   *
   * @returns the record, or undefined where there is none
   * @throws DatabaseError `TX_CLOSED`, `KEY_REQUIRED`, `KEY_INVALID`, `DATA_CORRUPT`, and `RECORD_INVALID` where reads
   * are checked
   */
  get(key: C["key"]): Awaitable<C["record"] | undefined> {
    return this.#at(key, (row) => this.recordAt(row));
  }

  /** Whether there is a record with a key. */
  has(key: C["key"]): Awaitable<boolean> {
    return chain(
      this.#at(key, (row) => this.#read(row)),
      (text) => text !== undefined,
    );
  }

  /** Reads the records of many keys, in their order; undefined where there is none. */
  async getMany(keys: readonly C["key"][]): Promise<(C["record"] | undefined)[]> {
    this.#core.guardOpen();
    const rows = mapKeys(keys, "getMany()", (key) =>
      rowKey(this.#definition, primaryOfKey(this.#definition, key)),
    );
    const place = await this.path.place();
    if (place === undefined) return rows.map(() => undefined);
    const texts = await this.#core.getMany(
      rows.map((row) => place.records + row),
      "utf8",
    );
    this.#core.guardOpen();
    return texts.map((text) => (text === undefined ? undefined : this.decode(text as string)));
  }

  /** What a read gives of the row of a key; undefined where nothing was ever written. */
  #at<T>(key: C["key"], read: (row: string) => Awaitable<T | undefined>): Awaitable<T | undefined> {
    this.#core.guardOpen();
    const primary = primaryOfKey(this.#definition, key);
    return chain(this.path.place(), (place) =>
      place === undefined ? undefined : read(place.records + rowKey(this.#definition, primary)),
    );
  }

  /**
   * Adds a record. Cost: a point read for the record, and one for each unique index.
   *
   * @param input what the schema takes
   * @returns the record as it is kept, with what the schema filled in
   * @throws DatabaseError `RECORD_EXISTS` where there is one with its key; else as {@link put}
   */
  insert(input: C["input"]): Awaitable<C["record"]> {
    return this.#put(input, (old, kept) => {
      if (old !== undefined) throw recordExists(this.#definition, kept.primary);
    });
  }

  /**
   * Writes a record, whether there is one with its key or not. One that does not change touches nothing, and entries
   * that do not change stay untouched.
   *
   * @param input what the schema takes
   * @returns the record as it is kept
   * @throws DatabaseError `TX_NOT_WRITABLE`, `RECORD_INVALID` with `details.issues` where it does not fit the schema,
   * `UNIQUE_VIOLATION` with `details` { collection, index, value, key } where another record has a value of a unique
   * index, `KEY_REQUIRED`, `KEY_INVALID`, `KEY_TOO_LARGE`, `VALUE_INVALID`, `COLLECTION_CHANGED` where the store's
   * indexes are not those of the definition. The transaction stays usable, without the record
   */
  put(input: C["input"]): Awaitable<C["record"]> {
    return this.#put(input, () => undefined);
  }

  #put(input: unknown, check: (old: string | undefined, kept: Kept) => void): Awaitable<C["record"]> {
    this.#core.guardWritable();
    const incoming = toIncoming(this.#definition, input);
    const { kept } = incoming;
    return this.#inTurn((layout) => {
      const row = this.#row(layout, kept.primary);
      return chain(this.#read(row), (old) => {
        check(old, kept);
        return chain(replace(this.#core, this.#definition, layout, row, incoming, old), () => kept.record);
      });
    });
  }

  /**
   * Changes a record.
   *
   * @param key the record's key, which cannot change
   * @param change fields to set (undefined removes an optional one), or a function from the record as it is to what it
   * is to be
   * @returns the record as it is now
   * @throws DatabaseError `RECORD_NOT_FOUND`; else as {@link put}
   */
  update(
    key: C["key"],
    change: Partial<C["input"]> | ((record: C["record"]) => C["input"]),
  ): Awaitable<C["record"]> {
    this.#core.guardWritable();
    const primary = primaryOfKey(this.#definition, key);
    return this.#inTurn((layout) => {
      const row = this.#row(layout, primary);
      return chain(this.#read(row), (old) => {
        const { version } = this.#core;
        if (old === undefined) throw recordNotFound(this.#definition, primary);
        const incoming = toIncoming(this.#definition, changed(this.#definition, this.decode(old), change));
        const { kept } = incoming;
        refuseMoved(this.#definition, primary, kept.primary);
        // The function may have written to the record itself: then what it replaces is that.
        const latest = this.#core.version === version ? old : this.#read(row);
        return chain(latest, (replaced) =>
          chain(replace(this.#core, this.#definition, layout, row, incoming, replaced), () => kept.record),
        );
      });
    });
  }

  /** Deletes a record. @returns whether there was one @throws DatabaseError as {@link put}, for the key */
  delete(key: C["key"]): Awaitable<boolean> {
    this.#core.guardWritable();
    const primary = primaryOfKey(this.#definition, key);
    return this.#inTurn((layout) => {
      const row = this.#row(layout, primary);
      return chain(this.#read(row), (old) => {
        if (old === undefined) return false;
        return chain(remove(this.#core, this.#definition, layout, row, primary, old), () => true);
      });
    });
  }

  /**
   * Deletes the records between two bounds of the primary key. By an index:
   * `deleteMany(records.by("expiry").keys({ lt: now }))`.
   *
   * @returns how many there were
   * @throws DatabaseError as {@link range}, `ABORTED`; what was deleted before stays deleted in the transaction
   */
  async deleteRange(options?: RangeOptions<C["key"]>, work: WorkOptions = {}): Promise<number> {
    this.#core.guardWritable();
    return this.deleteMany(this.keys(options), work);
  }

  /** Inserts many records. @returns how many @throws DatabaseError as {@link insert}, `ABORTED` */
  async insertMany(inputs: Many<C["input"]>, work: WorkOptions = {}): Promise<number> {
    this.#core.guardWritable();
    return forMany(inputs, work, (input) => this.insert(input));
  }

  /** Puts many records. @returns how many @throws DatabaseError as {@link put}, `ABORTED` */
  async putMany(inputs: Many<C["input"]>, work: WorkOptions = {}): Promise<number> {
    this.#core.guardWritable();
    return forMany(inputs, work, (input) => this.put(input));
  }

  /** Deletes the records of many keys. @returns how many there were @throws DatabaseError as {@link delete}, `ABORTED` */
  async deleteMany(keys: Many<C["key"]>, work: WorkOptions = {}): Promise<number> {
    this.#core.guardWritable();
    return forMany(keys, work, (key) => this.delete(key));
  }

  /** The key of a record's row. */
  #row(layout: Layout, primary: string): string {
    return layout.prefix + rowKey(this.#definition, primary);
  }

  #read(row: string): Awaitable<string | undefined> {
    return this.#core.get(row, "utf8") as Awaitable<string | undefined>;
  }

  /**
   * Runs a write, which reads before it writes. Where reads take time, one write waits for another: two that are not
   * awaited one by one must not both find a value free.
   */
  #inTurn<T>(write: (layout: Layout) => Awaitable<T>): Awaitable<T> {
    const core = this.#core;
    const isDirect = core.base.source.sync && !core.hasTurns;
    const known = isDirect ? readLayout(core, this.#definition) : undefined;
    if (known !== undefined && !(known instanceof Promise)) {
      const written = write(this.#usable(known));
      return written instanceof Promise ? core.inTurn(() => written) : written;
    }
    return core.inTurn(async () => {
      core.guardWritable();
      const layout = await readLayout(core, this.#definition);
      return write(this.#usable(layout ?? (await register(core, this.#definition))));
    });
  }

  #usable(layout: Layout): Layout {
    refuseChanged(this.#definition, layout);
    return layout;
  }
}
