import { parseArgs } from "node:util";
import { workloads } from "../workloads/index.ts";
import type { Effort, Workload } from "./model.ts";

/** What the command line asks for. */
export interface Options {
  readonly effort: Effort;
  readonly json: string | undefined;
  readonly workloads: readonly Workload[];
}

const FULL: Effort = {
  trials: {
    together: { launches: 6, rounds: 6, roundMs: 40, warmUpMs: 400 },
    apart: { launches: 4, rounds: 8, roundMs: 60, warmUpMs: 300 },
  },
  processRounds: 11,
  copyRounds: 3,
  rows: {
    small: 10_000,
    medium: 100_000,
    large: 1_000_000,
    scanned: 100_000,
    unindexed: 1_000_000,
    tenth: 100_000,
    outdated: 1_000_000,
    outdatedTenth: 100_000,
    upToDate: 10_000,
    users: 100_000,
    snapshots: 1_000_000,
    snapshotsSmall: 10_000,
    apiKeys: 1000,
    trail: 100_000,
    goFile: 13_000,
  },
};

const QUICK: Effort = {
  trials: {
    together: { launches: 2, rounds: 4, roundMs: 25, warmUpMs: 200 },
    apart: { launches: 2, rounds: 4, roundMs: 40, warmUpMs: 100 },
  },
  processRounds: 5,
  copyRounds: 1,
  rows: {
    small: 10_000,
    medium: 100_000,
    large: 300_000,
    scanned: 50_000,
    unindexed: 100_000,
    tenth: 10_000,
    outdated: 100_000,
    outdatedTenth: 10_000,
    upToDate: 10_000,
    users: 20_000,
    snapshots: 100_000,
    snapshotsSmall: 10_000,
    apiKeys: 1000,
    trail: 20_000,
    goFile: 2000,
  },
};

const USAGE = `Usage: npm run bench -- [--quick] [--json FILE] [--only NAME]...
  --quick      a few minutes, with fewer rounds and smaller stores
  --json FILE  writes machine, results and ratios to FILE
  --only NAME  runs this workload alone: ${workloads.map((workload) => workload.name).join(", ")}
`;

/** Reads the command line; one that cannot be read ends the process with advice. */
export function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "string" },
        only: { type: "string", multiple: true },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    return { effort: values.quick ? QUICK : FULL, json: values.json, workloads: choose(values.only) };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

function choose(names: readonly string[] | undefined): readonly Workload[] {
  for (const name of names ?? []) {
    if (!workloads.some((workload) => workload.name === name))
      throw new Error(`No workload is named ${name}.`);
  }
  return workloads.filter((workload) => names === undefined || names.includes(workload.name));
}
