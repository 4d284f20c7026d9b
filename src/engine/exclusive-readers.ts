import type { Awaitable } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import type { Format, Value } from "./level.ts";
import type { RowRange, RowReader } from "./reader.ts";
import type { Lease, LeaseRequest, Memo, Readers, Written } from "./readers.ts";
import { EngineSource, type Source } from "./source.ts";
import { MAX_DELAY, WaitList } from "./wait-list.ts";

/** The rows of the engine as they are, for as long as no commit may change them. */
class LeasedSource implements Source {
  readonly sync: boolean;
  readonly #source: Source;
  #expired = false;

  constructor(source: Source) {
    this.sync = source.sync;
    this.#source = source;
  }

  expire(): void {
    this.#expired = true;
  }

  get(key: string, format: Format): Awaitable<Value | undefined> {
    this.#guard();
    return this.#source.get(key, format);
  }

  json(key: string): Awaitable<unknown> {
    this.#guard();
    return this.#source.json(key);
  }

  getMany(keys: readonly string[], format: Format): Promise<(Value | undefined)[]> {
    this.#guard();
    return this.#source.getMany(keys, format);
  }

  read(range: RowRange): RowReader {
    this.#guard();
    const reader = this.#source.read(range);
    const guard = () => this.#guard();
    return {
      chunk: async (size) => {
        guard();
        return reader.chunk(size);
      },
      step: () => {
        guard();
        return reader.step();
      },
      close: () => reader.close(),
    };
  }

  #guard(): void {
    if (!this.#expired) return;
    throw new DatabaseError(
      "TX_EXPIRED",
      "The engine has no snapshots, and a commit has waited for this transaction for maxTransactionAge. Read in shorter transactions, or raise the option.",
    );
  }
}

/**
 * Readers of an engine without snapshots: isolation all the same, at the price that a commit waits for the views that
 * are open (not longer than their time limit), and new views for the commit.
 */
export class ExclusiveReaders implements Readers {
  readonly snapshots = 0;
  readonly live: Source;
  readonly #maxAge: number;
  readonly #waitingReaders = new WaitList();
  readonly #waitingWriter = new WaitList();
  /** What the open views read. */
  readonly #open = new Set<LeasedSource>();
  #commit: number;
  /** A write is under way or waits for the open views. */
  #writing = false;
  #failure: DatabaseError | undefined;
  memo: Memo = new Map();

  constructor(engine: Engine, options: { commit: number; maxTransactionAge: number }) {
    this.live = new EngineSource(engine);
    this.#commit = options.commit;
    this.#maxAge = options.maxTransactionAge;
  }

  async acquire({ signal, nested = false }: LeaseRequest = {}): Promise<Lease> {
    // A commit that waits for the view around this one would never come.
    while (this.#writing && !(nested && this.#open.size > 0)) {
      await this.#waitingReaders.wait(signal);
      if (this.#failure !== undefined) throw this.#failure;
    }
    const source = new LeasedSource(this.live);
    this.#open.add(source);
    return { commit: this.#commit, source, memo: this.memo, release: () => this.#release(source) };
  }

  #release(source: LeasedSource): void {
    this.#open.delete(source);
    if (this.#open.size === 0) this.#waitingWriter.wakeOne();
  }

  fail(error: DatabaseError): void {
    this.#failure = error;
    this.#waitingReaders.wakeAll();
  }

  async beforeWrite(): Promise<void> {
    this.#writing = true;
    if (this.#open.size === 0) return;
    const expiry = setTimeout(
      () => {
        for (const source of this.#open) source.expire();
        this.#open.clear();
        this.#waitingWriter.wakeOne();
      },
      Math.min(this.#maxAge, MAX_DELAY),
    );
    await this.#waitingWriter.wait(undefined);
    clearTimeout(expiry);
  }

  afterWrite(commit: number, { structural }: Written): void {
    this.#writing = false;
    this.#commit = commit;
    if (structural) this.memo = new Map();
    this.#waitingReaders.wakeAll();
  }

  close(): void {}
}
