import { DatabaseError } from "../errors.ts";
import { Bucket } from "./bucket.ts";
import { BucketParent, refuseReserved, requireBucket } from "./bucket-parent.ts";
import type { BucketState } from "./bucket-state.ts";
import { findBucket, moveBucket, refuseValue } from "./catalog.ts";
import type { TransactionCore } from "./core.ts";
import { Cursor } from "./cursor.ts";
import { checkName } from "./names.ts";
import { checkFunction, isInstance } from "./options.ts";
import { codecOf, type ValueCodec } from "./values.ts";

/** How a hand-driven transaction ends. */
export interface Ending {
  commit(transaction: Transaction): Promise<void>;
  rollback(transaction: Transaction): void;
}

/**
 * One consistent view of the store, at the top level of which the buckets lie; in `update` with the writes made
 * through it.
 *
 * Valid until the callback that it was passed to returns, or until `commit()` or `rollback()`.
 */
export class Transaction extends BucketParent implements AsyncDisposable {
  /** @internal */
  readonly handlers: (() => unknown)[] = [];
  readonly #ending: Ending | undefined;

  /** @internal */
  constructor(core: TransactionCore, ending?: Ending) {
    super(core, core.root);
    this.#ending = ending;
  }

  /** @internal */
  protected override handle(state: BucketState, codec: ValueCodec): Bucket {
    return new Bucket(this.core, state, codec);
  }

  /** For a reader the number of the last commit that it sees; for a writer one more than the last commit's. */
  get id(): number {
    return this.core.id;
  }

  /** Whether the transaction can write. */
  get writable(): boolean {
    return this.core.writes !== undefined;
  }

  /**
   * Moves a bucket, with all that lies within, to another place. Cost: one row; a moved bucket keeps its sublevel.
   *
   * @param name the bucket's name, which it keeps
   * @param from the bucket in which it lies; the transaction or undefined for the top level
   * @param to the bucket into which it goes; likewise
   * @throws DatabaseError `BUCKET_NOT_FOUND`, `BUCKET_EXISTS`, `INCOMPATIBLE_VALUE`, `BUCKET_SAME` where from is to,
   * `BUCKET_CYCLE` where it would go into itself, `BUCKET_OWNED` for a collection's, `BUCKET_MIGRATING`,
   * `STORE_DIFFERENT` for a bucket of another store or transaction
   */
  async moveBucket(
    name: string,
    from: BucketParent | undefined,
    to: BucketParent | undefined,
  ): Promise<void> {
    this.guardWritable();
    checkName(name);
    return this.core.inTurn(() => this.#move(name, from, to));
  }

  async #move(name: string, from: BucketParent | undefined, to: BucketParent | undefined): Promise<void> {
    this.guardWritable();
    const source = this.#place(from);
    const target = this.#place(to);
    if (source === target) {
      throw new DatabaseError(
        "BUCKET_SAME",
        `The bucket ${JSON.stringify(name)} would stay where it is. Pass two places.`,
      );
    }
    const moved = await requireBucket(this.core, source, name);
    refuseReserved(this.core, moved);
    refuseReserved(this.core, target);
    if ((await findBucket(this.core, target, name)) !== undefined) {
      throw new DatabaseError(
        "BUCKET_EXISTS",
        `There is a bucket ${JSON.stringify(name)} at the target. Delete it first.`,
      );
    }
    await refuseValue(this.core, target, name);
    for (let at: BucketState | undefined = target; at !== undefined; at = at.parent) {
      if (at !== moved) continue;
      throw new DatabaseError(
        "BUCKET_CYCLE",
        `The bucket ${JSON.stringify(name)} cannot go into itself or what lies in it.`,
      );
    }
    moveBucket(this.core, moved, target);
  }

  #place(bucket: BucketParent | undefined): BucketState {
    if (bucket === undefined || bucket === null) return this.state;
    if (!isInstance(bucket, BucketParent) || bucket.core !== this.core) {
      throw new DatabaseError(
        "STORE_DIFFERENT",
        "The bucket belongs to another store or transaction. Open it in this one.",
      );
    }
    bucket.guard();
    return bucket.state;
  }

  /** A cursor over the buckets at the top level, each as `[name, undefined]`. */
  cursor(): Cursor<string, undefined> {
    this.guard();
    return new Cursor<string, undefined>(this, codecOf("json"), () => undefined);
  }

  /**
   * Registers a function to be called after the commit, once it is durable and the next writer may run; in order of
   * registration; never after a rollback. What it throws cannot undo the commit: it surfaces as an uncaught error.
   */
  onCommit(fn: () => unknown): void {
    this.guardWritable();
    checkFunction(fn, "onCommit()");
    this.handlers.push(fn);
  }

  /**
   * Commits a hand-driven transaction.
   *
   * @returns resolves when the writes are durable
   * @throws DatabaseError `TX_MANAGED` in `update` or `view`, `TX_CLOSED`, `TX_NOT_WRITABLE`, `STORE_FAILED`
   */
  async commit(): Promise<void> {
    const ending = this.#handDriven("commit");
    try {
      this.guardWritable();
    } catch (error) {
      // On a failed store the transaction is over, too: a writer must not keep its turn, and `close()` waiting.
      if (this.core.open && this.writable) ending.rollback(this);
      throw error;
    }
    await ending.commit(this);
  }

  /**
   * Ends a hand-driven transaction without its writes.
   *
   * @throws DatabaseError `TX_MANAGED` in `update` or `view`, `TX_CLOSED`
   */
  async rollback(): Promise<void> {
    const ending = this.#handDriven("rollback");
    // A failed store still lets go of its transactions.
    if (!this.core.open) this.core.guardOpen();
    ending.rollback(this);
  }

  /** Rolls a hand-driven transaction back if it is still open. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.core.open) this.#ending?.rollback(this);
  }

  #handDriven(verb: string): Ending {
    if (this.#ending !== undefined) return this.#ending;
    throw new DatabaseError(
      "TX_MANAGED",
      `update() and view() end their transaction themselves: no ${verb}() in them. Throw to roll back, or use begin().`,
    );
  }
}
