import type { Awaitable } from "../awaitable.ts";
import type { DatabaseError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import type { Lease, LeaseRequest, Memo, Readers } from "./readers.ts";
import { EngineSource, type Source } from "./source.ts";
import { WaitList } from "./wait-list.ts";

/**
 * Readers of an engine without snapshots: isolation all the same, at the price that a commit waits for the views that
 * are open, and new views for the commit.
 */
export class ExclusiveReaders implements Readers {
  readonly snapshots = 0;
  readonly #source: Source;
  readonly #waitingReaders = new WaitList();
  readonly #waitingWriter = new WaitList();
  #commit: number;
  #open = 0;
  /** A write is under way or waits for the open views. */
  #writing = false;
  #failure: DatabaseError | undefined;
  memo: Memo = new Map();

  constructor(engine: Engine, options: { commit: number }) {
    this.#source = new EngineSource(engine);
    this.#commit = options.commit;
  }

  async acquire({ signal, nested = false }: LeaseRequest = {}): Promise<Lease> {
    // A commit that waits for the view around this one would never come.
    while (this.#writing && !(nested && this.#open > 0)) {
      await this.#waitingReaders.wait(signal);
      if (this.#failure !== undefined) throw this.#failure;
    }
    this.#open++;
    const release = () => {
      this.#open--;
      if (this.#open === 0) this.#waitingWriter.wakeOne();
    };
    return { commit: this.#commit, source: this.#source, memo: this.memo, release };
  }

  fail(error: DatabaseError): void {
    this.#failure = error;
    this.#waitingReaders.wakeAll();
  }

  beforeWrite(): Awaitable<void> {
    this.#writing = true;
    return this.#open > 0 ? this.#waitingWriter.wait(undefined) : undefined;
  }

  afterWrite(commit: number, structural: boolean): void {
    this.#writing = false;
    this.#commit = commit;
    if (structural) this.memo = new Map();
    this.#waitingReaders.wakeAll();
  }

  close(): void {}
}
