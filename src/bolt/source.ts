import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { DatabaseError } from "../errors.ts";
import { damaged, invalid } from "./problems.ts";

/** What one read brings: some pages, for those that follow one another in a tree often do so in the file. */
const BLOCK_BYTES = 16 * 1024;
const MAX_BLOCKS = 64;

/** A file's bytes by position: never all of them in memory, and never any from beyond its end. */
export class BoltSource {
  readonly path: string;
  /** As it was when the file was opened. */
  readonly size: number;
  readonly #handle: FileHandle;
  /** The blocks read last, the oldest first. None is ever written to again. */
  readonly #blocks = new Map<number, Uint8Array>();
  #closing: Promise<void> | undefined;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws DatabaseError `PATH_INVALID`, `BOLT_INVALID` where there is no file that could be read */
  static async open(path: string): Promise<BoltSource> {
    if (typeof path !== "string")
      throw new DatabaseError("PATH_INVALID", `A bbolt file is named by its path, got a ${typeof path}.`);
    let handle: FileHandle | undefined;
    try {
      // Without O_NONBLOCK (which Windows has not), a named pipe would be waited for.
      handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const stats = await handle.stat();
      if (!stats.isFile()) throw invalid(path, "it is not a file");
      return new BoltSource(path, stats.size, handle);
    } catch (error) {
      await handle?.close();
      if (error instanceof DatabaseError) throw error;
      throw invalid(path, `it cannot be opened: ${(error as Error).message}`, error);
    }
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  close(): Promise<void> {
    this.#blocks.clear();
    this.#closing ??= this.#handle.close();
    return this.#closing;
  }

  /** The size of the file as it is now. */
  async currentSize(): Promise<number> {
    if (this.closed) throw this.#wasClosed();
    try {
      return (await this.#handle.stat()).size;
    } catch (error) {
      throw this.closed ? this.#wasClosed() : damaged(this.path, 0, "its file is gone", error);
    }
  }

  /**
   * Bytes that are not to be changed, and that may pin a block: copy what is kept.
   *
   * @param page the page that the bytes are of, for the error
   * @throws DatabaseError `BOLT_DAMAGED` where the file does not have them
   */
  async read(offset: number, length: number, page: number): Promise<Uint8Array> {
    const index = Math.floor(offset / BLOCK_BYTES);
    const from = offset - index * BLOCK_BYTES;
    if (from + length > BLOCK_BYTES) return this.readNow(offset, length, page);
    const block = await this.#block(index, page);
    if (from + length > block.length) throw this.#ended(offset, length, page);
    return block.subarray(from, from + length);
  }

  /** As {@link read}, from the file as it is now, and bytes of the caller's own. */
  async readNow(offset: number, length: number, page: number): Promise<Uint8Array> {
    if (offset + length > this.size) throw this.#ended(offset, length, page);
    if (this.closed) throw this.#wasClosed();
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const bytesRead = await this.#readSome(bytes, done, offset + done, page);
      if (bytesRead === 0) throw this.#ended(offset, length, page);
      done += bytesRead;
    }
    return bytes;
  }

  async #readSome(bytes: Uint8Array, done: number, position: number, page: number): Promise<number> {
    try {
      return (await this.#handle.read(bytes, done, bytes.length - done, position)).bytesRead;
    } catch (error) {
      if (this.closed) throw this.#wasClosed();
      throw damaged(this.path, page, `it cannot be read: ${(error as Error).message}`, error);
    }
  }

  async #block(index: number, page: number): Promise<Uint8Array> {
    const offset = index * BLOCK_BYTES;
    const known = this.#blocks.get(index);
    const block =
      known ?? (await this.readNow(offset, Math.max(0, Math.min(BLOCK_BYTES, this.size - offset)), page));
    this.#blocks.delete(index);
    this.#blocks.set(index, block);
    if (this.#blocks.size > MAX_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value as number);
    return block;
  }

  #wasClosed(): DatabaseError {
    return new DatabaseError(
      "STORE_CLOSED",
      `${this.path} is closed. Open it again, and walk it before it is closed.`,
    );
  }

  #ended(offset: number, length: number, page: number): DatabaseError {
    const end = offset + length;
    return damaged(
      this.path,
      page,
      `it needs bytes up to ${end}, and the file ends at ${this.size} or before`,
    );
  }
}
