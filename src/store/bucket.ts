import { type Awaitable, attempt, chain } from "../awaitable.ts";
import type { Row, Value } from "../engine/level.ts";
import { countRows } from "../engine/reader.ts";
import type { Write } from "../engine/write-set.ts";
import { DatabaseError } from "../errors.ts";
import { decodeKey } from "../keys/decode.ts";
import { encodeKey, type Key } from "../keys/encode.ts";
import { BucketParent } from "./bucket-parent.ts";
import { type BucketState, pathOf } from "./bucket-state.ts";
import { bucketNames, findBucket } from "./catalog.ts";
import type { TransactionCore } from "./core.ts";
import { Cursor } from "./cursor.ts";
import { MAX_NAME_BYTES } from "./names.ts";
import { checkFunction, mapKeys } from "./options.ts";
import { Range } from "./range.ts";
import { type RangeOptions, toRowRange } from "./range-options.ts";
import { readSequence, writeSequence } from "./sequence.ts";
import { bytesOf, sublevelOf } from "./sublevel.ts";
import type { ValueCodec } from "./values.ts";

/** What {@link Bucket.stats} tells. */
export interface BucketStats {
  /** The abstract-level sublevel that holds the rows, as its path from the root. */
  readonly sublevel: readonly string[];
  /** How many buckets lie directly within. */
  readonly buckets: number;
  /** Bytes on disk, as the engine estimates them for committed rows; undefined where it cannot tell. */
  readonly bytes: number | undefined;
}

/**
 * Rows in the order of their keys, and buckets within.
 *
 * `V` is the type of the values, `K` that of the keys. Valid only while its transaction is open.
 */
export class Bucket<V = unknown, K extends Key = Key> extends BucketParent {
  readonly #prefix: string;
  readonly #codec: ValueCodec;

  /** @internal */
  constructor(core: TransactionCore, state: BucketState, codec: ValueCodec) {
    super(core, state);
    this.#prefix = state.record.prefix;
    this.#codec = codec;
  }

  /** @internal */
  protected override handle(state: BucketState, codec: ValueCodec): Bucket {
    return new Bucket(this.core, state, codec);
  }

  /**
   * Reads the value of a key. Cost: microseconds; less than one where it is JSON that was read often of late.
   *
   * @returns the value, or undefined where there is none (or a bucket of that name)
   * @throws DatabaseError `TX_CLOSED`, `KEY_REQUIRED`, `KEY_INVALID`, `KEY_TOO_LARGE`, `DATA_CORRUPT`
   */
  get(key: K): Awaitable<V | undefined> {
    this.guard();
    const wholeKey = this.#prefix + encodeKey(key);
    if (this.#codec.encoding === "json")
      return attempt(
        () => this.core.json(wholeKey) as Awaitable<V | undefined>,
        (cause) => this.#refuse(wholeKey, cause),
      );
    const stored = this.core.get(wholeKey, this.#codec.format);
    if (stored instanceof Promise) return stored.then((value) => this.#decode(wholeKey, value));
    return this.#decode(wholeKey, stored);
  }

  /** Reads the values of many keys, in their order; undefined where there is none. */
  async getMany(keys: readonly K[]): Promise<(V | undefined)[]> {
    this.guard();
    const wholeKeys = mapKeys(keys, "getMany()", (key) => this.#prefix + encodeKey(key));
    const values = await this.core.getMany(wholeKeys, this.#codec.format);
    this.guard();
    return values.map((value, i) => this.#decode(wholeKeys[i] as string, value));
  }

  /** Whether a key has a value. */
  has(key: K): Awaitable<boolean> {
    this.guard();
    return chain(
      this.core.get(this.#prefix + encodeKey(key), this.#codec.format),
      (value) => value !== undefined,
    );
  }

  /**
   * Sets the value of a key. The value is kept as it is at this call. Cost: no I/O before the commit.
   *
   * @throws DatabaseError `TX_NOT_WRITABLE`, `KEY_REQUIRED`, `KEY_INVALID`, `KEY_TOO_LARGE`, `VALUE_INVALID`,
   * `VALUE_TOO_LARGE`, `INCOMPATIBLE_VALUE` where a bucket of that name lies within, `BUCKET_OWNED` where a collection
   * keeps its rows here
   */
  put(key: K, value: V): Awaitable<void> {
    this.guardWritable();
    const encodedKey = encodeKey(key);
    const encodedValue = this.#codec.encode(value);
    return this.#write(key, encodedKey, encodedValue);
  }

  /**
   * Deletes a key; one that has no value is fine.
   *
   * @throws DatabaseError as {@link put}, for the key
   */
  delete(key: K): Awaitable<void> {
    this.guardWritable();
    const encodedKey = encodeKey(key);
    return this.#write(key, encodedKey, null);
  }

  #write(key: K, encodedKey: string, write: Write): Awaitable<void> {
    const wholeKey = this.#prefix + encodedKey;
    const mayBeBucket = this.state.record.nested && typeof key === "string" && key.length <= MAX_NAME_BYTES;
    if (!mayBeBucket) return this.core.set(wholeKey, write);
    // Keys and the buckets within share one name space, as in bbolt.
    return chain(findBucket(this.core, this.state, key), (found) => {
      if (found !== undefined) throw notAValue(key, this.state);
      this.core.set(wholeKey, write);
    });
  }

  /** The rows between two bounds, as `[key, value]`. @throws DatabaseError `OPTION_INVALID`, `KEY_INVALID` */
  range(options?: RangeOptions<K>): Range<[key: K, value: V]> {
    this.guard();
    const skip = this.#prefix.length;
    return this.#rangeOf(options, { keys: true, values: true }, (row) => [
      decodeKey(row[0], skip) as K,
      this.#decode(row[0], row[1]) as V,
    ]);
  }

  /** The keys between two bounds. */
  keys(options?: RangeOptions<K>): Range<K> {
    this.guard();
    const skip = this.#prefix.length;
    return this.#rangeOf(options, { keys: true, values: false }, (row) => decodeKey(row[0], skip) as K);
  }

  /** The values between two bounds, in the order of their keys. Cheaper than {@link range}. */
  values(options?: RangeOptions<K>): Range<V> {
    this.guard();
    return this.#rangeOf(options, { keys: false, values: true }, (row) => this.#decode(row[0], row[1]) as V);
  }

  #rangeOf<T>(
    options: RangeOptions<K> | undefined,
    want: { keys: boolean; values: boolean },
    decode: (row: Row) => T,
  ): Range<T> {
    const rows = toRowRange(this.#prefix, this.#codec, options as RangeOptions, want);
    return new Range(this.core, { rows, decode, guard: () => this.guard() });
  }

  /** Counts the rows between two bounds. Cost: it walks their keys. */
  async count(options?: RangeOptions<K>): Promise<number> {
    this.guard();
    const reader = this.core.read(
      toRowRange(this.#prefix, this.#codec, options as RangeOptions, { keys: true, values: false }),
    );
    try {
      return await countRows(reader, () => this.guard());
    } finally {
      this.core.close(reader);
    }
  }

  /**
   * Calls a function for each row and each bucket within, in key order; a bucket has the value undefined. Each call is
   * awaited. An error that it throws ends the walk and is passed on.
   */
  async forEach(fn: (key: K, value: V | undefined) => unknown): Promise<void> {
    const cursor = this.cursor();
    checkFunction(fn, "forEach()");
    for (let element = await cursor.first(); element !== undefined; element = await cursor.next()) {
      await fn(...(element as [K, V | undefined]));
    }
  }

  /** A cursor over the rows and the buckets within. */
  cursor(): Cursor<K, V> {
    this.guard();
    return new Cursor(this, this.#codec, (key, value) => this.#decode(key, value) as V);
  }

  /** The bucket's sequence: the last number that {@link nextSequence} gave, or 0. */
  sequence(): Awaitable<number> {
    this.guard();
    return readSequence(this.core, this.state);
  }

  /** Sets the sequence. @throws DatabaseError `SEQUENCE_INVALID` for anything but an integer from 0 to 2^53-1 */
  setSequence(sequence: number): void {
    this.guardWritable();
    writeSequence(this.core, this.state, sequence);
  }

  /** Adds one to the sequence and gives it; the first is 1. @throws DatabaseError `SEQUENCE_INVALID` at its end */
  nextSequence(): Awaitable<number> {
    this.guardWritable();
    const last = readSequence(this.core, this.state);
    if (!(last instanceof Promise)) return writeSequence(this.core, this.state, last + 1);
    const next = async () =>
      writeSequence(this.core, this.state, (await readSequence(this.core, this.state)) + 1);
    return this.core.inTurn(next);
  }

  /** Where the bucket lies on disk, and how large it is. */
  async stats(): Promise<BucketStats> {
    this.guard();
    const names = this.state.record.nested ? await bucketNames(this.core, this.state) : [];
    const bytes = await bytesOf(this.core, this.#prefix);
    return { sublevel: sublevelOf(this.#prefix), buckets: names.length, bytes };
  }

  #decode(wholeKey: string | undefined, stored: Value | undefined): V | undefined {
    if (stored === undefined) return undefined;
    try {
      return this.#codec.decode(stored) as V;
    } catch (cause) {
      return this.#refuse(wholeKey, cause);
    }
  }

  #refuse(wholeKey: string | undefined, cause: unknown): never {
    if (cause instanceof DatabaseError) throw cause;
    throw new DatabaseError(
      "DATA_CORRUPT",
      `${wholeKey === undefined ? "A value" : `The value of ${JSON.stringify(wholeKey)}`} in bucket ${pathOf(this.state)} is not ${this.#codec.encoding}. Open the bucket with the encoding it was written with; if it was, run check().`,
      { cause },
    );
  }
}

function notAValue(name: string, within: BucketState): DatabaseError {
  return new DatabaseError(
    "INCOMPATIBLE_VALUE",
    `${JSON.stringify(name)} is a bucket in ${pathOf(within)}, not a value. Use deleteBucket(), or another key.`,
  );
}
