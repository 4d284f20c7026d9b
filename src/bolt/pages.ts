import type { DatabaseError } from "../errors.ts";
import type { Meta } from "./meta.ts";
import { PAGE_HEADER_BYTES, type PageHeader, parseHeader, TreePage } from "./page.ts";
import { PageSet } from "./page-set.ts";
import { damaged } from "./problems.ts";
import type { BoltSource } from "./source.ts";

/** The pages of a file during one walk, each to be met once. */
export class Pages {
  readonly source: BoltSource;
  readonly meta: Meta;
  readonly #met = new PageSet();
  readonly #free = new PageSet();
  readonly #suspects = new PageSet();

  constructor(source: BoltSource, meta: Meta) {
    this.source = source;
    this.meta = meta;
    this.#met.add(0);
    this.#met.add(1);
  }

  /** How many pages were met, free ones among them. */
  get metCount(): number {
    return this.#met.size;
  }

  isMet(id: number): boolean {
    return this.#met.has(id);
  }

  /** Whether a page was met, and not as a free one. */
  isInUse(id: number): boolean {
    return id >= 2 && this.#met.has(id) && !this.#free.has(id);
  }

  /** Notes a page that a row's value would lead to, were the value a bucket's. */
  suspect(id: number): void {
    if (id >= 2 && id < this.meta.highWater) this.#suspects.add(id);
  }

  isSuspect(id: number): boolean {
    return this.#suspects.has(id);
  }

  /** Reads a page of a bucket's tree. @param by what led to it, for errors */
  async tree(id: number, by: string): Promise<TreePage> {
    return TreePage.read(this.source, await this.take(id, by), this.meta.pageSize);
  }

  /** Reads a page's header, and marks the page and those that it spans as met. */
  async take(id: number, by: string): Promise<PageHeader> {
    const { highWater } = this.meta;
    if (!(id >= 2 && id < highWater))
      throw this.damaged(id, `${by} leads to it, and the file has the pages 2 to ${highWater - 1}`);
    const header = await this.header(id);
    if (header.id !== id) throw this.damaged(id, `it says that it is page ${header.id}`);
    const last = id + header.overflow;
    if (last >= highWater) throw this.#beyond(id, last);
    for (let page = id; page <= last; page++) {
      if (!this.#met.add(page)) {
        const as = this.#free.has(page) ? "it is listed as free" : "it was met before in another place";
        throw this.damaged(page, `${page === id ? by : `page ${id}`} leads to it, and ${as}`);
      }
    }
    return header;
  }

  /** Marks a page as free. @param list the page that says so */
  free(id: number, list: number): void {
    if (id >= this.meta.highWater) throw this.#beyond(list, id);
    if (!this.#met.add(id)) throw this.damaged(id, `page ${list} lists it as free, and it was met before`);
    this.#free.add(id);
  }

  /** A page's header as it stands, nothing of which was looked at. */
  async header(id: number): Promise<PageHeader> {
    return parseHeader(await this.source.read(id * this.meta.pageSize, PAGE_HEADER_BYTES, id));
  }

  damaged(page: number, reason: string): DatabaseError {
    return damaged(this.source.path, page, reason);
  }

  #beyond(page: number, last: number): DatabaseError {
    const { highWater } = this.meta;
    return this.damaged(page, `it reaches to page ${last}, and the file has the pages 2 to ${highWater - 1}`);
  }
}
