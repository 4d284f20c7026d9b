import { compareKeys } from "../keys/order.ts";

/** Large enough that a million keys make few chunks, small enough that an insertion moves little. */
const CHUNK = 512;

/** Distinct strings in UTF-8 order: a list of sorted chunks, split as they grow. */
export class SortedKeys {
  /** No chunk is empty; every key of a chunk lies below every key of the next. */
  readonly #chunks: string[][] = [];

  static from(keys: Iterable<string>): SortedKeys {
    const all = Array.from(keys).sort(compareKeys);
    const sorted = new SortedKeys();
    for (let i = 0; i < all.length; i += CHUNK) sorted.#chunks.push(all.slice(i, i + CHUNK));
    return sorted;
  }

  /** Adds a key that is not there yet. */
  add(key: string): void {
    const at = Math.min(this.#chunkOf(key), this.#chunks.length - 1);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      return;
    }
    chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > 2 * CHUNK) this.#chunks.splice(at, 1, chunk.slice(0, CHUNK), chunk.slice(CHUNK));
  }

  /** The least key at or above `key`. */
  ceiling(key: string): string | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)];
    return chunk?.[lowerBound(chunk, key)];
  }

  /** The greatest key below `key`. */
  lower(key: string): string | undefined {
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at];
    const index = chunk === undefined ? 0 : lowerBound(chunk, key);
    return index > 0 ? chunk?.[index - 1] : this.#chunks[at - 1]?.at(-1);
  }

  /** Index of the first chunk whose last key is at or above `key`; the number of chunks where there is none. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const last = this.#chunks[middle]?.at(-1);
      if (last !== undefined && compareKeys(last, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Index of the first key at or above `key`; the length where there is none. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] as string, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
