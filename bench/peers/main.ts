// npm run bench:peers: measures the built library beside what users would pick instead, and draws it.
import { setMaxListeners } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeMachine } from "../lib/machine.ts";
import type { Claim } from "../lib/model.ts";
import { type Outcome, type Reported, toOutcome } from "../lib/outcome.ts";
import { clearProgress, formatMachine, formatOutcome, formatSummary, showProgress } from "../lib/report.ts";
import { Datasets } from "./datasets.ts";
import { type Installed, installPeers } from "./install.ts";
import { runLives } from "./life-run.ts";
import { LABELS, NEEDS, type PeerWorkload, type Report, type SubjectName } from "./model.ts";
import { type PeerOptions, readOptions } from "./options.ts";
import type { Measured } from "./results.ts";
import { writeResults } from "./results.ts";
import type { PeerSetting } from "./setting.ts";
import { runTrials } from "./trial-run.ts";

const METHOD = "each subject in a process of its own, in turns; results compared; page cache warm";
const DURABILITY =
  "a durable commit is on disk when it resolves: ours durable, classic-level sync: true, SQLite WAL with synchronous=FULL, lmdb flushed, bbolt as it is";
const CACHE = "warm: stores were written or read just before";

const options = readOptions(process.argv.slice(2));
const directory = mkdtempSync(join(tmpdir(), "meshgate-peers-"));
const interruption = new AbortController();
// Each process that measures listens for it.
setMaxListeners(0, interruption.signal);
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interruption.abort());
process.on("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));

try {
  if (options.draw === undefined) await run(options, interruption.signal);
  else await writeResults(JSON.parse(readFileSync(options.draw, "utf8")), options.results, true);
} catch (error) {
  clearProgress();
  if (interruption.signal.aborted) process.stderr.write("Interrupted.\n");
  else process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = interruption.signal.aborted ? 130 : 1;
}

async function run({ workloads, effort, json, results, mayInstall }: PeerOptions, signal: AbortSignal) {
  const start = performance.now();
  const installed = installPeers(directory, mayInstall);
  const { versions, missing, programs } = installed;
  const machine = {
    ...describeMachine(directory),
    versions,
    quick: effort.quick,
    cache: CACHE,
    durability: DURABILITY,
  };
  process.stdout.write(formatMachine(machine));
  process.stdout.write(
    `${Object.entries(versions)
      .map((each) => each.join(" "))
      .join(", ")}\n${DURABILITY}\n`,
  );
  for (const [need, why] of missing) process.stdout.write(`! without ${need}: ${why}\n`);
  const datasets = new Datasets(directory, programs, signal);
  const setting: PeerSetting = { effort, datasets, programs, scratch: directory, signal };
  const present = workloads.map((workload) => ({ ...workload, subjects: presentOf(workload, installed) }));
  const outcomes: Outcome[] = [];
  for (const [index, workload] of present.entries()) {
    for (const outcome of await measure(workload, setting)) {
      clearProgress();
      process.stdout.write(formatOutcome(outcome));
      outcomes.push(outcome);
    }
    await datasets.release(present.slice(index + 1), effort);
  }
  const measured: Measured = {
    machine,
    missing: Object.fromEntries(missing),
    results: outcomes.flatMap((outcome) => outcome.results),
    ratios: outcomes.flatMap((outcome) => outcome.ratios),
  };
  process.stdout.write(formatSummary(measured.ratios, (performance.now() - start) / 1000));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(measured, null, 2)}\n`);
  await writeResults(measured, results, installed.canDraw);
}

async function measure(workload: PeerWorkload, setting: PeerSetting): Promise<Outcome[]> {
  const { effort } = setting;
  const name = workload.reports[0]!.name;
  await setting.datasets.prepare(workload, effort, (store) => showProgress(`building ${store}`, 0, 1));
  const rounds = workload.kind === "trials" ? effort.trials.launches * effort.trials.rounds : effort.lives;
  const onRound = (round: number) => showProgress(name, round, rounds);
  onRound(0);
  const samples =
    workload.kind === "trials"
      ? await runTrials(workload, setting, onRound)
      : await runLives(workload, setting, onRound);
  const sides = workload.subjects.map((subject) => ({ label: LABELS[subject] }));
  return workload.reports.map((report, index) =>
    toOutcome(toReported(report, workload.subjects), sides, samples[index]!, rounds),
  );
}

function presentOf(workload: PeerWorkload, { missing }: Installed): SubjectName[] {
  return workload.subjects.filter((subject) => {
    const need = NEEDS[subject];
    return need === undefined || !missing.has(need);
  });
}

function toReported(report: Report, subjects: readonly SubjectName[]): Reported {
  const { name, title, unit, ours, targets = {}, measured } = report;
  const claims = subjects
    .filter((subject) => subject !== ours)
    .map((subject): Claim => {
      const pair = { label: LABELS[ours], versus: LABELS[subject] };
      const atLeast = targets[subject];
      return atLeast === undefined ? pair : { ...pair, atLeast };
    });
  return { name, title, method: METHOD, unit, claims, ...(measured === undefined ? {} : { measured }) };
}
