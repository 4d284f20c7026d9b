import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "@meshgate/database";
import type { Sample, Source } from "../sampler.ts";
import { deleteBefore, readSeries, writeMeans, writeSample } from "./series.ts";

const SAMPLE_MS = 2;
/** Writers of each source. They take turns, so that a sample need not wait until the one before is on disk. */
const WRITERS = 4;
const WINDOW_MS = 200;
const SWEEP_MS = 250;
/** Longer than a run lasts until its crash, so that the audit finds every receipt. */
const RECEIPT_RETENTION_MS = 60_000;

export interface AgentOptions {
  readonly sources: readonly Source[];
  /** How long samples are kept. */
  readonly retentionMs: number;
  /** Called after each commit of a sample: from here on it must survive any crash. */
  readonly onCommit?: (sample: Sample) => void;
}

/** What an agent has done so far. */
export interface Tally {
  /** Commits of samples that were begun, and those of them that are durable. */
  begun: number;
  committed: number;
  /** Rows written, and rows deleted as they were past their retention. */
  rows: number;
  deleted: number;
  readonly queries: Query[];
}

/** A range query: how many rows it gave, and how long it took. */
export interface Query {
  readonly rows: number;
  readonly ms: number;
}

/**
 * Samples this machine into a store, reads windows of time back, and deletes what is past its retention: all at once.
 *
 * Many loops write, each waiting until its own commit is on disk. They take turns in the store, and the commits that
 * meet while the disk is busy share the next sync (group commit): so many writers cost little more than one.
 */
export class Agent {
  readonly tally: Tally = { begun: 0, committed: 0, rows: 0, deleted: 0, queries: [] };
  readonly #store: Store;
  readonly #options: AgentOptions;

  constructor(store: Store, options: AgentOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Runs until the signal aborts; what was begun is then finished first. */
  async run(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const stop = AbortSignal.any([signal, failed.signal]);
    const loops = [
      ...this.#options.sources.flatMap((source) =>
        Array.from({ length: WRITERS }, (_, turn) => this.#sample(source, turn, stop)),
      ),
      this.#average(stop),
      this.#sweep(stop),
    ];
    // Where one loop fails the others stop too, and only then does the caller get the error and close the store.
    for (const loop of loops) loop.catch(() => failed.abort());
    await Promise.allSettled(loops);
    await Promise.all(loops);
  }

  /** Reads the source at every tick and commits what it says, durably. */
  async #sample(source: Source, turn: number, stop: AbortSignal): Promise<void> {
    for await (const at of ticks(SAMPLE_MS * WRITERS, stop, turn * SAMPLE_MS)) {
      const sample = source.read(at);
      this.tally.begun++;
      await this.#store.update((tx) => writeSample(tx, sample));
      this.tally.committed++;
      this.tally.rows += source.metrics.length;
      this.#options.onCommit?.(sample);
    }
  }

  /** Reads each metric's last window back by range, and keeps its mean. */
  async #average(stop: AbortSignal): Promise<void> {
    for await (const at of ticks(WINDOW_MS, stop)) {
      // The window before the last one: its samples are committed by now.
      const [from, to] = [at - 2 * WINDOW_MS, at - WINDOW_MS];
      const means = new Map<string, number>();
      await this.#store.view(async (tx) => {
        for (const metric of this.#metrics()) {
          const began = performance.now();
          const rows = await readSeries(tx, "samples", metric, from, to);
          this.tally.queries.push({ rows: rows.length, ms: performance.now() - began });
          if (rows.length > 0) means.set(metric, mean(rows.map(([, figure]) => figure)));
        }
      });
      await this.#store.update((tx) => writeMeans(tx, from, means));
      this.tally.rows += means.size;
    }
  }

  /** Deletes what is past its retention: one short transaction a series, so that no writer waits for long. */
  async #sweep(stop: AbortSignal): Promise<void> {
    for await (const at of ticks(SWEEP_MS, stop)) {
      const old = [
        ...this.#metrics().map((metric) => ["samples", metric, at - this.#options.retentionMs] as const),
        ...this.#options.sources.map(({ name }) => ["receipts", name, at - RECEIPT_RETENTION_MS] as const),
      ];
      for (const [bucket, series, cutoff] of old) {
        this.tally.deleted += await this.#store.update((tx) => deleteBefore(tx, bucket, series, cutoff));
      }
    }
  }

  #metrics(): string[] {
    return this.#options.sources.flatMap((source) => source.metrics);
  }
}

/**
 * Yields the time whenever the clock passes a multiple of `period` (plus `phase`), in milliseconds, until the signal
 * aborts. Times that pass before the last one was dealt with are left out.
 */
async function* ticks(period: number, stop: AbortSignal, phase = 0): AsyncGenerator<number> {
  for (let at = 0; ; ) {
    const now = Date.now();
    at = Math.max(at, now - ((now - phase) % period)) + period;
    await sleep(at - now);
    if (stop.aborted) return;
    yield at;
  }
}

function mean(figures: readonly number[]): number {
  return figures.reduce((sum, figure) => sum + figure, 0) / figures.length;
}
