import type { Awaitable } from "../awaitable.ts";
import { CommitQueue } from "../engine/commit-queue.ts";
import type { Engine } from "../engine/engine.ts";
import type { MaintainedLevel } from "../engine/manifest.ts";
import type { Lease, Memo, Readers } from "../engine/readers.ts";
import type { Source } from "../engine/source.ts";
import { abortError, busyError, WaitList } from "../engine/wait-list.ts";
import type { WriteSet } from "../engine/write-set.ts";
import { DatabaseError } from "../errors.ts";
import { Batcher } from "./batcher.ts";
import { type Base, TransactionCore } from "./core.ts";
import { isWithinView, refuseNested, runScoped } from "./nesting.ts";
import { Reclaimer } from "./reclaimer.ts";
import { COMMIT_KEY } from "./system.ts";
import { type Ending, Transaction } from "./transaction.ts";
import { Writers } from "./writers.ts";

/** How the transactions of a store run. */
export interface TransactionSettings {
  /** Whether a commit waits until it is on disk. */
  readonly sync: boolean;
  readonly readOnly: boolean;
  /** The last commit that the engine holds. */
  readonly commit: number;
  /** Calls that may be under way at a time. */
  readonly maxOpen: number;
}

type Callback<T> = (tx: Transaction) => Awaitable<T>;

/** Runs a store's transactions, and lets it close only when all are over. */
export class Transactions {
  readonly queue: CommitQueue;
  readonly writers: Writers;
  readonly reclaimer: Reclaimer;
  readonly #engine: Engine;
  readonly #readers: Readers;
  readonly #maxOpen: number;
  /** One error for all that is refused: a flood must not cost a stack trace for each call. */
  #busy: DatabaseError | undefined;
  readonly #closers = new WaitList();
  readonly #batcher: Batcher;
  readonly #approximateSize: Base["approximateSize"];
  readonly #failure = () => this.queue.failure;
  #closed = false;
  /** Calls under way, transactions among them. */
  #calls = 0;

  constructor(engine: Engine, readers: Readers, settings: TransactionSettings) {
    this.#engine = engine;
    this.#readers = readers;
    this.#maxOpen = settings.maxOpen;
    this.queue = new CommitQueue(engine.level, readers, {
      sync: settings.sync,
      commit: settings.commit,
      commitRow: (commit) => [COMMIT_KEY, String(commit)],
      expectsMore: () => this.writers.waiting > 0,
    });
    this.#approximateSize = engine.manifest.approximateSize
      ? (from, to) => (engine.level as MaintainedLevel).approximateSize(from, to, { keyEncoding: "utf8" })
      : undefined;
    this.reclaimer = new Reclaimer(engine, this.queue);
    const base = () => this.#base(readers.live, readers.memo, this.queue.layers());
    this.writers = new Writers(this.queue, base, () => this.reclaimer.start());
    this.#batcher = new Batcher(this, this.queue, this.writers);
    // Not part of opening: what a crash left to reclaim can wait for a moment.
    if (!settings.readOnly) setImmediate(() => this.reclaimer.start());
  }

  get open(): number {
    return this.#calls;
  }

  async view<T>(fn: Callback<T>, signal: AbortSignal | undefined): Promise<T> {
    this.enter();
    try {
      const lease = await this.lease(signal);
      const tx = new Transaction(this.reader(lease));
      try {
        // Where commits wait for views, an update within a view would wait for itself.
        return await (this.#engine.manifest.snapshots ? fn(tx) : runScoped(this, fn, tx));
      } finally {
        tx.core.end();
        lease.release();
      }
    } finally {
      this.leave();
    }
  }

  async update<T>(fn: Callback<T>, signal: AbortSignal | undefined): Promise<T> {
    this.enter();
    try {
      refuseNested(this);
      await this.writers.takeTurn(signal);
      const tx = this.writers.begin();
      let result: T;
      let done: Promise<void>;
      try {
        tx.core.guardOpen();
        result = await runScoped(this, fn, tx);
        tx.core.guardOpen();
        done = this.writers.seal(tx);
      } finally {
        tx.core.end();
        this.writers.passTurn();
      }
      await done;
      this.writers.complete(tx);
      return result;
    } finally {
      this.leave();
    }
  }

  /** As update, but all calls made in one turn of the event loop go into one commit. */
  async batch<T>(fn: Callback<T>): Promise<T> {
    this.enter();
    try {
      refuseNested(this);
      return await this.#batcher.add(fn);
    } finally {
      this.leave();
    }
  }

  /**
   * Runs a callback on the rows of the last commit. It begins transactions that see the writes of those it names, and
   * that are never committed. Where the engine has snapshots, no commit waits for them.
   */
  async rehearse<T>(fn: (begin: (earlier: readonly WriteSet[]) => Transaction) => Promise<T>): Promise<T> {
    this.enter();
    try {
      refuseNested(this);
      const lease = await this.lease(undefined, true);
      const begin = (earlier: readonly WriteSet[]) => {
        const base = this.#base(lease.source, lease.memo, earlier);
        return new Transaction(new TransactionCore(lease.commit + 1, base, true));
      };
      try {
        return await runScoped(this, () => fn(begin), { writable: true });
      } finally {
        lease.release();
      }
    } finally {
      this.leave();
    }
  }

  async begin(writable: boolean, signal: AbortSignal | undefined): Promise<Transaction> {
    this.enter();
    try {
      if (writable) {
        refuseNested(this);
        await this.writers.takeTurn(signal);
        return this.writers.begin(this.#writerEnding());
      }
      const lease = await this.lease(signal);
      return new Transaction(this.reader(lease), this.#readerEnding(lease));
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  #writerEnding(): Ending {
    const end = () => {
      this.writers.passTurn();
      this.leave();
    };
    return {
      commit: async (tx) => {
        const done = this.writers.seal(tx);
        this.writers.passTurn();
        try {
          await done;
          this.writers.complete(tx);
        } finally {
          this.leave();
        }
      },
      rollback: (tx) => {
        tx.core.end();
        end();
      },
    };
  }

  #readerEnding(lease: Lease): Ending {
    return {
      commit: () => Promise.resolve(), // Refused before: a reader cannot write.
      rollback: (tx) => {
        tx.core.end();
        lease.release();
        this.leave();
      },
    };
  }

  /** A reader's hold on the last commit. */
  lease(signal?: AbortSignal, pinned = false): Awaitable<Lease> {
    if (this.queue.failure !== undefined) throw this.queue.failure;
    if (signal?.aborted) throw abortError(signal);
    return this.#readers.acquire({ signal, pinned, nested: isWithinView(this) });
  }

  /** The core of a transaction that reads at a lease. */
  reader(lease: Lease): TransactionCore {
    return new TransactionCore(lease.commit, this.#base(lease.source, lease.memo, []), false);
  }

  #base(source: Source, memo: Memo, layers: readonly WriteSet[]): Base {
    return { source, memo, layers, failure: this.#failure, approximateSize: this.#approximateSize };
  }

  /** @throws DatabaseError `STORE_CLOSED`, `STORE_FAILED` */
  guardOpen(): void {
    if (this.#closed) {
      throw new DatabaseError("STORE_CLOSED", "The store is closed. Open it again with openStore().");
    }
    if (this.queue.failure !== undefined) throw this.queue.failure;
  }

  /** Registers a call, for which `close()` waits. @throws DatabaseError `STORE_BUSY`; else as {@link guardOpen} */
  enter(): void {
    this.guardOpen();
    if (this.#calls >= this.#maxOpen) {
      this.#busy ??= busyError(this.#maxOpen);
      throw this.#busy;
    }
    this.#calls++;
  }

  leave(): void {
    this.#calls--;
    if (this.#calls === 0) this.#closers.wakeAll();
  }

  /** Refuses new calls, and resolves when those under way are over. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#calls > 0) await this.#closers.wait(undefined);
    await this.reclaimer.stop();
    await this.queue.settled().catch(() => undefined);
    this.#readers.close();
  }
}
