import { FIRST_CHUNK, type RowRange } from "../engine/reader.ts";
import { unreadable } from "../errors.ts";
import { ALL_KEYS, type Interval, type KeyBounds, toInterval } from "../keys/bounds.ts";
import type { Key } from "../keys/encode.ts";
import { checkBoolean, checkCount, checkOptions } from "./options.ts";
import type { ValueCodec } from "./values.ts";

/** Which rows of a bucket a range covers, in which order, and how many at the most. */
export interface RangeOptions<K extends Key = Key> extends KeyBounds<K> {
  /** From the greatest key to the least. */
  readonly reverse?: boolean | undefined;
  /** How many rows at the most, counted from where the walk starts. */
  readonly limit?: number | undefined;
}

const KNOWN = ["prefix", "gt", "gte", "lt", "lte", "reverse", "limit"];

/**
 * Turns options into the range of whole keys to read.
 *
 * @param intervalOf turns the bounds into an interval of encoded keys
 * @throws DatabaseError `OPTION_INVALID`, `KEY_INVALID`, `KEY_TOO_LARGE`
 */
export function toRowRange(
  prefix: string,
  codec: ValueCodec,
  options: RangeOptions | undefined,
  want: { keys: boolean; values: boolean },
  intervalOf: (bounds: KeyBounds) => Interval = toInterval,
): RowRange {
  const { interval, reverse, limit } = options === undefined ? ALL : readOptions(options, intervalOf);
  return {
    from: prefix + interval.from,
    to: prefix + interval.to,
    reverse,
    limit,
    keys: want.keys,
    values: want.values,
    format: codec.format,
    firstChunk: FIRST_CHUNK,
  };
}

const ALL = { interval: ALL_KEYS, reverse: false, limit: Number.POSITIVE_INFINITY };

function readOptions(options: RangeOptions, intervalOf: (bounds: KeyBounds) => Interval): typeof ALL {
  checkOptions(options, KNOWN, "A range");
  try {
    const { reverse } = options;
    const limit = options.limit ?? Number.POSITIVE_INFINITY;
    checkBoolean(reverse, "The option reverse");
    checkCount(limit, 0, "The option limit");
    return { interval: intervalOf(options), reverse: reverse === true, limit };
  } catch (cause) {
    throw unreadable("OPTION_INVALID", "The options of a range", cause);
  }
}
