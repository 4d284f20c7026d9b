import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Bucket,
  type Cursor,
  DatabaseError,
  type ErrorCode,
  type Key,
  openStore,
  type Store,
  type StoreOptions,
  type Transaction,
} from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { afterEach, expect } from "vitest";

/** The engines that the store's tests run on. */
export type EngineName = "classic-level" | "memory-level";
export const ENGINES: readonly EngineName[] = ["classic-level", "memory-level"];

const CLOSE_MS = 2000;

type Location = string | MemoryLevel<string, string>;

/** The stores of one test. A name stands for one place: opening it again finds the same data. */
export interface Stores {
  /** Opens the store of that name, "main" if none is given. */
  open(options?: StoreOptions, name?: string): Promise<Store>;
  /** Closes the store and opens it again from what it left behind. */
  reopen(options?: StoreOptions, name?: string): Promise<Store>;
  /** Where the store of that name is: a new directory or a new database in memory. */
  location(name?: string): Promise<Location>;
  /** A path in the test's own temporary directory, for files and backups. */
  path(name: string): Promise<string>;
}

class TestStores implements Stores {
  readonly #engine: EngineName;
  readonly #inspect: (() => unknown) | undefined;
  #directory: string | undefined;
  #locations = new Map<string, Location>();
  #stores = new Map<string, Store>();

  constructor(engine: EngineName, inspect: (() => unknown) | undefined) {
    this.#engine = engine;
    this.#inspect = inspect;
  }

  async path(name: string): Promise<string> {
    this.#directory ??= await mkdtemp(join(tmpdir(), "meshgate-test-"));
    return join(this.#directory, name);
  }

  async location(name = "main"): Promise<Location> {
    let location = this.#locations.get(name);
    if (location === undefined) {
      location = this.#engine === "classic-level" ? await this.path(name) : new MemoryLevel<string, string>();
      this.#locations.set(name, location);
    }
    return location;
  }

  async open(options?: StoreOptions, name = "main"): Promise<Store> {
    const store = await openStore(await this.location(name), options);
    this.#stores.set(name, store);
    return store;
  }

  async reopen(options?: StoreOptions, name = "main"): Promise<Store> {
    const store = this.#stores.get(name);
    if (store !== undefined) await closeSoon(store);
    return this.open(options, name);
  }

  /** Looks through every store that the test has left, closes it and removes what it took on disk. */
  async end(): Promise<void> {
    try {
      await this.#inspect?.();
      for (const [name, store] of this.#stores) await expectSound(await this.#alive(name, store));
    } finally {
      const stores = [...this.#stores.values()];
      const directory = this.#directory;
      // Forgotten first: whatever fails now must not fail the next test, too.
      this.#stores = new Map();
      this.#locations = new Map();
      this.#directory = undefined;
      try {
        for (const store of stores) await closeSoon(store);
      } finally {
        if (directory !== undefined) await rm(directory, { recursive: true });
      }
    }
  }

  async #alive(name: string, store: Store): Promise<Store> {
    try {
      await store.view(() => undefined);
      return store;
    } catch (error) {
      if (error instanceof DatabaseError && error.code === "STORE_CLOSED") return this.open({}, name);
      throw error;
    }
  }
}

/** Closes a store, which would wait for ever where a test has left a transaction open. */
async function closeSoon(store: Store): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("close() waits: was a transaction left open?")), CLOSE_MS);
  });
  await Promise.race([store.close(), late]).finally(() => clearTimeout(timer));
}

/**
 * Gives the tests of the current `describe` block stores on that engine, and checks each store after its test.
 *
 * @param inspect called after each test, while its stores are there
 */
export function useStores(engine: EngineName, inspect?: () => unknown): Stores {
  const stores = new TestStores(engine, inspect);
  afterEach(() => stores.end());
  return stores;
}

/** Expects that the store's own check finds nothing wrong. */
export async function expectSound(store: Store): Promise<void> {
  const report = await store.check();
  expect(report.problems).toEqual([]);
  expect(report.ok).toBe(true);
}

/** Expects that the action throws, at once or later, a DatabaseError with that code, or one of several. */
export async function expectRefused(
  code: ErrorCode | readonly ErrorCode[],
  action: () => unknown,
  message: string | RegExp = "",
): Promise<void> {
  let outcome: unknown = "no error";
  try {
    await action();
  } catch (error) {
    outcome = error;
  }
  // Calls are often made from a list: the source text tells which of them it was.
  expect(outcome, String(action)).toBeInstanceOf(DatabaseError);
  const text =
    typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message);
  expect(outcome).toMatchObject({ name: "DatabaseError", message: text });
  const { code: actual } = outcome as DatabaseError;
  if (typeof code === "string") expect(actual, String(action)).toBe(code);
  else expect(code, String(action)).toContain(actual);
}

/** All that a bucket holds, as plain data. */
export interface BucketDump {
  readonly sequence: unknown;
  readonly rows: readonly (readonly [Key, unknown])[];
  readonly buckets: Readonly<Record<string, BucketDump>>;
}

async function dumpBucket(bucket: Bucket): Promise<BucketDump> {
  return {
    sequence: await bucket.sequence(),
    rows: await bucket.range().toArray(),
    buckets: await dumpBuckets(bucket),
  };
}

async function dumpBuckets(parent: Bucket | Transaction): Promise<Record<string, BucketDump>> {
  const dumps: Record<string, BucketDump> = {};
  for (const name of await parent.buckets()) {
    const bucket = await parent.bucket(name);
    if (bucket === undefined) throw new Error(`buckets() lists ${name}, bucket() does not find it`);
    dumps[name] = await dumpBucket(bucket);
  }
  return dumps;
}

/** All that a store of JSON buckets holds, or what a transaction sees of it. */
export function dump(source: Store | Transaction): Promise<Record<string, BucketDump>> {
  return "view" in source ? source.view((tx) => dumpBuckets(tx)) : dumpBuckets(source);
}

/** What a cursor gives from `start` on, at most `limit` elements. */
async function walk(start: () => unknown, step: () => unknown, limit: number): Promise<[Key, unknown][]> {
  const elements: [Key, unknown][] = [];
  let element = await start();
  while (element !== undefined && elements.length < limit) {
    elements.push(element as [Key, unknown]);
    element = await step();
  }
  return elements;
}

/** Everything under the cursor in key order, by first() and next(). */
export function forward(cursor: Cursor, limit = 1e6): Promise<[Key, unknown][]> {
  return walk(
    () => cursor.first(),
    () => cursor.next(),
    limit,
  );
}

/** Everything under the cursor in reverse order, by last() and prev(). */
export function backward(cursor: Cursor, limit = 1e6): Promise<[Key, unknown][]> {
  return walk(
    () => cursor.last(),
    () => cursor.prev(),
    limit,
  );
}

/** The keys of elements. */
export function keysOf(elements: readonly (readonly [Key, unknown])[]): Key[] {
  return elements.map(([key]) => key);
}

/** A row, or a nested bucket, which has no value. */
export type Element = readonly [key: Key, value: unknown];

/** Thrown to roll an update back. */
export const ROLLBACK: Error = new Error("rolled back on purpose");

/** Runs in an update that is rolled back in the end. */
export async function rollingBack(store: Store, fn: (tx: Transaction) => unknown): Promise<void> {
  const outcome = store.update(async (tx) => {
    await fn(tx);
    throw ROLLBACK;
  });
  // Anything else that is thrown is what the test wants to see.
  await outcome.catch((error) => {
    if (error !== ROLLBACK) throw error;
  });
}

/** Makes a bucket with the given elements; a key without a value becomes a nested bucket. */
export async function fill(bucket: Bucket, elements: readonly Element[]): Promise<void> {
  for (const [key, value] of elements) {
    if (value === undefined) await bucket.createBucket(key as string);
    else await bucket.put(key, value);
  }
}

/** Commits a new bucket of the top level with the given elements. */
export async function filled(store: Store, name: string, elements: readonly Element[]): Promise<void> {
  await store.update(async (tx) => fill(await tx.createBucket(name), elements));
}

/** Rows with the keys 0, 1, 2... */
export const numbered = (count: number): Element[] => Array.from({ length: count }, (_, i) => [i, `v${i}`]);
/** A row for each letter of a text. */
export const letters = (text: string): Element[] =>
  Array.from(text, (letter): Element => [letter, letter.toUpperCase()]);
