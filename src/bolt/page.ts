/*
 * A page of a bucket's tree: a leaf (flags 2) with the rows, or a branch (flags 1) that leads to further pages.
 *
 *   page    = header element{count} (key value?){count} zero*      overflow+1 times pageSize bytes
 *   header  = id:u64 flags:u16 count:u16 overflow:u32
 *   leaf element   = flags:u32 pos:u32 ksize:u32 vsize:u32         flags 1: the value is a bucket
 *   branch element = pos:u32 ksize:u32 page:u64                    the key is the lowest that page may hold
 *
 * A key lies pos bytes from its element's start. All writers of the format lay the keys and values end to end, right
 * behind the elements and in their order, in no more pages than that takes, and zeros after them. This is relied upon:
 * without a checksum, it is what shows a count or a size that was changed.
 */
import { damaged } from "./problems.ts";
import type { BoltSource } from "./source.ts";

export const PAGE_HEADER_BYTES = 16;
export const ELEMENT_BYTES = 16;
const BRANCH = 1;
const LEAF = 2;
const MAX_KEY_BYTES = 32768;
const MAX_VALUE_BYTES = 2 ** 31 - 2;
/** Of a longer page the elements are held, and each key and value is read when it is asked for. */
const MAX_HELD_BYTES = 64 * 1024;
const ZEROS = new Uint8Array(MAX_HELD_BYTES);

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  readonly overflow: number;
}

export interface PageElement {
  readonly isBucket: boolean;
  /** Where the key starts in the page; the value follows it. */
  readonly start: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** The page that an element of a branch leads to. */
  readonly child: number;
}

export function parseHeader(bytes: Uint8Array): PageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, PAGE_HEADER_BYTES);
  return {
    id: Number(view.getBigUint64(0, true)),
    flags: view.getUint16(8, true),
    count: view.getUint16(10, true),
    overflow: view.getUint32(12, true),
  };
}

/** Whether a page is of a bucket's tree. */
export function isTree({ flags }: PageHeader): boolean {
  return flags === BRANCH || flags === LEAF;
}

/** A page whose elements are sound, by themselves and together. What they say of other pages is not looked at. */
export class TreePage {
  /** The page of the file, for errors. */
  readonly page: number;
  readonly isBranch: boolean;
  readonly count: number;
  /** How many pages of the file it takes; none of its own if it is inline. */
  readonly span: number;
  /** The bytes up to the end of the last value. */
  used = 0;
  readonly #source: BoltSource;
  readonly #held: Uint8Array;
  readonly #view: DataView;

  private constructor(source: BoltSource, page: number, header: PageHeader, held: Uint8Array) {
    this.#source = source;
    this.page = page;
    this.isBranch = header.flags === BRANCH;
    this.count = header.count;
    this.span = header.id === 0 ? 0 : header.overflow + 1;
    this.#held = held;
    this.#view = new DataView(held.buffer, held.byteOffset, held.byteLength);
  }

  /** Reads a page of the file whose header was found to be in bounds. */
  static async read(source: BoltSource, header: PageHeader, pageSize: number): Promise<TreePage> {
    const { id, flags, count, overflow } = header;
    if (!isTree(header))
      throw damaged(source.path, id, `its flags are ${flags}, which no page of a bucket has`);
    const length = (overflow + 1) * pageSize;
    const table = PAGE_HEADER_BYTES + count * ELEMENT_BYTES;
    if (table > length) throw damaged(source.path, id, `its ${count} elements do not fit in it`);
    const held = await source.read(id * pageSize, length <= MAX_HELD_BYTES ? length : table, id);
    const page = new TreePage(source, id, header, held);
    page.#measure(length);
    if (overflow * pageSize > page.used)
      throw damaged(source.path, id, `it spans ${overflow + 1} pages for ${page.used} bytes`);
    await page.#checkRest(length, pageSize);
    return page;
  }

  /** Takes the leaf that an inline bucket is. @param page the page of the file that it lies in */
  static inline(source: BoltSource, page: number, bytes: Uint8Array): TreePage {
    const header = parseHeader(bytes);
    if (header.id !== 0 || header.flags !== LEAF || header.overflow !== 0)
      throw damaged(source.path, page, "an inline bucket in it does not start like one");
    const inline = new TreePage(source, page, header, bytes);
    inline.#measure(bytes.length);
    if (inline.used !== bytes.length)
      throw damaged(
        source.path,
        page,
        `an inline bucket in it has ${bytes.length} bytes, not ${inline.used}`,
      );
    return inline;
  }

  element(index: number): PageElement {
    const at = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    const view = this.#view;
    if (this.isBranch) {
      const start = at + view.getUint32(at, true);
      const child = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 2 ** 32;
      return { isBucket: false, start, keyBytes: view.getUint32(at + 4, true), valueBytes: 0, child };
    }
    return {
      isBucket: view.getUint32(at, true) === 1,
      start: at + view.getUint32(at + 4, true),
      keyBytes: view.getUint32(at + 8, true),
      valueBytes: view.getUint32(at + 12, true),
      child: 0,
    };
  }

  /** Bytes of the page that may pin more than themselves: copy what is kept. */
  bytes(start: number, length: number, pageSize: number): Uint8Array | Promise<Uint8Array> {
    if (start + length <= this.#held.length) return this.#held.subarray(start, start + length);
    return this.#source.read(this.page * pageSize + start, length, this.page);
  }

  /** Goes through the sizes of all elements, and sets `used` to what they come to. */
  #measure(length: number): void {
    let end = PAGE_HEADER_BYTES + this.count * ELEMENT_BYTES;
    if (end > length) throw this.#damaged(`its ${this.count} elements do not fit in it`);
    for (let i = 0; i < this.count; i++) {
      const { start, keyBytes, valueBytes } = this.element(i);
      if (start !== end) throw this.#damaged(`element ${i} has its key at byte ${start}, not ${end}`);
      if (keyBytes === 0 || keyBytes > MAX_KEY_BYTES)
        throw this.#damaged(`element ${i} has a key of ${keyBytes} bytes`);
      if (valueBytes > MAX_VALUE_BYTES)
        throw this.#damaged(`element ${i} has a value of ${valueBytes} bytes`);
      end = start + keyBytes + valueBytes;
      if (end > length) throw this.#damaged(`element ${i} ends at byte ${end} of ${length}`);
      const flags = this.isBranch ? 0 : this.#view.getUint32(PAGE_HEADER_BYTES + i * ELEMENT_BYTES, true);
      if (flags > 1) throw this.#damaged(`element ${i} has the flags ${flags}`);
    }
    this.used = end;
  }

  async #checkRest(length: number, pageSize: number): Promise<void> {
    for (let from = this.used; from < length; from += ZEROS.length) {
      const size = Math.min(ZEROS.length, length - from);
      if (Buffer.compare(await this.bytes(from, size, pageSize), ZEROS.subarray(0, size)) !== 0)
        throw this.#damaged(`it has data beyond its last element, which ends at byte ${this.used}`);
    }
  }

  #damaged(reason: string) {
    return damaged(this.#source.path, this.page, reason);
  }
}
