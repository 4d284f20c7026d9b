import { abortError } from "../engine/wait-list.ts";
import { checkFunction, checkOptions, checkSignal } from "./options.ts";

/** How far long work is. */
export interface Progress {
  /** Rows done so far; for `compact()` buckets. */
  readonly done: number;
  /** How many there are, where that is known beforehand. */
  readonly total: number | undefined;
}

/** Options of long work. */
export interface WorkOptions {
  /** Cancels the work between two steps, with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** @returns a copy that stays as it was checked @throws DatabaseError `OPTION_INVALID` */
export function checkWork(options: WorkOptions, of: string): WorkOptions {
  checkOptions(options, ["signal", "onProgress"], of);
  const { signal, onProgress } = options ?? {};
  checkSignal(signal);
  if (onProgress !== undefined) checkFunction(onProgress, "onProgress");
  return { signal, onProgress };
}

/** Tells how far the work is, and stops it where that is wanted. @throws DatabaseError `ABORTED` */
export function report(options: WorkOptions, done: number, total?: number): void {
  const { onProgress } = options;
  // Asked anew: an option that is read again may be another by now.
  if (typeof onProgress === "function") onProgress({ done, total });
  if (options.signal?.aborted) throw abortError(options.signal);
}
