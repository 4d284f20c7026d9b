import { DatabaseError } from "../errors.ts";
import { encodeBound, type Key } from "./encode.ts";
import { compareKeys } from "./order.ts";

/** A key, or for tuples also the first parts of one: `["t"]` and `["t", 1]` for `[string, number]`. */
export type KeyPrefix<K extends Key> = K extends readonly [...infer First extends Key[], Key]
  ? Readonly<K> | KeyPrefix<First>
  : K extends readonly Key[]
    ? Readonly<K>
    : K;

/** Which keys a range covers: those that satisfy every bound that is given. */
export interface KeyBounds<K extends Key = Key> {
  /** Only tuples that begin with these parts (the tuple itself too), or strings that begin with this text. */
  readonly prefix?: KeyPrefix<K> | undefined;
  readonly gt?: KeyPrefix<K> | undefined;
  readonly gte?: KeyPrefix<K> | undefined;
  readonly lt?: KeyPrefix<K> | undefined;
  readonly lte?: KeyPrefix<K> | undefined;
}

/** A half-open interval of encoded keys: `from` belongs to it, `to` does not. Empty where from >= to. */
export interface Interval {
  readonly from: string;
  readonly to: string;
}

/** Below the letter of every encoded key, and above. */
const LOWEST = '"';
const HIGHEST = "~";

/** The interval of every key. */
export const ALL_KEYS: Interval = { from: LOWEST, to: HIGHEST };

/**
 * Turns bounds on keys into one interval of encoded keys.
 *
 * @param bounds the bounds; one that is undefined counts as absent
 * @returns their intersection
 * @throws DatabaseError `KEY_INVALID` or `KEY_TOO_LARGE` for a bound that is no key
 */
export function toInterval(bounds: KeyBounds): Interval {
  let { from, to } = bounds.prefix === undefined ? ALL_KEYS : prefixInterval(bounds.prefix);
  if (bounds.gte !== undefined) from = later(from, encodeBound(bounds.gte));
  if (bounds.gt !== undefined) from = later(from, successor(encodeBound(bounds.gt)));
  if (bounds.lt !== undefined) to = earlier(to, encodeBound(bounds.lt));
  if (bounds.lte !== undefined) to = earlier(to, successor(encodeBound(bounds.lte)));
  return { from, to };
}

/** The interval of every key with a sublevel's prefix; `after` where it is to begin behind an encoded key. */
export function keysWithin(prefix: string, after?: string): Interval {
  return { from: prefix + (after === undefined ? LOWEST : successor(after)), to: prefix + HIGHEST };
}

/** The least string above the given one, in UTF-8 order. */
export function successor(encoded: string): string {
  return `${encoded}\0`;
}

function prefixInterval(prefix: Key): Interval {
  const encoded = encodeBound(prefix);
  if (typeof prefix === "string") return { from: encoded, to: afterPrefix(encoded) };
  if (!Array.isArray(prefix)) return { from: encoded, to: successor(encoded) };
  const open = encoded.slice(0, -1); // without the "!" that closes the tuple
  return prefix.length === 0 ? { from: open, to: "L" } : { from: `${open}!`, to: `${open}#` };
}

/** The least string above all that begin with `text`: its last character that can grow, grown by one. */
export function afterPrefix(text: string): string {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) throw new DatabaseError("KEY_INVALID", "The prefix has no end.");
  points.push(last === 0xd7ff ? 0xe000 : last + 1);
  return String.fromCodePoint(...points);
}

/** The greater of two strings in UTF-8 order. */
export function later(a: string, b: string): string {
  return compareKeys(a, b) >= 0 ? a : b;
}

/** The lesser of two strings in UTF-8 order. */
export function earlier(a: string, b: string): string {
  return compareKeys(a, b) <= 0 ? a : b;
}
