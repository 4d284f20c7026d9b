/*
 * The demo: an edge agent that records this machine's figures and is killed in the middle of its work, and a control
 * plane of two tenants.
 *
 *   sampler.ts     where the figures come from (with growth.ts); machine.ts tells what machine this is
 *   options.ts     the command line; terminal.ts how things are printed
 *
 *   agent/         on a bucket store
 *     series.ts      what is kept in which buckets: start reading here
 *     agent.ts       the agent: samples, reads windows back, deletes what is old
 *     crash.ts       kill -9 (of agent-process.ts); audit.ts tells whether every acknowledged commit survived
 *     run.ts         the course of events; report.ts prints what came of it (with chart.ts)
 *
 *   control-plane/ on a DatabaseManager
 *     run.ts         the course of events: start reading here; plane.ts is what all steps work on
 *     sites.ts       tenants, users, nodes, groups; what a quota and a tenant's handle refuse
 *     keys.ts        an API key from its creation to its end
 *     heartbeats.ts  nodes that tell how they are, and one that falls silent
 *     policies.ts    which flows may pass, and which rule says so
 *     day.ts         a day of metrics by the minute; roll-ups.ts makes hours and a day of it (with hours-chart.ts)
 *     trail.ts       the audit trail, and how tampering with it shows (tampering.ts does it)
 *     moving.ts      a tenant as text, wiped, and brought back
 *     aging.ts       retention
 *     checks.ts      what must hold; clock.ts, gauge.ts, rate.ts, disk.ts measure
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseError } from "@meshgate/database";
import { printChart, printSummary } from "./agent/report.ts";
import { type RunOptions, run } from "./agent/run.ts";
import { runControlPlane } from "./control-plane/run.ts";
import { printMachine } from "./machine.ts";
import { type Options, parseOptions, USAGE, UsageError } from "./options.ts";
import { openSources } from "./sampler.ts";
import { print } from "./terminal.ts";

/** @returns whether everything was as it must be */
async function demo({ seconds, directory }: Options): Promise<boolean> {
  const interrupted = new AbortController();
  process.on("SIGINT", () => interrupted.abort());
  const { signal } = interrupted;
  const root = directory ?? (await mkdtemp(join(tmpdir(), "meshgate-demo-")));
  try {
    const sources = openSources();
    printMachine(sources);
    print(`Store     ${root}${directory === undefined ? ", removed at the end" : ""}`);
    const isAgentSound = await runAgent({ directory: root, sources, seconds, signal });
    // LevelDB knows its own files by their names: a directory among them is none of its business.
    const planes = join(root, "control-plane");
    const isPlaneSound = signal.aborted || (await runControlPlane({ directory: planes, signal }));
    return isAgentSound && isPlaneSound;
  } finally {
    if (directory === undefined) await rm(root, { recursive: true, force: true });
  }
}

/** @returns whether every acknowledged commit was found whole, and nothing amiss */
async function runAgent(options: Omit<RunOptions, "retentionMs">): Promise<boolean> {
  const retentionMs = Math.max(1000, options.seconds * 250); // A quarter of the run: there is to be something to delete.
  print(`Retention ${retentionMs / 1000} s\n`);
  const results = await run({ ...options, retentionMs });
  if (options.signal.aborted) print("Stopped early.\n");
  printSummary(results);
  printChart(results);
  return results.audit.missing.length === 0 && results.audit.torn === 0 && results.problems === 0;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) print(USAGE);
  else process.exitCode = (await demo(options)) ? 0 : 1;
} catch (error) {
  // What the user can mend is told in a line; anything else is a fault of the demo and shows where it happened.
  if (error instanceof UsageError) console.error(`${error.message}\n\n${USAGE}`);
  else console.error(error instanceof DatabaseError ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
}
