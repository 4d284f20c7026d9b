/*
 * How far the building of a collection's indexes is, in the row !~builds!name:
 *
 *   { "after": the encoded key of the last record that was handled, "until": that of the last there was when the
 *     building began, "done": how many were handled }
 *
 * It changes in the same commit as the entries of a batch, so that a crash loses and doubles nothing. Writers give
 * each record all its entries from the commit on that announced the index; what is built covers the records of before.
 */

import { DatabaseError } from "../errors.ts";
import { decodeKey } from "../keys/decode.ts";
import type { TransactionCore } from "../store/core.ts";
import { checkWork, report, type WorkOptions } from "../store/progress.ts";
import type { Store } from "../store/store.ts";
import { buildKey } from "../store/system.ts";
import type { Definition } from "./definition.ts";
import { type Layout, type LiveIndex, readLayout, refuseChanged } from "./layout.ts";
import { keptOf, primaryOfRow } from "./record-codec.ts";
import { markReady, reconcile } from "./registry.ts";
import { countRows, lastKey, readSlice, type SliceBounds } from "./slices.ts";
import { addEntries } from "./writes.ts";

/** What {@link Collection.build} did. */
export interface BuildReport {
  /** The indexes that are ready now and were not before. */
  readonly built: readonly string[];
  /** The indexes that were given up: no longer defined, or defined otherwise. */
  readonly dropped: readonly string[];
  /** How many records were read. */
  readonly records: number;
}

interface Cursor extends SliceBounds {
  readonly done: number;
}

/** Builds what the definition has and the store has not, batch by batch, while readers and writers go on. */
export async function build(
  store: Store,
  definition: Definition,
  options: WorkOptions,
): Promise<BuildReport> {
  checkWork(options, "build()");
  const { dropped, layout } = await store.update(
    ({ core }) => core.inTurn(() => reconcile(core, definition)),
    { signal: options.signal },
  );
  const built = layout.indexes.filter(({ ready }) => !ready).map(({ index }) => index.name);
  if (built.length === 0) return { built, dropped, records: 0 };
  const { prefix } = layout;
  const until = await store.view(({ core }) => lastKey(core, prefix));
  const total = until === undefined ? 0 : await countRows(store, prefix, until, options.signal);
  let records = 0;
  while (true) {
    const batch = await store.update(({ core }) => buildBatch(core, definition), { signal: options.signal });
    if (batch === undefined) return { built, dropped, records };
    records += batch.records;
    report(options, batch.done, Math.max(total, batch.done));
  }
}

/** Builds the next batch, or finishes. @returns how far it is; undefined at the end */
async function buildBatch(
  core: TransactionCore,
  definition: Definition,
): Promise<{ records: number; done: number } | undefined> {
  const layout = await readLayout(core, definition);
  if (layout === undefined) return undefined; // It was dropped meanwhile.
  refuseChanged(definition, layout);
  const building = layout.indexes.filter(({ ready }) => !ready);
  if (building.length === 0) return undefined;
  const cursor = await readCursor(core, definition, layout);
  const rows = cursor === undefined ? [] : await readSlice(core, layout.prefix, cursor);
  const last = rows.at(-1);
  if (cursor === undefined || last === undefined) {
    await markReady(core, definition);
    return undefined;
  }
  for (const [key, text] of rows) {
    const encoded = key.slice(layout.prefix.length);
    await buildEntries(core, definition, building, encoded, text as string);
  }
  const done = cursor.done + rows.length;
  const next: Cursor = { ...cursor, after: last[0].slice(layout.prefix.length), done };
  core.set(buildKey(definition.name), JSON.stringify(next));
  return { records: rows.length, done };
}

/** Where to go on; undefined where there are no records. */
async function readCursor(
  core: TransactionCore,
  definition: Definition,
  { prefix }: Layout,
): Promise<Cursor | undefined> {
  const text = await core.get(buildKey(definition.name), "utf8");
  if (text !== undefined) return JSON.parse(text as string) as Cursor;
  const until = await lastKey(core, prefix);
  return until === undefined ? undefined : { after: undefined, until, done: 0 };
}

async function buildEntries(
  core: TransactionCore,
  definition: Definition,
  building: readonly LiveIndex[],
  encodedKey: string,
  text: string,
): Promise<void> {
  try {
    const kept = keptOf(definition, text, primaryOfRow(definition, encodedKey));
    await addEntries(core, definition, building, kept);
  } catch (cause) {
    if (!(cause instanceof DatabaseError)) throw cause;
    throw new DatabaseError(
      cause.code,
      `Building the indexes of ${JSON.stringify(definition.name)} stopped at the record ${JSON.stringify(decodeKey(encodedKey))}, and goes on there when build() is called again. ${cause.message}`,
      { cause, ...(cause.details === undefined ? {} : { details: cause.details }) },
    );
  }
}
