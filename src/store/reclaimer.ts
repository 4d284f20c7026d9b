import type { CommitQueue } from "../engine/commit-queue.ts";
import type { Engine } from "../engine/engine.ts";
import type { MaintainedLevel } from "../engine/manifest.ts";
import { allRows, type RowReader } from "../engine/reader.ts";
import { EngineSource } from "../engine/source.ts";
import type { Interval } from "../keys/bounds.ts";
import { ALL_SUBLEVELS, droppedPrefix, rowsOf, sublevelKey } from "./system.ts";

/** Rows deleted per batch: few enough that no commit is held up by the batch that it shares. */
const BATCH = 512;
/** From this many deleted rows on, the engine is told to give their space back at once. */
const COMPACT_FROM = 10_000;

/**
 * Deletes the rows of deleted buckets, which nothing can reach any more, in small batches beside other work.
 *
 * The marks that tell it which were committed with the deletions, so a crash only delays it.
 */
export class Reclaimer {
  readonly #engine: Engine;
  readonly #queue: CommitQueue;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(engine: Engine, queue: CommitQueue) {
    this.#engine = engine;
    this.#queue = queue;
  }

  /** Resolves when nothing is left to reclaim, or reclaiming was stopped or failed. */
  get idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** Starts reclaiming, or makes it look again. */
  start(): void {
    if (this.#stopped) return;
    this.#again = true;
    // A failure to write has failed the store, which tells every caller; what is left is done after reopening.
    this.#running ??= this.#run()
      .catch(() => undefined)
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Stops after the current batch. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.idle;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      for (const prefix of await this.#droppedPrefixes()) await this.#reclaim(prefix);
    }
  }

  async #droppedPrefixes(): Promise<string[]> {
    const reader = this.#read(ALL_SUBLEVELS, true);
    try {
      const prefixes: string[] = [];
      for (let row = await reader.step(); row !== undefined; row = await reader.step()) {
        const prefix = droppedPrefix(row[0], row[1]);
        if (prefix !== undefined) prefixes.push(prefix);
      }
      return prefixes;
    } finally {
      reader.close();
    }
  }

  async #reclaim(prefix: string): Promise<void> {
    const { from, to } = rowsOf(prefix);
    let deleted = 0;
    let next = from;
    while (!this.#stopped) {
      const reader = this.#read({ from: next, to }, false);
      const rows = await reader.chunk(BATCH).finally(() => reader.close());
      const keys = rows.map(([key]) => key);
      const last = keys.at(-1);
      if (last === undefined) break;
      await this.#queue.purge(keys);
      deleted += keys.length;
      // Each batch starts where the one before ended, so that none crosses the tombstones of the others.
      next = last;
    }
    if (this.#stopped) return;
    if (deleted >= COMPACT_FROM && this.#engine.manifest.compactRange) {
      await (this.#engine.level as MaintainedLevel).compactRange(from, to, { keyEncoding: "utf8" });
    }
    await this.#queue.purge([sublevelKey(prefix)]);
  }

  #read(interval: Interval, values: boolean): RowReader {
    return new EngineSource(this.#engine).read({ ...allRows(interval, values), firstChunk: BATCH });
  }
}
