import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Collection, Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { expectSound } from "../../helpers/stores.ts";
import { go, killRunning, startWaiting } from "./children.ts";
import { beginJournal, JOURNAL, journalOf, replay } from "./journal.ts";
import { planOf } from "./kill-writer.ts";
import { ModelCollection } from "./model.ts";
import { runWrite } from "./operations.ts";
import { openWithLevel } from "./places.ts";
import { rawRows, wrongRows } from "./raw.ts";
import { COLLECTIONS, SPECS } from "./specs.ts";

const OPERATIONS = Number(process.env["MESHGATE_COLLECTION_OPERATIONS"] ?? 2000);
const KILLS = Math.max(6, Math.ceil(OPERATIONS / 1000));
/** The longest that a writer runs before it is killed: long runs are not to be mostly starts. */
const RUN_MS = Math.min(4000, 1200 + OPERATIONS / 40);
const PROGRAM = fileURLToPath(new URL("kill-writer.ts", import.meta.url));

/** Does in the models what a transaction did in the store. */
async function runOn(models: readonly ModelCollection[], seed: number): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (const { collection, operation } of planOf(seed).steps) {
    const model = models[collection] as ModelCollection;
    outcomes.push(await runWrite(model.spec, model, operation));
  }
  return outcomes;
}

async function expectVerified(store: Store, models: readonly ModelCollection[]): Promise<void> {
  for (const [i, { size }] of models.entries()) {
    const report = await (COLLECTIONS[i] as Collection).verify(store);
    expect(report).toMatchObject({ ok: true, problems: [], records: size });
  }
  await expectSound(store);
}

describe("a writer of collections that is killed", () => {
  const places = usePlaces();

  test("loses no acknowledged commit, leaves none in parts, and no entry wrong", {
    timeout: 60_000 + KILLS * 20_000,
  }, async () => {
    const totals = { operations: 0, commits: 0, kills: 0, "wrong entries": 0 };
    const models = SPECS.map((spec) => new ModelCollection(spec));
    const start = (kill: number) => {
      const durability = kill % 2 === 0 ? "durable" : "relaxed";
      return startWaiting(places, PROGRAM, [places.path("store"), places.path(`notes-${kill}`), durability]);
    };
    let next = start(0);
    while (totals.kills < KILLS || totals.operations < OPERATIONS) {
      const child = await next;
      await go(child);
      await sleep(Math.random() * RUN_MS);
      // The next one gets ready meanwhile.
      next = start(totals.kills + 1);
      await killRunning(child);

      const { store, level } = await openWithLevel(places, "classic-level", "store");
      const journal = await journalOf(store);
      const acknowledged = (await readFile(places.path(`notes-${totals.kills}`), "utf8")).split("\n");
      expect(journal.length).toBeGreaterThanOrEqual(Math.max(...acknowledged.map(Number)));
      totals.operations += await replay(journal, (seed) => runOn(models, seed));
      totals.commits += journal.length;
      totals.kills++;
      const wrong = wrongRows(await rawRows(level), models, { others: [`!${JOURNAL}`] });
      totals["wrong entries"] += wrong.length;
      expect(wrong).toEqual([]);
      await expectVerified(store, models);
      // Reclaiming this journal meets the next kill.
      await beginJournal(store);
      await store.close();
    }
    await killRunning(await next);
    process.stdout.write(`${JSON.stringify(totals)}\n`);
    expect(totals["wrong entries"]).toBe(0);
    expect(totals.commits).toBeGreaterThan(KILLS);
  });
});
