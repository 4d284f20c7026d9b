import { type Awaitable, chain } from "../awaitable.ts";
import type { Value } from "../engine/level.ts";
import type { Write } from "../engine/write-set.ts";
import { DatabaseError, unreadable } from "../errors.ts";
import type { TransactionCore } from "../store/core.ts";
import { show } from "../store/options.ts";
import type { Definition, Index } from "./definition.ts";
import { allEntriesOf, type Entries, type Entry, entriesOf, type Kept, NONE } from "./entries.ts";
import { findEntries } from "./find-entries.ts";
import type { Layout, LiveIndex } from "./layout.ts";
import { holderOf, keptOf, toKept } from "./record-codec.ts";
import { uniqueViolation } from "./record-errors.ts";

/** An entry of a unique index that a record is to have, or to give up. */
interface Holding {
  readonly live: LiveIndex;
  readonly entry: Entry;
}

/** What a change of one record comes to. */
interface Changes {
  /** Keys and what is written there, in turn. */
  readonly writes: (string | Write)[];
  /** Free, or the record's own already: else another record has the value. */
  readonly claimed: Holding[];
  /** Deleted only where it is the record's own: while an index is being built, it may be another's. */
  readonly released: Holding[];
}

const NO_ENTRIES: Entries = [];

/** A record as it goes into the store, with the entries that it is to have. */
export interface Incoming {
  readonly kept: Kept;
  readonly entries: Entries;
}

/** Checks a value, and gives the record that is to be kept. @throws DatabaseError as `toKept` and `entriesOf` */
export function toIncoming(definition: Definition, value: unknown): Incoming {
  const kept = toKept(definition, value);
  // All that comes of the caller's value is made before anything waits.
  return { kept, entries: allEntriesOf(definition, kept) };
}

/**
 * Writes a record and the entries that it gains or loses. All is checked before anything is written.
 *
 * @param key the key of its row
 * @param old the text of the record that it replaces
 * @throws DatabaseError `UNIQUE_VIOLATION`
 */
export function replace(
  core: TransactionCore,
  definition: Definition,
  layout: Layout,
  key: string,
  { kept, entries }: Incoming,
  old: string | undefined,
): Awaitable<void> {
  // The same text has the same entries.
  if (old === kept.text) return;
  const before = old === undefined ? NO_ENTRIES : entriesBefore(core, definition, layout, kept.primary, old);
  return change(core, definition, layout, { key, text: kept.text, primary: kept.primary }, before, entries);
}

/** Deletes a record and its entries. */
export function remove(
  core: TransactionCore,
  definition: Definition,
  layout: Layout,
  key: string,
  primary: string,
  old: string,
): Awaitable<void> {
  const before = entriesBefore(core, definition, layout, primary, old);
  return change(core, definition, layout, { key, text: null, primary }, before, NO_ENTRIES);
}

function change(
  core: TransactionCore,
  definition: Definition,
  layout: Layout,
  row: { key: string; text: string | null; primary: string },
  before: Awaitable<Entries>,
  after: Entries,
): Awaitable<void> {
  if (before instanceof Promise)
    return before.then((found) => change(core, definition, layout, row, found, after));
  const changes: Changes = { writes: [row.key, row.text], claimed: [], released: [] };
  for (const live of layout.indexes) {
    const { place } = live.index;
    compare(live, before[place] ?? NONE, after[place] ?? NONE, changes);
  }
  return settle(core, definition, changes, row.primary);
}

/** The entries that a stored record has. */
function entriesBefore(
  core: TransactionCore,
  definition: Definition,
  layout: Layout,
  primary: string,
  old: string,
): Awaitable<Entries> {
  let kept: Kept;
  try {
    kept = keptOf(definition, old, primary);
  } catch {
    // A damaged record does not tell its entries. It must be possible to delete or replace it all the same.
    return findEntries(core, definition, layout, primary);
  }
  return definition.indexes.map((index) => {
    try {
      return entriesOf(definition, index, kept);
    } catch {
      return NONE; // What cannot be indexed was not.
    }
  });
}

/** Gives a record that is there already its entries in some indexes. @throws DatabaseError as {@link replace} */
export function addEntries(
  core: TransactionCore,
  definition: Definition,
  indexes: readonly LiveIndex[],
  kept: Kept,
): Awaitable<void> {
  const changes: Changes = { writes: [], claimed: [], released: [] };
  for (const live of indexes) compare(live, NONE, entriesOf(definition, live.index, kept), changes);
  return settle(core, definition, changes, kept.primary);
}

/** Adds what differs between the entries that were and those that are to be. */
function compare(live: LiveIndex, before: readonly Entry[], after: readonly Entry[], changes: Changes): void {
  const { prefix, ready, index } = live;
  const { writes, claimed, released } = changes;
  const findBefore = finder(before);
  const findAfter = finder(after);
  for (const entry of before) {
    if (findAfter(entry.key) !== undefined) continue;
    if (index.unique) released.push({ live, entry });
    else writes.push(prefix + entry.key, null);
  }
  for (const entry of after) {
    const same = findBefore(entry.key);
    if (same?.value === entry.value) continue;
    writes.push(prefix + entry.key, entry.value);
    // An index that is being built may have the value of a record that was not reached yet under another's key.
    if (index.unique && (same === undefined || !ready)) claimed.push({ live, entry });
  }
}

/** Entries from which on looking through them all, for each of as many, takes too long. */
const MANY = 16;

/** Finds an entry by its key. */
function finder(entries: readonly Entry[]): (key: string) => Entry | undefined {
  if (entries.length === 0) return findNothing;
  if (entries.length < MANY) return (key) => entries.find((entry) => entry.key === key);
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  return (key) => byKey.get(key);
}

function findNothing(): undefined {
  return undefined;
}

/** Looks who holds the entries of unique indexes, then writes. @throws DatabaseError `UNIQUE_VIOLATION` */
function settle(
  core: TransactionCore,
  definition: Definition,
  { writes, claimed, released }: Changes,
  primary: string,
): Awaitable<void> {
  if (claimed.length === 0 && released.length === 0) return write(core, writes);
  const refuse = ({ live, entry }: Holding, holder: string | undefined) => {
    if (holder !== undefined && holder !== primary)
      throw uniqueViolation(definition, live.index, entry.key, holder, primary);
  };
  const release = ({ live, entry }: Holding, holder: string | undefined) => {
    if (holder === primary) writes.push(live.prefix + entry.key, null);
  };
  return chain(eachHolder(core, definition, claimed, refuse), () =>
    chain(eachHolder(core, definition, released, release), () => write(core, writes)),
  );
}

/** @param writes keys and what is written there, in turn */
function write(core: TransactionCore, writes: readonly (string | Write)[]): void {
  for (let i = 0; i < writes.length; i += 2) core.set(writes[i] as string, writes[i + 1] as Write);
}

/** Tells for each entry which record has it. */
function eachHolder(
  core: TransactionCore,
  definition: Definition,
  holdings: readonly Holding[],
  tell: (holding: Holding, holder: string | undefined) => void,
  from = 0,
): Awaitable<void> {
  for (let i = from; i < holdings.length; i++) {
    const holding = holdings[i] as Holding;
    const { live, entry } = holding;
    const value = core.get(live.prefix + entry.key, "utf8");
    if (value instanceof Promise)
      return value.then((arrived) => {
        tell(holding, holderIn(definition, live.index, arrived));
        return eachHolder(core, definition, holdings, tell, i + 1);
      });
    tell(holding, holderIn(definition, live.index, value));
  }
}

function holderIn(definition: Definition, index: Index, value: Value | undefined): string | undefined {
  return value === undefined ? undefined : holderOf(definition, index, value as string);
}

/** What an update makes of a record. @throws DatabaseError `RECORD_INVALID` for what is neither patch nor function */
export function changed(definition: Definition, record: object, change: unknown): unknown {
  if (typeof change === "function") {
    const result: unknown = change(record);
    if (!(result instanceof Promise)) return result;
    result.catch(() => undefined);
    throw new DatabaseError(
      "RECORD_INVALID",
      `The function that updates ${JSON.stringify(definition.name)} returned a promise. Await what it needs before, and let it return the record.`,
    );
  }
  if (typeof change === "object" && change !== null) {
    try {
      // Undefined removes a field, which some schemas tell from a field that is undefined.
      const fields = Object.entries({ ...record, ...change }).filter(([, value]) => value !== undefined);
      return Object.fromEntries(fields);
    } catch (cause) {
      throw unreadable(
        "RECORD_INVALID",
        `The patch of a record of ${JSON.stringify(definition.name)}`,
        cause,
      );
    }
  }
  throw new DatabaseError(
    "RECORD_INVALID",
    `update() of ${JSON.stringify(definition.name)} takes a patch or a function, got ${show(change)}.`,
  );
}
