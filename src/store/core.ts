import type { Awaitable } from "../awaitable.ts";
import type { Format, Value } from "../engine/level.ts";
import type { RowRange, RowReader } from "../engine/reader.ts";
import type { Memo } from "../engine/readers.ts";
import { PendingSource, type Source } from "../engine/source.ts";
import { type Write, WriteSet } from "../engine/write-set.ts";
import { DatabaseError } from "../errors.ts";
import { type BucketState, rootState } from "./bucket-state.ts";

/** Where a transaction stands: the rows of a commit and, for a writer, the writes sealed since. */
export interface Base {
  readonly source: Source;
  readonly memo: Memo;
  /** Writes sealed but not yet in the source, the latest first. */
  readonly layers: readonly WriteSet[];
  /** The store's failure, once it has one: then nothing may be read any more. */
  readonly failure: () => DatabaseError | undefined;
  /** The bytes on disk of a range of whole keys, where the engine can tell. */
  readonly approximateSize: ((from: string, to: string) => Promise<number>) | undefined;
}

/** What most transactions never wait for: one for all, since making a promise takes time. */
const NOTHING = Promise.resolve();

/**
 * The state of one transaction, which its buckets, ranges and cursors share: the source that it reads through, the
 * writes that it would make, and whether it is still open.
 */
export class TransactionCore {
  readonly id: number;
  readonly base: Base;
  /** What the transaction would write; undefined for a reader. */
  readonly writes: WriteSet | undefined;
  /** The buckets met so far, by id: every handle of a bucket shares one state. */
  readonly states: Map<number, BucketState> = new Map();
  readonly root: BucketState = rootState();
  /** Grows with each write, so that what was read ahead is known to be stale. */
  version = 0;
  /** Whether buckets were created, moved or deleted. */
  structural = false;
  /** Whether it runs a migration, which alone may use a bucket that is half migrated. */
  migrating = false;
  /** Whether buckets were deleted, whose rows are to be reclaimed. */
  dropped = false;
  readonly #source: Source;
  readonly #readers = new Set<RowReader>();
  #turns: Promise<unknown> = NOTHING;
  #waiting = 0;
  #open = true;

  constructor(id: number, base: Base, writable: boolean) {
    this.id = id;
    this.base = base;
    this.writes = writable ? new WriteSet() : undefined;
    this.#source =
      this.writes === undefined ? base.source : new PendingSource(base.source, [this.writes, ...base.layers]);
  }

  get open(): boolean {
    return this.#open;
  }

  /** @throws DatabaseError `TX_CLOSED`, `STORE_FAILED` */
  guardOpen(): void {
    if (!this.#open) {
      throw new DatabaseError(
        "TX_CLOSED",
        "The transaction is over. Use it, its buckets, ranges and cursors only until its callback returns (await every call in it), or until commit or rollback.",
      );
    }
    const failure = this.base.failure();
    if (failure !== undefined) throw failure;
  }

  /** @throws DatabaseError `TX_CLOSED`, `STORE_FAILED`, `TX_NOT_WRITABLE` */
  guardWritable(): WriteSet {
    this.guardOpen();
    if (this.writes !== undefined) return this.writes;
    throw new DatabaseError("TX_NOT_WRITABLE", "The transaction is read-only. Write within store.update().");
  }

  get(key: string, format: Format): Awaitable<Value | undefined> {
    return this.#source.get(key, format);
  }

  /** The value of a key, parsed, for the caller alone. @throws SyntaxError where it is no JSON */
  json(key: string): Awaitable<unknown> {
    return this.#source.json(key);
  }

  getMany(keys: readonly string[], format: Format): Promise<(Value | undefined)[]> {
    return this.#source.getMany(keys, format);
  }

  /** What is known of a key without asking the engine: a pending write of it. */
  pending(key: string): Write | undefined {
    if (this.writes === undefined) return undefined;
    const write = this.writes.get(key);
    if (write !== undefined) return write;
    for (const layer of this.base.layers) {
      const earlier = layer.get(key);
      if (earlier !== undefined) return earlier;
    }
    return undefined;
  }

  set(key: string, write: Write): void {
    const writes = this.#open && this.writes !== undefined ? this.writes : this.guardWritable();
    writes.set(key, write);
    this.version++;
  }

  /**
   * Runs work that reads before it writes after all such work begun earlier: calls that are not awaited one by one
   * must not both find that a bucket is missing, or take the same number.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const done = this.#turns.then(work).finally(() => this.#waiting--);
    this.#turns = done.catch(() => undefined);
    return done;
  }

  /** Whether work that was begun in turn is not done yet, which a call must not overtake. */
  get hasTurns(): boolean {
    return this.#waiting > 0;
  }

  /** Opens a reader that is closed with the transaction at the latest. */
  read(range: RowRange): RowReader {
    const reader = this.#source.read(range);
    this.#readers.add(reader);
    return reader;
  }

  close(reader: RowReader): void {
    this.#readers.delete(reader);
    reader.close();
  }

  /** Ends the transaction: nothing can be read or written through it any more. */
  end(): void {
    this.#open = false;
    for (const reader of this.#readers) reader.close();
    this.#readers.clear();
  }
}
