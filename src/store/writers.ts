import type { CommitQueue } from "../engine/commit-queue.ts";
import { abortError, WaitList } from "../engine/wait-list.ts";
import type { WriteSet } from "../engine/write-set.ts";
import { type Base, TransactionCore } from "./core.ts";
import { type Ending, Transaction } from "./transaction.ts";

/** Transactions that run before other work gets its turn on the thread. */
const TURNS_IN_A_ROW = 256;

/** Runs the writing transactions, one at a time, in the order in which they were asked for. */
export class Writers {
  readonly #queue: CommitQueue;
  readonly #base: () => Base;
  readonly #onDropped: () => void;
  readonly #line = new WaitList();
  #busy = false;
  #turns = 0;

  /**
   * @param base gives what the next writer stands on
   * @param onDropped called after a commit that deleted buckets
   */
  constructor(queue: CommitQueue, base: () => Base, onDropped: () => void) {
    this.#queue = queue;
    this.#base = base;
    this.#onDropped = onDropped;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#line.size;
  }

  /** Waits for the writer's turn. @throws DatabaseError `ABORTED` */
  async takeTurn(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw abortError(signal);
    if (this.#busy) await this.#line.wait(signal);
    this.#busy = true;
    await this.#queue.room();
    // Writers that do no I/O would follow one another without an end, and timers and sockets would starve.
    if (++this.#turns % TURNS_IN_A_ROW === 0) await new Promise(setImmediate);
  }

  passTurn(): void {
    if (!this.#line.wakeOne()) this.#busy = false;
  }

  /**
   * Begins a transaction. The caller has the turn.
   *
   * @param earlier the writes of transactions that will be sealed before this one
   * @param ahead how many these are
   */
  begin(ending?: Ending, earlier?: WriteSet, ahead = 0): Transaction {
    const base = this.#base();
    const layers = earlier === undefined ? base.layers : [earlier, ...base.layers];
    const id = this.#queue.lastCommit + ahead + 1;
    return new Transaction(new TransactionCore(id, { ...base, layers }, true), ending);
  }

  /**
   * Ends a transaction with its writes in the commit queue. The caller may pass the turn then: later transactions
   * see the writes.
   *
   * @returns completes the commit: resolves when it is durable and its handlers were called
   */
  seal(transaction: Transaction): () => Promise<void> {
    const { core, handlers } = transaction;
    core.end();
    const { writes } = core;
    // One that wrote nothing may have read what is not durable yet: it waits for that all the same.
    const done =
      writes === undefined || writes.size === 0
        ? this.#queue.settled()
        : this.#queue.seal(writes, core.structural);
    done.catch(() => undefined);
    return async () => {
      await done;
      if (core.dropped) this.#onDropped();
      for (const handler of handlers) callHandler(handler);
    };
  }
}

function callHandler(handler: () => unknown): void {
  try {
    handler();
  } catch (error) {
    // The commit stands, so the call that made it must not fail: the error goes where a listener's would.
    queueMicrotask(() => {
      throw error;
    });
  }
}
