const CHUNK_PAGES = 32 * 1024;

/** A set of page ids: a bit for each, in chunks that are made when needed. */
export class PageSet {
  readonly #chunks = new Map<number, Uint8Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns whether the page was not in the set before */
  add(page: number): boolean {
    const index = Math.floor(page / CHUNK_PAGES);
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_PAGES / 8);
      this.#chunks.set(index, chunk);
    }
    const bit = page % CHUNK_PAGES;
    const mask = 1 << (bit & 7);
    const byte = chunk[bit >> 3] as number;
    if ((byte & mask) !== 0) return false;
    chunk[bit >> 3] = byte | mask;
    this.#size += 1;
    return true;
  }

  has(page: number): boolean {
    const bit = page % CHUNK_PAGES;
    const byte = this.#chunks.get(Math.floor(page / CHUNK_PAGES))?.[bit >> 3] ?? 0;
    return (byte & (1 << (bit & 7))) !== 0;
  }
}
