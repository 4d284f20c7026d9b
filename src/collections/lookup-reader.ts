import { type Awaitable, chain } from "../awaitable.ts";
import type { Row, Value } from "../engine/level.ts";
import { chunkOfSteps, type RowReader } from "../engine/reader.ts";
import { DatabaseError } from "../errors.ts";
import type { TransactionCore } from "../store/core.ts";
import type { AccessPath } from "./access-path.ts";
import { primaryStart } from "./entries.ts";
import { holderOf, rowKey } from "./record-codec.ts";

/** Reads the records that entries of an index stand for, in the entries' order: each row is a record's. */
export class LookupReader implements RowReader {
  readonly #path: AccessPath;
  readonly #core: TransactionCore;
  readonly #entries: RowReader;
  #remaining: number;
  /** The prefix of the records' rows, once it is known. */
  #records: string | undefined;

  /** @param limit how many records are wanted at the most */
  constructor(path: AccessPath, entries: RowReader, limit: number) {
    this.#path = path;
    this.#core = path.core;
    this.#entries = entries;
    this.#remaining = limit;
  }

  async chunk(size: number): Promise<Row[]> {
    // Row by row: what was read ahead could be changed by the same transaction meanwhile.
    if (this.#core.writes !== undefined) return chunkOfSteps(this, size);
    const entries = await this.#entries.chunk(size);
    this.#core.guardOpen();
    if (entries.length === 0) return [];
    await this.#locate();
    const [first, ...others] = entries;
    const row = this.#lookup(first as Row);
    // An engine without point reads on this thread gets all its reads at once.
    if (row instanceof Promise)
      return (await Promise.all([row, ...others.map((entry) => this.#lookup(entry))])) as Row[];
    const rows = [row as Row];
    for (const entry of others) rows.push(this.#lookup(entry) as Row);
    return rows;
  }

  step(): Awaitable<Row | undefined> {
    if (this.#remaining <= 0) return undefined;
    const entry = this.#entries.step();
    if (entry instanceof Promise || this.#records === undefined) return this.#stepLater(entry);
    return this.#found(entry);
  }

  async #stepLater(entry: Awaitable<Row | undefined>): Promise<Row | undefined> {
    const arrived = await entry;
    await this.#locate();
    return this.#found(arrived);
  }

  #found(entry: Row | undefined): Awaitable<Row | undefined> {
    if (entry === undefined) return undefined;
    return chain(this.#lookup(entry), (row) => {
      if (row === undefined) return this.step();
      this.#remaining--;
      return row;
    });
  }

  async #locate(): Promise<void> {
    if (this.#records !== undefined) return;
    this.#records = (await this.#path.place())?.records;
  }

  /** The record of an entry; undefined where a writer has just changed it so that it has the entry no more. */
  #lookup(entry: Row): Awaitable<Row | undefined> {
    const pending = this.#core.pending(entry[0]);
    if (pending === null) return undefined;
    const latest: Row = pending === undefined ? entry : [entry[0], pending];
    const key = `${this.#records}${keyOfEntry(this.#path, latest)}`;
    const text = this.#core.get(key, "utf8");
    return text instanceof Promise
      ? text.then((arrived) => this.#rowOf(key, arrived, latest))
      : this.#rowOf(key, text, latest);
  }

  #rowOf(key: string, text: Value | undefined, entry: Row): Row | undefined {
    const isGone = this.#core.pending(key) === null || this.#core.pending(entry[0]) === null;
    if (isGone) return undefined;
    if (text === undefined) throw danglingEntry(this.#path, entry);
    return [key, text];
  }

  close(): void {
    this.#core.close(this.#entries);
  }
}

/** Where the encoded key begins in a whole key. Collections lie at the top level: one name, and none has a "!". */
export function keyStart(wholeKey: string): number {
  return wholeKey.indexOf("!", 1) + 1;
}

/** The encoded primary key of the record that a row of the path is of, or stands for. */
export function keyOfEntry(path: AccessPath, [key, value]: Row): string {
  const { definition, index } = path;
  const start = keyStart(key);
  if (index === undefined) return key.slice(start);
  if (index.unique) return rowKey(definition, holderOf(definition, index, value as string));
  const primary = key.slice(primaryStart(key, start, index));
  // An entry that is not unique ends as the record's key does.
  return definition.single ? rowKey(definition, primary.slice(0, -1)) : `K${primary}`;
}

/** An error for an entry without a record: what this library never leaves behind. */
export function danglingEntry({ definition, index }: AccessPath, [key]: Row): DatabaseError {
  return new DatabaseError(
    "DATA_CORRUPT",
    `The index ${JSON.stringify(index?.name)} of ${JSON.stringify(definition.name)} has the entry ${JSON.stringify(key)}, but there is no such record. Call reindex() on the collection.`,
  );
}
