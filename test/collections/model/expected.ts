/*
 * What must be in the store for given records, derived from the documented layout alone (see the grammars in
 * collections/entries.ts and collections/layout.ts) with the public key codec: not by the code under test.
 */
import { encodeKey, type Key } from "@meshgate/database";
import { fieldsOf, type IndexSpec, type Item, type Spec } from "./specs.ts";

/** An entry that a record has in an index. */
export interface Entry {
  /** Its key without the prefix. */
  readonly key: string;
  readonly value: string;
  /** The values that it is found by. */
  readonly values: readonly Key[];
  /** The item that it is of, in a multi-entry index. */
  readonly item: Key | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** A record's primary key. */
export function keyOf(spec: Spec, record: object): Key {
  const parts = keyParts(spec, record);
  return typeof spec.key === "string" ? (parts[0] as Key) : parts;
}

function keyParts(spec: Spec, record: object): Key[] {
  return fieldsOf(spec.key).map((field) => (record as Fields)[field] as Key);
}

/** The entries of a record in an index, in the order of its items. */
export function entriesOf(spec: Spec, index: IndexSpec, record: Item): Entry[] {
  const fields = fieldsOf(index.on);
  const values = fields.map((field) => (record as Fields)[field]);
  if (values.includes(undefined) || index.where?.(record) === false) return [];
  const value = carriedBy(spec, index, record);
  const entry = (tuple: readonly Key[], item: Key | undefined): Entry => ({
    key: encodeKey(index.unique ? tuple : [...tuple, ...keyParts(spec, record)]),
    value,
    values: tuple,
    item,
  });
  const place = index.multiEntry === undefined ? -1 : fields.indexOf(index.multiEntry);
  if (place < 0) return [entry(values as Key[], undefined)];
  const distinct = new Map((values[place] as Key[]).map((item) => [encodeKey([item]), item]));
  return Array.from(distinct.values(), (item) => entry(values.with(place, item) as Key[], item));
}

function carriedBy(spec: Spec, { include, unique }: IndexSpec, record: Item): string {
  if (include === "record") return JSON.stringify(record);
  if (include === undefined) return unique ? encodeKey(keyParts(spec, record)).slice(1, -1) : "";
  const carried = new Set([...(unique ? fieldsOf(spec.key) : []), ...include]);
  return JSON.stringify(
    Object.fromEntries(Array.from(carried, (field) => [field, (record as Fields)[field]])),
  );
}

/** All rows of a collection by their keys without the prefix: its records' under "", each index's under its name. */
export function rowsOf(spec: Spec, records: readonly Item[]): Map<string, Map<string, string>> {
  const rows = new Map<string, Map<string, string>>([["", new Map()]]);
  for (const name of Object.keys(spec.indexes)) rows.set(name, new Map());
  for (const record of records) {
    rows.get("")?.set(encodeKey(keyOf(spec, record)), JSON.stringify(record));
    for (const [name, index] of Object.entries(spec.indexes)) {
      for (const { key, value } of entriesOf(spec, index, record)) {
        if (rows.get(name)?.has(key)) throw new Error(`Two records of ${spec.name} have ${key} in ${name}`);
        rows.get(name)?.set(key, value);
      }
    }
  }
  return rows;
}
