/*
 * The demo: an edge agent that records this machine's figures in a store, and is killed in the middle of its work.
 *
 *   series.ts     what is kept in which buckets: start reading here
 *   agent.ts      the agent: samples, reads windows back, deletes what is old
 *   sampler.ts    where the figures come from (with growth.ts)
 *   crash.ts      kill -9 (of agent-process.ts); audit.ts tells whether every acknowledged commit survived
 *   run.ts        the course of events; report.ts prints what came of it (with chart.ts, terminal.ts)
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseError } from "@meshgate/database";
import { type Options, parseOptions, USAGE, UsageError } from "./options.ts";
import { printChart, printMachine, printSummary } from "./report.ts";
import { run } from "./run.ts";
import { openSources } from "./sampler.ts";
import { print } from "./terminal.ts";

/** @returns whether every acknowledged commit was found whole, and nothing amiss */
async function demo({ seconds, directory }: Options): Promise<boolean> {
  const interrupted = new AbortController();
  process.on("SIGINT", () => interrupted.abort());
  const store = directory ?? (await mkdtemp(join(tmpdir(), "meshgate-demo-")));
  try {
    const sources = openSources();
    const retentionMs = Math.max(1000, seconds * 250); // A quarter of the run: there is to be something to delete.
    printMachine(sources);
    print(`Store     ${store}${directory === undefined ? ", removed at the end" : ""}`);
    print(`Retention ${retentionMs / 1000} s\n`);
    const results = await run({
      directory: store,
      sources,
      seconds,
      retentionMs,
      signal: interrupted.signal,
    });
    if (interrupted.signal.aborted) print("Stopped early.\n");
    printSummary(results);
    printChart(results);
    return results.audit.missing.length === 0 && results.audit.torn === 0 && results.problems === 0;
  } finally {
    if (directory === undefined) await rm(store, { recursive: true, force: true });
  }
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
