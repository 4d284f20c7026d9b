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
import { DatabaseError } from "../errors.ts";

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
const PAD = "0".repeat(20);
const MAX_DEPTH = 64;

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
  const encoded = typeof key === "string" ? `J${wellFormed(key, "key")}` : encodePart(key, "key", 0);
  if (encoded.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(encoded) > MAX_KEY_BYTES + 1) {
    throw new DatabaseError(
      "KEY_TOO_LARGE",
      `The key takes ${Buffer.byteLength(encoded) - 1} bytes, the limit is ${MAX_KEY_BYTES}. Use a shorter key, for example a hash.`,
    );
  }
  return encoded;
}

function encodePart(part: unknown, path: string, depth: number): string {
  switch (typeof part) {
    case "string": {
      wellFormed(part, path);
      return ESCAPABLE.test(part) ? `J${part.replace(ESCAPED, escapeUnit)}` : `J${part}`;
    }
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
    else encoded += encodePart(part, `${path}[${i}]`, depth + 1);
  }
  return `${encoded}!`;
}

function isPlainText(part: unknown): part is string {
  return typeof part === "string" && !ESCAPABLE.test(part) && part.isWellFormed();
}

function isPositiveInteger(part: unknown): part is number {
  return typeof part === "number" && part > 0 && Number.isSafeInteger(part);
}

function encodeDate(date: Date, path: string): string {
  const time = date.getTime();
  if (Number.isNaN(time)) throw invalid(path, "an invalid Date", "Pass a date that exists.");
  return `G${encodeNumber(time, path)}`;
}

function encodeNumber(value: number, path: string): string {
  if (isPositiveInteger(value)) return encodePositiveInteger(value);
  if (Number.isNaN(value)) throw invalid(path, "NaN", "Pass a number.");
  if (Object.is(value, -0)) throw invalid(path, "-0, which would read back as 0", "Pass 0.");
  return charwise.number.encode(value);
}

/** Gives charwise's bytes ("FE" exponent+500 "M" mantissa, twenty zeros) without its detour through toExponential. */
function encodePositiveInteger(value: number): string {
  const digits = String(value);
  let end = digits.length;
  while (digits.charCodeAt(end - 1) === 48) end--;
  return `FE${499 + digits.length}M${digits[0]}.${digits.slice(1, end)}${PAD}`;
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

/**
 * Decodes what {@link encodeKey} gave.
 *
 * @param encoded the encoded key, or text that ends with it
 * @param start where in it the encoded key begins
 * @returns the key as it was written
 * @throws DatabaseError `DATA_CORRUPT` where the string is no encoded key
 */
export function decodeKey(encoded: string, start = 0): Key {
  const letter = encoded.charCodeAt(start);
  if (letter === 74) return encoded.slice(start + 1); // J
  if (letter !== 75) return decodeScalar(encoded, start, encoded.length); // K
  const reader: Reader = { text: encoded, at: start };
  const key = readTuple(reader, 0);
  if (reader.at === encoded.length) return key;
  throw corrupt(encoded);
}

interface Reader {
  readonly text: string;
  /** Index of the first character not yet read. */
  at: number;
}

function readTuple(reader: Reader, depth: number): Key[] {
  const { text } = reader;
  if (depth === MAX_DEPTH) throw corrupt(text);
  const parts: Key[] = [];
  reader.at++; // K
  if (text.charCodeAt(reader.at) === 33) {
    reader.at++;
    return parts;
  }
  while (true) {
    parts.push(text.charCodeAt(reader.at) === 75 ? readTuple(reader, depth + 1) : readPart(reader));
    const separator = text.charCodeAt(reader.at++);
    if (separator === 33) return parts; // !
    if (separator !== 34) throw corrupt(text); // "
  }
}

function readPart(reader: Reader): Key {
  const { text, at } = reader;
  const isText = text.charCodeAt(at) === 74; // J
  let end = at + 1;
  let escaped = false;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (unit > 35) continue;
    if (unit === 33 || unit === 34) break; // ! "
    if (unit === 35) escaped = true;
    else if (isText) throw corrupt(text); // would stand escaped
  }
  reader.at = end;
  if (!isText) return decodeScalar(text, at, end);
  const part = text.slice(at + 1, end);
  return escaped ? unescapePart(part) : part;
}

function unescapePart(part: string): string {
  if (/#(?![@-c])/.test(part)) throw corrupt(part);
  return part.replace(/#(.)/g, (_, unit: string) => String.fromCharCode(unit.charCodeAt(0) - 0x40));
}

function decodeScalar(text: string, start: number, end: number): Key {
  const letter = text.charCodeAt(start);
  if (letter === 68 || letter === 70) return decodeNumber(text, start, end); // D, F
  if (letter === 71) return decodeDate(text, start, end); // G
  if (end - start === 1) {
    if (letter === 65) return null; // A
    if (letter === 66) return false; // B
    if (letter === 67) return true; // C
  }
  throw corrupt(text);
}

function decodeDate(text: string, start: number, end: number): Date {
  const time = decodeNumber(text, start + 1, end);
  const date = new Date(time);
  if (date.getTime() !== time) throw corrupt(text);
  return date;
}

function decodeNumber(text: string, start: number, end: number): number {
  const integer = decodePositiveInteger(text, start, end);
  if (integer !== undefined) return integer;
  const digits = text.slice(start, end);
  const value = charwise.number.decode(digits);
  // charwise reads almost anything: only what it would write is a key.
  if (typeof value === "number" && !Number.isNaN(value) && charwise.number.encode(value) === digits)
    return value;
  throw corrupt(text);
}

/** Undoes {@link encodePositiveInteger} up to fifteen digits; undefined for anything else. */
function decodePositiveInteger(text: string, start: number, end: number): number | undefined {
  const digit = (at: number) => text.charCodeAt(at) - 48;
  if (
    !text.startsWith("FE5", start) ||
    text.charCodeAt(start + 5) !== 77 ||
    text.charCodeAt(start + 7) !== 46
  ) {
    return undefined;
  }
  const [tens, ones] = [digit(start + 3), digit(start + 4)];
  const exponent = tens * 10 + ones;
  let value = digit(start + 6);
  if (!((tens === 0 || tens === 1) && ones >= 0 && ones <= 9 && exponent < 15)) return undefined;
  if (!(value > 0 && value < 10)) return undefined;
  const fraction = start + 8;
  /** Where the mantissa's zeros begin. */
  let zeros = fraction;
  for (let at = fraction; at < fraction + exponent; at++) {
    const next = digit(at);
    if (!(next >= 0 && next <= 9)) return undefined;
    if (next > 0) zeros = at + 1;
    value = value * 10 + next;
  }
  return end === zeros + PAD.length && text.startsWith(PAD, zeros) ? value : undefined;
}

function corrupt(text: string): DatabaseError {
  return new DatabaseError(
    "DATA_CORRUPT",
    `${JSON.stringify(text.slice(0, 80))} is not a key that this library writes. Another program may have written to the store, or a file is damaged: run check().`,
  );
}
