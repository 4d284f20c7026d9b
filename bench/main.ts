// npm run bench: measures the built library against raw classic-level on this machine, and says which targets it met.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCopies } from "./lib/copies.ts";
import { buildDatasets } from "./lib/datasets.ts";
import { describeMachine, type Machine } from "./lib/machine.ts";
import { type Directories, sidesOf, type Workload } from "./lib/model.ts";
import { type Options, readOptions } from "./lib/options.ts";
import { type Outcome, toOutcome } from "./lib/outcome.ts";
import { runProcesses } from "./lib/processes.ts";
import { clearProgress, formatMachine, formatOutcome, formatSummary, showProgress } from "./lib/report.ts";
import { runRounds } from "./lib/rounds.ts";

const options = readOptions(process.argv.slice(2));
const directory = mkdtempSync(join(tmpdir(), "meshgate-bench-"));
const interruption = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interruption.abort());
process.on("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));

try {
  await run(options, interruption.signal);
} catch (error) {
  clearProgress();
  if (interruption.signal.aborted) process.stderr.write("Interrupted.\n");
  else process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exitCode = interruption.signal.aborted ? 130 : 1;
}

async function run({ workloads, effort, json }: Options, signal: AbortSignal): Promise<void> {
  const start = performance.now();
  const machine = describeMachine(directory);
  process.stdout.write(formatMachine(machine));
  const missing = new Map<string, string>();
  const onMissing = (name: string, reason: string) => missing.set(name, reason);
  const datasets = await buildDatasets(workloads, directory, effort, signal, showProgress, onMissing);
  const outcomes: Outcome[] = [];
  for (const workload of workloads) {
    const absent = sidesOf(workload).find(({ store }) => missing.has(store));
    if (absent !== undefined) {
      clearProgress();
      process.stdout.write(`\n${workload.name}: left out, as ${missing.get(absent.store)}\n`);
      continue;
    }
    const outcome = await measure(workload, datasets, signal);
    clearProgress();
    process.stdout.write(formatOutcome(outcome));
    outcomes.push(outcome);
  }
  const ratios = outcomes.flatMap((outcome) => outcome.ratios);
  process.stdout.write(formatSummary(ratios, (performance.now() - start) / 1000));
  if (json !== undefined) writeFileSync(json, toJson(machine, outcomes));
}

async function measure(workload: Workload, datasets: Directories, signal: AbortSignal): Promise<Outcome> {
  const { effort } = options;
  const rounds = roundsOf(workload);
  const onRound = (round: number) => showProgress(workload.name, round, rounds);
  onRound(0);
  if (workload.kind === "processes") {
    const samples = await runProcesses(workload, datasets, effort, signal, onRound);
    return toOutcome(workload, sidesOf(workload), samples, rounds);
  }
  const scratch = mkdtempSync(join(directory, "scratch-"));
  const setting = { effort, datasets, scratch, signal };
  if (workload.kind === "copies") {
    const samples = await runCopies(workload, setting, onRound);
    rmSync(scratch, { recursive: true });
    return toOutcome(workload, sidesOf(workload), samples, rounds);
  }
  const samples = await runRounds(workload, setting, onRound);
  rmSync(scratch, { recursive: true });
  const perUnit = workload.unit === "ms" ? 1000 : 1;
  return toOutcome(
    workload,
    sidesOf(workload),
    samples.map((side) => side.map((time) => time / perUnit)),
    rounds,
  );
}

function roundsOf(workload: Workload): number {
  if (workload.kind === "processes") return options.effort.processRounds;
  if (workload.kind === "copies") return workload.rounds ?? options.effort.copyRounds;
  const { launches, rounds } = options.effort.trials[workload.placement];
  return launches * rounds;
}

function toJson(machine: Machine, outcomes: readonly Outcome[]): string {
  const results = outcomes.flatMap((outcome) => outcome.results);
  const ratios = outcomes.flatMap((outcome) => outcome.ratios);
  return `${JSON.stringify({ machine, results, ratios }, null, 2)}\n`;
}
