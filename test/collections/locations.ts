import type { Collection, Store } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { expect } from "vitest";
import { WithoutGetSync } from "../helpers/levels.ts";
import type { Location, Places } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";

/** Where collections are tried: on the disk, in memory, and where each point read takes a trip. */
export function locationsIn(places: Places): [name: string, make: () => Location][] {
  return [
    ["classic-level", () => places.path("store")],
    ["memory-level", () => new MemoryLevel<string, string>()],
    ["an engine without getSync", () => new WithoutGetSync()],
  ];
}

/** A store that is looked through after the test: its rows, and the collection's records against their entries. */
export async function openVerified(
  places: Places,
  make: () => Location,
  collection: Pick<Collection, "verify">,
): Promise<Store> {
  const store = await places.open(make());
  places.later(async () => {
    await expectSound(store);
    expect((await collection.verify(store)).problems).toEqual([]);
  });
  return store;
}
