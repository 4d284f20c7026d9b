import { ClassicLevel } from "classic-level";
import { MemoryLevel } from "memory-level";
import { type AnyLevel, WithoutEither, WithoutGetSync, WithoutSnapshots } from "../helpers/levels.ts";
import type { Location, Places } from "../helpers/places.ts";
import { describeEngine, type EngineCase } from "./contract.ts";

/** Gives the same database each time. */
const always = (level: unknown) => () => level as Location;

/** A database that is open before the store comes; closed after the test. */
function opened(places: Places, level: unknown): () => Promise<Location> {
  const database = level as AnyLevel;
  places.later(() => database.close());
  return async () => {
    await database.open();
    return database as Location;
  };
}

function sublevelOf(places: Places, root: AnyLevel): () => Promise<Location> {
  places.later(() => root.close());
  let sublevel: AnyLevel | undefined;
  return async () => {
    await root.open();
    sublevel ??= root.sublevel("inner", {}) as unknown as AnyLevel;
    await sublevel.open();
    // What lies beside it is no business of the store's.
    await root.put("beside", "the store");
    return sublevel as Location;
  };
}

const classic = (places: Places) => new ClassicLevel(places.path("store"));

const CASES: EngineCase[] = [
  { name: "a directory", snapshots: true, make: (places) => () => places.path("store") },
  {
    name: "a classic-level database that is open",
    snapshots: true,
    givenOpen: true,
    make: (places) => opened(places, classic(places)),
  },
  {
    name: "a classic-level database that is not open",
    snapshots: true,
    make: (places) => always(classic(places)),
  },
  { name: "a memory-level database", snapshots: true, make: () => always(new MemoryLevel()) },
  {
    name: "a memory-level database with encodings of its own",
    snapshots: true,
    make: () => always(new MemoryLevel<Uint8Array, unknown>({ keyEncoding: "view", valueEncoding: "json" })),
  },
  {
    name: "a sublevel of a memory-level database",
    snapshots: true,
    givenOpen: true,
    make: (places) => sublevelOf(places, new MemoryLevel() as unknown as AnyLevel),
  },
  {
    name: "a sublevel of a classic-level database",
    snapshots: true,
    givenOpen: true,
    make: (places) => sublevelOf(places, classic(places) as unknown as AnyLevel),
  },
  { name: "an engine without snapshots", snapshots: false, make: () => always(new WithoutSnapshots()) },
  { name: "an engine without getSync", snapshots: true, make: () => always(new WithoutGetSync()) },
  { name: "an engine with neither", snapshots: false, make: () => always(new WithoutEither()) },
];

for (const engine of CASES) describeEngine(engine);
