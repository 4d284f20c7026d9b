import { DatabaseError, encodeKey, type Key, type RangeOptions } from "@meshgate/database";
import { byBytes } from "../../store/model/model.ts";
import { type Entry, entriesOf, keyOf } from "./expected.ts";
import { fieldsOf, type IndexSpec, type Input, type Item, type Spec, schema } from "./specs.ts";
import type { Change, Subject, View } from "./subject.ts";

/** A row of a path: an index's entry, or a record by its primary key. */
export interface ModelRow {
  /** Its encoded key: rows are in the order of these. */
  readonly position: string;
  readonly values: readonly Key[];
  readonly record: Item;
  /** What `entries()` gives for it. */
  readonly shown: object;
}

/** The plain in-memory model of a collection: what the store is compared with. */
export class ModelCollection implements Subject {
  readonly spec: Spec;
  /** Records by encoded primary key. */
  readonly #records: Map<string, Item>;
  /** For each unique index, which record has an entry: encoded primary keys by entry keys. */
  readonly #holders: Map<string, Map<string, string>>;

  constructor(spec: Spec, from?: ModelCollection) {
    this.spec = spec;
    this.#records = new Map(from === undefined ? [] : from.#records);
    this.#holders = new Map(
      Object.keys(spec.indexes).map((name) => [
        name,
        new Map(from === undefined ? [] : from.#holders.get(name)),
      ]),
    );
  }

  clone(): ModelCollection {
    return new ModelCollection(this.spec, this);
  }

  get records(): readonly Item[] {
    return Array.from(this.#records.values());
  }

  get size(): number {
    return this.#records.size;
  }

  get(key: Key): Item | undefined {
    return this.#records.get(encodeKey(key));
  }

  getMany(keys: readonly Key[]): (Item | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  insert(input: Input): Item {
    return this.#write(input, (record) => {
      const key = keyOf(this.spec, record);
      if (this.get(key) !== undefined) throw refusal("RECORD_EXISTS", { collection: this.spec.name, key });
    });
  }

  put(input: Input): Item {
    return this.#write(input, () => undefined);
  }

  update(key: Key, change: Change): Item {
    const old = this.get(key);
    if (old === undefined) throw refusal("RECORD_NOT_FOUND", { collection: this.spec.name, key });
    return this.#write(typeof change === "function" ? change(old) : { ...old, ...change }, (record) => {
      if (encodeKey(keyOf(this.spec, record)) !== encodeKey(key)) throw refusal("RECORD_INVALID");
    });
  }

  #write(input: Input, check: (record: Item) => void): Item {
    const parsed = schema.safeParse(input);
    if (!parsed.success) throw refusal("RECORD_INVALID");
    const record = parsed.data;
    const id = encodeKey(keyOf(this.spec, record));
    const entries = this.#indexes().map(([name, index]) => ({
      name,
      index,
      entries: entriesOf(this.spec, index, record),
    }));
    // What is wrong with the record itself is told before what is wrong among records.
    check(record);
    for (const each of entries) if (each.index.unique) this.#refuseTaken(id, each);
    this.#remove(id);
    this.#records.set(id, record);
    for (const { name, index, entries: gained } of entries)
      if (index.unique) for (const { key } of gained) this.#holders.get(name)?.set(key, id);
    return record;
  }

  #indexes(): [string, IndexSpec][] {
    return Object.entries(this.spec.indexes);
  }

  #refuseTaken(
    id: string,
    { name, index, entries }: { name: string; index: IndexSpec; entries: readonly Entry[] },
  ): void {
    for (const { key, values } of entries) {
      const holder = this.#holders.get(name)?.get(key);
      if (holder === undefined || holder === id) continue;
      throw refusal("UNIQUE_VIOLATION", {
        collection: this.spec.name,
        index: name,
        value: typeof index.on === "string" ? values[0] : values,
        key: keyOf(this.spec, this.#records.get(holder) as Item),
      });
    }
  }

  #remove(id: string): boolean {
    const old = this.#records.get(id);
    if (old === undefined) return false;
    for (const [name, index] of this.#indexes()) {
      if (!index.unique) continue;
      for (const { key } of entriesOf(this.spec, index, old)) this.#holders.get(name)?.delete(key);
    }
    return this.#records.delete(id);
  }

  delete(key: Key): boolean {
    return this.#remove(encodeKey(key));
  }

  deleteRange(bounds: RangeOptions): number {
    return this.deleteMany(this.by(undefined).keys(bounds) as Key[]);
  }

  insertMany(inputs: readonly Input[]): number {
    for (const input of inputs) this.insert(input);
    return inputs.length;
  }

  putMany(inputs: readonly Input[]): number {
    for (const input of inputs) this.put(input);
    return inputs.length;
  }

  deleteMany(keys: readonly Key[]): number {
    return keys.filter((key) => this.delete(key)).length;
  }

  by(index: string | undefined): View {
    const rows = (bounds: RangeOptions) => this.rows(index, bounds);
    return {
      get: (key) => (index === undefined ? this.get(key) : rows({ gte: key, lte: key })[0]?.record),
      range: (bounds) => rows(bounds).map(({ record }) => record),
      first: (bounds) => rows(bounds)[0]?.record,
      count: (bounds) => rows(bounds).length,
      keys: (bounds) => rows(bounds).map(({ record }) => keyOf(this.spec, record)),
      entries: (bounds) => rows(bounds).map(({ shown }) => shown),
      pages: ({ limit: _, ...bounds }, size) => {
        const all = rows(bounds).map(({ record }) => record);
        const count = Math.max(1, Math.ceil(all.length / size));
        return Array.from({ length: count }, (__, i) => all.slice(i * size, (i + 1) * size));
      },
    };
  }

  /** The rows of a path within bounds, in order. */
  rows(index: string | undefined, bounds: RangeOptions = {}): ModelRow[] {
    const of = index === undefined ? undefined : (this.spec.indexes[index] as IndexSpec);
    const single = typeof (of?.on ?? this.spec.key) === "string";
    const rows: ModelRow[] = [];
    for (const [id, record] of this.#records) {
      if (of === undefined) rows.push(this.#recordRow(id, record));
      else rows.push(...entriesOf(this.spec, of, record).map((entry) => this.#entryRow(of, record, entry)));
    }
    const within = rows.filter(({ values }) => covers(bounds, values, single));
    const sorted = within.map((row) => ({ row, bytes: Buffer.from(row.position) }));
    sorted.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    if (bounds.reverse) sorted.reverse();
    return sorted.slice(0, bounds.limit ?? sorted.length).map(({ row }) => row);
  }

  #recordRow(position: string, record: Item): ModelRow {
    const values = fieldsOf(this.spec.key).map((field) => record[field as keyof Item] as Key);
    return { position, values, record, shown: record };
  }

  #entryRow(index: IndexSpec, record: Item, entry: Entry): ModelRow {
    const { include } = index;
    const fields = new Set([...fieldsOf(index.on), ...fieldsOf(this.spec.key), ...(include ?? [])]);
    const shown: Record<string, unknown> = {};
    for (const field of fields) shown[field] = record[field as keyof Item];
    if (index.multiEntry !== undefined && !include?.includes(index.multiEntry))
      shown[index.multiEntry] = entry.item;
    return {
      position: entry.key,
      values: entry.values,
      record,
      shown: include === "record" ? record : shown,
    };
  }
}

function refusal(code: DatabaseError["code"], details?: Record<string, unknown>): DatabaseError {
  return new DatabaseError(code, "the model refuses", details === undefined ? {} : { details });
}

/** Whether bounds cover a tuple of values: tuples compare part by part, a shorter one before its extensions. */
function covers(bounds: RangeOptions, values: readonly Key[], single: boolean): boolean {
  const own = encodeKey(values);
  const compare = (bound: Key) => byBytes(own, encodeKey(single ? [bound] : bound));
  if (bounds.gt !== undefined && compare(bounds.gt) <= 0) return false;
  if (bounds.gte !== undefined && compare(bounds.gte) < 0) return false;
  if (bounds.lt !== undefined && compare(bounds.lt) >= 0) return false;
  if (bounds.lte !== undefined && compare(bounds.lte) > 0) return false;
  if (bounds.prefix === undefined) return true;
  if (!single) {
    const prefix = bounds.prefix as readonly Key[];
    return encodeKey(values.slice(0, prefix.length)) === encodeKey(prefix);
  }
  const [value] = values as [Key];
  return typeof bounds.prefix === "string"
    ? typeof value === "string" && value.startsWith(bounds.prefix)
    : compare(bounds.prefix) === 0;
}
