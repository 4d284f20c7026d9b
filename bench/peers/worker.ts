// The process that runs one subject that lives in Node.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { interleave } from "../lib/interleave.ts";
import { PeakMemory } from "../lib/memory.ts";
import type { Durability } from "../lib/model.ts";
import { rest } from "../lib/rest.ts";
import { type Command, LOADING, type Ready, ROWS_PER_LOAD, type Task, type Times } from "./protocol.ts";
import { placeOf, readingOf, rowsOf, sampleOf } from "./rows.ts";
import { subjects } from "./subjects/index.ts";
import type { ReadingStore, SampleStore } from "./subjects/subject.ts";
import { firstTenantOf, type PeerTrial, readingTrial, sampleTrial } from "./trials.ts";

interface Loading<Row> extends Pick<SampleStore, "settle" | "close"> {
  load(rows: readonly Row[]): unknown;
}

const task: Task = JSON.parse(process.argv[2] ?? "");
const { about, directory, rows, operation } = task;
const subject = await subjects[task.subject as keyof typeof subjects]();
const memory = new PeakMemory();

const loadMs = task.load ? await load() : 0;
const start = performance.now();
let samples: SampleStore | undefined;
let readings: ReadingStore | undefined;
if (about === "samples") samples = await openSamples("durable");
else readings = await openReadings("durable");
if (operation === undefined) await samples?.next(placeOf(0), 1);
const openMs = performance.now() - start;

let trial: PeerTrial | undefined;
if (operation !== undefined)
  trial = samples ? sampleTrial(operation, samples, rows) : readingTrial(operation, readings!, rows);

const lines = createInterface({ input: process.stdin });
say({ loadMs, openMs } satisfies Ready);
for await (const line of lines) {
  const command: Command = JSON.parse(line);
  say(await obey(command));
  if (command.do === "close") lines.close();
}
process.exit(); // Some peers leave timers and threads behind.

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function obey(command: Command): Promise<unknown> {
  switch (command.do) {
    case "measure": {
      const times = await measure(command.first, command.turns);
      await rest();
      return times;
    }
    case "check":
      return digest(await trial!.check(command.turn));
    case "age":
      await samples!.deleteBefore(placeOf(Math.floor(firstTenantOf(rows) / 2)));
      return true;
    case "settle":
      await (samples ?? readings)!.settle();
      return true;
    case "memory":
      memory.look();
      return memory.added;
    case "close":
      await (samples ?? readings)!.close();
      return true;
  }
}

async function measure(first: number, turns: number): Promise<Times> {
  if (operation?.kind !== "mixed") {
    return (await interleave([trial!], first, turns)).map((times) => Array.from(times));
  }
  const latencies: [number[], number[]] = [[], []];
  for (let turn = first; turn < first + turns; turn++) {
    const [reads, writes] = (await trial!.prepare(turn)()) as [number[], number[]];
    latencies[0].push(...reads);
    latencies[1].push(...writes);
  }
  return latencies;
}

/** Loads all rows without waiting for the disk, and leaves them as the subject's documentation recommends. */
async function load(): Promise<number> {
  if (about === "samples") return loadInto(await openSamples(LOADING), sampleOf);
  return loadInto(await openReadings(LOADING), readingOf);
}

async function loadInto<Row>(store: Loading<Row>, make: (number: number) => Row): Promise<number> {
  let elapsed = 0;
  for (let first = 0; first < rows; first += ROWS_PER_LOAD) {
    const batch = rowsOf(make, first, Math.min(ROWS_PER_LOAD, rows - first));
    const begin = performance.now();
    await store.load(batch);
    elapsed += performance.now() - begin;
  }
  if (rows > 0) await store.settle();
  await store.close();
  return elapsed;
}

function openSamples(durability: Durability) {
  return subject.samples!(directory, durability);
}

function openReadings(durability: Durability) {
  return subject.readings!(directory, durability);
}

function digest(found: readonly unknown[]): string {
  const hash = createHash("sha256");
  for (const row of found) hash.update(`${JSON.stringify(row)}\n`);
  return `${found.length} rows, ${hash.digest("hex")}`;
}
