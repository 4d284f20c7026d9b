/**
 * A program that builds the indexes of a collection, with writers and a reader beside, until it is killed. It notes
 * how far the build is, and each commit of a writer that was acknowledged; the journal is as in journal.ts.
 */
import { openSync, writeSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Collection, DatabaseError, openStore, type Store, type Transaction } from "@meshgate/database";
import { addToJournal } from "./journal.ts";
import { collectionOf, type Spec } from "./specs.ts";
import { runSteps, VERSIONS } from "./stock.ts";
import { subjectOf } from "./subject.ts";

const WRITERS = 3;

async function run(tx: Transaction, spec: Spec, stock: Collection, seed: number): Promise<number> {
  const outcomes = await runSteps(spec, subjectOf(stock.in(tx)), seed);
  return addToJournal(tx, { seed, outcomes: JSON.stringify(outcomes) });
}

/** Reads by an index that is being built: refused until it is ready, and from then on exact. */
async function read(store: Store, stock: Collection, note: (line: string) => void): Promise<never> {
  let wasReady: boolean | undefined;
  while (true) {
    const ready = await store.view(async (tx) => {
      const records = stock.in(tx);
      try {
        const [byHandle, all] = [await records.by("handle").count(), await records.count()];
        if (byHandle !== all) throw new Error(`${byHandle} entries for ${all} records`);
        return true;
      } catch (error) {
        if (!(error instanceof DatabaseError) || error.code !== "INDEX_NOT_READY" || wasReady) throw error;
        return false;
      }
    });
    if (wasReady !== ready) note(ready ? "ready" : "refused");
    wasReady = ready;
    await turn();
  }
}

async function main(directory: string, notes: string, version: number): Promise<void> {
  const spec = VERSIONS[version] as Spec;
  const stock = collectionOf(spec);
  const store = await openStore(directory);
  const file = openSync(notes, "w");
  const note = (line: string) => writeSync(file, `${line}\n`);
  process.send?.("ready");
  // Its first commit announces the new indexes: writes are refused before it.
  const building = stock.build(store, {
    onProgress: ({ done }) => {
      note(`built ${done}`);
      process.send?.("batch");
    },
  });
  const writer = async () => {
    while (true) {
      const seed = Math.floor(Math.random() * 2 ** 31);
      note(`committed ${await store.update((tx) => run(tx, spec, stock, seed))}`);
    }
  };
  const built = building.then(() => process.send?.("built"));
  await Promise.all([built, read(store, stock, note), ...Array.from({ length: WRITERS }, writer)]);
}

// The test that starts this program imports others that it imports, too.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [directory = "", notes = "", version] = process.argv.slice(2);
  process.once("message", () => main(directory, notes, Number(version)));
  process.send?.("started");
}
