// The process that builds an index, with a writer beside it or without.
import { isDeepStrictEqual } from "node:util";
import type { CopyTask } from "./copies.ts";
import { runTask, untilIdle } from "./copy-process.ts";
import { openStore } from "./library.ts";
import { PeakMemory } from "./memory.ts";
import type { CopyRun } from "./model.ts";
import { indexed, nodeKeyOf, type Reading, readingOf } from "./readings.ts";
import { pick } from "./rows.ts";

type BuildTask = CopyTask<Extract<CopyRun, { program: "build" }>>;

/** What it measured: a figure for each sample, in the unit that its name tells. */
interface BuildFigures {
  /** Records per second. */
  readonly rate: readonly number[];
  /** By how much resident memory rose above what the open store took before, at its peak, in MiB. */
  readonly memory: readonly number[];
  /** The same without pages of mapped files, which the system takes back when it wants them. */
  readonly heap: readonly number[];
  /** The time of each of the other writer's updates while the index was built, in milliseconds. */
  readonly pause: readonly number[];
  /** The same when nothing else was going on. */
  readonly update: readonly number[];
}

type Store = Awaited<ReturnType<typeof openStore>>;

const QUIET_UPDATES = 500;
/** How many records the finished index is asked for, besides those that were changed meanwhile. */
const PROBES = 1000;

await runTask<BuildTask>(run);

async function run({ directory, stored, writer }: BuildTask): Promise<BuildFigures> {
  const store = await openStore(directory);
  await untilIdle();
  const peak = new PeakMemory();
  let ended = false;
  const start = performance.now();
  const building = indexed.build(store, {
    onProgress: () => peak.look(),
  });
  building
    .finally(() => {
      ended = true;
    })
    .catch(() => undefined);
  const changed = new Map<string, Reading>();
  const update = makeUpdate(store, stored, changed);
  const pause: number[] = [];
  while (writer && !ended) pause.push(await update());
  const { records } = await building;
  const seconds = (performance.now() - start) / 1000;
  const { added } = peak;
  if (records !== stored) throw new Error(`The build read ${records} records instead of ${stored}.`);
  await check(store, stored, changed);
  await untilIdle();
  const quiet: number[] = [];
  while (writer && quiet.length < QUIET_UPDATES) quiet.push(await update());
  await store.close();
  return {
    rate: [records / seconds],
    memory: [added.resident],
    heap: [added.anonymous],
    pause,
    update: quiet,
  };
}

/**
 * Makes a small durable update, which changes one record and moves its entry.
 *
 * @param changed takes the records that it left behind, by id
 * @returns what does it once, and tells the milliseconds that it took
 */
function makeUpdate(store: Store, stored: number, changed: Map<string, Reading>): () => Promise<number> {
  let turn = 0;
  return async () => {
    const reading = readingOf(pick(++turn, stored));
    const later = { ...reading, at: reading.at + turn };
    const start = performance.now();
    await store.update((tx) => indexed.in(tx).put(later));
    const time = performance.now() - start;
    changed.set(later.id, later);
    return time;
  };
}

/** Makes sure that there is an entry for each record, and that what the writer changed is found by it. */
async function check(store: Store, stored: number, changed: ReadonlyMap<string, Reading>): Promise<void> {
  await store.view(async (tx) => {
    const byNode = indexed.in(tx).by("node");
    const entries = await byNode.count();
    if (entries !== stored) throw new Error(`The index has ${entries} entries for ${stored} records.`);
    const probes = [
      ...changed.values(),
      ...Array.from({ length: PROBES }, (_, turn) => pick(turn, stored))
        .map(readingOf)
        .filter(({ id }) => !changed.has(id)),
    ];
    for (const expected of probes) {
      const found = await byNode.first({ prefix: nodeKeyOf(expected) });
      if (!isDeepStrictEqual(found, expected)) throw new Error(`The index does not find ${expected.id}.`);
    }
  });
}
