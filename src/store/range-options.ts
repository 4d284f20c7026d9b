import { MAX_CHUNK, type RowRange } from "../engine/reader.ts";
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
  const limit = options?.limit ?? Number.POSITIVE_INFINITY;
  let interval = ALL_KEYS;
  if (options !== undefined) {
    checkOptions(options, KNOWN, "A range");
    checkBoolean(options.reverse, "The option reverse");
    if (limit !== Number.POSITIVE_INFINITY) checkCount(limit, 0, "The option limit");
    interval = intervalOf(options);
  }
  return {
    from: prefix + interval.from,
    to: prefix + interval.to,
    reverse: options?.reverse === true,
    limit,
    keys: want.keys,
    values: want.values,
    format: codec.format,
    firstChunk: MAX_CHUNK,
  };
}
