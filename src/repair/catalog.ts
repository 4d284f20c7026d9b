/** The rows that the store keeps for itself, taken apart to be mended. */
import { parseLayout, type StoredLayout } from "../collections/layout.ts";
import { decodeKey } from "../keys/decode.ts";
import type { BucketRecord } from "../store/bucket-state.ts";
import { parseRecord } from "../store/catalog.ts";
import {
  bucketKey,
  buildKey,
  COMMIT_KEY,
  FORMAT,
  FORMAT_KEY,
  LAST_BUCKET_KEY,
  layoutKey,
  prefixOf,
  SEQUENCES,
  sequenceKey,
  sublevelKey,
} from "../store/system.ts";
import type { SystemRow } from "./salvage.ts";

/** A bucket and its place. */
export interface Placed {
  /** The id of the bucket in which it lies; 0 for the root. */
  parent: number;
  name: string;
  record: BucketRecord;
  /** When its record was written; Infinity where it was made now. */
  readonly sequence: number;
}

const BUCKETS = prefixOf(bucketKey(0, "-"));
const SUBLEVELS = prefixOf(sublevelKey("-"));
const COLLECTIONS = prefixOf(layoutKey("-"));
const BUILDS = prefixOf(buildKey("-"));

/** What the store knows of its buckets and collections. */
export class Catalog {
  readonly buckets: Placed[] = [];
  /** By the prefixes of sublevels: "dropped" or "kept". */
  readonly marks = new Map<
    string,
    { readonly mark: string; readonly sequence: number; readonly isOld: boolean }
  >();
  readonly layouts = new Map<string, StoredLayout>();
  readonly #sequences = new Map<number, string>();
  readonly #others = new Map<string, string>();
  #lastId = 0;

  constructor(system: ReadonlyMap<string, SystemRow>) {
    for (const [key, row] of system) {
      try {
        this.#add(key, row);
      } catch {
        // Its checksum is right, so it was written like this: what cannot be read is of no use to the store.
      }
    }
    for (const { record } of this.buckets) this.#reserve(record.id);
  }

  #add(key: string, { value, sequence, isOld }: SystemRow): void {
    const prefix = prefixOf(key);
    const decoded = decodeKey(key, prefix.length);
    if (prefix === BUCKETS) {
      const [parent, name] = decoded as [number, string];
      this.buckets.push({ parent, name, record: parseRecord(value), sequence });
    } else if (prefix === SUBLEVELS)
      this.marks.set(decoded as string, { mark: JSON.parse(value) as string, sequence, isOld });
    else if (prefix === COLLECTIONS)
      this.layouts.set(decoded as string, parseLayout(decoded as string, value));
    else if (prefix === SEQUENCES) this.#sequences.set(decoded as number, value);
    else if (key === LAST_BUCKET_KEY) this.#reserve(Number(value));
    // The building of indexes begins anew: they were dropped.
    else if (prefix !== BUILDS) this.#others.set(key, value);
  }

  /** Whether anything of a store was found. */
  get isEmpty(): boolean {
    return this.buckets.length === 0 && !this.#others.has(FORMAT_KEY) && !this.#others.has(COMMIT_KEY);
  }

  #reserve(id: number): void {
    if (Number.isSafeInteger(id)) this.#lastId = Math.max(this.#lastId, id);
  }

  /** A bucket id that was never given. */
  newId(): number {
    return ++this.#lastId;
  }

  /** Sees to it that ids in the prefixes of sublevels are not given again. */
  reserveIn(prefixes: Iterable<string>): void {
    for (const prefix of prefixes)
      for (const [, id] of prefix.matchAll(/~(\d+)!/g)) this.#reserve(Number(id));
    for (const id of this.#sequences.keys()) this.#reserve(id);
  }

  byPrefix(prefix: string): Placed | undefined {
    return this.buckets.find(({ record }) => record.prefix === prefix);
  }

  byId(id: number): Placed | undefined {
    return this.buckets.find(({ record }) => record.id === id);
  }

  at(parent: number, name: string): Placed | undefined {
    return this.buckets.find((bucket) => bucket.parent === parent && bucket.name === name);
  }

  remove(bucket: Placed): void {
    this.buckets.splice(this.buckets.indexOf(bucket), 1);
  }

  /** Deletes a bucket; its rows are reclaimed when the store is opened. */
  drop(bucket: Placed): void {
    this.remove(bucket);
    this.mark(bucket.record.prefix, "dropped");
  }

  mark(prefix: string, mark: "dropped" | "kept"): void {
    this.marks.set(prefix, { mark, sequence: Number.POSITIVE_INFINITY, isOld: false });
  }

  /** The names from the top level down to a bucket. */
  pathOf(bucket: Placed): string[] {
    const names: string[] = [];
    // No longer than there are buckets: damaged records could lead in a circle.
    for (
      let at: Placed | undefined = bucket;
      at && names.length <= this.buckets.length;
      at = this.byId(at.parent)
    )
      names.unshift(at.name);
    return names;
  }

  /** All rows as they are to be. */
  rows(commit: number): Map<string, string> {
    const rows = new Map(this.#others);
    const parents = new Set(this.buckets.map(({ parent }) => parent));
    for (const { parent, name, record } of this.buckets) {
      const nested = record.nested || parents.has(record.id);
      rows.set(bucketKey(parent, name), JSON.stringify({ ...record, nested }));
    }
    for (const [prefix, { mark }] of this.marks) rows.set(sublevelKey(prefix), JSON.stringify(mark));
    for (const [name, layout] of this.layouts) rows.set(layoutKey(name), JSON.stringify(layout));
    for (const [id, value] of this.#sequences)
      if (this.byId(id) !== undefined) rows.set(sequenceKey(id), value);
    rows.set(LAST_BUCKET_KEY, String(this.#lastId));
    rows.set(COMMIT_KEY, String(commit));
    if (!rows.has(FORMAT_KEY)) rows.set(FORMAT_KEY, String(FORMAT));
    return rows;
  }
}
