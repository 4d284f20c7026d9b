/** Characters of the largest row that is kept: a few large ones would take the room of all others. */
const MAX_ROW = 4096;
/** Characters of all rows that are kept. Parsed, they take some two to three times as many bytes. */
const MAX_LENGTH = 1 << 20;
/** Of the rows that were read and are not here, one in so many is kept. */
const ADMITTED = 16;

interface CachedRow {
  readonly json: unknown;
  /** Characters of its key and its text. */
  readonly length: number;
}

/**
 * JSON rows of the last commit that were read lately, parsed, so that those which are read again and again (an API
 * key, a quota) cost neither a call into the engine nor parsing. Whoever commits drops what it wrote.
 *
 * Rows are admitted by chance, so that reads of ever other rows pay next to nothing for what is never asked for again.
 * When there is no room left all are dropped: those that are read often are back soon.
 */
export class RowCache {
  readonly #rows = new Map<string, CachedRow>();
  #length = 0;
  #missed = 0;

  /** @returns a copy, for the caller alone; undefined where the row is not here */
  get(key: string): unknown {
    const row = this.#rows.get(key);
    return row === undefined ? undefined : copyJson(row.json);
  }

  /** Takes a row that was read and is not here, perhaps. @returns what its reader may have: a copy if it is kept */
  offer(key: string, text: string, json: unknown): unknown {
    const length = key.length + text.length;
    if (++this.#missed % ADMITTED !== 0 || length > MAX_ROW) return json;
    if (this.#length + length > MAX_LENGTH) {
      this.#rows.clear();
      this.#length = 0;
    }
    this.#rows.set(key, { json, length });
    this.#length += length;
    return copyJson(json);
  }

  drop(key: string): void {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    this.#rows.delete(key);
    this.#length -= row.length;
  }
}

/** Copies what JSON can hold: ten times as fast as parsing its text. */
function copyJson(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson);
  // A spread keeps all names as they are, "__proto__" among them, which is then a field like others.
  const copy: Record<string, unknown> = { ...value };
  for (const name in copy) {
    const field = copy[name];
    // A name may be inherited, where somebody has put it into the prototype of all objects.
    if (typeof field === "object" && field !== null && Object.hasOwn(copy, name))
      copy[name] = copyJson(field);
  }
  return copy;
}
