import type { BoltElement } from "../bolt/bolt-file.ts";
import { DatabaseError } from "../errors.ts";
import type { WorkOptions } from "../store/progress.ts";

/** Elements between two reports. */
const REPORT_EVERY = 1000;

/** How far the import is, in rows read through and rows written. */
export class Steps {
  readonly #options: WorkOptions;
  #done = 0;
  #elements = 0;
  total: number | undefined;

  constructor(options: WorkOptions) {
    this.#options = options;
    this.report();
  }

  count({ kind }: BoltElement): void {
    if (kind === "row") this.#done++;
    if (++this.#elements % REPORT_EVERY === 0) this.report();
  }

  /** Expects so many more rows. */
  expect(rows: number): void {
    this.total = this.#done + rows;
    this.report();
  }

  /** @throws DatabaseError `ABORTED`, what `onProgress` throws */
  report(): void {
    const { signal, onProgress } = this.#options;
    onProgress?.({ done: this.#done, total: this.total });
    if (signal?.aborted) throw abortedImport(signal.reason);
  }
}

/** The error of an import that its caller cancelled. */
export function abortedImport(reason: unknown): DatabaseError {
  return new DatabaseError(
    "ABORTED",
    "The signal aborted before the import was done. Nothing was imported.",
    { cause: reason },
  );
}
