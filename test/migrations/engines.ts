import {
  type BatchedStep,
  type Bucket,
  eachRow,
  type MigrateOptions,
  type Migration,
  type Migrations,
  migrations,
  openStore,
  type Store,
} from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { MemoryLevel } from "memory-level";
import { expect } from "vitest";
import { type AnyLevel, WithoutEither, WithoutSnapshots } from "../helpers/levels.ts";
import { type Places, usePlaces } from "../helpers/places.ts";
import { expectSound, filled, numbered } from "../helpers/stores.ts";

/** The engines under test: the real one, and those that lack what it has. */
export const ENGINES = ["classic-level", "memory-level", "without snapshots", "without either"] as const;
export type EngineName = (typeof ENGINES)[number];

/** A store, and the engine under it, so that its rows can be read past the store. */
export interface Opened {
  readonly store: Store;
  readonly level: AnyLevel;
}

/** The stores of one test. */
export interface Engines {
  readonly places: Places;
  /** Opens a new store; it is checked and closed after the test. */
  open(name?: string): Promise<Opened>;
  /** Closes a store, and opens it again from what it left. */
  reopen(opened: Opened, name?: string): Promise<Opened>;
}

/** Gives each test of the current `describe` block stores on that engine. */
export function useEngine(engine: EngineName): Engines {
  const places = usePlaces();
  const open = async (level: AnyLevel): Promise<Opened> => {
    const store = await openStore(level, { durability: "relaxed" });
    places.later(async () => {
      if (level.status !== "open") return;
      await expectSound(store);
      await store.close();
    });
    return { store, level };
  };
  return {
    places,
    open: (name = "main") => open(newLevel(engine, places.path(name))),
    reopen: async ({ store, level }, name = "main") => {
      await store.close();
      // Memory lives as long as its database.
      return open(engine === "classic-level" ? newLevel(engine, places.path(name)) : level);
    },
  };
}

function newLevel(engine: EngineName, path: string): AnyLevel {
  if (engine === "classic-level") return new ClassicLevel<string, string>(path) as AnyLevel;
  if (engine === "without snapshots") return new WithoutSnapshots() as AnyLevel;
  if (engine === "without either") return new WithoutEither() as AnyLevel;
  return new MemoryLevel<string, string>() as AnyLevel;
}

/** A step that makes a bucket with one row, and can be taken back. */
export function bucketStep(version: number, description: string): Migration {
  return {
    version,
    description,
    up: async (tx) => (await tx.createBucket(description)).put("made by", version),
    down: (tx) => tx.deleteBucket(description),
  };
}

/** What the store holds in its bucket of migrations, by key. */
export function historyRows(store: Store): Promise<Record<string, unknown>> {
  return store.view(async (tx) =>
    Object.fromEntries((await (await tx.bucket<unknown, string>("migrations"))?.range().toArray()) ?? []),
  );
}

/** The rows of a bucket; undefined where there is none. */
export function rowsOf<V = unknown>(store: Store, name: string): Promise<[number, V][] | undefined> {
  return store.view(async (tx) =>
    ((await tx.bucket(name)) as Bucket<V, number> | undefined)?.range().toArray(),
  );
}

export const ITEMS = 25;
export const SIZE = 4;

/** Makes a bucket of rows to be changed, 25 of them, and another beside it. */
export async function fillItems(store: Store): Promise<void> {
  await filled(store, "items", numbered(ITEMS));
  await filled(store, "others", numbered(3));
}

/** A batched step that adds to each text, so that a row done twice shows. */
export function addTo(text: string, onRow: (key: number) => unknown = () => {}): BatchedStep {
  return eachRow<string, number>(
    "items",
    async ([key, value], { bucket }) => {
      await onRow(key);
      await bucket.put(key, value + text);
    },
    { size: SIZE },
  );
}

/** The rows of the bucket with what such steps added. */
export const itemsWith = (text: string): [number, string][] =>
  numbered(ITEMS).map(([key, value]) => [key as number, `${value}${text}`]);

/** Migrates until so many batches are done, and expects that the signal stopped it then. */
export async function migrateHalf(
  store: Store,
  schema: Migrations,
  options: MigrateOptions = {},
  batches = 2,
): Promise<void> {
  const stop = new AbortController();
  let done = 0;
  const onProgress = () => {
    if (++done === batches) stop.abort();
  };
  const half = schema.migrate(store, { backup: false, ...options, signal: stop.signal, onProgress });
  await expect(half).rejects.toMatchObject({ code: "ABORTED" });
}

/** A list of one step. */
export const only = (step: Pick<Migration, "up" | "down">): Migrations =>
  migrations([{ version: 1, description: "the only one", ...step }]);
