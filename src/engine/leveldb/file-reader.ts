import { type FileHandle, open } from "node:fs/promises";
import { crc32c } from "./crc32c.ts";
import { damaged } from "./damage.ts";

/** Bytes read at once: a whole table, as LevelDB makes them, in one call. */
const WINDOW = 4 << 20;

/** Reads one file after another through a buffer that they share; the event loop goes on meanwhile. */
export class FileReader {
  #handle: FileHandle | undefined;
  #buffer = new Uint8Array(0);
  #from = 0;
  #filled = 0;
  path = "";
  /** The bytes that the file had when it was opened. */
  size = 0;

  /** @throws the system's error */
  async open(path: string): Promise<void> {
    await this.close();
    this.path = path;
    this.#filled = 0;
    this.#handle = await open(path, "r");
    this.size = (await this.#handle.stat()).size;
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /**
   * @returns a view, which the next call makes stale
   * @throws DatabaseError `STORE_DAMAGED` where the file ends before
   */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    const held = this.held(offset, length);
    if (held !== undefined) return held;
    await this.#load(offset, length);
    return this.#buffer.subarray(0, length);
  }

  /** The same without a wait, where the bytes are in the buffer. */
  held(offset: number, length: number): Uint8Array | undefined {
    const at = offset - this.#from;
    return at < 0 || at + length > this.#filled ? undefined : this.#buffer.subarray(at, at + length);
  }

  /** The checksum of a stretch of any length. */
  async checksum(offset: number, length: number): Promise<number> {
    let crc = 0;
    for (let done = 0; done < length; ) {
      const step = Math.min(length - done, WINDOW);
      const bytes = await this.bytes(offset + done, step);
      crc = crc32c(bytes, 0, step, crc);
      done += step;
    }
    return crc;
  }

  async #load(offset: number, length: number): Promise<void> {
    const wanted = Math.max(length, Math.min(WINDOW, this.size - offset));
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted);
    this.#from = offset;
    this.#filled = 0;
    while (this.#filled < wanted) {
      const rest = wanted - this.#filled;
      const read = await this.#handle?.read(this.#buffer, this.#filled, rest, offset + this.#filled);
      if (!read?.bytesRead) break;
      this.#filled += read.bytesRead;
    }
    if (this.#filled < length) throw damaged(this.path, "the file ends too early", offset + this.#filled);
  }
}
