import { compareKeys } from "../keys/order.ts";
import type { Value } from "./level.ts";
import { SortedKeys } from "./sorted-keys.ts";

/** What a transaction would write: the last put value of each key, or `null` where the key was deleted. */
export type Write = Value | null;

/**
 * Writes that the engine does not hold yet, by whole key, readable in key order.
 *
 * Most transactions never read in order, so keys are sorted only when the first ordered read asks for it.
 */
export class WriteSet {
  readonly #writes = new Map<string, Write>();
  /** Keys in order, but for the last of `#added`. */
  #sorted: SortedKeys | undefined;
  /** How many keys there were when the first ordered read came. */
  #sizeThen = 0;
  /** Those added since, as they came, and how many of them are in order. */
  readonly #added: string[] = [];
  #merged = 0;
  #bytes = 0;

  /** An estimate of the memory held, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#writes.size;
  }

  get(key: string): Write | undefined {
    return this.#writes.get(key);
  }

  set(key: string, write: Write): void {
    if (this.#sorted !== undefined && !this.#writes.has(key)) this.#added.push(key);
    this.#writes.set(key, write);
    this.#bytes += key.length + (write === null ? 0 : write.length) + 64;
  }

  /** Adds the writes of a later set over these. */
  absorb(later: WriteSet): void {
    for (const [key, write] of later.#writes) this.set(key, write);
  }

  keys(): IterableIterator<string> {
    return this.#writes.keys();
  }

  entries(): IterableIterator<[string, Write]> {
    return this.#writes.entries();
  }

  /** The least key in [from, to). */
  firstKey(from: string, to: string): string | undefined {
    const key = this.#order().ceiling(from);
    return key !== undefined && compareKeys(key, to) < 0 ? key : undefined;
  }

  /** The greatest key in [from, to). */
  lastKey(from: string, to: string): string | undefined {
    const key = this.#order().lower(to);
    return key !== undefined && compareKeys(key, from) >= 0 ? key : undefined;
  }

  /** The key by which the set grew beyond `size`, which it had at an ordered read or later. */
  keyAdded(size: number): string {
    return this.#added[size - this.#sizeThen] as string;
  }

  #order(): SortedKeys {
    if (this.#sorted === undefined) {
      this.#sorted = SortedKeys.from(this.#writes.keys());
      this.#sizeThen = this.#writes.size;
    }
    for (; this.#merged < this.#added.length; this.#merged++)
      this.#sorted.add(this.#added[this.#merged] as string);
    return this.#sorted;
  }
}
