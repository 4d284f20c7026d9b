import type { Bucket } from "@meshgate/database";
import type { Random } from "../../control-plane/model/random.ts";

/** A read that did not show what its transaction must see. */
export interface StaleRead {
  readonly by: string;
  readonly key: number;
  /** The commit up to which the transaction must see. */
  readonly commit: number;
  /** The commits whose values were found, and should have been; undefined for none. */
  readonly found: number | undefined;
  readonly wanted: number | undefined;
  /** What a range showed at that moment, where it was asked. */
  byRange?: number | undefined;
}

type Found = Iterable<readonly [key: number, value: string | undefined]>;

/** A way to read some hot keys. */
export interface Read {
  readonly name: string;
  run(hot: Bucket<string, number>, random: Random, keys: number): Promise<Found>;
}

const SOME = 8;
const MANY = 20;

/** All ways to read. */
export const READS: readonly Read[] = [
  {
    name: "get",
    run: async (hot, random, keys) => {
      const wanted = Array.from({ length: SOME }, () => random.below(keys));
      return Promise.all(wanted.map(async (key) => [key, await hot.get(key)] as const));
    },
  },
  {
    // So often that the store keeps it in memory, until somebody commits another value.
    name: "get again and again",
    run: async (hot, random, keys) => {
      const key = random.below(keys);
      const found: [number, string | undefined][] = [];
      for (let i = 0; i < MANY; i++) found.push([key, await hot.get(key)]);
      return found;
    },
  },
  {
    name: "getMany",
    run: async (hot, random, keys) => {
      const wanted = Array.from({ length: SOME }, () => random.below(keys));
      const values = await hot.getMany(wanted);
      return wanted.map((key, i) => [key, values[i]] as const);
    },
  },
  {
    name: "range",
    run: async (hot, random, keys) => {
      const gte = random.below(keys - SOME);
      return complete(await hot.range({ gte, lt: gte + SOME }).toArray(), gte);
    },
  },
  {
    name: "reverse range",
    run: async (hot, random, keys) => {
      const gte = random.below(keys - SOME);
      return complete(await hot.range({ gte, lt: gte + SOME, reverse: true }).toArray(), gte);
    },
  },
  {
    name: "cursor",
    run: async (hot, random, keys) => {
      const from = random.below(keys - SOME);
      const rows: [number, string][] = [];
      const cursor = hot.cursor();
      for (let at = await cursor.seek(from); at !== undefined; at = await cursor.next()) {
        if ((at[0] as number) >= from + SOME) break;
        rows.push(at as [number, string]);
      }
      return complete(rows, from);
    },
  },
];

/** The rows of some keys that follow one another; those that are not there among them. */
function complete(rows: readonly (readonly [number, string])[], from: number): Found {
  const found = new Map(rows);
  return Array.from({ length: SOME }, (_, i) => [from + i, found.get(from + i)] as const);
}
