import { DatabaseError } from "../errors.ts";
import { BUCKET_BYTES, parseBucket } from "./bucket-value.ts";
import { isTree, TreePage } from "./page.ts";
import { PageSet } from "./page-set.ts";
import type { Pages } from "./pages.ts";

const ADVICE = "Where bbolt's own check finds only unreachable pages, let bbolt compact the file first";

/**
 * Counts the pages that are neither free nor in a bucket; call it when all others were met.
 *
 * bbolt itself leaks some when it deletes buckets, and those are no damage. Two signs show that there is more to it,
 * and that a bucket or a part of one would be missed:
 * - a row has the value of a bucket with such a page. It was one, and the flag that says so was lost;
 * - such pages make up one tree, less a part that is in use: a number that led to the tree leads to that part instead.
 *   Of several trees, or what is left of them, most if not all are leaked, and this is not held against them.
 *
 * @throws DatabaseError `BOLT_DAMAGED`
 */
export async function countLostPages(pages: Pages): Promise<number> {
  const lost = pages.meta.highWater - pages.metCount;
  if (lost === 0) return 0;
  const tree = new LostTree(pages);
  for (let id = 2; id < pages.meta.highWater; id++) {
    if (pages.isMet(id)) continue;
    const page = await readLost(pages, id);
    if (page !== undefined && pages.isSuspect(id)) {
      throw pages.damaged(
        id,
        `a row has the value of a bucket with this page, and nothing else leads to it. ${ADVICE}`,
      );
    }
    if (page !== undefined) await tree.add(page);
  }
  const part = tree.partInUse(lost);
  if (part !== undefined) {
    throw pages.damaged(
      part.from,
      `no bucket leads to it, and it leads to page ${part.to}, which is in use. ${ADVICE}`,
    );
  }
  return lost;
}

/** Lost pages, and whether they are one tree. */
class LostTree {
  readonly #pages: Pages;
  /** The pages that those added span. */
  #spanned = 0;
  #added = 0;
  readonly #children = new PageSet();
  readonly #inUse: { from: number; to: number }[] = [];
  #isTree = true;

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  async add(page: TreePage): Promise<void> {
    this.#added += 1;
    this.#spanned += page.span;
    for (let i = 0; i < page.count && this.#isTree; i++) {
      const to = await this.#childOf(page, i);
      if (to === 0) continue;
      if (this.#pages.isInUse(to)) this.#inUse.push({ from: page.page, to });
      else if (to >= this.#pages.meta.highWater || this.#pages.isMet(to) || !this.#children.add(to))
        this.#isTree = false;
      if (this.#inUse.length > 1) this.#isTree = false;
    }
  }

  /** The one page in use that the tree leads to, if it is a tree of all lost pages. */
  partInUse(lost: number): { from: number; to: number } | undefined {
    const isWhole = this.#isTree && this.#spanned === lost && this.#added - this.#children.size === 1;
    return isWhole ? this.#inUse[0] : undefined;
  }

  /** The page that an element leads to, or 0. */
  async #childOf(page: TreePage, index: number): Promise<number> {
    const { isBucket, child, start, keyBytes, valueBytes } = page.element(index);
    if (!isBucket || valueBytes !== BUCKET_BYTES) return child;
    const { pageSize } = this.#pages.meta;
    const bucket = parseBucket(await page.bytes(start + keyBytes, valueBytes, pageSize));
    return typeof bucket === "string" ? 0 : bucket.root;
  }
}

/** @returns a page of a bucket's tree; undefined where it is another, or was written over in part */
async function readLost(pages: Pages, id: number): Promise<TreePage | undefined> {
  const header = await pages.header(id);
  if (header.id !== id || !isTree(header) || id + header.overflow >= pages.meta.highWater) return undefined;
  try {
    return await TreePage.read(pages.source, header, pages.meta.pageSize);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "BOLT_DAMAGED") return undefined;
    throw error;
  }
}
