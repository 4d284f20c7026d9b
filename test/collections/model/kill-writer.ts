/**
 * A program that runs random transactions over collections until it is killed, and notes each commit that was
 * acknowledged.
 *
 * A transaction follows from a number. Each one that commits leaves a row in the journal, in the same commit: the
 * number, and what came of its calls. Whoever replays the journal on a model knows what must be in the store.
 */
import { openSync, writeSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Collection, type Durability, openStore, type Transaction } from "@meshgate/database";
import fc from "fast-check";
import { addToJournal, JOURNAL } from "./journal.ts";
import { runWrite, type Write, write } from "./operations.ts";
import { COLLECTIONS, SPECS } from "./specs.ts";
import { subjectOf } from "./subject.ts";

const WRITERS = 12;

/** A transaction. */
export interface Plan {
  readonly steps: readonly { readonly collection: number; readonly operation: Write }[];
  readonly ending: "commit" | "throw";
  readonly via: "update" | "batch";
  /** Before which step it waits, so that it is killed there. */
  readonly pause: number;
}

const plan = fc.record({
  steps: fc.array(fc.record({ collection: fc.constantFrom(0, 0, 1, 2), operation: write }), {
    minLength: 1,
    maxLength: 12,
    size: "max",
  }),
  ending: fc.constantFrom("commit", "commit", "commit", "commit", "commit", "throw"),
  via: fc.constantFrom("update", "batch"),
  pause: fc.nat(30),
}) as fc.Arbitrary<Plan>;

/** The transaction that a number stands for. */
export function planOf(seed: number): Plan {
  return fc.sample(plan, { seed, numRuns: 1 })[0] as Plan;
}

class Thrown extends Error {}

/** @returns the transaction's place in the order of commits */
async function run(tx: Transaction, seed: number, { steps, ending, pause }: Plan): Promise<number> {
  const outcomes: unknown[] = [];
  for (const [i, { collection, operation }] of steps.entries()) {
    if (i === pause) await turn();
    const records = (COLLECTIONS[collection] as Collection).in(tx);
    const spec = SPECS[collection] as (typeof SPECS)[number];
    outcomes.push(await runWrite(spec, subjectOf(records), operation));
  }
  const place = await addToJournal(tx, { seed, outcomes: JSON.stringify(outcomes) });
  if (ending === "throw") throw new Thrown();
  return place;
}

async function main(directory: string, notes: string, durability: Durability): Promise<void> {
  const store = await openStore(directory, { durability });
  await store.update((tx) => tx.createBucketIfNotExists(JOURNAL));
  const file = openSync(notes, "w");
  process.send?.("ready");
  const writer = async () => {
    while (true) {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const each = planOf(seed);
      try {
        const place = await store[each.via]((tx) => run(tx, seed, each));
        // Written at once, by this thread: a kill cannot take it back.
        writeSync(file, `${place}\n`);
      } catch (error) {
        if (!(error instanceof Thrown)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

// The test that starts this program imports it, too.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [directory = "", notes = "", durability] = process.argv.slice(2);
  // Started early, it waits for its turn: the store is held by whoever checks it.
  process.once("message", () => main(directory, notes, durability as Durability));
  process.send?.("started");
}
