/** What a byte of a bbolt file is part of, by which it is known what a change of it may do. */
export type ByteKind =
  /** Headers, elements, numbers of pages, the list of free pages, and bytes that mean nothing. */
  | "structure"
  /** The key of a row, or the name of a bucket. */
  | "key"
  | "value"
  /** A bucket's sequence. */
  | "sequence"
  /** A size in the last element of a page: the zeros after it can be taken for its own. */
  | "last size"
  /** The flag of an empty inline bucket, whose value could be any row's. */
  | "empty bucket's flag"
  /** The record of the last commit, and of the one before. */
  | "meta"
  | "older meta";

export interface ByteOwner {
  readonly kind: ByteKind;
  /** The line, as in `lines.ts`, of the row or bucket that it is part of. */
  readonly line: number;
}

const HEADER = 16;
const ELEMENT = 16;
const META = 64;

/** Finds out, of every byte of an undamaged file, what it is part of. It shares no code with the reader. */
export class Layout {
  readonly pageSize: number;
  readonly #bytes: Buffer;
  readonly #owners = new Map<number, ByteOwner>();
  #lines = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.pageSize = bytes.readUInt32LE(24);
    const second = this.pageSize;
    const current = bytes.readBigUInt64LE(64) > bytes.readBigUInt64LE(second + 64) ? 0 : second;
    this.#own(current + HEADER, META, "meta", -1);
    this.#own(this.pageSize - current + HEADER, META, "older meta", -1);
    this.#tree(this.#id(current + 32));
  }

  get lines(): number {
    return this.#lines;
  }

  ownerOf(at: number): ByteOwner {
    return this.#owners.get(at) ?? { kind: "structure", line: -1 };
  }

  /** Where the bytes of a kind are; without one, all that tell of content and are not content themselves. */
  positions(kind?: ByteKind): number[] {
    if (kind === undefined) return [...this.#structure];
    return [...this.#owners].filter(([, owner]) => owner.kind === kind).map(([at]) => at);
  }

  readonly #structure = new Set<number>();

  #id(at: number): number {
    return Number(this.#bytes.readBigUInt64LE(at));
  }

  #own(at: number, length: number, kind: ByteKind, line: number): void {
    for (let i = at; i < at + length; i++) this.#owners.set(i, { kind, line });
  }

  #tree(page: number): void {
    const at = page * this.pageSize;
    if (this.#bytes.readUInt16LE(at + 8) === 2) {
      this.#leaf(at, false);
      return;
    }
    const count = this.#table(at);
    for (let i = 0; i < count; i++) this.#tree(this.#id(at + HEADER + i * ELEMENT + 8));
  }

  #table(at: number): number {
    const count = this.#bytes.readUInt16LE(at + 10);
    for (let i = at; i < at + HEADER + count * ELEMENT; i++) this.#structure.add(i);
    return count;
  }

  #leaf(at: number, inline: boolean): void {
    const count = this.#table(at);
    for (let i = 0; i < count; i++) {
      const element = at + HEADER + i * ELEMENT;
      const key = element + this.#bytes.readUInt32LE(element + 4);
      const keyBytes = this.#bytes.readUInt32LE(element + 8);
      const valueBytes = this.#bytes.readUInt32LE(element + 12);
      const line = this.#lines;
      this.#lines += 1;
      this.#own(key, keyBytes, "key", line);
      if (i === count - 1 && !inline) this.#own(element + 8, 8, "last size", line);
      const value = key + keyBytes;
      if (this.#bytes.readUInt32LE(element) === 0) this.#own(value, valueBytes, "value", line);
      else this.#bucket(element, value, valueBytes, line);
    }
  }

  #bucket(element: number, value: number, valueBytes: number, line: number): void {
    this.#own(value + 8, 8, "sequence", line);
    for (let i = value; i < value + 8; i++) this.#structure.add(i);
    const root = this.#id(value);
    if (root !== 0) {
      this.#tree(root);
      return;
    }
    if (valueBytes === 32) this.#own(element, 1, "empty bucket's flag", line);
    this.#leaf(value + 16, true);
  }
}
