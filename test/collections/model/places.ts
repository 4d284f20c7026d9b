import { openStore, type Store } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { MemoryLevel } from "memory-level";
import { type AnyLevel, WithoutEither, WithoutGetSync } from "../../helpers/levels.ts";
import type { Places } from "../../helpers/places.ts";

/** The engines under test: the real one, and those that lack what it has. */
export const ENGINES = ["classic-level", "memory-level", "without getSync", "without either"] as const;
export type EngineName = (typeof ENGINES)[number];

/** A store, and the engine under it, so that its rows can be read past the store. */
export interface Opened {
  readonly store: Store;
  readonly level: AnyLevel;
}

/** Opens a store with its engine at hand; `before` is what held its rows until it was closed. */
export async function openWithLevel(
  places: Places,
  engine: EngineName,
  name: string,
  before?: AnyLevel,
): Promise<Opened> {
  const level = levelOf(engine, places.path(name), before);
  const store = await openStore(level, { durability: "relaxed" });
  places.later(() => store.close());
  return { store, level };
}

function levelOf(engine: EngineName, path: string, before: AnyLevel | undefined): AnyLevel {
  if (engine === "classic-level") return new ClassicLevel<string, string>(path) as AnyLevel;
  if (before !== undefined) return before; // Memory lives as long as its database.
  if (engine === "without getSync") return new WithoutGetSync() as AnyLevel;
  if (engine === "without either") return new WithoutEither() as AnyLevel;
  return new MemoryLevel<string, string>() as AnyLevel;
}
