import type { Awaitable } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import { show } from "../store/options.ts";
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
  checkWork(work, "A bulk call");
  if (
    typeof items !== "object" ||
    items === null ||
    !(Symbol.iterator in items || Symbol.asyncIterator in items)
  )
    throw new DatabaseError(
      "OPTION_INVALID",
      `A bulk call takes an iterable, got ${show(items)}. Pass an array.`,
    );
  const total = Array.isArray(items) ? items.length : undefined;
  let seen = 0;
  let handled = 0;
  for await (const item of items) {
    if ((await handle(item)) !== false) handled++;
    if (++seen % STRIDE !== 0) continue;
    report(work, seen, total);
    await new Promise(setImmediate);
  }
  report(work, seen, total);
  return handled;
}
