import { BUCKET_BYTES, isLostBucket, parseBucket, rootIn } from "./bucket-value.ts";
import { Copies } from "./copies.ts";
import { type PageElement, TreePage } from "./page.ts";
import type { Pages } from "./pages.ts";

/** A bucket, which comes before all that is in it. */
export interface BoltBucket {
  readonly kind: "bucket";
  /** The names of the buckets it lies in, from the top, and its own last. */
  readonly path: readonly Uint8Array[];
  /** What its last `NextSequence` gave. */
  readonly sequence: bigint;
}

/** A key with its value. The bytes are the caller's to keep. */
export interface BoltRow {
  readonly kind: "row";
  /** The names of the buckets it lies in, from the top. */
  readonly path: readonly Uint8Array[];
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export type BoltElement = BoltBucket | BoltRow;

/** Pages on the way from the root to a row. Ten branches lead to more rows than a disk holds; the rest is nesting. */
const MAX_DEPTH = 256;

/** Whether to go into a bucket at the top, not just past it, by its name. */
export type Enters = (name: Uint8Array) => boolean;

/** A page that is being gone through, and where. */
interface Step {
  readonly page: TreePage;
  readonly path: readonly Uint8Array[];
  readonly inline: boolean;
  /** No key of the page is below it, nor `above` or beyond it. Undefined: there is no such bound. */
  readonly from: Uint8Array | undefined;
  readonly above: Uint8Array | undefined;
  next: number;
  last: Uint8Array | undefined;
}

/** Goes through the buckets of a file in its own order, each page once. */
export class Walk {
  readonly #pages: Pages;
  readonly #enters: Enters;
  readonly #copies = new Copies();
  /** From the root's page to the one that is being gone through. */
  readonly #way: Step[] = [];

  constructor(pages: Pages, enters: Enters) {
    this.#pages = pages;
    this.#enters = enters;
  }

  /** Gives what is found a few at a time, since a step of an asynchronous generator costs more than a row. */
  async *run(): AsyncGenerator<BoltElement[], void, undefined> {
    const { meta } = this.#pages;
    this.#enter(await this.#pages.tree(meta.root, `the meta on page ${meta.page}`), [], {});
    for (let step = this.#way.at(-1); step !== undefined; step = this.#way.at(-1)) {
      if (step.next === step.page.count) this.#way.pop();
      else if (step.page.isBranch) await this.#enterChild(step);
      else yield await this.#readLeaf(step);
    }
  }

  /** The next elements of a leaf: up to a bucket that is entered, or a value that was not at hand, or the end. */
  async #readLeaf(step: Step): Promise<BoltElement[]> {
    const { page, path } = step;
    const found: BoltElement[] = [];
    while (step.next < page.count && this.#way.at(-1) === step) {
      const element = page.element(step.next);
      const near = this.#bytes(step, element.start, element.keyBytes);
      const key = this.#nextKey(step, near instanceof Promise ? await near : near);
      if (element.isBucket) {
        found.push(await this.#bucket(step, element, key));
        continue;
      }
      const value = this.#bytes(step, element.start + element.keyBytes, element.valueBytes);
      const bytes = value instanceof Promise ? await value : value;
      this.#checkRow(step, bytes);
      found.push({ kind: "row", path, key, value: bytes });
      if (value instanceof Promise) break;
    }
    return found;
  }

  #enter(
    page: TreePage,
    path: readonly Uint8Array[],
    { from, above, inline = false }: { from?: Uint8Array; above?: Uint8Array | undefined; inline?: boolean },
  ): void {
    if (this.#way.length === MAX_DEPTH)
      throw this.#pages.damaged(page.page, `it lies below ${MAX_DEPTH} others`);
    if (page.isBranch && page.count === 0) throw this.#pages.damaged(page.page, "it leads nowhere");
    if (from !== undefined && page.count === 0)
      throw this.#pages.damaged(page.page, "it is empty, and not its bucket's only page");
    this.#way.push({ page, path, inline, from, above, next: 0, last: undefined });
  }

  async #enterChild(step: Step): Promise<void> {
    const { page, path } = step;
    const { start, keyBytes, child } = page.element(step.next);
    const key = this.#nextKey(step, await this.#bytes(step, start, keyBytes));
    let { above } = step;
    if (step.next < page.count) {
      const next = page.element(step.next);
      // Should it not be above this one, it is refused when its turn comes.
      above = await this.#bytes(step, next.start, next.keyBytes);
    }
    this.#enter(await this.#pages.tree(child, `page ${page.page}`), path, { from: key, above });
  }

  /** Takes the next key of a page, which must be above the last and within what the branches say. */
  #nextKey(step: Step, key: Uint8Array): Uint8Array {
    const { last, from, above, page, next } = step;
    const low = last ?? from;
    const order = low === undefined ? 1 : Buffer.compare(key, low);
    if (order < 0 || (order === 0 && last !== undefined))
      throw this.#pages.damaged(page.page, `the key of element ${next} is not above what comes before it`);
    if (above !== undefined && Buffer.compare(key, above) >= 0)
      throw this.#pages.damaged(
        page.page,
        `the key of element ${next} is not below what comes after the page`,
      );
    step.last = key;
    step.next += 1;
    return key;
  }

  /** Refuses what cannot be a row, though it is marked as one. */
  #checkRow({ page, path, next }: Step, value: Uint8Array): void {
    if (path.length === 0)
      throw this.#pages.damaged(page.page, `element ${next - 1} is a row, and lies in no bucket`);
    const root = rootIn(value);
    if (root !== undefined) this.#pages.suspect(root);
    if (isLostBucket(value))
      throw this.#pages.damaged(page.page, `element ${next - 1} is a bucket, and is not marked as one`);
  }

  async #bucket(step: Step, element: PageElement, name: Uint8Array): Promise<BoltBucket> {
    const { page, next } = step;
    const where = `the bucket at element ${next - 1}`;
    if (step.inline) throw this.#pages.damaged(page.page, `${where} lies in an inline bucket`);
    if (element.valueBytes > this.#pages.meta.pageSize)
      throw this.#pages.damaged(page.page, `${where} takes ${element.valueBytes} bytes in place`);
    const value = await this.#bytes(step, element.start + element.keyBytes, element.valueBytes);
    const bucket = parseBucket(value);
    if (typeof bucket === "string") throw this.#pages.damaged(page.page, `${where} ${bucket}`);
    const path = [...step.path, name];
    const isEntered = path.length > 1 || this.#enters(name);
    if (bucket.root === 0) {
      const inline = TreePage.inline(this.#pages.source, page.page, value.subarray(BUCKET_BYTES));
      if (isEntered) this.#enter(inline, path, { inline: true });
    } else if (isEntered) {
      this.#enter(await this.#pages.tree(bucket.root, `page ${page.page}`), path, {});
    }
    return { kind: "bucket", path, sequence: bucket.sequence };
  }

  /** Bytes of a page, as a copy: those held are a view of a whole block, and are the reader's. */
  #bytes({ page }: Step, start: number, length: number): Uint8Array | Promise<Uint8Array> {
    const bytes = page.bytes(start, length, this.#pages.meta.pageSize);
    return bytes instanceof Promise
      ? bytes.then((arrived) => this.#copies.of(arrived))
      : this.#copies.of(bytes);
  }
}
