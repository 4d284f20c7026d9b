import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { PeerEffort, PeerWorkload } from "./model.ts";
import { workloads } from "./workloads/index.ts";

/** What the command line asks for. */
export interface PeerOptions {
  readonly effort: PeerEffort;
  readonly json: string | undefined;
  readonly workloads: readonly PeerWorkload[];
  readonly mayInstall: boolean;
  /** Where the table and the pictures go; undefined where only some workloads run. */
  readonly results: string | undefined;
  /** A JSON file to draw from instead of measuring. */
  readonly draw: string | undefined;
}

const RESULTS = fileURLToPath(new URL("../results", import.meta.url));

const FULL: PeerEffort = {
  quick: false,
  trials: { launches: 2, rounds: 8, roundMs: 60, warmUpMs: 1000 },
  lives: 3,
  rows: { samples: 500_000, readings: 200_000 },
};

const QUICK: PeerEffort = {
  quick: true,
  trials: { launches: 1, rounds: 3, roundMs: 30, warmUpMs: 400 },
  lives: 1,
  rows: { samples: 120_000, readings: 50_000 },
};

const NAMES = workloads.flatMap(({ reports }) => reports.map((report) => report.name));

const USAGE = `Usage: npm run bench:peers -- [--quick] [--json FILE] [--only NAME]... [--results DIR] [--no-install] [--draw FILE]
  --quick        a few minutes, with fewer rounds, smaller stores and without the largest workloads
  --json FILE    writes machine, results and ratios to FILE
  --only NAME    runs this workload alone: ${NAMES.join(", ")}
  --results DIR  where the table and the pictures go: bench/results, with --quick bench/results/quick, with --only nowhere
  --no-install   installs nothing, and leaves out what is absent
  --draw FILE    measures nothing: writes the table and the pictures of what --json wrote to FILE
`;

/** Reads the command line; one that cannot be read ends the process with advice. */
export function readOptions(args: readonly string[]): PeerOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "string" },
        only: { type: "string", multiple: true },
        results: { type: "string" },
        "no-install": { type: "boolean", default: false },
        draw: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const everywhere = values.quick ? join(RESULTS, "quick") : RESULTS;
    return {
      effort: values.quick ? QUICK : FULL,
      json: values.json,
      workloads: choose(values.only, values.quick),
      mayInstall: !values["no-install"],
      results: values.results ?? (values.only === undefined ? everywhere : undefined),
      draw: values.draw,
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

function choose(names: readonly string[] | undefined, quick: boolean): readonly PeerWorkload[] {
  for (const name of names ?? []) {
    if (!NAMES.includes(name)) throw new Error(`No workload is named ${name}.`);
  }
  if (names === undefined) return workloads.filter((workload) => !(quick && workload.full));
  return workloads.filter(({ reports }) => reports.some((report) => names.includes(report.name)));
}
