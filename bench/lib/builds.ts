// Measures how an index is built: each time in a new process, on a copy of a store that has none.
import { fork } from "node:child_process";
import { once } from "node:events";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildFigures, BuildTask } from "./build-process.ts";
import type { Setting } from "./crew.ts";
import type { BuildSide, BuildWorkload } from "./model.ts";

const PROGRAM = fileURLToPath(new URL("./build-process.ts", import.meta.url));

/**
 * Runs a workload of builds.
 *
 * @returns the samples of each side, in its unit
 */
export async function runBuilds(
  workload: BuildWorkload,
  setting: Setting,
  onRound: (round: number) => void,
): Promise<number[][]> {
  const samples: number[][] = workload.sides.map(() => []);
  // Sides that tell of one build share it.
  const builds = new Map<string, BuildSide>();
  for (const side of workload.sides) builds.set(nameOf(side), side);
  for (let round = 1; round <= setting.effort.buildRounds; round++) {
    for (const [name, build] of builds) {
      const figures = await measure(build, setting);
      for (const [index, side] of workload.sides.entries()) {
        if (nameOf(side) === name) samples[index]!.push(...figures[side.figure]);
      }
    }
    onRound(round);
  }
  return samples;
}

function nameOf({ store, writer }: BuildSide): string {
  return `${store} ${writer}`;
}

async function measure({ store, writer }: BuildSide, setting: Setting): Promise<BuildFigures> {
  const { datasets, effort, scratch, signal } = setting;
  const source = datasets[store];
  if (source === undefined) throw new Error(`There is no ${store} dataset.`);
  const directory = join(scratch, "build");
  await cp(source, directory, { recursive: true });
  try {
    return await runProcess({ directory, stored: effort.rows[store], writer }, signal);
  } finally {
    await rm(directory, { recursive: true, maxRetries: 5 });
  }
}

async function runProcess(task: BuildTask, signal: AbortSignal): Promise<BuildFigures> {
  signal.throwIfAborted();
  const child = fork(PROGRAM, [JSON.stringify(task)], { signal, killSignal: "SIGKILL" });
  let figures: BuildFigures | undefined;
  child.once("message", (message) => {
    figures = message as BuildFigures;
  });
  const [code] = await once(child, "exit");
  signal.throwIfAborted();
  if (figures === undefined) throw new Error(`A build ended with code ${code}.`);
  return figures;
}
