import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Collection, Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { soon, usePlaces } from "../../helpers/places.ts";
import { expectRefused, expectSound } from "../../helpers/stores.ts";
import { go, killRunning, startWaiting } from "./children.ts";
import { keyOf, rowsOf } from "./expected.ts";
import { beginJournal, JOURNAL, journalOf, replay } from "./journal.ts";
import { ModelCollection } from "./model.ts";
import { type Opened, openWithLevel } from "./places.ts";
import { buildIn, droppedIn, layoutIn, rawRows, rowsUnder, unreached, wrongRows } from "./raw.ts";
import { collectionOf, type Spec } from "./specs.ts";
import { itemOf, RECORDS, runSteps, VERSIONS } from "./stock.ts";

const PROGRAM = fileURLToPath(new URL("build-writer.ts", import.meta.url));
/** At how many batches a writer is killed at the latest. */
const BATCHES = 3;
/** How often each build is killed. */
const KILLS = 3;
const MS = 30_000;
const OWN = { others: [`!${JOURNAL}`] };

/** The store under test, as it should be. */
interface State {
  /** The definition that the store has taken on. */
  spec: Spec;
  model: ModelCollection;
  /** How many records the build has handled, as far as is known. */
  done: number;
}

/** Takes on another definition: the records stay, nothing is built of it yet. */
function adopt(state: State, spec: Spec): void {
  const model = new ModelCollection(spec);
  model.putMany(state.model.records);
  Object.assign(state, { spec, model, done: 0 });
}

const namesIn = (indexes: object | undefined) => Object.keys(indexes ?? {}).sort();

/** What a writer noted, by kind. */
async function notesOf(path: string): Promise<Record<"built" | "committed" | "refused" | "ready", number[]>> {
  const notes = { built: [], committed: [], refused: [], ready: [] } as Record<string, number[]>;
  for (const line of (await readFile(path, "utf8")).split("\n")) {
    const [kind = "", number] = line.split(" ");
    notes[kind]?.push(Number(number));
  }
  return notes as Awaited<ReturnType<typeof notesOf>>;
}

/** Runs a writer of a definition until some batches after its start. @returns what it noted */
async function runUntilKilled(
  places: ReturnType<typeof usePlaces>,
  version: number,
  notes: string,
): Promise<Awaited<ReturnType<typeof notesOf>>> {
  const child = await startWaiting(places, PROGRAM, [places.path("store"), notes, String(version)]);
  await go(child);
  const batches = Math.floor(Math.random() * BATCHES);
  for (let i = 0; i < batches; i++) await soon(() => once(child, "message"), MS, "a batch");
  await sleep(Math.random() * 25);
  await killRunning(child);
  return notesOf(notes);
}

/** Replays what was committed, and expects that rows, layout and queries are what the build's state allows. */
async function inspect(
  { store, level }: Opened,
  state: State,
  wanted: Spec,
  notes: Awaited<ReturnType<typeof notesOf>>,
): Promise<void> {
  const raw = await rawRows(level);
  const layout = layoutIn(raw, "stock");
  const names = namesIn(layout?.indexes);
  if (state.spec !== wanted && names.join() === namesIn(wanted.indexes).join()) {
    adopt(state, wanted);
  }
  expect(names).toEqual(namesIn(state.spec.indexes));
  const journal = await journalOf(store);
  expect(journal.length).toBeGreaterThanOrEqual(Math.max(0, ...notes.committed));
  await replay(journal, (seed) => runSteps(state.spec, state.model, seed));

  // Nothing that is there is wrong at any moment: the entries of an unfinished index may but be missing.
  const { records } = state.model;
  expect(
    wrongRows(raw, [{ spec: state.spec, records }], { ...OWN, unreclaimed: true, unbuilt: true }),
  ).toEqual([]);

  // The build goes on where it was: what it tells grows from writer to writer.
  const all = [state.done, ...notes.built];
  expect(all).toEqual(Array.from(new Set(all)).sort((a, b) => a - b));
  const done =
    buildIn(raw, "stock")?.done ?? (notes.built.length > 0 ? (notes.built.at(-1) as number) : state.done);
  expect(done).toBeGreaterThanOrEqual(Math.max(state.done, ...notes.built));
  state.done = done;

  const rows = rowsOf(state.spec, records);
  await store.view(async (tx) => {
    const collection = collectionOf(state.spec).in(tx);
    for (const [name, { ready }] of Object.entries(layout?.indexes ?? {})) {
      const count = async () => collection.by(name).count();
      if (ready) expect(await count()).toBe(rows.get(name)?.size);
      else await expectRefused("INDEX_NOT_READY", count);
      if (!ready) await expectRefused("INDEX_NOT_READY", () => collection.by(name).range().toArray());
    }
  });
  expect(await collectionOf(state.spec).verify(store)).toMatchObject({ ok: true, problems: [] });
  await beginJournal(store);
}

/** Builds to the end, and expects that it reads no record that was handled before. */
async function finish({ store, level }: Opened, { spec, model }: State): Promise<void> {
  const raw = await rawRows(level);
  const unready = Object.entries(layoutIn(raw, "stock")?.indexes ?? {}).filter(([, { ready }]) => !ready);
  const ahead = unreached(buildIn(raw, "stock"), { spec, records: model.records });
  const report = await collectionOf(spec).build(store);
  expect(report.records).toBe(unready.length === 0 ? 0 : ahead.length);
  expect([...report.built].sort()).toEqual(unready.map(([name]) => name).sort());
  const layout = layoutIn(await rawRows(level), "stock");
  for (const { ready } of Object.values(layout?.indexes ?? {})) expect(ready).toBe(true);
}

/** Expects the very rows that there must be, once dropped indexes gave their space back. */
async function expectExact({ store, level }: Opened, { spec, model }: State): Promise<void> {
  await store.compact();
  const raw = await rawRows(level);
  expect(droppedIn(raw)).toEqual([]);
  expect(wrongRows(raw, [{ spec, records: model.records }], OWN)).toEqual([]);
  const rows = rowsOf(spec, model.records);
  expect(await collectionOf(spec).verify(store)).toMatchObject({
    ok: true,
    problems: [],
    records: model.size,
    entries: Object.keys(spec.indexes).reduce((sum, name) => sum + (rows.get(name)?.size ?? 0), 0),
  });
  await expectSound(store);
}

async function fill(store: Store, collection: Collection, model: ModelCollection): Promise<void> {
  for (let n = 0; n < RECORDS; n += 1000) {
    const items = Array.from({ length: 1000 }, (_, i) => itemOf(n + i));
    await store.update((tx) => collection.in(tx).insertMany(items));
    model.insertMany(items);
  }
}

describe("indexes built beside writers that are killed", () => {
  const places = usePlaces();

  test("end up exact, never answer before, and go on where they were", { timeout: 240_000 }, async () => {
    const [first, second, third] = VERSIONS as [Spec, Spec, Spec];
    const state: State = { spec: first, model: new ModelCollection(first), done: 0 };
    let opened = await openWithLevel(places, "classic-level", "store");
    await fill(opened.store, collectionOf(first), state.model);
    await beginJournal(opened.store);
    await opened.store.close();
    let kills = 0;
    let refusals = 0;
    let commits = 0;
    // The third definition comes while the indexes of the second are not finished.
    for (const [version, wanted] of [second, third].entries()) {
      for (let kill = 0; kill < KILLS; kill++) {
        const notes = await runUntilKilled(places, version + 1, places.path(`notes-${kills++}`));
        opened = await openWithLevel(places, "classic-level", "store");
        await inspect(opened, state, wanted, notes);
        refusals += notes.refused.length;
        commits += notes.committed.length;
        await opened.store.close();
      }
    }
    expect(refusals).toBeGreaterThan(0);
    expect(commits).toBeGreaterThan(0);

    opened = await openWithLevel(places, "classic-level", "store");
    if (state.spec !== third) {
      await collectionOf(third).build(opened.store);
      adopt(state, third);
    } else await finish(opened, state);
    await expectExact(opened, state);
    // And once more through the life of one process: back to the first definition.
    const before = rowsUnder(await rawRows(opened.level), "!idx_stock_by_flags!");
    expect(before.size).toBeGreaterThan(0);
    const report = await collectionOf(first).build(opened.store);
    expect([...report.built].sort()).toEqual(["role", "tag"]);
    expect([...report.dropped].sort()).toEqual(["flags", "handle", "role", "score", "tag"]);
    adopt(state, first);
    await expectExact(opened, state);
  });

  test("stop at a value that two records have, and go on there when one has given it up", async () => {
    const [first, second] = VERSIONS as [Spec, Spec];
    const state: State = { spec: first, model: new ModelCollection(first), done: 0 };
    const opened = await openWithLevel(places, "memory-level", "store");
    const { store } = opened;
    await fill(store, collectionOf(first), state.model);
    adopt(state, second);
    const { model } = state;
    const stock = collectionOf(second);
    const building = stock.build(store);
    // A record that the build has reached or not, and a value of one that it has not: nobody has told it yet.
    const [holder, claimant] = [RECORDS - 1, 4].map((n) => keyOf(second, itemOf(n)));
    const taken = itemOf(RECORDS - 1)["handle"];
    await store.update((tx) => stock.in(tx).update(claimant as never, { handle: taken }));
    await expectRefused("UNIQUE_VIOLATION", () => building);
    await expectRefused("INDEX_NOT_READY", () => store.view((tx) => stock.in(tx).by("handle").count()));
    const { done } = buildIn(await rawRows(opened.level), "stock") as { done: number };
    expect(done).toBeGreaterThan(0);
    await store.update((tx) => stock.in(tx).update(holder as never, { handle: "given up" }));
    model.update(holder as never, { handle: "given up" });
    model.update(claimant as never, { handle: taken });
    await finish(opened, state);
    await expectExact(opened, state);
  });
});
