import { isDate } from "node:util/types";
import { DatabaseError, unreadable } from "../errors.ts";

/** Characters of a value, and of an error's message, that a message shows at the most. */
const SHOWN = 80;
const SHOWN_OF_ERROR = 1000;

/** Any value, as messages show it: never throws, never long. */
export function show(value: unknown): string {
  try {
    if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN));
    if (value instanceof Error) return String(value.message).slice(0, SHOWN_OF_ERROR);
    if (typeof value === "object" && value !== null)
      return Object.prototype.toString.call(value).slice(0, SHOWN);
    return typeof value === "function" ? "a function" : String(value).slice(0, SHOWN);
  } catch {
    return "something that cannot be read";
  }
}

/**
 * Checks that an options object has no unknown names: a misspelled option must not pass for an absent one.
 *
 * @throws DatabaseError `OPTION_INVALID`, with the name and what it may have meant
 */
export function checkOptions(options: unknown, known: readonly string[], of: string): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    throw new DatabaseError(
      "OPTION_INVALID",
      `The options of ${of} are ${show(options)}. Pass an object, or nothing.`,
    );
  }
  for (const name of namesOf(options, known, of)) {
    if (known.includes(name)) continue;
    throw new DatabaseError(
      "OPTION_INVALID",
      `${of} has no option ${show(name)}. It has: ${known.join(", ")}.`,
    );
  }
}

/** The names of the options that are set. Each known one is read once: one that throws does so here. */
function namesOf(options: object, known: readonly string[], of: string): string[] {
  try {
    for (const name of known) Reflect.get(options, name);
    return Object.keys(options);
  } catch (cause) {
    throw unreadable("OPTION_INVALID", `The options of ${of}`, cause);
  }
}

/** As `instanceof`, which throws for a revoked proxy. */
export function isInstance<T>(value: unknown, of: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof of;
  } catch {
    return false;
  }
}

/** As `Array.isArray`, which throws for a revoked proxy; for one that does not let its length be read, too. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value) && typeof value.length === "number";
  } catch {
    return false;
  }
}

/**
 * Calls a function with each key of a list, in order. The list's own `map` and iterator are not asked.
 *
 * @param of the call that takes the keys
 * @throws DatabaseError `KEY_INVALID` for what is no array, or cannot be read, and what the function throws
 */
export function mapKeys<K, T>(keys: readonly K[], of: string, fn: (key: K) => T): T[] {
  try {
    if (!Array.isArray(keys))
      throw new DatabaseError("KEY_INVALID", `${of} takes an array of keys, got ${show(keys)}.`);
    const results: T[] = [];
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      // An array may have four thousand million of them.
      if (key === undefined && !(i in keys))
        throw new DatabaseError(
          "KEY_INVALID",
          `The keys of ${of} have a hole at ${i}. Pass an array without.`,
        );
      results.push(fn(key as K));
    }
    return results;
  } catch (cause) {
    throw unreadable("KEY_INVALID", `The keys of ${of}`, cause);
  }
}

/** @throws DatabaseError `OPTION_INVALID` where the value is no integer from `least` on */
export function checkCount(value: unknown, least: number, name: string): asserts value is number {
  if (value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && (value as number) >= least))
    return;
  throw new DatabaseError("OPTION_INVALID", `${name} is ${show(value)}. Pass an integer from ${least} on.`);
}

/** @throws DatabaseError `OPTION_INVALID` where the value is no date */
export function checkDate(value: unknown, name: string): Date {
  // A copy of its own: the date's methods may be the caller's.
  const time = isDate(value) ? Date.prototype.getTime.call(value) : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time);
  throw new DatabaseError("OPTION_INVALID", `${name} is ${show(value)}. Pass a valid Date.`);
}

/** @throws DatabaseError `OPTION_INVALID` where the value is neither undefined, true nor false */
export function checkBoolean(value: unknown, name: string): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new DatabaseError("OPTION_INVALID", `${name} is ${show(value)}. Pass true or false.`);
}

/** @throws DatabaseError `OPTION_INVALID` where the value is neither undefined nor an AbortSignal */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || isSignal(signal)) return;
  throw new DatabaseError("OPTION_INVALID", "The option signal is no AbortSignal.");
}

function isSignal(signal: unknown): boolean {
  try {
    // What only inherits from a signal cannot be asked.
    return signal instanceof AbortSignal && typeof signal.aborted === "boolean";
  } catch {
    return false;
  }
}

/** @throws DatabaseError `OPTION_INVALID` where the value is no function */
export function checkFunction(value: unknown, of: string): void {
  if (typeof value === "function") return;
  throw new DatabaseError("OPTION_INVALID", `${of} takes a function, got ${show(value)}.`);
}

/** @param kind of what it is the path @throws DatabaseError `PATH_INVALID` */
export function checkPath(
  path: unknown,
  of: string,
  kind: "directory" | "file" = "directory",
): asserts path is string {
  if (typeof path === "string" && path !== "" && !path.includes("\0")) return;
  throw new DatabaseError("PATH_INVALID", `${of} needs the path of a ${kind}, got ${show(path)}.`);
}
