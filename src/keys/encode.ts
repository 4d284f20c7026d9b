/*
 * Keys on disk: strings whose UTF-8 bytes sort as the keys do. The alphabet is charwise's
 * (https://github.com/dominictarr/charwise); ordinary keys are its very bytes.
 *
 *   key     = scalar | string | tuple
 *   scalar  = "A"                      null
 *           | "B" | "C"                false, true
 *           | ("D" | "F") digits       negative and positive numbers, as charwise writes them
 *           | "G" ("D" | "F") digits   a date: its milliseconds since 1970 as a number
 *   string  = "J" text                 alone: the text as it is
 *   tuple   = "K" [ part { '"' part } ] "!"
 *   part    = scalar | tuple | "J" escaped
 *   escaped = the text, with U+0000..U+0023 written as "#" and the character 0x40 higher
 *
 * The escape keeps '"', "!" and "#" out of tuple parts, so that nothing inside a part sorts below or looks like
 * what separates parts: that makes tuples injective and ordered part by part, which charwise alone does not. Dates
 * take the letter that charwise reserves for them. No encoded key starts with "!", which marks a sublevel.
 */
import charwise from "charwise";
import { DatabaseError, unreadable } from "../errors.ts";

/**
 * What a bucket's rows are found by: a string, number, boolean, null, Date, or an array of these (a tuple, nested
 * ones too). Order: null, booleans, numbers, dates, strings, tuples; tuples part by part, a shorter one before its
 * extensions.
 */
export type Key = string | number | boolean | null | Date | readonly Key[];

/** The size limit of an encoded key in UTF-8 bytes, its first letter not counted: bbolt's limit for a plain string. */
export const MAX_KEY_BYTES = 32768;

const ESCAPED = /[\0-#]/g;
const ESCAPABLE = /[\0-#]/;
/** What charwise adds to each mantissa. */
export const PAD: string = "0".repeat(20);
const SHORT = 40;
/** How deeply tuples nest at the most. */
export const MAX_DEPTH = 64;

/**
 * Encodes a key to the string under which an engine stores it.
 *
 * @param key any {@link Key}
 * @returns the encoded key; sorting encoded keys by their UTF-8 bytes sorts the keys
 * @throws DatabaseError `KEY_REQUIRED` for undefined and the empty string, `KEY_INVALID` for what cannot be kept
 * exactly (with the path of the part), `KEY_TOO_LARGE` beyond {@link MAX_KEY_BYTES}
 */
export function encodeKey(key: Key): string {
  if (key === "" || key === undefined) {
    throw new DatabaseError(
      "KEY_REQUIRED",
      `A key is required, got ${key === "" ? "an empty string" : "undefined"}.`,
    );
  }
  return encodeBound(key);
}

/** As {@link encodeKey}, for bounds and prefixes, where the empty string is allowed: it sorts before every string. */
export function encodeBound(key: Key): string {
  return withinLimit(
    typeof key === "string" ? `J${wellFormed(key, "key")}` : encodeForeign(key, "key"),
    "key",
  );
}

/**
 * Gives an encoded key back if it is not too long.
 *
 * @param what what messages call the key
 * @param of what it belongs to
 * @throws DatabaseError `KEY_TOO_LARGE` beyond {@link MAX_KEY_BYTES}
 */
export function withinLimit(encoded: string, what: string, of?: string): string {
  if (encoded.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(encoded) <= MAX_KEY_BYTES + 1) return encoded;
  throw new DatabaseError(
    "KEY_TOO_LARGE",
    `The ${spell(what, of)} takes ${Buffer.byteLength(encoded) - 1} bytes, the limit is ${MAX_KEY_BYTES}. Use a shorter key, for example a hash.`,
  );
}

/**
 * Encodes one part of a tuple, for keys that are put together from parts.
 *
 * @param what what messages call the part
 * @param of what it belongs to
 * @throws DatabaseError `KEY_INVALID`
 */
export function encodePart(part: unknown, what: string, of?: string): string {
  // Plain text and integers are most parts.
  if (isPlainText(part)) return `J${part}`;
  return isPositiveInteger(part) ? encodePositiveInteger(part) : encodeForeign(part, spell(what, of));
}

function spell(what: string, of: string | undefined): string {
  return of === undefined ? what : `${what} of ${JSON.stringify(of)}`;
}

/** Writes the text of a string that stands alone as it stands in a tuple. */
export function escapeText(text: string): string {
  return ESCAPABLE.test(text) ? text.replace(ESCAPED, escapeUnit) : text;
}

function encodeForeign(part: unknown, path: string): string {
  try {
    return encodeNested(part, path, 0);
  } catch (cause) {
    // A proxy may throw when it is read, and what passes for a Date may be none.
    throw unreadable("KEY_INVALID", `The ${path}`, cause);
  }
}

function encodeNested(part: unknown, path: string, depth: number): string {
  switch (typeof part) {
    case "string":
      return `J${escapeText(wellFormed(part, path))}`;
    case "number":
      return encodeNumber(part, path);
    case "boolean":
      return part ? "C" : "B";
    case "object":
      if (part === null) return "A";
      if (Array.isArray(part)) return encodeTuple(part, path, depth);
      if (part instanceof Date) return encodeDate(part, path);
  }
  throw invalid(path, describe(part), "Use a string, number, boolean, null, Date or an array of these.");
}

function encodeTuple(parts: readonly unknown[], path: string, depth: number): string {
  if (depth === MAX_DEPTH) {
    throw invalid(path, `nested deeper than ${MAX_DEPTH} levels, or cyclic`, "Flatten the tuple.");
  }
  let encoded = "K";
  for (let i = 0; i < parts.length; i++) {
    if (i > 0) encoded += '"';
    const part = parts[i];
    // Plain text and integers are most parts: for these no path is spelled out, and nothing is checked twice.
    if (isPlainText(part)) encoded += `J${part}`;
    else if (isPositiveInteger(part)) encoded += encodePositiveInteger(part);
    else encoded += encodeNested(part, `${path}[${i}]`, depth + 1);
  }
  return `${encoded}!`;
}

function isPlainText(part: unknown): part is string {
  if (typeof part !== "string") return false;
  // Most parts are short, and for these a loop beats a regular expression.
  if (part.length > SHORT) return !ESCAPABLE.test(part) && part.isWellFormed();
  for (let i = 0; i < part.length; i++) {
    const unit = part.charCodeAt(i);
    if (unit <= 35 || unit >= 0xd800) return false; // "#" and below stand escaped; surrogates need a closer look
  }
  return true;
}

function isPositiveInteger(part: unknown): part is number {
  return typeof part === "number" && part > 0 && Number.isSafeInteger(part);
}

function encodeDate(date: Date, path: string): string {
  // Not the date's own method: what that gives need be no number.
  const time = Date.prototype.getTime.call(date);
  if (Number.isNaN(time)) throw invalid(path, "an invalid Date", "Pass a date that exists.");
  return `G${encodeNumber(time, path)}`;
}

function encodeNumber(value: number, path: string): string {
  if (isPositiveInteger(value)) return encodePositiveInteger(value);
  if (Number.isNaN(value)) throw invalid(path, "NaN", "Pass a number.");
  if (Object.is(value, -0)) throw invalid(path, "-0, which would read back as 0", "Pass 0.");
  return charwise.number.encode(value);
}

/** What the encoding of a positive integer begins with, by its number of digits. */
const HEADS = Array.from({ length: 17 }, (_, digits) => `FE${499 + digits}M`);

/** Gives charwise's bytes ("FE" exponent+500 "M" mantissa, twenty zeros) without its detour through toExponential. */
function encodePositiveInteger(value: number): string {
  const digits = String(value);
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 48) end--;
  return `${HEADS[digits.length]}${digits[0]}.${digits.slice(1, end)}${PAD}`;
}

function escapeUnit(unit: string): string {
  return `#${String.fromCharCode(unit.charCodeAt(0) + 0x40)}`;
}

function wellFormed(text: string, path: string): string {
  if (text.isWellFormed()) return text;
  throw invalid(
    path,
    "a string with a lone surrogate",
    "Well-formed text only: UTF-8 cannot hold half a character.",
  );
}

function invalid(path: string, what: string, advice: string): DatabaseError {
  return new DatabaseError("KEY_INVALID", `The ${path} is ${what}. ${advice}`);
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value;
  return `an object (${Object.prototype.toString.call(value).slice(8, -1)})`;
}
