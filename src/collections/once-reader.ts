import type { Awaitable } from "../awaitable.ts";
import type { Row } from "../engine/level.ts";
import { chunkOfSteps, type RowReader } from "../engine/reader.ts";
import type { AccessPath } from "./access-path.ts";
import { keyOfEntry } from "./lookup-reader.ts";

/**
 * Reads entries of an index in a writer, one of each record: a record whose entry the same transaction moves ahead of
 * the walk is not met again, so that a walk that changes what it meets comes to an end.
 */
export class OnceReader implements RowReader {
  readonly #path: AccessPath;
  readonly #entries: RowReader;
  readonly #met = new Set<string>();
  #remaining: number;

  /** @param limit how many entries are wanted at the most; `entries` must have no limit */
  constructor(path: AccessPath, entries: RowReader, limit: number) {
    this.#path = path;
    this.#entries = entries;
    this.#remaining = limit;
  }

  chunk(size: number): Promise<Row[]> {
    return chunkOfSteps(this, size);
  }

  step(): Awaitable<Row | undefined> {
    while (this.#remaining > 0) {
      const row = this.#entries.step();
      if (row instanceof Promise)
        return row.then((arrived) => (this.#isNew(arrived) ? arrived : this.step()));
      if (this.#isNew(row)) return row;
    }
    return undefined;
  }

  #isNew(row: Row | undefined): boolean {
    if (row === undefined) return true;
    const key = keyOfEntry(this.#path, row);
    if (this.#met.has(key)) return false;
    this.#met.add(key);
    this.#remaining--;
    return true;
  }

  close(): void {
    this.#path.core.close(this.#entries);
  }
}
