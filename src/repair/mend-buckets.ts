/** Gives every row a bucket again, where the records of buckets were lost, or older ones came back. */
import { namesIn } from "../store/names.ts";
import { isSystemRow } from "../store/system.ts";
import type { Encoding } from "../store/values.ts";
import type { Catalog, Placed } from "./catalog.ts";

/** Tells how the rows of a sublevel may be encoded. */
export type Guess = (prefix: string) => Promise<Encoding>;

/**
 * Mends what the store knows of its buckets.
 *
 * @param prefixes of the sublevels that have rows
 * @returns the buckets whose records were made anew
 */
export async function mendBuckets(
  catalog: Catalog,
  prefixes: Iterable<string>,
  guess: Guess,
): Promise<Placed[]> {
  dropTwins(catalog);
  const rowsIn = new Set(prefixes);
  catalog.reserveIn(rowsIn);
  const recovery = new Recovery(catalog, guess);
  for (const { name, prefix } of Array.from(catalog.layouts, ([name, { prefix }]) => ({ name, prefix })))
    await recovery.ensureOwned(name, prefix);
  for (const bucket of [...catalog.buckets])
    if (bucket.parent !== 0 && catalog.byId(bucket.parent) === undefined) await recovery.ensureParent(bucket);
  for (const prefix of Array.from(rowsIn).sort((a, b) => a.length - b.length))
    if (isOfBucket(prefix)) await recovery.ensure(prefix);
  return recovery.made;
}

/** Of two buckets with one id or sublevel, and of a bucket and the mark that it was deleted, the later counts. */
function dropTwins(catalog: Catalog): void {
  const byAge = catalog.buckets.toSorted((a, b) => b.sequence - a.sequence);
  const ids = new Set<number>();
  const prefixes = new Set<string>();
  for (const bucket of byAge) {
    const { id, prefix } = bucket.record;
    const mark = catalog.marks.get(prefix);
    const isDropped = mark?.mark === "dropped" && mark.sequence > bucket.sequence;
    if (isDropped || ids.has(id) || prefixes.has(prefix)) catalog.remove(bucket);
    else {
      ids.add(id);
      prefixes.add(prefix);
      if (mark?.mark === "dropped") catalog.marks.delete(prefix);
    }
  }
}

/** Whether rows with a prefix can be a bucket's: other programs may have put theirs beside. */
function isOfBucket(prefix: string): boolean {
  try {
    return prefix !== "" && !prefix.startsWith("!~") && !isSystemRow(prefix) && namesIn(prefix).length > 0;
  } catch {
    return false;
  }
}

class Recovery {
  readonly made: Placed[] = [];
  readonly #catalog: Catalog;
  readonly #guess: Guess;

  constructor(catalog: Catalog, guess: Guess) {
    this.#catalog = catalog;
    this.#guess = guess;
  }

  /** The id of the bucket that has a sublevel; 0 where its rows are to be reclaimed. */
  async ensure(prefix: string): Promise<number> {
    const found = this.#catalog.byPrefix(prefix);
    if (found !== undefined) return found.record.id;
    const mark = this.#catalog.marks.get(prefix);
    // A mark that may be old does not take rows away that a later bucket may have.
    if (mark?.mark === "dropped" && !mark.isOld) return 0;
    this.#catalog.marks.delete(prefix);
    const parent = await this.#parentOf(prefix);
    return this.#make(this.#catalog.newId(), parent, prefix);
  }

  /** Makes the bucket that a collection's records lie in, where it is gone. */
  async ensureOwned(name: string, prefix: string): Promise<void> {
    const mark = this.#catalog.marks.get(prefix);
    if (mark?.mark === "dropped" || this.#catalog.at(0, name) !== undefined) return;
    const found = this.#catalog.byPrefix(prefix);
    if (found !== undefined) return;
    const record = {
      id: this.#catalog.newId(),
      prefix,
      encoding: "json",
      nested: false,
      owner: name,
    } as const;
    this.#add({ parent: 0, name, record, sequence: Number.POSITIVE_INFINITY });
  }

  /** Makes the bucket in which another lies, where it is gone. */
  async ensureParent({ parent, record }: Placed): Promise<void> {
    if (this.#catalog.byId(parent) !== undefined) return;
    const isMoved = this.#catalog.marks.get(record.prefix)?.mark === "kept";
    const prefix = outerPrefix(record.prefix);
    const isFree = prefix !== "" && !isMoved && this.#catalog.byPrefix(prefix) === undefined;
    if (isFree) await this.#make(parent, await this.#parentOf(prefix), prefix);
    else await this.#make(parent, 0, `!recovered~${parent}!`);
  }

  async #parentOf(prefix: string): Promise<number> {
    const outer = outerPrefix(prefix);
    return outer === "" ? 0 : this.ensure(outer);
  }

  async #make(id: number, parent: number, prefix: string): Promise<number> {
    const plain = namesIn(prefix).at(-1) as string;
    const isTaken = this.#catalog.at(parent, plain) !== undefined;
    const name = isTaken ? `${plain} (recovered ${id})` : plain;
    const encoding = await this.#guess(prefix);
    const record = { id, prefix, encoding, nested: false };
    this.#add({ parent, name, record, sequence: Number.POSITIVE_INFINITY });
    return id;
  }

  #add(bucket: Placed): void {
    this.#catalog.buckets.push(bucket);
    this.made.push(bucket);
  }
}

/** The prefix of the sublevel around another; "" for one at the top. */
function outerPrefix(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf("!", prefix.length - 2));
}
