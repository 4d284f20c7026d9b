// Measures whole processes: a bare Node, so that neither a loader nor an earlier sample has a part in the figures.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { STEPS } from "./datasets.ts";
import { libraryArguments, libraryUrl } from "./library.ts";
import type { Directories, Effort, ProcessMeasure, ProcessSide, ProcessWorkload } from "./model.ts";
import { BUCKET, keyOf } from "./rows.ts";

const run = promisify(execFile);
const MIB = 2 ** 20;

/** A store at rest: what opening left to do is done by then. */
const IDLE_MS = 300;

/** What a measuring process prints. */
interface Report {
  readonly openMs: number;
  /** What migrate() took right after that; 0 where it was not called. */
  readonly migrateMs: number;
  readonly reopenMs: number;
  readonly remigrateMs: number;
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
      const { openMs, migrateMs, reopenMs, remigrateMs, rss } = reports[index]!;
      const figures: Readonly<Record<ProcessMeasure, number>> = {
        open: openMs,
        migrated: openMs + migrateMs,
        migrate: migrateMs,
        reopen: reopenMs,
        remigrate: remigrateMs,
        memory: (side.subject === "bare" ? rss : rss - bare) / MIB,
      };
      samples[index]!.push(figures[side.measure ?? workload.measure]);
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
  bare: () => programText({ load: "", open: "", read: `""`, close: "" }),
  ours: (directory) => programText(oursIn(directory)),
  migrated: (directory) => {
    const parts = oursIn(directory);
    const list = `${JSON.stringify(STEPS)}.map((description, i) => ({ version: i + 1, description, up() {} }))`;
    const load = `${parts.load} const schema = migrations(${list});`;
    return programText({ ...parts, load, migrate: "await schema.migrate(store);" });
  },
  raw: (directory) =>
    programText({
      load: `import classicLevel from ${JSON.stringify(classicLevelUrl)};`,
      open: `store = new classicLevel.ClassicLevel(${directory}); await store.open();`,
      read: `JSON.parse(await store.get(${JSON.stringify(FIRST.text)}))`,
      close: "await store.close();",
    }),
};

/** What a program consists of. */
interface Parts {
  readonly load: string;
  readonly open: string;
  readonly migrate?: string;
  readonly read: string;
  readonly close: string;
}

function oursIn(directory: string): Parts {
  return {
    load: `import { migrations, openStore } from ${JSON.stringify(libraryUrl)};`,
    open: `store = await openStore(${directory});`,
    read: `await store.view(async (tx) => (await tx.bucket("${BUCKET}")).get(${JSON.stringify(FIRST.tuple)}))`,
    close: "await store.close();",
  };
}

function programText({ load, open, migrate = "", read, close }: Parts): string {
  return `
    ${load}
    let store;
    const timed = async () => {
      const start = performance.now();
      ${open}
      const opened = performance.now();
      ${migrate}
      return [opened - start, ${migrate === "" ? 0 : "performance.now() - opened"}];
    };
    const [openMs, migrateMs] = await timed();
    await new Promise((resolve) => setTimeout(resolve, ${IDLE_MS}));
    const rss = process.memoryUsage.rss();
    const row = ${read};
    ${close}
    const [reopenMs, remigrateMs] = await timed();
    ${close}
    const times = { openMs, migrateMs, reopenMs, remigrateMs };
    console.log(JSON.stringify({ ...times, rss, row: row && JSON.stringify(row) }));
  `;
}
