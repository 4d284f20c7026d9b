import type { AbstractSnapshot } from "abstract-level";
import type { Awaitable } from "../awaitable.ts";
import type { DatabaseError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { readError } from "./engine-errors.ts";
import type { Lease, LeaseRequest, Memo, Readers, Written } from "./readers.ts";
import { RowCache } from "./row-cache.ts";
import { EngineSource, type Source } from "./source.ts";
import { MAX_DELAY, WaitList } from "./wait-list.ts";

/** The rows at one commit, shared by all readers that start there. */
class SharedSnapshot {
  readonly commit: number;
  readonly memo: Memo;
  readonly source: EngineSource;
  readonly #snapshot: AbstractSnapshot;
  readers = 0;
  /** How many of them may stay as long as they like. */
  pins = 0;
  /** When a later commit took its place, in milliseconds since 1970. */
  retiredAt = Number.POSITIVE_INFINITY;

  constructor(engine: Engine, commit: number, memo: Memo, cache: RowCache) {
    this.commit = commit;
    this.memo = memo;
    try {
      this.#snapshot = engine.level.snapshot();
    } catch (error) {
      throw readError(error);
    }
    this.source = new EngineSource(engine, this.#snapshot, cache);
  }

  retire(): void {
    this.retiredAt = Date.now();
    this.source.leaveCache();
  }

  close(): void {
    this.#snapshot.close().catch(() => undefined);
  }
}

/**
 * Readers of an engine with snapshots: they never wait for writers, nor writers for them.
 *
 * LevelDB 1.20 may return an old value of an often overwritten key while very many snapshots of random lifetime are
 * held (its issue 320). So readers that start at the same commit share one snapshot, the number of snapshots is
 * bounded (a further reader waits), and so is the time for which a superseded one may be held.
 */
export class SnapshotReaders implements Readers {
  readonly #engine: Engine;
  readonly #limit: number;
  readonly #maxAge: number;
  readonly #waiting = new WaitList();
  /** Rows of the last commit. */
  readonly #cache = new RowCache();
  /** Superseded views that still have readers, the oldest first. */
  readonly #retired = new Set<SharedSnapshot>();
  #current: SharedSnapshot | undefined;
  #commit: number;
  #writing = false;
  #timer: NodeJS.Timeout | undefined;
  #failure: DatabaseError | undefined;
  memo: Memo = new Map();
  readonly live: Source;

  constructor(engine: Engine, options: { commit: number; maxSnapshots: number; maxTransactionAge: number }) {
    this.#engine = engine;
    this.#commit = options.commit;
    this.#limit = options.maxSnapshots;
    this.#maxAge = options.maxTransactionAge;
    this.live = new EngineSource(engine, undefined, this.#cache);
  }

  get snapshots(): number {
    return this.#retired.size + (this.#current === undefined ? 0 : 1);
  }

  acquire({ signal, pinned = false }: LeaseRequest = {}): Awaitable<Lease> {
    const view = this.#waiting.size > 0 ? undefined : this.#openCurrent();
    return view === undefined ? this.#acquireLater(signal, pinned) : this.#lease(view, pinned);
  }

  async #acquireLater(signal: AbortSignal | undefined, pinned: boolean): Promise<Lease> {
    while (true) {
      this.#wakeAtExpiry();
      await this.#waiting.wait(signal);
      if (this.#failure !== undefined) throw this.#failure;
      const view = this.#openCurrent();
      if (view !== undefined) return this.#lease(view, pinned);
    }
  }

  /** Where nobody commits, nothing else would tell those who wait that a view's time is over. */
  #wakeAtExpiry(): void {
    if (this.#timer !== undefined) return;
    const oldest = Array.from(this.#retired).find(({ pins }) => pins === 0);
    if (oldest === undefined) return;
    const delay = Math.max(1, Math.min(oldest.retiredAt + this.#maxAge - Date.now() + 1, MAX_DELAY));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#waiting.wakeAll();
    }, delay);
  }

  fail(error: DatabaseError): void {
    this.#failure = error;
    this.#waiting.wakeAll();
  }

  /** The view of the last commit. Undefined while it cannot be had: at the limit, or amid a write without one. */
  #openCurrent(): SharedSnapshot | undefined {
    if (this.#current !== undefined) return this.#current;
    this.#expire();
    if (this.#writing || this.#retired.size >= this.#limit) return undefined;
    this.#current = new SharedSnapshot(this.#engine, this.#commit, this.memo, this.#cache);
    return this.#current;
  }

  #lease(view: SharedSnapshot, pinned: boolean): Lease {
    view.readers++;
    if (pinned) view.pins++;
    return {
      commit: view.commit,
      source: view.source,
      memo: view.memo,
      release: () => this.#release(view, pinned),
    };
  }

  #release(view: SharedSnapshot, pinned: boolean): void {
    view.readers--;
    if (pinned) view.pins--;
    if (view.readers > 0 || view === this.#current) return;
    // An expired view is closed already.
    if (this.#retired.delete(view)) view.close();
    if (!this.#writing) this.#waiting.wakeAll();
  }

  beforeWrite(): void {
    // Taken now, the snapshot is exactly the last commit's; amid the write nobody could tell what it holds.
    this.#openCurrent();
    this.#writing = true;
  }

  afterWrite(commit: number, { structural, writes, purged }: Written): void {
    this.#writing = false;
    this.#commit = commit;
    if (structural) this.memo = new Map();
    for (const key of writes.keys()) this.#cache.drop(key);
    for (const key of purged) this.#cache.drop(key);
    const superseded = this.#current;
    this.#current = undefined;
    if (superseded !== undefined) {
      superseded.retire();
      if (superseded.readers === 0) superseded.close();
      else this.#retired.add(superseded);
    }
    this.#expire();
    this.#waiting.wakeAll();
  }

  /** Takes the rows from readers that outstayed their time: their next read fails with `TX_EXPIRED`. */
  #expire(): void {
    const limit = Date.now() - this.#maxAge;
    for (const view of this.#retired) {
      if (view.retiredAt > limit) return;
      if (view.pins > 0) continue;
      this.#retired.delete(view);
      view.close();
    }
  }

  close(): void {
    for (const view of this.#retired) view.close();
    this.#retired.clear();
    this.#current?.close();
    this.#current = undefined;
    clearTimeout(this.#timer);
  }
}
