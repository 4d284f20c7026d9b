/*
 * A digest over rows: SHA-256 over, for each row in the order of keys,
 *
 *   length of the key in bytes (32 bits, little-endian), key, length of the value, value
 */
import { createHash } from "node:crypto";

/** Rows are gathered before they are hashed: a call for each part would cost more than the hashing. */
const GATHERED = 1 << 16;

/** Adds up what rows hold: equal digests mean equal rows in equal order. */
export class RowDigest {
  rows = 0;
  /** Bytes of keys and values. */
  bytes = 0;
  readonly #hash = createHash("sha256");
  readonly #gathered: Buffer = Buffer.allocUnsafe(GATHERED);
  #at = 0;

  /** @param key the whole key @param value as it is stored */
  add(key: Uint8Array, value: Uint8Array): void {
    this.rows++;
    this.bytes += key.length + value.length;
    this.#part(key);
    this.#part(value);
  }

  #part(bytes: Uint8Array): void {
    if (this.#at + 4 + bytes.length > GATHERED) this.#flush();
    this.#at = this.#gathered.writeUInt32LE(bytes.length, this.#at);
    if (this.#at + bytes.length > GATHERED) {
      this.#flush();
      this.#hash.update(bytes);
      return;
    }
    this.#gathered.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #flush(): void {
    this.#hash.update(this.#gathered.subarray(0, this.#at));
    this.#at = 0;
  }

  /** The digest in hexadecimal digits. Once, at the end. */
  finish(): string {
    this.#flush();
    return this.#hash.digest("hex");
  }
}
