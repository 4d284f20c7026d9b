import type { Awaitable } from "../awaitable.ts";
import type { Format, Row, Value } from "../engine/level.ts";
import { FIRST_CHUNK, type RowReader } from "../engine/reader.ts";
import type { Interval } from "../keys/bounds.ts";
import { encodeKey } from "../keys/encode.ts";
import { compareKeys } from "../keys/order.ts";
import type { BucketState } from "./bucket-state.ts";
import { nameInKey } from "./catalog.ts";
import type { TransactionCore } from "./core.ts";
import { MAX_NAME_BYTES } from "./names.ts";
import { bucketKey, bucketsWithin } from "./system.ts";

/** A row, or a bucket within (which has no value). */
export interface Found {
  /** The encoded key, without the bucket's prefix; for a bucket that of its name. */
  readonly key: string;
  readonly value: Value | undefined;
  readonly isBucket: boolean;
}

/** Walks the rows of a bucket and the buckets within it in one order, in one direction. */
export class ElementWalk {
  readonly reverse: boolean;
  readonly #core: TransactionCore;
  readonly #bucket: BucketState;
  readonly #rows: RowReader;
  /** Undefined where the bucket has none within: then nothing need be read ahead. */
  readonly #names: RowReader | undefined;
  #nextRow: Found | undefined;
  #nextName: Found | undefined;
  /** The transaction's version when those two were read. */
  #version = -1;

  constructor(
    core: TransactionCore,
    bucket: BucketState,
    format: Format,
    interval: Interval,
    reverse: boolean,
  ) {
    this.#core = core;
    this.#bucket = bucket;
    this.reverse = reverse;
    const range = {
      reverse,
      limit: Number.POSITIVE_INFINITY,
      keys: true,
      values: true,
      format,
      firstChunk: FIRST_CHUNK,
    };
    const { prefix } = bucket.record;
    const isRoot = bucket.parent === undefined;
    this.#rows = core.read(
      isRoot
        ? { ...range, from: "", to: "" }
        : { ...range, from: prefix + interval.from, to: prefix + interval.to },
    );
    if (bucket.record.nested) {
      this.#names = core.read({
        ...range,
        ...namesBetween(bucket.record.id, interval),
        values: false,
        format: "utf8",
      });
    }
  }

  /** Whether a new walk must be opened, since what this one read ahead may not hold any more. */
  get stale(): boolean {
    return this.#names === undefined ? this.#bucket.record.nested : this.#version !== this.#core.version;
  }

  /** The next element; undefined at the end. */
  step(): Awaitable<Found | undefined> {
    if (this.#names !== undefined) return this.#stepBoth(this.#names);
    const row = this.#rows.step();
    return row instanceof Promise ? row.then((arrived) => this.#foundRow(arrived)) : this.#foundRow(row);
  }

  async #stepBoth(names: RowReader): Promise<Found | undefined> {
    this.#version = this.#core.version;
    this.#nextRow ??= this.#foundRow(await this.#rows.step());
    this.#nextName ??= foundName(await names.step());
    const row = this.#nextRow;
    const name = this.#nextName;
    if (row === undefined || (name !== undefined && compareKeys(name.key, row.key) < 0 !== this.reverse)) {
      this.#nextName = undefined;
      return name;
    }
    this.#nextRow = undefined;
    return row;
  }

  #foundRow(row: Row | undefined): Found | undefined {
    if (row === undefined) return undefined;
    return { key: row[0].slice(this.#bucket.record.prefix.length), value: row[1], isBucket: false };
  }

  close(): void {
    this.#core.close(this.#rows);
    if (this.#names !== undefined) this.#core.close(this.#names);
  }
}

function foundName(row: Row | undefined): Found | undefined {
  return row === undefined
    ? undefined
    : { key: encodeKey(nameInKey(row[0])), value: undefined, isBucket: true };
}

/** The records of the buckets within whose names, as encoded keys, lie in the interval. */
function namesBetween(parent: number, { from, to }: Interval): Interval {
  const all = bucketsWithin(parent);
  // A name's key is "J" and the name. Left open, its bound lies right below the records of the names from it on. No
  // name is longer than the limit, so that what a bound has beyond (and half a character at the cut) cannot matter.
  const bound = (encoded: string) => {
    const text = encoded.slice(1, MAX_NAME_BYTES + 3);
    return bucketKey(parent, text.isWellFormed() ? text : text.slice(0, -1)).slice(0, -1);
  };
  return {
    from: from <= "J" ? all.from : from < "K" ? bound(from) : all.to,
    to: to <= "J" ? all.from : to < "K" ? bound(to) : all.to,
  };
}
