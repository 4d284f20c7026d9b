import type { Awaitable } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import { isArray, show } from "../store/options.ts";
import { checkWork, report, type WorkOptions } from "../store/progress.ts";

/** Many things, at hand or still to come. */
export type Many<T> = Iterable<T> | AsyncIterable<T>;

/** How many are handled between two reports of progress. */
const STRIDE = 256;

/**
 * Handles many, one after another, with turns of other work in between. One that fails ends it.
 *
 * @returns for how many the handler gave anything but false
 * @throws DatabaseError `OPTION_INVALID`, `ABORTED`, and what the handler throws
 */
export async function forMany<T>(
  items: Many<T>,
  work: WorkOptions,
  handle: (item: T) => Awaitable<unknown>,
): Promise<number> {
  const steady = checkWork(work, "A bulk call");
  const iterator = iteratorOf(items);
  const total = isArray(items) ? items.length : undefined;
  let seen = 0;
  let handled = 0;
  const next = async (item: T) => {
    if ((await handle(item)) !== false) handled++;
    if (++seen % STRIDE !== 0) return;
    report(steady, seen, total);
    await new Promise(setImmediate);
  };
  // Not for await over what is at hand: it would ask each item whether it is a promise.
  if (Symbol.asyncIterator in iterator) for await (const item of iterator) await next(item);
  else for (const item of iterator) await next(item);
  report(steady, seen, total);
  return handled;
}

/**
 * Opens the iterator of what a caller passed, to be walked once. What it throws as it is walked is the caller's own.
 *
 * @throws DatabaseError `OPTION_INVALID` for what has none
 */
function iteratorOf<T>(items: Many<T>): Many<T> {
  let iterator: unknown;
  try {
    const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = items as AsyncIterable<T> & Iterable<T>;
    const symbol = typeof later === "function" ? Symbol.asyncIterator : Symbol.iterator;
    iterator = typeof items === "object" ? Reflect.apply(later ?? now, items, []) : undefined;
    const { next } = iterator as Iterator<T>;
    if (typeof next === "function") return { [symbol]: () => iterator } as unknown as Many<T>;
  } catch {
    // Told below.
  }
  throw new DatabaseError(
    "OPTION_INVALID",
    `A bulk call takes an iterable, got ${show(items)}. Pass an array.`,
  );
}
