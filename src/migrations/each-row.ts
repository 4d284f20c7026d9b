import { allRows, CHUNK_LENGTH, MAX_CHUNK } from "../engine/reader.ts";
import { DatabaseError } from "../errors.ts";
import { keysWithin } from "../keys/bounds.ts";
import { decodeKey } from "../keys/decode.ts";
import type { Key } from "../keys/encode.ts";
import type { Bucket } from "../store/bucket.ts";
import { findBucket } from "../store/catalog.ts";
import { checkCount, checkFunction, checkOptions, isArray, show } from "../store/options.ts";
import type { Transaction } from "../store/transaction.ts";
import { codecOf } from "../store/values.ts";
import type { Batch, BatchedStep } from "./step.ts";

/** Where a row is changed. */
export interface RowContext<V = unknown, K extends Key = Key> {
  readonly tx: Transaction;
  /** The bucket that is walked. */
  readonly bucket: Bucket<V, K>;
}

/** Options of {@link eachRow}. */
export interface EachRowOptions {
  /** Rows a batch at the most; 1000 by default. */
  readonly size?: number | undefined;
  /** Further buckets and collections that nothing else may use until the step is done. */
  readonly affects?: readonly string[] | undefined;
}

/**
 * A batched step that calls a function once for each row of a top-level bucket, in key order.
 *
 * Records of a collection are rows, too, with dates as ISO text: read them here, and write them with `users.in(tx)`.
 * Rows that the function puts ahead of the walk are met as well: write those to another bucket.
 *
 * @param bucket the bucket's name; where there is none, nothing is to be done
 * @param change gets `[key, value]` and what to write to; awaited
 * @throws DatabaseError `OPTION_INVALID`
 */
export function eachRow<V = unknown, K extends Key = Key>(
  bucket: string,
  change: (row: [key: K, value: V], context: RowContext<V, K>) => unknown,
  options: EachRowOptions = {},
): BatchedStep {
  checkFunction(change, "eachRow()");
  checkOptions(options, ["size", "affects"], "eachRow()");
  const size = options.size ?? MAX_CHUNK;
  checkCount(size, 1, "The option size");
  const affects = options.affects ?? [];
  if (!isArray(affects))
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option affects is ${show(affects)}. Pass an array of names.`,
    );
  return {
    affects: Array.from(
      { length: affects.length + 1 },
      (_, i) => (i === 0 ? bucket : affects[i - 1]) as string,
    ),
    count: async (tx) => (await (await tx.bucket(bucket))?.count()) ?? 0,
    run: (tx, cursor) => runBatch(tx, bucket, change as never, { after: cursor as string | undefined, size }),
  };
}

async function runBatch(
  tx: Transaction,
  name: string,
  change: (row: [Key, unknown], context: RowContext) => unknown,
  { after, size }: { after: string | undefined; size: number },
): Promise<Batch | undefined> {
  const { core } = tx;
  const state = await findBucket(core, core.root, name);
  const bucket = await tx.bucket(name);
  if (state === undefined || bucket === undefined) return undefined;
  const { prefix, encoding } = state.record;
  const codec = codecOf(encoding);
  const context = { tx, bucket };
  const range = allRows(keysWithin(prefix, after), true);
  const reader = core.read({ ...range, format: codec.format, firstChunk: Math.min(size, MAX_CHUNK) });
  let last: string | undefined;
  let rows = 0;
  try {
    for (let room = CHUNK_LENGTH; rows < size && room > 0; rows++) {
      const step = reader.step();
      const row = step instanceof Promise ? await step : step;
      if (row === undefined) break;
      last = row[0];
      room -= row[1].length;
      const changed = change([decodeKey(last, prefix.length), codec.decode(row[1])], context);
      if (changed instanceof Promise) await changed;
    }
  } finally {
    core.close(reader);
  }
  return last === undefined ? undefined : { cursor: last.slice(prefix.length), rows };
}
