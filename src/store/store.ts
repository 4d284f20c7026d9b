import type { Awaitable } from "../awaitable.ts";
import type { Engine } from "../engine/engine.ts";
import type { Recovery } from "../engine/leveldb/go-back.ts";
import type { Readers } from "../engine/readers.ts";
import type { WriteSet } from "../engine/write-set.ts";
import { DatabaseError } from "../errors.ts";
import { type BackupOptions, type BackupReport, backup } from "./backup.ts";
import { type CheckOptions, type CheckReport, check } from "./check.ts";
import { type CompactOptions, compact } from "./compact.ts";
import { refuseNested } from "./nesting.ts";
import { show } from "./options.ts";
import type { Transaction } from "./transaction.ts";
import { type BeginOptions, checkBegin, checkCall, type TransactionOptions } from "./transaction-options.ts";
import { Transactions } from "./transactions.ts";

/** Whether a commit waits until it is on disk, or only until the engine has it. */
export type Durability = "durable" | "relaxed";

/** What {@link Store.stats} tells. */
export interface StoreStats {
  /** The number of the last commit. */
  readonly commit: number;
  /** Commit groups written since the store was opened: transactions that commit together share one, and its sync. */
  readonly groups: number;
  /** Calls and transactions under way. */
  readonly open: number;
  /** Writers that wait for their turn. */
  readonly waitingWriters: number;
  /** Snapshots that the engine holds for readers. */
  readonly snapshots: number;
  readonly durability: Durability;
  readonly readOnly: boolean;
  /** What the opening went back before, with `recovery: "prefix"`; undefined where the history had no hole. */
  readonly recovered: Recovery | undefined;
}

/**
 * An open store: buckets of rows, read and written in transactions. Made by `openStore()`.
 *
 * One writer runs at a time, the others wait in line; readers wait for nobody.
 */
export class Store implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #readers: Readers;
  readonly #transactions: Transactions;
  readonly #durability: Durability;
  readonly #readOnly: boolean;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    engine: Engine,
    readers: Readers,
    settings: { durability: Durability; readOnly: boolean; commit: number; maxOpen: number },
  ) {
    this.#engine = engine;
    this.#readers = readers;
    this.#durability = settings.durability;
    this.#readOnly = settings.readOnly;
    const sync = settings.durability === "durable" && engine.manifest.permanence;
    this.#transactions = new Transactions(engine, readers, { ...settings, sync });
  }

  /**
   * Runs a writing transaction: commits when the callback returns, rolls back when it throws.
   *
   * @param fn gets the transaction, valid until what it returns is settled
   * @returns what the callback returned, once the commit is durable
   * @throws what the callback threw; DatabaseError `ABORTED`, `TX_NESTED` within another update, `STORE_BUSY` where
   * `maxOpen` calls are under way, `STORE_CLOSED`, `STORE_READ_ONLY`, `STORE_FAILED`
   */
  async update<T>(fn: (tx: Transaction) => Awaitable<T>, options?: TransactionOptions): Promise<T> {
    this.#guard(true);
    const signal = checkCall(fn, options, "update()");
    return this.#transactions.update(fn, signal);
  }

  /**
   * Runs a read-only transaction on the rows of the last commit. Cost: it waits for no writer.
   *
   * @param fn gets the transaction, valid until what it returns is settled
   * @returns what the callback returned
   * @throws what the callback threw; DatabaseError `ABORTED`, `STORE_BUSY`, `STORE_CLOSED`, `STORE_FAILED`; later `TX_EXPIRED` from
   * its reads where it outstays `maxTransactionAge`
   */
  async view<T>(fn: (tx: Transaction) => Awaitable<T>, options?: TransactionOptions): Promise<T> {
    this.#guard(false);
    const signal = checkCall(fn, options, "view()");
    return this.#transactions.view(fn, signal);
  }

  /**
   * As {@link update}; all calls made in one turn of the event loop run one after another and share one durable commit.
   * One that throws fails alone.
   */
  async batch<T>(fn: (tx: Transaction) => Awaitable<T>): Promise<T> {
    this.#guard(true);
    checkCall(fn, undefined, "batch()");
    return this.#transactions.batch(fn);
  }

  /**
   * Begins a hand-driven transaction, to be ended with `commit()` or `rollback()`, or by `await using`. A writer keeps
   * all others waiting until then.
   *
   * @throws DatabaseError as {@link update} and {@link view}
   */
  async begin(options: BeginOptions = {}): Promise<Transaction> {
    this.#guard(false);
    const { writable, signal } = checkBegin(options);
    this.#guard(writable);
    return this.#transactions.begin(writable, signal);
  }

  /** The directory in which the store lies, as an absolute path; undefined where its engine has none. */
  get directory(): string | undefined {
    return this.#engine.directory;
  }

  /** @internal Whether a value is a store, and not only looks like one. */
  static isStore(value: unknown): value is Store {
    return typeof value === "object" && value !== null && #engine in value;
  }

  /** @internal Refuses a call of long work that comes from within a callback, or that cannot write. */
  guardAlone(writes: boolean): void {
    this.#guard(writes);
    this.refuseNested();
  }

  /** @internal Refuses a call from within the callback of an update, which would wait for itself. */
  refuseNested(): void {
    refuseNested(this.#transactions);
  }

  /** @internal Runs a callback that begins transactions whose writes are seen by it, and then forgotten. */
  async rehearse<T>(fn: (begin: (earlier: readonly WriteSet[]) => Transaction) => Promise<T>): Promise<T> {
    this.#guard(false);
    return this.#transactions.rehearse(fn);
  }

  /** What the store is doing. Cost: none. @throws DatabaseError `STORE_CLOSED`, `STORE_FAILED` */
  stats(): StoreStats {
    this.#guard(false);
    return {
      commit: this.#transactions.queue.writtenCommit,
      groups: this.#transactions.queue.groups,
      open: this.#transactions.open,
      waitingWriters: this.#transactions.writers.waiting,
      snapshots: this.#readers.snapshots,
      durability: this.#durability,
      readOnly: this.#readOnly,
      recovered: this.#engine.recovery,
    };
  }

  /**
   * Verifies the checksums of the data files, then walks every row and compares it with what the store knows of its
   * buckets, while work goes on. Cost: it reads everything, in bounded memory.
   */
  check(options: CheckOptions = {}): Promise<CheckReport> {
    return this.#maintain(false, () => check(this.#transactions, this.#engine.directory, options));
  }

  /** Gives the space of deleted rows back, bucket by bucket. Cost: it rewrites what is on disk. */
  compact(options: CompactOptions = {}): Promise<void> {
    return this.#maintain(true, async () => {
      refuseNested(this.#transactions);
      this.#transactions.reclaimer.start();
      await this.#transactions.reclaimer.idle;
      await compact(this.#engine, this.#transactions, options);
    });
  }

  /**
   * Copies the store as it is at this moment into a new directory, while work goes on. The copy is a store of its own;
   * it appears under its name only when it is whole and on disk.
   *
   * @param directory must not exist yet, or be empty
   * @throws DatabaseError `BACKUP_TARGET`, `ABORTED`, `STORE_IO`
   */
  backup(directory: string, options: BackupOptions = {}): Promise<BackupReport> {
    return this.#maintain(false, () => backup(this.#transactions, directory, options));
  }

  async #maintain<T>(writes: boolean, work: () => Promise<T>): Promise<T> {
    this.#guard(writes);
    this.#transactions.enter();
    return work().finally(() => this.#transactions.leave());
  }

  /**
   * Waits for open transactions, then closes the store. Further calls wait for the same.
   *
   * @throws DatabaseError `TX_NESTED` within the callback of an update
   */
  async close(): Promise<void> {
    refuseNested(this.#transactions);
    this.#closing ??= this.#transactions
      .close()
      .then(() => this.#engine.close(this.#transactions.queue.failure === undefined));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #guard(writes: boolean): void {
    this.#transactions.guardOpen();
    if (!writes || !this.#readOnly) return;
    throw new DatabaseError(
      "STORE_READ_ONLY",
      "The store was opened with readOnly: true. Open it without to write.",
    );
  }
}

/** @param of the call that takes a store @throws DatabaseError `OPTION_INVALID` for what is none */
export function checkStore(store: unknown, of: string): asserts store is Store {
  if (Store.isStore(store)) return;
  throw new DatabaseError(
    "OPTION_INVALID",
    `${of} takes a store, as openStore() gives it, got ${show(store)}.`,
  );
}
