// Measures whole processes: a bare Node, so that neither a loader nor an earlier sample has a part in the figures.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { libraryArguments, libraryUrl } from "./library.ts";
import type { Directories, Effort, ProcessSide, ProcessWorkload } from "./model.ts";
import { BUCKET, keyOf } from "./rows.ts";

const run = promisify(execFile);
const MIB = 2 ** 20;

/** A store at rest: what opening left to do is done by then. */
const IDLE_MS = 300;

/** What a measuring process prints. */
interface Report {
  readonly openMs: number;
  readonly reopenMs: number;
  readonly rss: number;
  /** A row that it read afterwards: that the store was open indeed, and the same one. */
  readonly row: string;
}

/**
 * Runs a workload of processes.
 *
 * @returns the samples of each side, in the workload's unit
 */
export async function runProcesses(
  workload: ProcessWorkload,
  datasets: Directories,
  effort: Effort,
  signal: AbortSignal,
  onRound: (round: number) => void,
): Promise<number[][]> {
  const samples: number[][] = workload.sides.map(() => []);
  for (let round = 1; round <= effort.processRounds; round++) {
    const order = workload.sides.map((_, index) => index);
    if (round % 2 === 0) order.reverse();
    const reports: Report[] = [];
    for (const index of order) reports[index] = await start(workload.sides[index]!, datasets, signal);
    const rows = reports.map((report) => report.row).filter((row) => row !== "");
    if (new Set(rows).size !== 1) throw new Error(`The sides read different rows: ${rows.join(", ")}.`);
    const bare = reports[workload.sides.findIndex((side) => side.subject === "bare")]?.rss ?? 0;
    for (const [index, side] of workload.sides.entries()) {
      const { openMs, reopenMs, rss } = reports[index]!;
      const added = (side.subject === "bare" ? rss : rss - bare) / MIB;
      samples[index]!.push({ open: openMs, reopen: reopenMs, memory: added }[workload.measure]);
    }
    onRound(round);
  }
  return samples;
}

async function start(side: ProcessSide, datasets: Directories, signal: AbortSignal): Promise<Report> {
  // Both sides open one directory, one after the other: nothing but the code that opens it differs.
  const directory = datasets[side.store];
  const program = PROGRAMS[side.subject](JSON.stringify(directory));
  const { stdout } = await run(
    process.execPath,
    [...libraryArguments, "--input-type=module", "--eval", program],
    { signal },
  );
  return JSON.parse(stdout);
}

const FIRST = keyOf(0);
const classicLevelUrl = import.meta.resolve("classic-level");

const PROGRAMS: Readonly<Record<ProcessSide["subject"], (directory: string) => string>> = {
  bare: () => programText("", "", `""`, ""),
  ours: (directory) =>
    programText(
      `import { openStore } from ${JSON.stringify(libraryUrl)};`,
      `store = await openStore(${directory});`,
      `await store.view(async (tx) => (await tx.bucket("${BUCKET}")).get(${JSON.stringify(FIRST.tuple)}))`,
      "await store.close();",
    ),
  raw: (directory) =>
    programText(
      `import classicLevel from ${JSON.stringify(classicLevelUrl)};`,
      `store = new classicLevel.ClassicLevel(${directory}); await store.open();`,
      `JSON.parse(await store.get(${JSON.stringify(FIRST.text)}))`,
      "await store.close();",
    ),
};

function programText(load: string, open: string, read: string, close: string): string {
  return `
    ${load}
    let store;
    const timed = async () => {
      const start = performance.now();
      ${open}
      return performance.now() - start;
    };
    const openMs = await timed();
    await new Promise((resolve) => setTimeout(resolve, ${IDLE_MS}));
    const rss = process.memoryUsage.rss();
    const row = ${read};
    ${close}
    const reopenMs = await timed();
    ${close}
    console.log(JSON.stringify({ openMs, reopenMs, rss, row: row && JSON.stringify(row) }));
  `;
}
