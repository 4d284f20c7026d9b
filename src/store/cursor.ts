import { type Awaitable, chain } from "../awaitable.ts";
import type { Value } from "../engine/level.ts";
import { DatabaseError } from "../errors.ts";
import { ALL_KEYS, type Interval, type KeyPrefix, successor } from "../keys/bounds.ts";
import { decodeKey } from "../keys/decode.ts";
import { encodeBound, type Key } from "../keys/encode.ts";
import type { BucketState } from "./bucket-state.ts";
import type { TransactionCore } from "./core.ts";
import { ElementWalk, type Found } from "./element-walk.ts";
import type { ValueCodec } from "./values.ts";

/** A row as `[key, value]`, or a bucket within as `[name, undefined]`. */
export type Element<K, V> = [key: K, value: V] | [name: K & string, value: undefined];

/** @internal What a cursor moves over. */
export interface CursorPlace {
  readonly core: TransactionCore;
  readonly state: BucketState;
  guard(): void;
  guardWritable(): void;
}

/**
 * A position among the rows of a bucket and the buckets within it.
 *
 * `next()` gives the first element after the position, `prev()` the last before it, in the transaction as it is at
 * that moment: nothing is skipped or met twice because of what the same transaction puts or deletes. A move that runs
 * off an end leaves the position at the element it had. Await each move before the next.
 *
 * Valid only while its transaction is open.
 */
export class Cursor<K extends Key = Key, V = unknown> {
  readonly #bucket: CursorPlace;
  readonly #codec: ValueCodec;
  readonly #decode: (wholeKey: string, value: Value) => V;
  #walk: ElementWalk | undefined;
  /** The encoded key last met, or sought in vain; undefined before the first move. */
  #position: string | undefined;
  /** The element under the cursor. */
  #on: Found | undefined;

  /** @internal */
  constructor(bucket: CursorPlace, codec: ValueCodec, decode: (wholeKey: string, value: Value) => V) {
    this.#bucket = bucket;
    this.#codec = codec;
    this.#decode = decode;
  }

  /** Moves to the first element; undefined where there is none. */
  first(): Awaitable<Element<K, V> | undefined> {
    this.#bucket.guard();
    return this.#move(ALL_KEYS, false);
  }

  /** Moves to the last element; undefined where there is none. */
  last(): Awaitable<Element<K, V> | undefined> {
    this.#bucket.guard();
    return this.#move(ALL_KEYS, true);
  }

  /** Moves to the first element after the position; before any other move, to the first of all. */
  next(): Awaitable<Element<K, V> | undefined> {
    this.#bucket.guard();
    const walk = this.#usable(false);
    if (walk !== undefined) return chain(walk.step(), (found) => this.#arrive(found));
    const from = this.#position === undefined ? ALL_KEYS.from : successor(this.#position);
    return this.#move({ from, to: ALL_KEYS.to }, false);
  }

  /** Moves to the last element before the position; before any other move, to the last of all. */
  prev(): Awaitable<Element<K, V> | undefined> {
    this.#bucket.guard();
    const walk = this.#usable(true);
    if (walk !== undefined) return chain(walk.step(), (found) => this.#arrive(found));
    return this.#move({ from: ALL_KEYS.from, to: this.#position ?? ALL_KEYS.to }, true);
  }

  /**
   * Moves to the first element at or after a key. Where there is none, the position is past the end, and `prev()`
   * gives the last element.
   *
   * @throws DatabaseError `KEY_INVALID`, `KEY_TOO_LARGE`
   */
  seek(key: KeyPrefix<K>): Awaitable<Element<K, V> | undefined> {
    this.#bucket.guard();
    const from = encodeBound(key);
    this.#position = from;
    return this.#move({ from, to: ALL_KEYS.to }, false);
  }

  /**
   * Deletes the row under the cursor. The position stays, so that `next()` and `prev()` give its neighbours.
   *
   * @throws DatabaseError `TX_NOT_WRITABLE`, `CURSOR_UNPOSITIONED` where nothing is under the cursor,
   * `INCOMPATIBLE_VALUE` for a bucket
   */
  delete(): void {
    this.#bucket.guardWritable();
    if (this.#on === undefined) {
      throw new DatabaseError(
        "CURSOR_UNPOSITIONED",
        "There is no element under the cursor: it was not moved yet, ran off an end, or deleted it already. Move it first.",
      );
    }
    if (this.#on.isBucket) {
      throw new DatabaseError(
        "INCOMPATIBLE_VALUE",
        "There is a bucket under the cursor. Use deleteBucket().",
      );
    }
    this.#bucket.core.set(this.#bucket.state.record.prefix + this.#on.key, null);
    this.#on = undefined;
  }

  /** The open walk, where it goes this way and still holds. */
  #usable(reverse: boolean): ElementWalk | undefined {
    return this.#walk !== undefined && this.#walk.reverse === reverse && !this.#walk.stale
      ? this.#walk
      : undefined;
  }

  #move(interval: Interval, reverse: boolean): Awaitable<Element<K, V> | undefined> {
    this.#walk?.close();
    const { core, state } = this.#bucket;
    this.#walk = new ElementWalk(core, state, this.#codec.format, interval, reverse);
    return chain(this.#walk.step(), (found) => this.#arrive(found));
  }

  #arrive(found: Found | undefined): Element<K, V> | undefined {
    this.#bucket.guard();
    this.#on = found;
    if (found === undefined) {
      // A later move looks anew: by then the transaction may have put elements beyond.
      this.#walk?.close();
      this.#walk = undefined;
      return undefined;
    }
    this.#position = found.key;
    const key = decodeKey(found.key) as K;
    if (found.value === undefined) return [key as K & string, undefined];
    return [key, this.#decode(this.#bucket.state.record.prefix + found.key, found.value)];
  }
}
