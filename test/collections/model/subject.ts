import {
  type CollectionTypes,
  DatabaseError,
  type Key,
  type Queries,
  type RangeOptions,
  type Records,
} from "@meshgate/database";
import type { Input } from "./specs.ts";

type Awaitable<T> = T | Promise<T>;

/** What an update is given. */
export type Change = Input | ((record: object) => Input);

/** Reads by one path: the primary key, or an index. All give plain data. */
export interface View {
  get(key: Key): Awaitable<object | undefined>;
  range(bounds: RangeOptions): Awaitable<object[]>;
  first(bounds: RangeOptions): Awaitable<object | undefined>;
  count(bounds: RangeOptions): Awaitable<number>;
  keys(bounds: RangeOptions): Awaitable<Key[]>;
  entries(bounds: RangeOptions): Awaitable<object[]>;
  pages(bounds: RangeOptions, size: number): Awaitable<(readonly object[])[]>;
}

/** What a test does something to: the store's collection in a transaction, or the model of it. */
export interface Subject {
  getMany(keys: readonly Key[]): Awaitable<(object | undefined)[]>;
  insert(input: Input): Awaitable<object>;
  put(input: Input): Awaitable<object>;
  update(key: Key, change: Change): Awaitable<object>;
  delete(key: Key): Awaitable<boolean>;
  deleteRange(bounds: RangeOptions): Awaitable<number>;
  insertMany(inputs: readonly Input[]): Awaitable<number>;
  putMany(inputs: readonly Input[]): Awaitable<number>;
  deleteMany(keys: readonly Key[]): Awaitable<number>;
  by(index: string | undefined): View;
}

type AnyQueries = Queries<object, Key, Key> & { get(key: Key): Awaitable<object | undefined> };

/** The queries of a path. */
export function queriesOf(records: Records<CollectionTypes>, index: string | undefined): AnyQueries {
  return (index === undefined ? records : records.by(index)) as AnyQueries;
}

/** The store's collection in a transaction. */
export function subjectOf(records: Records<CollectionTypes>): Subject {
  return {
    getMany: (keys) => records.getMany(keys),
    insert: (input) => records.insert(input),
    put: (input) => records.put(input),
    update: (key, change) => records.update(key, change as never),
    delete: (key) => records.delete(key),
    deleteRange: (bounds) => records.deleteRange(bounds as never),
    insertMany: (inputs) => records.insertMany(inputs),
    // Bulk calls take what is still to come, too.
    putMany: (inputs) => records.putMany(later(inputs)),
    deleteMany: (keys) => records.deleteMany(new Set(keys)),
    by: (index) => viewOf(records, index),
  };
}

async function* later<T>(items: readonly T[]): AsyncGenerator<T, void> {
  yield* items;
}

function viewOf(records: Records<CollectionTypes>, index: string | undefined): View {
  const queries = queriesOf(records, index);
  return {
    get: (key) => queries.get(key),
    range: (bounds) => queries.range(bounds as never).toArray(),
    first: (bounds) => queries.first(bounds as never),
    count: (bounds) => queries.count(bounds as never),
    keys: (bounds) => queries.keys(bounds as never).toArray(),
    entries: (bounds) =>
      index === undefined
        ? queries.range(bounds as never).toArray()
        : records
            .by(index)
            .entries(bounds as never)
            .toArray(),
    pages: async ({ limit: _, ...bounds }, size) => {
      const pages: (readonly object[])[] = [];
      for await (const page of queries.pages({ ...bounds, size } as never)) pages.push(page.records);
      return pages;
    },
  };
}

/** What came of a call: what it gave, or the code and details of what it threw. */
export type Outcome = { readonly gave: unknown } | { readonly code: string; readonly details: unknown };

export async function outcomeOf(call: () => unknown): Promise<Outcome> {
  try {
    return { gave: await call() };
  } catch (error) {
    if (!(error instanceof DatabaseError)) return { code: String(error), details: undefined };
    // The issues of RECORD_INVALID are the schema's, not the model's to foretell.
    return { code: error.code, details: error.code === "RECORD_INVALID" ? undefined : error.details };
  }
}
