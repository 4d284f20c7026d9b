/*
 * A record's row: its primary key -> its JSON text, with dates as ISO text. The key is the tuple of the primary key's
 * fields, or the one field alone.
 */
import { isDate } from "node:util/types";
import { DatabaseError } from "../errors.ts";
import { decodeKey, unescapePart } from "../keys/decode.ts";
import { encodeKey, escapeText, type Key, withinLimit } from "../keys/encode.ts";
import { toJson } from "../store/json.ts";
import { isArray, show } from "../store/options.ts";
import { datesToText, textToDates } from "./dates.ts";
import type { Definition, Index } from "./definition.ts";
import { encodeField, type Kept } from "./entries.ts";
import { recordInvalid, validate } from "./schema.ts";

/**
 * Checks a value, and gives the record that is to be kept.
 *
 * @throws DatabaseError `RECORD_INVALID`, `KEY_REQUIRED`, `KEY_INVALID`, `KEY_TOO_LARGE`, `VALUE_INVALID`
 */
export function toKept(definition: Definition, value: unknown): Kept {
  const { name, schema, dates } = definition;
  const record = validate(schema, value, name);
  if (Array.isArray(record)) throw recordInvalid(name, looseKeyOf(definition, value), record);
  const absent = { found: false };
  const text = toJson(dates === undefined ? record : datesToText(record, dates), absent);
  // Entries follow from what is read back later. What a schema makes anew is that; what it passes on is the caller's,
  // who may hide or change things in it, and a field that is undefined is not there any more.
  const isSame = definition.renews && record !== value && !absent.found;
  const kept = isSame ? record : fromText(definition, text);
  return { record: kept, text, primary: primaryOfRecord(definition, kept) };
}

/** Reads a record. @throws DatabaseError `DATA_CORRUPT` */
export function fromText(definition: Definition, text: string): object {
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw corrupt(definition, text, cause);
  }
  return fromJson(definition, record);
}

/** What was read as JSON, as a record. @throws DatabaseError `DATA_CORRUPT` */
export function fromJson(definition: Definition, record: unknown): object {
  if (typeof record !== "object" || record === null) throw corrupt(definition, JSON.stringify(record));
  return (definition.dates === undefined ? record : textToDates(record, definition.dates)) as object;
}

/** Checks a record that was read. @throws DatabaseError `RECORD_INVALID` */
export function checkRead(definition: Definition, record: object): object {
  const checked = validate(definition.schema, record, definition.name);
  if (Array.isArray(checked)) throw recordInvalid(definition.name, looseKeyOf(definition, record), checked);
  return checked;
}

function corrupt(definition: Definition, text: string, cause?: unknown): DatabaseError {
  return new DatabaseError(
    "DATA_CORRUPT",
    `A record of ${JSON.stringify(definition.name)} reads ${JSON.stringify(text.slice(0, 80))}, which is no record. Run verify() on the collection, and restore a backup.`,
    { cause },
  );
}

/** The parts of a record's primary key. */
export function primaryOfRecord(definition: Definition, record: object): string {
  const { key } = definition;
  let primary = "";
  for (let i = 0; i < key.length; i++) {
    const field = key[i] as string;
    const value = (record as Record<string, unknown>)[field];
    if (value === undefined || (value === "" && definition.single)) {
      throw new DatabaseError(
        "KEY_REQUIRED",
        `The field ${field} of ${JSON.stringify(definition.name)} is ${show(value)}, but part of the primary key. Set it.`,
      );
    }
    const part = encodeField(definition, field, value);
    primary = i === 0 ? part : `${primary}"${part}`;
  }
  return primary;
}

/** The parts of a primary key that a caller passed. @throws DatabaseError `KEY_REQUIRED`, `KEY_INVALID` */
export function primaryOfKey(definition: Definition, key: unknown): string {
  const { key: fields, single, name } = definition;
  if (single) {
    if (key === undefined || key === "") encodeKey(key as Key); // throws
    return encodeField(definition, fields[0] as string, key);
  }
  if (!isArray(key) || key.length !== fields.length) {
    throw new DatabaseError(
      "KEY_INVALID",
      `A key of ${JSON.stringify(name)} is a tuple [${fields.join(", ")}], got ${isArray(key) ? `${key.length} parts` : show(key)}.`,
    );
  }
  return fields.map((field, i) => encodeField(definition, field, key[i])).join('"');
}

/** The encoded primary key, as the record's row has it, from its parts. */
export function rowKey(definition: Definition, primary: string): string {
  const isEscaped = definition.single && primary.charCodeAt(0) === 74 && primary.includes("#");
  const key = definition.single ? primary : `K${primary}!`;
  return withinLimit(isEscaped ? unescapePart(key) : key, "primary key", definition.name);
}

/** The parts of a primary key, from the encoded key of a record's row. */
export function primaryOfRow(definition: Definition, encodedKey: string): string {
  if (!definition.single) return encodedKey.slice(1, -1);
  return encodedKey.charCodeAt(0) === 74 ? escapeText(encodedKey) : encodedKey;
}

/** The primary key of a record that may not be whole, for messages. */
export function looseKeyOf(definition: Definition, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    const parts = definition.key.map((field) => (value as Record<string, unknown>)[field]);
    if (!parts.some((part) => part !== undefined) || parts.some((part) => !isSpellable(part)))
      return undefined;
    return definition.single ? parts[0] : parts;
  } catch {
    return undefined;
  }
}

function isSpellable(part: unknown): boolean {
  return part === undefined || part === null || isDate(part) || /^(string|number|boolean)$/.test(typeof part);
}

/** What a stored text is a record of. */
export function keptOf(definition: Definition, text: string, primary: string): Kept {
  return { record: fromText(definition, text), text, primary };
}

/** The parts of the primary key of the record that has an entry of a unique index, from the entry's value. */
export function holderOf(definition: Definition, index: Index, value: string): string {
  return index.include === undefined ? value : primaryOfRecord(definition, fromText(definition, value));
}

/** The primary key that its parts make up. */
export function keyOfPrimary(definition: Definition, primary: string): Key {
  return decodeKey(rowKey(definition, primary));
}
