/** Reads LevelDB's numbers and texts, one after another: integers with 7 bits a byte, the lowest first. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  at: number;
  /** Whether something was read that was not there, or no number; what was read since means nothing. */
  failed = false;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get done(): boolean {
    return this.failed || this.at >= this.#end;
  }

  /** A number of up to 64 bits; those beyond 2^53 are rounded. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 64; scale *= 128) {
      if (this.at >= this.#end) break;
      const byte = this.#bytes[this.at++] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    this.failed = true;
    return 0;
  }

  /** The next bytes, as a view. */
  take(length: number): Uint8Array {
    const from = this.at;
    if (length > this.#end - from) {
      this.failed = true;
      return this.#bytes.subarray(0, 0);
    }
    this.at += length;
    return this.#bytes.subarray(from, this.at);
  }

  /** Bytes that are preceded by their length. */
  lengthPrefixed(): Uint8Array {
    return this.take(this.varint());
  }
}

/** A number of 32 bits, the lowest byte first. */
export function fixed32(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

/** A number of 64 bits, the lowest byte first; beyond 2^53 it is rounded. */
export function fixed64(bytes: Uint8Array, at: number): number {
  return fixed32(bytes, at) + fixed32(bytes, at + 4) * 2 ** 32;
}
