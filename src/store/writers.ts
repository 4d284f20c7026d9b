import type { CommitQueue } from "../engine/commit-queue.ts";
import { abortError, WaitList } from "../engine/wait-list.ts";
import { type Base, TransactionCore } from "./core.ts";
import { type Ending, Transaction } from "./transaction.ts";

/** Runs the writing transactions, one at a time, in the order in which they were asked for. */
export class Writers {
  readonly #queue: CommitQueue;
  readonly #base: () => Base;
  readonly #onDropped: () => void;
  readonly #line = new WaitList();
  #busy = false;

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
    const room = this.#queue.room();
    if (room !== undefined) await room.catch(() => undefined);
  }

  passTurn(): void {
    if (!this.#line.wakeOne()) this.#busy = false;
  }

  /** Begins a transaction. The caller has the turn. */
  begin(ending?: Ending): Transaction {
    return new Transaction(new TransactionCore(this.#queue.lastCommit + 1, this.#base(), true), ending);
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
