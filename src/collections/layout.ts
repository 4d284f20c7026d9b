/*
 * What the store keeps of a collection, in the row !~collections!name:
 *
 *   { "key": [field …], "keyDates": [field …], "single": boolean, "prefix": text,
 *     "indexes": { name: { "fingerprint": text, "prefix": text, "ready": boolean } }, "migrating"?: version }
 *
 * The prefixes are those of the buckets that hold the records and the entries; the buckets belong to the collection,
 * so that nothing else writes to them, or deletes or moves them.
 */
import { type Awaitable, chain } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import { migratingError } from "../store/bucket-state.ts";
import { remember } from "../store/catalog.ts";
import type { TransactionCore } from "../store/core.ts";
import type { Definition, Index } from "./definition.ts";

/** What the store keeps of an index. */
export interface StoredIndex {
  readonly fingerprint: string;
  readonly prefix: string;
  readonly ready: boolean;
}

/** What the store keeps of a collection. */
export interface StoredLayout {
  readonly key: readonly string[];
  /** Those of them that are dates. */
  readonly keyDates: readonly string[];
  readonly single: boolean;
  readonly prefix: string;
  readonly indexes: Readonly<Record<string, StoredIndex>>;
  /** The version of the migration that has changed some of its records, and not yet all. */
  readonly migrating?: number;
}

/** An index as it is in the store. */
export interface LiveIndex {
  readonly index: Index;
  readonly prefix: string;
  /** False while it is being built: written to, but not read from. */
  readonly ready: boolean;
}

/** Where a collection's rows are, as a definition sees the store. */
export interface Layout {
  readonly prefix: string;
  /** The indexes that definition and store agree on. */
  readonly indexes: readonly LiveIndex[];
  /** What they do not agree on, in words: then nothing may be written, as entries would be missed. */
  readonly changes: readonly string[];
  readonly migrating: number | undefined;
}

/** Reads where a collection's rows are; undefined where the store has no such collection yet. */
export function readLayout(core: TransactionCore, definition: Definition): Awaitable<Layout | undefined> {
  const { layoutKey, memoKey } = definition;
  const usable = (layout: Layout | undefined) => {
    refuseMigrating(core, definition.name, layout?.migrating);
    return layout;
  };
  const pending = core.pending(layoutKey);
  if (pending === null) return undefined;
  if (pending !== undefined) return usable(pendingLayout(core, definition, pending));
  const { memo, source } = core.base;
  const known = memo.get(memoKey) as Layout | null | undefined;
  if (known !== undefined) return usable(known ?? undefined);
  return chain(source.get(layoutKey, "utf8"), (text) => {
    const layout =
      text === undefined ? undefined : layoutOf(definition, parseLayout(definition.name, text as string));
    if (core.open) remember(memo, memoKey, layout ?? null);
    return usable(layout);
  });
}

/** @throws DatabaseError `BUCKET_MIGRATING` where a migration has changed a part of a collection */
export function refuseMigrating(core: TransactionCore, name: string, version: number | undefined): void {
  if (version !== undefined && !core.migrating)
    throw migratingError(`collection ${JSON.stringify(name)}`, version);
}

/** Layouts read from rows that are not committed yet, by transaction, the last of each. */
const pendingLayouts = new WeakMap<TransactionCore, { text: unknown; of: Definition; layout: Layout }>();

function pendingLayout(core: TransactionCore, definition: Definition, text: unknown): Layout {
  const last = pendingLayouts.get(core);
  if (last?.text === text && last?.of === definition) return last.layout;
  const layout = layoutOf(definition, parseLayout(definition.name, text as string));
  pendingLayouts.set(core, { text, of: definition, layout });
  return layout;
}

/** What a definition makes of what the store keeps. @throws DatabaseError `COLLECTION_CHANGED` */
export function layoutOf(definition: Definition, stored: StoredLayout): Layout {
  const { name } = definition;
  if (spellKey(stored) !== spellKey(definition)) {
    throw new DatabaseError(
      "COLLECTION_CHANGED",
      `The collection ${JSON.stringify(name)} is keyed by ${spellKey(stored)} in the store, but defined with ${spellKey(definition)}. Records would have to move: copy them into a new collection.`,
    );
  }
  const indexes: LiveIndex[] = [];
  const changes: string[] = [];
  for (const index of definition.indexes) {
    const live = Object.hasOwn(stored.indexes, index.name) ? stored.indexes[index.name] : undefined;
    if (live === undefined) changes.push(`${JSON.stringify(index.name)} is new`);
    else if (live.fingerprint !== index.fingerprint)
      changes.push(`${JSON.stringify(index.name)} was ${live.fingerprint} and is ${index.fingerprint}`);
    else indexes.push({ index, prefix: live.prefix, ready: live.ready });
  }
  for (const name of Object.keys(stored.indexes)) {
    if (!definition.indexes.some((index) => index.name === name))
      changes.push(`${JSON.stringify(name)} is no longer defined`);
  }
  return { prefix: stored.prefix, indexes, changes, migrating: stored.migrating };
}

function spellKey({ key, keyDates, single }: Pick<StoredLayout, "key" | "keyDates" | "single">): string {
  const fields = key.map((field) => (keyDates.includes(field) ? `${field} (a date)` : field));
  return JSON.stringify(single ? fields[0] : fields);
}

/** @throws DatabaseError `DATA_CORRUPT` */
export function parseLayout(name: string, text: string): StoredLayout {
  try {
    const layout = JSON.parse(text) as StoredLayout;
    if (Array.isArray(layout.key) && typeof layout.prefix === "string" && layout.indexes) return layout;
  } catch {
    // Reported below, as any other text that is no layout.
  }
  throw new DatabaseError(
    "DATA_CORRUPT",
    `What the store keeps of the collection ${JSON.stringify(name)} reads ${text.slice(0, 80)}. Restore a backup.`,
  );
}

/** @throws DatabaseError `COLLECTION_CHANGED` where entries of an index would be missed */
export function refuseChanged(definition: Definition, layout: Layout): void {
  if (layout.changes.length === 0) return;
  throw new DatabaseError(
    "COLLECTION_CHANGED",
    `The indexes of ${JSON.stringify(definition.name)} are not those of the store: ${layout.changes.join("; ")}. Call build() on the collection once, at start.`,
  );
}
