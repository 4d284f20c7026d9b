import charwise from "charwise";
import { DatabaseError } from "../errors.ts";
import { type Key, MAX_DEPTH, PAD } from "./encode.ts";

/**
 * Decodes what {@link encodeKey} gave.
 *
 * @param encoded the encoded key, or text that ends with it
 * @param start where in it the encoded key begins
 * @returns the key as it was written
 * @throws DatabaseError `DATA_CORRUPT` where the string is no encoded key
 */
export function decodeKey(encoded: string, start = 0): Key {
  if (typeof encoded !== "string" || typeof start !== "number") throw corrupt(`a ${typeof encoded}`);
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
  const letter = text.charCodeAt(at);
  const integer = letter === 70 ? readPositiveInteger(reader) : undefined; // F
  if (integer !== undefined) return integer;
  let end = at + 1;
  let escaped = false;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (unit > 35) continue;
    if (unit === 33 || unit === 34) break; // ! "
    if (unit === 35) escaped = true;
    else if (letter === 74) throw corrupt(text); // would stand escaped
  }
  reader.at = end;
  if (letter !== 74) return decodeScalar(text, at, end);
  const part = text.slice(at + 1, end);
  return escaped ? unescapePart(part) : part;
}

/** Gives the text that a tuple's part stands for. */
export function unescapePart(part: string): string {
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
  const reader: Reader = { text, at: start };
  const integer = readPositiveInteger(reader);
  if (integer !== undefined && reader.at === end) return integer;
  const digits = text.slice(start, end);
  const value = charwise.number.decode(digits);
  // charwise reads almost anything: only what it would write is a key.
  if (typeof value === "number" && !Number.isNaN(value) && charwise.number.encode(value) === digits)
    return value;
  throw corrupt(text);
}

/**
 * Reads a positive integer of up to fifteen digits: "FE5", two digits of exponent, "M", the mantissa, twenty zeros.
 *
 * Written out by hand, since half of what a range costs beyond the engine would be this.
 *
 * @returns undefined, with nothing read, where there is anything else
 */
function readPositiveInteger(reader: Reader): number | undefined {
  const { text, at } = reader;
  const tens = text.charCodeAt(at + 3) - 48;
  const ones = text.charCodeAt(at + 4) - 48;
  let value = text.charCodeAt(at + 6) - 48;
  const isForm =
    text.charCodeAt(at) === 70 &&
    text.charCodeAt(at + 1) === 69 &&
    text.charCodeAt(at + 2) === 53 &&
    text.charCodeAt(at + 5) === 77 &&
    text.charCodeAt(at + 7) === 46;
  if (!isForm || !(tens === 0 || (tens === 1 && ones < 5)) || !(ones >= 0 && ones <= 9)) return undefined;
  if (!(value > 0 && value <= 9)) return undefined;
  let next = at + 8;
  /** Where the twenty zeros begin: behind the last digit that is none. */
  let zeros = next;
  for (let i = tens * 10 + ones; i > 0; i--) {
    const digit = text.charCodeAt(next++) - 48;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    if (digit > 0) zeros = next;
    value = value * 10 + digit;
  }
  const end = zeros + PAD.length;
  while (next < end) if (text.charCodeAt(next++) !== 48) return undefined;
  // One zero more, or any digit, would be another number's mantissa.
  const beyond = text.charCodeAt(end);
  if (next !== end || (beyond >= 48 && beyond <= 57)) return undefined;
  reader.at = end;
  return value;
}

function corrupt(text: string): DatabaseError {
  return new DatabaseError(
    "DATA_CORRUPT",
    `${JSON.stringify(text.slice(0, 80))} is not a key that this library writes. Another program may have written to the store, or a file is damaged: run check().`,
  );
}
