/** Cuts power at moments of a recording, and compares what the library finds with what was acknowledged. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Durability, openStore, type Store, type StoreOptions } from "@meshgate/database";
import { type Fate, leave } from "./disk.ts";
import type { Random } from "./random.ts";
import type { Recording } from "./recording.ts";
import { COLLECTIONS, readState, run, stateAfter } from "./workload.ts";

/** How many lines of the trace after a rare call count as near it. */
const NEAR = 12;
const RARE = /^\d+\.log$|MANIFEST|CURRENT|backup/;

/**
 * Chooses where to cut: anywhere, just after an acknowledgement, near where files come, go and are renamed, or while a
 * full log waits for its rows to be in a table.
 */
export function chooseCut(recording: Recording, random: Random): number {
  const { operations, notes } = recording;
  const kind = random.below(4);
  if (kind === 0) return 1 + random.pick(notes).end;
  if (kind === 1) return 1 + random.below(operations.at(-1)?.end ?? 1);
  const names = operations.filter((operation) => operation.kind === "name");
  if (kind === 2) {
    const rare = names.filter(({ changes }) => RARE.test(changes[0]?.name ?? ""));
    return random.pick(rare).end + random.below(NEAR);
  }
  const [from, to] = random.pick(betweenLogs(recording));
  const last = operations.at(-1)?.end ?? from;
  return from + 1 + random.below(Math.min(to, last) - from);
}

/** The spans from the beginning of a log until the one before is gone for good, its rows being in a table. */
function betweenLogs({ operations }: Recording): (readonly [from: number, to: number])[] {
  const logs = operations.flatMap((operation) => {
    const { directory, name, node } = (operation.kind === "name" && operation.changes[0]) || {};
    if (name === undefined || !/^\d+\.log$/.test(name)) return [];
    return [{ directory, name, comes: node !== null, begin: operation.begin, end: operation.end }];
  });
  return logs.flatMap(({ directory, comes, begin }, i) => {
    if (!comes) return [];
    const before = logs.slice(0, i).findLast((log) => log.comes && log.directory === directory);
    const gone = logs
      .slice(i)
      .find((log) => !log.comes && log.name === before?.name && log.directory === directory);
    if (before === undefined || gone === undefined) return [];
    const barrier = operations.find(
      (operation) => operation.kind === "sync" && operation.hadWork && operation.begin > gone.end,
    );
    return [[begin, barrier?.end ?? Number.MAX_SAFE_INTEGER] as const];
  });
}

/** What a cut found. */
export interface Outcome {
  /** What is wrong; empty where nothing is. */
  readonly problems: readonly string[];
  /** The last transaction that was acknowledged, and the last that was found; -1 for none. */
  readonly acknowledged: number;
  readonly found: number;
}

/** Cuts, and checks what is left in `folder`. */
export async function cutAndCheck(
  recording: Recording,
  settings: { seed: number; durability: Durability; cut: number; fate: Fate; folder: string },
): Promise<Outcome> {
  const { seed, durability, cut, fate, folder } = settings;
  leave(recording, cut, fate, folder);
  const noted = recording.notes.filter(({ end }) => end < cut).map(({ words }) => words);
  const acknowledged = Math.max(-1, ...noted.filter(([kind]) => kind === "ack").map(([, n]) => Number(n)));
  const problems: string[] = [];
  let found = -1;
  try {
    // Of a relaxed store, a cut may take commits of one log and leave later ones in the next.
    const recovery = durability === "relaxed" ? "prefix" : "refuse";
    found = await inspectStore(join(folder, "store"), seed, problems, { recovery });
  } catch (error) {
    problems.push(`the store: ${describe(error)}`);
  }
  if (durability === "durable" && found < acknowledged)
    problems.push(`transaction ${acknowledged} was acknowledged, the last one found is ${found}`);
  for (const name of recording.notes.filter(({ words }) => words[0] === "backup").map(({ words }) => words)) {
    const expected = noted.includes(name);
    problems.push(...(await inspectBackup(folder, name, seed, expected)));
  }
  return { problems, acknowledged, found };
}

const describe = (error: unknown): string => {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return `${String(code)} ${String(message)}`.slice(0, 300);
};

/** Compares a store with what it should hold. @returns the last transaction that it holds */
export async function inspectStore(
  directory: string,
  seed: number,
  problems: string[],
  options: StoreOptions = {},
): Promise<number> {
  const store = await openStore(directory, options);
  try {
    const state = await readState(store);
    const expected = stateAfter(seed, state.last);
    for (const part of ["items", "scratch"] as const) {
      if (isDeepStrictEqual(state[part], expected[part])) continue;
      problems.push(
        `after transaction ${state.last}, ${part} is not what it should be (${state[part].length} of ${expected[part].length})`,
      );
    }
    await inspectIndexes(store, state.last, problems);
    // What was recovered is worth nothing where the next commit fails.
    if (state.last >= 0) await store.update((tx) => run(tx, seed, state.last + 1));
    return state.last;
  } finally {
    await store.close();
  }
}

async function inspectIndexes(store: Store, last: number, problems: string[]): Promise<void> {
  const { problems: found } = await store.check();
  problems.push(...found.slice(0, 3).map(({ message }) => `check: ${message}`));
  if (last < 1) return;
  for (const collection of COLLECTIONS) {
    const report = await collection.verify(store);
    if (!report.ok) problems.push(`${collection.name}: ${JSON.stringify(report.problems.slice(0, 3))}`);
  }
}

/** A backup that was made is there and whole; one that was not yet is whole or absent. */
async function inspectBackup(
  folder: string,
  words: readonly string[],
  seed: number,
  expected: boolean,
): Promise<string[]> {
  const [, name = "", commit] = words;
  const directory = join(folder, name);
  if (!existsSync(directory)) return expected ? [`${name} is gone`] : [];
  const problems: string[] = [];
  try {
    const last = await inspectStore(directory, seed, problems);
    // The first commit made the buckets.
    if (last !== Number(commit) - 1)
      problems.push(`holds transaction ${last} instead of ${Number(commit) - 1}`);
  } catch (error) {
    problems.push(describe(error));
  }
  return problems.map((problem) => `${name}: ${problem}`);
}
