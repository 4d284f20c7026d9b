/** How a store, and what needs none, is called rightly, and what callers do with what they get. */
import { fileURLToPath } from "node:url";
import {
  type BatchedStep,
  type Collection,
  encodeKey,
  type Migrations,
  migrations,
  openStore,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { z } from "zod";
import { walk } from "./fuzzer.ts";
import { schema, things } from "./rows.ts";

export const BOLT: string = fileURLToPath(new URL("../bolt/fixtures/tree-1024.bolt.db", import.meta.url));

const nothing = () => undefined;
const logger = { info: nothing, error: nothing };
const memory = () => new MemoryLevel<string, string>();
let count = 0;

const write = async (tx: Transaction) => (await tx.bucket("b"))?.put("written", count++);
const signal = new AbortController().signal;
const step = { version: 1, description: "first", up: write, down: nothing };
const storeOptions = () => ({
  createIfMissing: true,
  readOnly: false,
  durability: "relaxed",
  lockTimeout: 0,
});
const limits = { maxSnapshots: 4, maxTransactionAge: 1000 };
const indexes = { n: { on: ["id", "n"], unique: true, include: ["n"] }, m: { on: "n", where: () => true } };

/** What functions and methods take, by name. */
export const VALID: Readonly<Record<string, (store: Store) => readonly unknown[]>> = {
  openStore: () => [count++ % 2 === 0 ? memory() : `store-${count}`, { ...storeOptions(), ...limits }],
  openBolt: () => [BOLT],
  importBolt: (store) => [
    BOLT,
    store,
    { buckets: {}, existing: "replace", keys: "bytes", signal, onProgress: nothing },
  ],
  collection: () => [
    { name: "made", schema: z.object({ id: z.string(), n: z.number() }), key: ["id"], indexes },
  ],
  "DatabaseManager.open": () => [
    memory(),
    {
      ...{ now: () => new Date(), retention: { minute: 2, every: 1e6 }, maxSeries: 5, rollUpDelay: 5 },
      ...{ keyPrefix: "k", lastUsedEvery: 1e6, logger, backup: false, durability: "relaxed" },
    },
  ],
  ...{ encodeKey: () => [["a", 1, new Date(0)]], decodeKey: () => [encodeKey(["a", 1]), 0] },
  eachRow: () => ["b", nothing, { size: 2, affects: ["utf8"] }],
  migrations: () => [[step, { ...step, version: 2, description: "second" }]],
  ...{ "Store.update": () => [write, { signal }], "Store.view": () => [nothing, { signal }] },
  ...{ "Store.batch": () => [write], "Store.begin": () => [{ writable: true, signal }] },
  ...{ "Store.check": () => [{ signal, onProgress: nothing }], "Store.compact": () => [{ signal }] },
  "Store.backup": () => [`copy-${count++}`, { signal, onProgress: nothing }],
  "Collection.build": (store) => [store, { signal, onProgress: nothing }],
  "Collection.verify": (store) => [store, { signal, onProgress: nothing }],
  "Collection.reindex": (store) => [store, { signal, onProgress: nothing }],
  "Migrations.migrate": (store) => [store, { to: 1, backup: false, logger, signal, onProgress: nothing }],
  "Migrations.dryRun": (store) => [store, { to: 1, signal }],
  "Migrations.status": (store) => [store],
  "OpenBoltFile.walk": () => [() => true],
};

/** What a caller can do with what came of a call, told by what it has. */
interface Result {
  readonly core?: object;
  readonly rollback?: () => Promise<void>;
  readonly close?: () => Promise<void>;
  readonly verify?: unknown;
  readonly dryRun?: unknown;
  readonly run?: unknown;
}

/** Uses a result as callers would, and ends what has to be ended. */
export async function use(result: unknown): Promise<void> {
  if (typeof result !== "object" || result === null) return;
  const given = result as Result;
  if (given.core !== undefined) return given.rollback?.();
  if (given.close !== undefined) return given.close();
  if (given.dryRun !== undefined) return useMigrations(result as Migrations);
  if (given.verify !== undefined) return useCollection(result as Collection);
  if (given.run !== undefined && given.verify === undefined)
    return useMigrations(migrations([{ version: 1, description: "made", up: result as BatchedStep }]));
  await walk(result);
}

async function useMigrations(made: Migrations): Promise<void> {
  const store = await openStore(memory(), { durability: "relaxed" });
  try {
    await store.update(async (tx) => {
      const b = await tx.createBucket("b");
      for (let n = 0; n < 5; n++) await b.put(n, n);
    });
    await made.migrate(store, { backup: false });
  } finally {
    await store.close();
  }
}

async function useCollection(made: Collection): Promise<void> {
  const store = await openStore(memory(), { durability: "relaxed" });
  try {
    await store.update((tx) => made.in(tx).put({ id: "1", n: 1 } as never));
    await made.verify(store);
  } finally {
    await store.close();
  }
}

/** Things that need a store passed. */
export const VALUES: Readonly<Record<string, object>> = { Collection: things, Migrations: schema };
