import type { Awaitable } from "../awaitable.ts";
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
  takeTurn(signal?: AbortSignal): Awaitable<void> {
    if (this.#busy) return this.#line.wait(signal);
    if (signal?.aborted) throw abortError(signal);
    this.#busy = true;
    return this.#rest();
  }

  /** Ends a turn: the next in line has it. */
  passTurn(): void {
    const rest = this.#rest();
    if (rest === undefined) this.#pass();
    else rest.then(() => this.#pass());
  }

  #pass(): void {
    if (!this.#line.wakeOne()) this.#busy = false;
  }

  /** What a turn must wait for before it begins; mostly nothing. */
  #rest(): Promise<void> | undefined {
    if (!this.#queue.hasRoom) return this.#queue.room();
    // Writers that do no I/O would follow one another without an end, and timers and sockets would starve.
    return ++this.#turns % TURNS_IN_A_ROW === 0 ? new Promise(setImmediate) : undefined;
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
   * @returns resolves when the commit is durable; then {@link complete} is due
   */
  seal({ core }: Transaction): Promise<void> {
    core.end();
    const { writes } = core;
    // One that wrote nothing may have read what is not durable yet: it waits for that all the same.
    if (writes === undefined || writes.size === 0) return this.#queue.settled();
    return this.#queue.seal(writes, core.structural);
  }

  /** Does what was to wait for a transaction's commit. */
  complete({ core, handlers }: Transaction): void {
    if (core.dropped) this.#onDropped();
    for (const handler of handlers) callHandler(handler);
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
