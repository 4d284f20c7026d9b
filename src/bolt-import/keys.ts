/** A bbolt key, which is bytes, as a key of this library. */
import type { Key } from "../keys/encode.ts";
import { show } from "../store/options.ts";
import { type Place, refused } from "./refusals.ts";
import { decodeBytes, decodeText } from "./text.ts";

/** How the keys of a bucket are read once that is decided; "function" calls that of the rule. */
export type KeyForm = "text" | "bytes" | "json" | "uint64" | "function";

/** Whether different bytes can come to the same key. */
export function canCollide(form: KeyForm): boolean {
  return form === "json" || form === "function";
}

const RAW = 'Give the bucket the rule { keys: "bytes" }, which takes any.';
const NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** As many digits as any decimal number keeps in a double. */
const EXACT_DIGITS = 15;

/**
 * Reads a key.
 *
 * @param place where the key is, with it
 * @param make what a rule has for the form "function"
 * @throws DatabaseError `BOLT_REFUSED` where it is not of the form
 */
export function readKey(form: KeyForm, key: Uint8Array, place: Place, make?: (key: Uint8Array) => Key): Key {
  if (form === "bytes") return decodeBytes(key);
  if (form === "uint64") return readNumber(key, place);
  if (form === "function") return makeKey(key, place, make as (key: Uint8Array) => Key);
  const text = decodeText(key);
  if (text === undefined) throw refused(place, "is not UTF-8", RAW);
  return form === "json" ? parseKey(text, place) : text;
}

function readNumber(key: Uint8Array, place: Place): number {
  if (key.length !== 8) throw refused(place, `has ${key.length} bytes, and a uint64 has 8`, RAW);
  const number = new DataView(key.buffer, key.byteOffset, 8).getBigUint64(0);
  if (number <= Number.MAX_SAFE_INTEGER) return Number(number);
  throw refused(place, `is the number ${number}, above 2^53-1, which a key cannot hold exactly`, RAW);
}

function makeKey(key: Uint8Array, place: Place, make: (key: Uint8Array) => Key): Key {
  try {
    return make(key);
  } catch (cause) {
    throw refused(
      place,
      `was refused by the rule's function: ${show(cause)}`,
      "Let it give a key, or leave the bucket out.",
      cause,
    );
  }
}

function parseKey(text: string, place: Place): Key {
  let key: Key;
  try {
    key = JSON.parse(text) as Key;
  } catch (cause) {
    throw refused(place, "is not JSON", RAW, cause);
  }
  const bent = Array.from(text.matchAll(NUMBER), ([token]) => token).find((token) => !isExact(token));
  if (bent === undefined) return key;
  throw refused(place, `has the number ${bent}, which a key cannot hold exactly`, RAW);
}

/** Whether a token is a string, or a number of which a double keeps all digits. */
function isExact(token: string): boolean {
  if (token.startsWith('"')) return true;
  const value = Number(token);
  if (String(value) === token) return true;
  const digits = token
    .replace(/[eE].*$/, "")
    .replace(/[-.]/g, "")
    .replace(/^0+/, "");
  if (!Number.isFinite(value) || (value === 0) !== (digits === "")) return false;
  return digits.length <= EXACT_DIGITS;
}
