/*
 * What an index holds: for each record that belongs in it an entry, or one for each item of a multi-entry field.
 *
 *   row     = bucket's prefix, entry key -> value
 *   key     = "K" values '"' primary "!"     not unique: found by the values, told apart by the primary key
 *           | "K" values "!"                 unique
 *   values  = part { '"' part }              the fields in `on`, as parts of a tuple (see keys/encode.ts)
 *   primary = part { '"' part }              the fields of the primary key likewise
 *   value   = record | JSON object | primary | ""
 *             the record's own text; the fields included (and, if unique, the primary key's); for a unique index that
 *             carries nothing the primary key's parts; else nothing
 *
 * A part never holds '"' or "!", since values are scalars: the primary key is sliced out, not decoded.
 */
import { isDate } from "node:util/types";
import { DatabaseError } from "../errors.ts";
import { encodePart, withinLimit } from "../keys/encode.ts";
import { toJson } from "../store/json.ts";
import { show } from "../store/options.ts";
import { datesToText } from "./dates.ts";
import type { Definition, Index } from "./definition.ts";

/** An entry, its key without the bucket's prefix. */
export interface Entry {
  readonly key: string;
  readonly value: string;
}

/** A record as the store keeps it. */
export interface Kept {
  readonly record: object;
  /** Its JSON text. */
  readonly text: string;
  /** The parts of its primary key, as they stand in entries. */
  readonly primary: string;
}

/** The entries of a record, by the places of the indexes in the definition. */
export type Entries = readonly (readonly Entry[])[];

export function allEntriesOf(definition: Definition, kept: Kept): Entries {
  const entries: (readonly Entry[])[] = [];
  for (const index of definition.indexes) entries.push(entriesOf(definition, index, kept));
  return entries;
}

/** Of a record that is not in an index. */
export const NONE: readonly Entry[] = [];

/**
 * The entries that a record has in an index.
 *
 * @throws DatabaseError `KEY_INVALID` for a value that is no scalar, `KEY_TOO_LARGE`, and what `where` throws, as the
 * cause of `COLLECTION_INVALID`
 */
export function entriesOf(definition: Definition, index: Index, kept: Kept): readonly Entry[] {
  const { on, multiEntry } = index;
  const record = kept.record as Record<string, unknown>;
  for (let i = 0; i < on.length; i++) if (record[on[i] as string] === undefined) return NONE;
  if (index.where !== undefined && !belongs(definition, index, kept.record)) return NONE;
  if (multiEntry < 0) {
    let values = "";
    for (let i = 0; i < on.length; i++) {
      const part = encodeField(definition, on[i] as string, record[on[i] as string]);
      values = i === 0 ? part : `${values}"${part}`;
    }
    return [entry(definition, index, kept, values)];
  }
  return itemsOf(definition, index, record).map((item) => {
    const parts = on.map((field, i) =>
      i === multiEntry ? item : encodeField(definition, field, record[field]),
    );
    return entry(definition, index, kept, parts.join('"'));
  });
}

/** The distinct items of the multi-entry field, encoded. */
function itemsOf(definition: Definition, index: Index, record: Record<string, unknown>): string[] {
  const field = index.on[index.multiEntry] as string;
  const items = record[field];
  if (!Array.isArray(items)) {
    throw new DatabaseError(
      "KEY_INVALID",
      `The field ${field} of ${JSON.stringify(definition.name)} is ${show(items)}, but the index ${JSON.stringify(index.name)} is multi-entry over it. Make it an array.`,
    );
  }
  return Array.from(new Set(items.map((item, i) => encodeField(definition, `${field}[${i}]`, item))));
}

function belongs(definition: Definition, index: Index, record: object): boolean {
  let included: unknown;
  try {
    included = index.where?.(record);
  } catch (cause) {
    throw new DatabaseError(
      "COLLECTION_INVALID",
      `The where of the index ${JSON.stringify(index.name)} of ${JSON.stringify(definition.name)} threw: ${show(cause)}. Let it answer for any record.`,
      { cause },
    );
  }
  if (typeof included === "boolean") return included;
  throw new DatabaseError(
    "COLLECTION_INVALID",
    `The where of the index ${JSON.stringify(index.name)} of ${JSON.stringify(definition.name)} gave ${show(included)}. Let it return true or false.`,
  );
}

function entry(definition: Definition, index: Index, kept: Kept, values: string): Entry {
  const key = index.unique ? `K${values}!` : `K${values}"${kept.primary}!`;
  return {
    key: withinLimit(key, "entry", index.bucket),
    value: carriedBy(definition, index, kept),
  };
}

function carriedBy(definition: Definition, index: Index, kept: Kept): string {
  const { include, unique } = index;
  if (include === undefined) return unique ? kept.primary : "";
  if (include === "record") return kept.text;
  const record = kept.record as Record<string, unknown>;
  const carried: Record<string, unknown> = {};
  for (const field of include) if (record[field] !== undefined) carried[field] = record[field];
  const { dates } = definition;
  return toJson(dates === undefined ? carried : datesToText(carried, dates), { found: false });
}

/** Encodes the value of a field as a part of a key. @throws DatabaseError `KEY_INVALID` */
export function encodeField(definition: Definition, field: string, value: unknown): string {
  if (typeof value !== "object" || value === null || isDate(value))
    return encodePart(value, field, definition.name);
  throw new DatabaseError(
    "KEY_INVALID",
    `The field ${field} of ${JSON.stringify(definition.name)} is ${show(value)}. Keys are made of strings, numbers, booleans, null and dates.`,
  );
}

/** Where the primary key begins in the key of an entry that is not unique; `start` is where that begins. */
export function primaryStart(entryKey: string, start: number, index: Index): number {
  let at = start;
  for (let i = index.on.length; i > 0; i--) at = entryKey.indexOf('"', at) + 1;
  return at;
}
