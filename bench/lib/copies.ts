// Measures what a process does with a store that it may change: each time a new process, on a copy of the store.
import { fork } from "node:child_process";
import { once } from "node:events";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Setting } from "./crew.ts";
import type { CopyFigure, CopyRun, CopySide, CopyWorkload } from "./model.ts";

/** What such a process is told. */
export type CopyTask<Run extends CopyRun = CopyRun> = Run & {
  readonly directory: string;
  /** How many rows lie there. */
  readonly stored: number;
};

/** What it answers: samples of each figure that it gives. */
type Figures = Readonly<Partial<Record<CopyFigure, readonly number[]>>>;

const PROGRAMS: Readonly<Record<CopyRun["program"], string>> = {
  import: fileURLToPath(new URL("./import-process.ts", import.meta.url)),
  build: fileURLToPath(new URL("./build-process.ts", import.meta.url)),
  retain: fileURLToPath(new URL("./retain-process.ts", import.meta.url)),
  rewrite: fileURLToPath(new URL("./rewrite-process.ts", import.meta.url)),
};

/**
 * Runs a workload on copies.
 *
 * @returns the samples of each side, in its unit
 */
export async function runCopies(
  workload: CopyWorkload,
  setting: Setting,
  onRound: (round: number) => void,
): Promise<number[][]> {
  const samples: number[][] = workload.sides.map(() => []);
  // Sides that tell of one run share it.
  const runs = [...new Map(workload.sides.map((side) => [nameOf(side), side])).entries()];
  const { rounds = setting.effort.copyRounds } = workload;
  for (let round = 1; round <= rounds; round++) {
    for (const [name, run] of runs) {
      const figures = await measure(run, setting);
      for (const [index, side] of workload.sides.entries()) {
        if (nameOf(side) === name) samples[index]!.push(...(figures[side.figure] ?? []));
      }
    }
    runs.reverse(); // A machine that slows down does not always do so for the same run.
    onRound(round);
  }
  return samples;
}

function nameOf({ store, run }: CopySide): string {
  return JSON.stringify([store, run]);
}

async function measure({ store, run }: CopySide, setting: Setting): Promise<Figures> {
  const { datasets, effort, scratch, signal } = setting;
  const source = datasets[store];
  if (source === undefined) throw new Error(`There is no ${store} dataset.`);
  const directory = join(scratch, "copy");
  await cp(source, directory, { recursive: true });
  try {
    return await runProcess({ ...run, directory, stored: effort.rows[store] }, signal);
  } finally {
    await rm(directory, { recursive: true, maxRetries: 5 });
  }
}

async function runProcess(task: CopyTask, signal: AbortSignal): Promise<Figures> {
  signal.throwIfAborted();
  const child = fork(PROGRAMS[task.program], [JSON.stringify(task)], { signal, killSignal: "SIGKILL" });
  let figures: Figures | undefined;
  child.once("message", (message) => {
    figures = message as Figures;
  });
  // What it sent last may arrive after it has ended.
  const [[code]] = await Promise.all([once(child, "exit"), once(child, "disconnect")]);
  signal.throwIfAborted();
  if (figures === undefined) throw new Error(`A ${task.program} ended with code ${code}.`);
  return figures;
}
