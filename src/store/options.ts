import { DatabaseError } from "../errors.ts";

/** Any value, as messages show it: never throws, never long. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (value instanceof Error) return value.message;
  if (typeof value === "object" && value !== null) return Object.prototype.toString.call(value);
  return typeof value === "function" ? "a function" : String(value);
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
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new DatabaseError(
      "OPTION_INVALID",
      `${of} has no option ${JSON.stringify(name)}. It has: ${known.join(", ")}.`,
    );
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
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value;
  throw new DatabaseError("OPTION_INVALID", `${name} is ${show(value)}. Pass a valid Date.`);
}

/** @throws DatabaseError `OPTION_INVALID` where the value is neither undefined, true nor false */
export function checkBoolean(value: unknown, name: string): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new DatabaseError("OPTION_INVALID", `${name} is ${show(value)}. Pass true or false.`);
}

/** @throws DatabaseError `OPTION_INVALID` where the value is neither undefined nor an AbortSignal */
export function checkSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new DatabaseError("OPTION_INVALID", "The option signal is no AbortSignal.");
}

/** @throws DatabaseError `OPTION_INVALID` where the value is no function */
export function checkFunction(value: unknown, of: string): void {
  if (typeof value === "function") return;
  throw new DatabaseError("OPTION_INVALID", `${of} takes a function, got ${show(value)}.`);
}
