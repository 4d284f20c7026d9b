import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Durability } from "@meshgate/database";
import { afterAll, describe, expect, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { chooseCut, cutAndCheck, type Outcome } from "./cuts.ts";
import { leave, type Model } from "./disk.ts";
import { Random } from "./random.ts";
import { record, whyNoStrace } from "./record.ts";
import { type Operation, Recording } from "./recording.ts";
import { readTrace } from "./trace.ts";
import type { Task } from "./writer.ts";

/** Durable cuts in all; relaxed ones are a third as many. */
const CUTS = Number(process.env["MESHGATE_POWER_CUTS"] ?? 20);
const SEED = Number(process.env["MESHGATE_POWER_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** Cuts of one recording: many moments are alike, and other recordings have others. */
const CUTS_PER_RECORDING = 50;
/** LevelDB's least buffer, so that logs, tables and manifests come and go often. */
const BUFFER = 64 << 10;

const places = usePlaces();
const reason = whyNoStrace();
if (reason !== undefined) console.log(`Power cuts are not simulated: ${reason}.`);

const base = mkdtempSync(join(tmpdir(), "meshgate-power-"));
afterAll(() => rmSync(base, { recursive: true }));

const rootOf = (seed: number, durability: Durability) => join(base, `${durability}-${seed}`);

/** Programs that work on one store one after another: two that are killed, and one that closes it. */
const SESSIONS: Record<Durability, readonly Partial<Task>[]> = {
  durable: [
    { buffer: BUFFER, dies: true, quiet: 8 },
    { dies: true, maintainEvery: 45 },
    { buffer: BUFFER, maintainEvery: 70 },
  ],
  relaxed: [{ dies: true, maintainEvery: 45 }, { dies: true }, { buffer: BUFFER }],
};

async function makeRecording(seed: number, durability: Durability): Promise<Recording> {
  const folder = rootOf(seed, durability);
  const notes = `${folder}.notes`;
  mkdirSync(folder);
  const recording = new Recording(folder, notes);
  const transactions = CUTS > CUTS_PER_RECORDING ? 130 : 65;
  let lines = 0;
  for (const session of SESSIONS[durability]) {
    const trace = `${folder}.trace`;
    await record({ folder, notes, seed, durability, transactions, ...session }, trace);
    lines = recording.add(await readTrace(trace), lines);
    rmSync(trace);
  }
  return recording;
}

const recordings = new Map<string, Promise<Recording>>();

/** Makes a recording, once. */
function recordingOf(seed: number, durability: Durability): Promise<Recording> {
  const key = `${seed} ${durability}`;
  const recording = recordings.get(key) ?? makeRecording(seed, durability);
  // The latest alone is kept: each holds every byte that was written.
  recordings.clear();
  recordings.set(key, recording);
  return recording;
}

interface Cut {
  readonly recording: Recording;
  readonly seed: number;
  readonly durability: Durability;
  readonly model: Model;
  readonly number: number;
}

/** Makes one cut. What is left by one that fails is kept, as it was before it was opened. */
async function cutOnce({ recording, seed, durability, model, number }: Cut): Promise<Outcome> {
  const at = new Random(seed, number);
  const cut = chooseCut(recording, at);
  const folder = places.path(`left-${seed}-${durability}-${number}`);
  const fate = () => ({ model, random: new Random(seed, number, 1) });
  const outcome = await cutAndCheck(recording, { seed, durability, cut, fate: fate(), folder });
  rmSync(folder, { recursive: true });
  if (outcome.problems.length === 0) return outcome;
  const kept = mkdtempSync(join(tmpdir(), "meshgate-power-kept-"));
  leave(recording, cut, fate(), kept);
  const told = `seed ${SEED}, ${durability}, ${model}, cut ${number} at line ${cut}, left in ${kept}`;
  return { ...outcome, problems: [`${told}: ${outcome.problems.join("; ")}`] };
}

async function cutOften(durability: Durability, cuts: number, models: readonly Model[]): Promise<void> {
  const problems: string[] = [];
  let most = 0;
  for (let number = 0; number < cuts; ) {
    const seed = SEED + number;
    const recording = await recordingOf(seed, durability);
    for (const until = Math.min(cuts, number + CUTS_PER_RECORDING); number < until; number++) {
      const model = models[number % models.length] as Model;
      const outcome = await cutOnce({ recording, seed, durability, model, number });
      problems.push(...outcome.problems);
      most = Math.max(most, outcome.acknowledged);
    }
  }
  console.log(
    `${cuts} power cuts (${durability}; ${models.join(", ")}), seed ${SEED}: ${problems.length} failed.`,
  );
  expect(problems).toEqual([]);
  // Had nothing been acknowledged, nothing could have been lost.
  expect(most).toBeGreaterThan(50);
}

/** A recording in which some operations are as if they had never been. */
function without(recording: Recording, isGone: (operation: Operation) => boolean): Recording {
  const rest = recording.operations.filter((operation) => !isGone(operation));
  return Object.assign(Object.create(recording) as Recording, { operations: rest });
}

describe.skipIf(reason !== undefined)("the simulation", () => {
  test("leaves all that there is where nothing is lost", async () => {
    const recording = await recordingOf(SEED, "durable");
    const folder = places.path("all");
    leave(recording, Number.POSITIVE_INFINITY, { model: "ordered", random: new Random(), likely: 1 }, folder);
    const real = rootOf(SEED, "durable");
    const files = (of: string) =>
      (readdirSync(of, { recursive: true }) as string[])
        .sort()
        .filter((name) => statSync(join(of, name)).isFile());
    expect(files(real).length).toBeGreaterThan(5);
    expect(files(folder)).toEqual(files(real));
    for (const name of files(real))
      expect(readFileSync(join(folder, name)).equals(readFileSync(join(real, name))), name).toBe(true);
  });

  test("finds acknowledged commits lost where logs are not synced", async () => {
    const recording = await recordingOf(SEED, "durable");
    const unsynced = without(
      recording,
      (operation) => operation.kind === "sync" && /^\d+\.log$/.test(operation.node.firstName),
    );
    const last = recording.notes.findLast(({ words }) => words[0] === "ack");
    const outcome = await cutAndCheck(unsynced, {
      seed: SEED,
      durability: "durable",
      cut: 1 + (last?.end ?? 0),
      fate: { model: "ordered", random: new Random(), likely: 0 },
      folder: places.path("unsynced"),
    });
    expect(outcome.problems.join()).toContain("was acknowledged, the last one found is");
  });
});

describe.skipIf(reason !== undefined)("power cuts", () => {
  const timeout = 60_000 + CUTS * 3000;

  test("take no acknowledged commit of a durable store, and leave it exact", { timeout }, () =>
    cutOften("durable", CUTS, ["ordered", "journal"]),
  );

  test("take no more than the last commits of a relaxed store", { timeout }, () =>
    cutOften("relaxed", Math.ceil(CUTS / 3), ["ordered", "journal"]),
  );
});
