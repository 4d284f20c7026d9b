import type { Row } from "../engine/level.ts";
import { allRows, CHUNK_LENGTH, chunkOfSteps, MAX_CHUNK } from "../engine/reader.ts";
import { type Interval, keysWithin, successor } from "../keys/bounds.ts";
import type { TransactionCore } from "../store/core.ts";
import type { Store } from "../store/store.ts";

/*
 * Long walks over a collection's rows go slice by slice, each in a transaction of its own: no snapshot and no writer's
 * turn is held for long, and memory stays bounded.
 */

/** Where a slice lies. */
export interface SliceBounds {
  /** The encoded key behind which it begins. */
  readonly after: string | undefined;
  /** The last encoded key there was when the walk began: a writer that appends cannot keep it from its end. */
  readonly until: string;
}

/** Rows that were walked: how many, and the last one's encoded key. */
export interface Slice {
  readonly rows: number;
  readonly last: string;
}

/** Rows a slice at the most: few enough that another writer hardly notices, many enough for a commit of its own. */
const SLICE = 512;

/** Keys counted at a time. */
const COUNTED = 10_000;

/** Reads the rows of a slice. */
export async function readSlice(
  core: TransactionCore,
  prefix: string,
  { after, until }: SliceBounds,
): Promise<Row[]> {
  const { from } = keysWithin(prefix, after);
  const range = allRows({ from, to: prefix + successor(until) }, true);
  const reader = core.read({ ...range, firstChunk: SLICE });
  try {
    return await chunkOfSteps(reader, SLICE, CHUNK_LENGTH);
  } finally {
    core.close(reader);
  }
}

/** What a slice's rows come to; undefined where there were none. */
export function sliceOf(rows: readonly Row[], prefix: string): Slice | undefined {
  const last = rows.at(-1);
  return last === undefined ? undefined : { rows: rows.length, last: last[0].slice(prefix.length) };
}

/** Counts the rows of a sublevel, up to a key, each part of them in a view of its own. @throws DatabaseError `ABORTED` */
export async function countRows(
  store: Store,
  prefix: string,
  until: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  let count = 0;
  for (let after: string | undefined; ; ) {
    const { from } = keysWithin(prefix, after);
    const to = prefix + successor(until);
    const part = await store.view(({ core }) => countPart(core, { from, to }), { signal });
    if (part === undefined) return count;
    count += part.rows;
    after = part.last.slice(prefix.length);
  }
}

/** Counts the first rows of an interval. @returns undefined where there are none */
async function countPart(core: TransactionCore, interval: Interval): Promise<Slice | undefined> {
  const reader = core.read(allRows(interval, false));
  let rows = 0;
  let last: string | undefined;
  try {
    while (rows < COUNTED) {
      const chunk = await reader.chunk(MAX_CHUNK);
      if (chunk.length === 0) break;
      rows += chunk.length;
      last = chunk.at(-1)?.[0];
    }
  } finally {
    core.close(reader);
  }
  return last === undefined ? undefined : { rows, last };
}

/** The last encoded key in a sublevel; undefined where it is empty. */
export async function lastKey(core: TransactionCore, prefix: string): Promise<string | undefined> {
  const reader = core.read({ ...allRows(keysWithin(prefix), false), reverse: true, firstChunk: 1 });
  try {
    const row = await reader.step();
    return row?.[0].slice(prefix.length);
  } finally {
    core.close(reader);
  }
}
