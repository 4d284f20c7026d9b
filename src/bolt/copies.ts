const SLAB_BYTES = 8 * 1024;
/** Longer ones have memory of their own. */
const MAX_SHARED = 1024;

/**
 * Copies of many small pieces of bytes. They share memory by the slab, as an allocation for each costs more than the
 * copy; one that is kept keeps its slab.
 */
export class Copies {
  #slab = new Uint8Array(0);
  #used = 0;

  of(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > MAX_SHARED) return new Uint8Array(bytes);
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + length);
    copy.set(bytes);
    this.#used += length;
    return copy;
  }
}
