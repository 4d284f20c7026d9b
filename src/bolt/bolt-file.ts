import { DatabaseError } from "../errors.ts";
import { takeFreePages } from "./freelist.ts";
import { countLostPages } from "./lost-pages.ts";
import { type Metas, metaBytes, readMetas } from "./meta.ts";
import { Pages } from "./pages.ts";
import { busy } from "./problems.ts";
import { BoltSource } from "./source.ts";
import { type BoltBucket, type BoltElement, type Enters, Walk } from "./walk.ts";

export type { BoltBucket, BoltElement, BoltRow } from "./walk.ts";

/** A bbolt file, open for reading. */
export interface BoltFile extends AsyncDisposable {
  readonly path: string;
  /** The bytes of the file. */
  readonly size: number;
  readonly pageSize: number;
  /** The number of the last commit. */
  readonly txid: bigint;
  /**
   * The page, 0 or 1, whose record of a commit is damaged, if one is. As bbolt does, the other one is read: if the
   * damaged one was the newer, the content is that of the commit before. A crash of the writer can leave this.
   */
  readonly damagedMeta: number | undefined;
  /**
   * Known once a {@link walk} of the whole file has ended: the pages that are neither free nor in a bucket. bbolt leaks some when it
   * deletes buckets; they hold nothing that is missed. Undefined too where the file does not list its free pages
   * (`NoFreelistSync`). In such a file, and in one with lost pages, a number that leads from page to page may have
   * been changed without a sign, so that it leads to a page that has no other use, or to one below the right one.
   */
  readonly lostPages: number | undefined;
  /** The buckets at the top, in order. @throws DatabaseError as {@link walk} */
  buckets(): AsyncIterableIterator<BoltBucket>;
  /**
   * All buckets and rows in bbolt's order, which is that of the keys' bytes; a bucket comes where its name stands,
   * and right behind it all that is in it. The file is not held in memory, and may be walked several times.
   *
   * What was given before an error is not the whole: use it only when the walk has ended.
   *
   * Damage to what holds the rows together is refused. bbolt keeps no checksum of the rows: a changed byte in a key, a
   * value, a sequence, or the size of a page's last row shows in that row or bucket alone, and without a sign; that of
   * the flag of an empty bucket makes it a row.
   *
   * @param enters which of the buckets at the top to go into, by name; all by default. Others are given without what is
   * in them, and their pages are not looked at
   * @throws DatabaseError `BOLT_DAMAGED`, `BOLT_BUSY`, `STORE_CLOSED`, `OPTION_INVALID`
   */
  walk(enters?: (name: Uint8Array) => boolean): AsyncIterableIterator<BoltElement>;
  /** Ends all walks. May be called again. */
  close(): Promise<void>;
}

/**
 * Opens a bbolt file, and changes nothing in it.
 *
 * bbolt's own lock (flock) is not in Node's reach. Instead, a file that was written to during a walk is found out at
 * its end by the metas and the size: what had been read so far is then refused. A program that has the file open and
 * writes nothing does no harm, and is not noticed.
 *
 * @throws DatabaseError `BOLT_INVALID` for a file that is not one of bbolt's, or of another byte order or version;
 * `PATH_INVALID` for what is no text; `BOLT_DAMAGED` for one that is truncated or whose metas are both damaged; `BOLT_BUSY`
 */
export async function openBolt(path: string): Promise<BoltFile> {
  const source = await BoltSource.open(path);
  try {
    return new OpenBoltFile(source, await readMetas(source));
  } catch (error) {
    const size = await source.currentSize();
    await source.close();
    throw size === source.size ? error : sizeChanged(source, size);
  }
}

function sizeChanged(source: BoltSource, size: number): DatabaseError {
  return busy(source.path, `the file had ${source.size} bytes, and has ${size} now`);
}

class OpenBoltFile implements BoltFile {
  readonly path: string;
  readonly size: number;
  readonly pageSize: number;
  readonly txid: bigint;
  readonly damagedMeta: number | undefined;
  readonly #source: BoltSource;
  readonly #metas: Metas;
  #lostPages: number | undefined;

  constructor(source: BoltSource, metas: Metas) {
    this.path = source.path;
    this.size = source.size;
    this.pageSize = metas.current.pageSize;
    this.txid = metas.current.txid;
    this.damagedMeta = metas.damagedMeta;
    this.#source = source;
    this.#metas = metas;
  }

  get lostPages(): number | undefined {
    return this.#lostPages;
  }

  async *buckets(): AsyncGenerator<BoltBucket, void, undefined> {
    const pages = new Pages(this.#source, this.#metas.current);
    for await (const element of this.#guarded(pages, () => false, false))
      if (element.kind === "bucket") yield element;
  }

  walk(enters?: Enters): AsyncGenerator<BoltElement, void, undefined> {
    if (enters !== undefined && typeof enters !== "function")
      throw new DatabaseError(
        "OPTION_INVALID",
        "walk() takes a function that tells which buckets to go into.",
      );
    const pages = new Pages(this.#source, this.#metas.current);
    return this.#guarded(pages, enters ?? (() => true), enters === undefined);
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Walks the file, and tells one that was written to meanwhile from one that is damaged. */
  async *#guarded(
    pages: Pages,
    enters: Enters,
    isWhole: boolean,
  ): AsyncGenerator<BoltElement, void, undefined> {
    await this.#checkUnchanged();
    try {
      const listsAll = isWhole && (await takeFreePages(pages));
      for await (const found of new Walk(pages, enters).run()) for (const element of found) yield element;
      if (listsAll) this.#lostPages = await countLostPages(pages);
    } catch (error) {
      if (error instanceof DatabaseError && error.code === "BOLT_DAMAGED") await this.#checkUnchanged();
      throw error;
    }
    await this.#checkUnchanged();
  }

  async #checkUnchanged(): Promise<void> {
    const size = await this.#source.currentSize();
    if (size !== this.size) throw sizeChanged(this.#source, size);
    const bytes = await metaBytes(this.#source, this.pageSize);
    if (Buffer.compare(bytes, this.#metas.bytes) !== 0)
      throw busy(this.path, `commit ${this.txid} was read, and another was made meanwhile`);
  }
}
