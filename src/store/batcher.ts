import { AsyncResource } from "node:async_hooks";
import type { Awaitable } from "../awaitable.ts";
import type { CommitQueue } from "../engine/commit-queue.ts";
import { WriteSet } from "../engine/write-set.ts";
import { runScoped } from "./nesting.ts";
import type { Transaction } from "./transaction.ts";
import type { Writers } from "./writers.ts";

/** One `batch()` call. */
interface Member {
  /** Runs its callback, over the writes of the members before it. */
  run(earlier: WriteSet, ahead: number): Promise<Transaction>;
  /** Has the caller wait for its commit. */
  sealed(done: Promise<void>): void;
  failed(error: unknown): void;
}

/** Gathers the `batch()` calls made in one turn of the event loop, and seals them together. */
export class Batcher {
  readonly #owner: object;
  readonly #queue: CommitQueue;
  readonly #writers: Writers;
  #members: Member[] = [];

  /** @param owner in whose name callbacks run, so that nested calls are known */
  constructor(owner: object, queue: CommitQueue, writers: Writers) {
    this.#owner = owner;
    this.#queue = queue;
    this.#writers = writers;
  }

  /** @returns what the callback returned, once its writes are durable */
  async add<T>(fn: (tx: Transaction) => Awaitable<T>): Promise<T> {
    let result!: T;
    let transaction!: Transaction;
    const run = async (earlier: WriteSet, ahead: number) => {
      transaction = this.#writers.begin(undefined, earlier, ahead);
      try {
        transaction.core.guardOpen();
        result = await runScoped(this.#owner, fn, transaction);
        transaction.core.guardOpen();
        return transaction;
      } finally {
        transaction.core.end();
      }
    };
    await new Promise<void>((sealed, failed) => {
      // The callback runs in its caller's asynchronous context, not in that of whoever came first.
      this.#members.push({ run: AsyncResource.bind(run), sealed, failed });
      if (this.#members.length === 1) setImmediate(() => this.#runAll());
    });
    this.#writers.complete(transaction);
    return result;
  }

  async #runAll(): Promise<void> {
    await this.#writers.takeTurn();
    const members = this.#members;
    this.#members = [];
    const ready: { member: Member; transaction: Transaction }[] = [];
    // The writes of the members so far, in one: a member must not cost more the more came before it. One that fails
    // leaves nothing behind.
    const earlier = new WriteSet();
    let ahead = 0;
    for (const member of members) {
      try {
        const transaction = await member.run(earlier, ahead);
        ready.push({ member, transaction });
        const { writes } = transaction.core;
        if (writes === undefined || writes.size === 0) continue;
        earlier.absorb(writes);
        ahead++;
      } catch (error) {
        member.failed(error);
      }
    }
    // Sealed without a pause between them, they cannot but share a group.
    const release = this.#queue.hold();
    for (const { member, transaction } of ready) member.sealed(this.#writers.seal(transaction));
    release();
    this.#writers.passTurn();
  }
}
