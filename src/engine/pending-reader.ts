import type { Awaitable } from "../awaitable.ts";
import { successor } from "../keys/bounds.ts";
import { compareKeys } from "../keys/order.ts";
import { inFormat, type Row } from "./level.ts";
import { chunkOfSteps, type RowRange, type RowReader } from "./reader.ts";
import type { WriteSet } from "./write-set.ts";

/** One layer's nearest key ahead, kept until it is passed or the layer gains a key. */
interface Ahead {
  readonly layer: WriteSet;
  key: string | undefined;
  /** The layer's size when `key` was looked up; -1 where it must be looked up anew. */
  size: number;
}

/**
 * Merges rows of a base with writes pending over it, exact at each step.
 *
 * The layers may grow between two steps: what is put ahead of the position will be met, what is deleted ahead will
 * not, and nothing is met twice.
 */
export class PendingReader implements RowReader {
  readonly #base: RowReader;
  readonly #range: RowRange;
  readonly #ahead: readonly Ahead[];
  /** The interval that is still to walk. */
  #from: string;
  #to: string;
  #remaining: number;
  #peeked: Row | undefined;
  #hasPeeked = false;

  /** @param base reads the same range, with its keys and without a limit: any of its rows may turn out deleted */
  constructor(base: RowReader, layers: readonly WriteSet[], range: RowRange) {
    this.#base = base;
    this.#range = range;
    this.#from = range.from;
    this.#to = range.to;
    this.#remaining = range.limit;
    this.#ahead = layers.map((layer) => ({ layer, key: undefined, size: -1 }));
  }

  chunk(size: number): Promise<Row[]> {
    return chunkOfSteps(this, size);
  }

  step(): Awaitable<Row | undefined> {
    if (this.#remaining <= 0) return undefined;
    while (true) {
      if (!this.#hasPeeked) {
        const row = this.#base.step();
        if (row instanceof Promise) {
          return row.then((arrived) => {
            this.#peek(arrived);
            return this.step();
          });
        }
        this.#peek(row);
      }
      const row = this.#take();
      if (row !== DELETED) return row;
    }
  }

  close(): void {
    this.#base.close();
  }

  #peek(row: Row | undefined): void {
    this.#peeked = row;
    this.#hasPeeked = true;
  }

  /** Passes the nearest key. @returns its row, `DELETED` where a layer deletes it, undefined at the end */
  #take(): Row | undefined | typeof DELETED {
    const base = this.#peeked;
    const pending = this.#nearestPending();
    if (base !== undefined && (pending === undefined || this.#isBefore(base[0], pending))) {
      this.#hasPeeked = false;
      this.#pass(base[0]);
      this.#remaining--;
      return base;
    }
    if (pending === undefined) return undefined;
    if (base !== undefined && base[0] === pending) this.#hasPeeked = false;
    this.#pass(pending);
    for (const { layer } of this.#ahead) {
      const write = layer.get(pending);
      if (write === undefined) continue;
      if (write === null) return DELETED;
      this.#remaining--;
      return [pending, this.#range.values ? inFormat(write, this.#range.format) : ""];
    }
    return DELETED;
  }

  #nearestPending(): string | undefined {
    let nearest: string | undefined;
    for (const ahead of this.#ahead) {
      this.#lookAhead(ahead);
      if (ahead.key !== undefined && (nearest === undefined || this.#isBefore(ahead.key, nearest)))
        nearest = ahead.key;
    }
    return nearest;
  }

  #lookAhead(ahead: Ahead): void {
    const { layer } = ahead;
    if (ahead.size < 0) {
      ahead.key = this.#range.reverse
        ? layer.lastKey(this.#from, this.#to)
        : layer.firstKey(this.#from, this.#to);
      ahead.size = layer.size;
    }
    // What was added meanwhile is mostly behind, as where each row that is met is changed.
    for (; ahead.size < layer.size; ahead.size++) {
      const key = layer.keyAdded(ahead.size);
      const isWithin = compareKeys(key, this.#from) >= 0 && compareKeys(key, this.#to) < 0;
      if (isWithin && (ahead.key === undefined || this.#isBefore(key, ahead.key))) ahead.key = key;
    }
  }

  #pass(key: string): void {
    if (this.#range.reverse) this.#to = key;
    else this.#from = successor(key);
    for (const ahead of this.#ahead) if (ahead.key === key) ahead.size = -1;
  }

  #isBefore(a: string, b: string): boolean {
    return this.#range.reverse ? compareKeys(a, b) > 0 : compareKeys(a, b) < 0;
  }
}

const DELETED = Symbol("deleted");
