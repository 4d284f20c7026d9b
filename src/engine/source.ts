import type { AbstractSnapshot } from "abstract-level";
import type { Awaitable } from "../awaitable.ts";
import type { Engine } from "./engine.ts";
import { readError } from "./engine-errors.ts";
import { type Format, inFormat, type Level, type Value } from "./level.ts";
import { PendingReader } from "./pending-reader.ts";
import { EngineReader, type RowRange, type RowReader } from "./reader.ts";
import type { RowCache } from "./row-cache.ts";
import type { WriteSet } from "./write-set.ts";

/**
 * A source of rows at a commit: all that a transaction reads through.
 *
 * Keys are whole keys, as the engine stores them.
 */
export interface Source {
  /** Whether `get` gives plain values. */
  readonly sync: boolean;
  get(key: string, format: Format): Awaitable<Value | undefined>;
  /**
   * The value of a key, parsed, for the caller alone. Perhaps out of memory: whoever inspects what the engine holds
   * calls `get` or `getMany`.
   *
   * @throws SyntaxError where it is no JSON
   */
  json(key: string): Awaitable<unknown>;
  getMany(keys: readonly string[], format: Format): Promise<(Value | undefined)[]>;
  read(range: RowRange): RowReader;
}

function parse(text: Value | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text as string);
}

/** From this many keys on, one trip to another thread keeps this one free for longer than it costs. */
const MANY_KEYS = 32;

/** The rows of an engine, at a snapshot, or as they are at each read. */
export class EngineSource implements Source {
  readonly #level: Level;
  readonly #snapshot: AbstractSnapshot | undefined;
  #cache: RowCache | undefined;
  readonly sync: boolean;
  readonly #options: Record<
    Format,
    { keyEncoding: "view"; valueEncoding: Format; snapshot?: AbstractSnapshot }
  >;

  /** @param cache rows as they are at the snapshot, until `leaveCache()` is called */
  constructor(engine: Pick<Engine, "level" | "manifest">, snapshot?: AbstractSnapshot, cache?: RowCache) {
    this.#level = engine.level;
    this.#snapshot = snapshot;
    this.#cache = cache;
    this.sync = engine.manifest.getSync;
    const at = snapshot === undefined ? {} : { snapshot };
    this.#options = {
      utf8: { keyEncoding: "view", valueEncoding: "utf8", ...at },
      view: { keyEncoding: "view", valueEncoding: "view", ...at },
    };
  }

  /** From now on the cache's rows are those of a later commit. */
  leaveCache(): void {
    this.#cache = undefined;
  }

  get(key: string, format: Format): Awaitable<Value | undefined> {
    return this.sync ? this.#getSync(key, format) : this.#getAsync(key, format);
  }

  json(key: string): Awaitable<unknown> {
    const cached = this.#cache?.get(key);
    if (cached !== undefined) return cached;
    if (!this.sync) return this.#getAsync(key, "utf8").then(parse);
    const text = this.#getSync(key, "utf8") as string | undefined;
    const json = parse(text);
    return this.#cache === undefined || text === undefined ? json : this.#cache.offer(key, text, json);
  }

  #getSync(key: string, format: Format): Value | undefined {
    try {
      // Bytes, since getSync misreads text keys when a character straddles the end of its internal buffer.
      return this.#level.getSync<Uint8Array, Value>(Buffer.from(key), this.#options[format]);
    } catch (error) {
      throw readError(error);
    }
  }

  async #getAsync(key: string, format: Format): Promise<Value | undefined> {
    try {
      return await this.#level.get<Uint8Array, Value>(Buffer.from(key), this.#options[format]);
    } catch (error) {
      throw readError(error);
    }
  }

  async getMany(keys: readonly string[], format: Format): Promise<(Value | undefined)[]> {
    if (this.sync && keys.length < MANY_KEYS)
      return keys.map((key) => this.get(key, format) as Value | undefined);
    try {
      const encoded = keys.map((key) => Buffer.from(key));
      return await this.#level.getMany<Uint8Array, Value>(encoded, this.#options[format]);
    } catch (error) {
      throw readError(error);
    }
  }

  read(range: RowRange): RowReader {
    try {
      return new EngineReader(this.#level, range, this.#snapshot);
    } catch (error) {
      throw readError(error);
    }
  }
}

/** A source seen through writes that it does not hold yet, the latest set first. */
export class PendingSource implements Source {
  readonly sync: boolean;
  readonly #base: Source;
  readonly #layers: readonly WriteSet[];

  constructor(base: Source, layers: readonly WriteSet[]) {
    this.sync = base.sync;
    this.#base = base;
    this.#layers = layers;
  }

  get(key: string, format: Format): Awaitable<Value | undefined> {
    for (const layer of this.#layers) {
      const write = layer.get(key);
      if (write !== undefined) return write === null ? undefined : inFormat(write, format);
    }
    return this.#base.get(key, format);
  }

  json(key: string): Awaitable<unknown> {
    for (const layer of this.#layers) {
      const write = layer.get(key);
      if (write !== undefined) return write === null ? undefined : parse(inFormat(write, "utf8"));
    }
    return this.#base.json(key);
  }

  async getMany(keys: readonly string[], format: Format): Promise<(Value | undefined)[]> {
    const missing: string[] = [];
    const values = keys.map((key) => {
      const layer = this.#layers.find((candidate) => candidate.get(key) !== undefined);
      if (layer === undefined) missing.push(key);
      const write = layer?.get(key);
      return write == null ? undefined : inFormat(write, format);
    });
    if (missing.length === 0) return values;
    const found = new Map<string, Value | undefined>();
    const fetched = await this.#base.getMany(missing, format);
    missing.forEach((key, i) => {
      found.set(key, fetched[i]);
    });
    return values.map((value, i) => value ?? found.get(keys[i] as string));
  }

  read(range: RowRange): RowReader {
    const firstChunk = Math.min(range.firstChunk, range.limit);
    const base = this.#base.read({ ...range, keys: true, limit: Number.POSITIVE_INFINITY, firstChunk });
    return new PendingReader(base, this.#layers, range);
  }
}
