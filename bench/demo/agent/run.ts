import { openStore, type Store } from "@meshgate/database";
import type { Source } from "../sampler.ts";
import { count, duration, print, withProgress } from "../terminal.ts";
import { Agent, type Query, type Tally } from "./agent.ts";
import { type Audit, audit } from "./audit.ts";
import { type Crash, runAndKill } from "./crash.ts";
import { type Row, readSeries } from "./series.ts";

export interface RunOptions {
  readonly directory: string;
  readonly sources: readonly Source[];
  /** How long the agent samples in all. */
  readonly seconds: number;
  readonly retentionMs: number;
  /** Ends the run early, in good order. */
  readonly signal: AbortSignal;
}

/** What a run has shown. */
export interface Results {
  readonly crash: Crash;
  readonly audit: Audit;
  /** What the agent did after the crash. */
  readonly resumed: Resumed;
  /** Range queries over all samples that are kept of a metric. */
  readonly wholeSeries: readonly Query[];
  /** Means of the CPUs' busy share over the last moments of the run. */
  readonly cpu: readonly Row[];
  /** How many problems store.check() found. */
  readonly problems: number;
}

export interface Resumed {
  readonly tally: Tally;
  readonly seconds: number;
  readonly commits: number;
  /** Commits that meet while the disk is busy form a group, which reaches it with one sync. */
  readonly groups: number;
}

const CHART_MS = 15_000;

/** Runs the agent until it is killed, audits what survived, lets the agent go on to the end, and checks the store. */
export async function run(options: RunOptions): Promise<Results> {
  const { directory, sources } = options;
  // A directory that is of no use is refused here, with a reason, before a process is started.
  await (await openStore(directory)).close();

  const crash = await crashAgent(options);
  const began = performance.now();
  await using store = await openStore(directory);
  print(`2. The store is opened again: ${duration(performance.now() - began)}.`);
  const audited = await auditCrash(store, sources, crash);
  const resumed = await resumeAgent(store, options, crash.startedAt + options.seconds * 1000 - Date.now());
  const chartFrom = Math.max(crash.startedAt, Date.now() - CHART_MS);
  return {
    crash,
    audit: audited,
    resumed,
    wholeSeries: await readWholeSeries(store, sources),
    cpu: await store.view((tx) => readSeries(tx, "means", "cpu.busy", chartFrom)),
    problems: await checkStore(store),
  };
}

async function crashAgent(options: RunOptions): Promise<Crash> {
  print("1. The agent runs in a process of its own, and is killed (kill -9) at a moment left to chance.");
  // In the middle of the run; of a long one, within the first twenty seconds.
  const lifeMs = Math.min(options.seconds, 30) * (350 + 300 * Math.random());
  let acknowledged = 0;
  const crash = await withProgress(
    () => `   ${count(acknowledged)} commits acknowledged`,
    runAndKill({ ...options, lifeMs, onAcknowledged: () => acknowledged++ }),
  );
  const lived = duration(crash.killedAt - crash.startedAt);
  print(
    `   Killed after ${lived}, with ${count(acknowledged)} commits acknowledged and ${crash.underWay} under way.`,
  );
  return crash;
}

async function auditCrash(store: Store, sources: readonly Source[], crash: Crash): Promise<Audit> {
  const audited = await audit(store, sources, crash.acknowledged);
  const { found, missing, unacknowledged, torn } = audited;
  print(
    `   ${count(found)} of ${count(crash.acknowledged.length)} acknowledged commits are there, ${missing.length} missing.`,
  );
  for (const { source, at } of missing) print(`   MISSING ${source} at ${at}`);
  print(
    `   ${unacknowledged} more were on disk before their acknowledgement came; ${torn} are there only in part.`,
  );
  return audited;
}

async function resumeAgent(store: Store, options: RunOptions, ms: number): Promise<Resumed> {
  print("3. The agent goes on, in this process.");
  const agent = new Agent(store, options);
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), Math.max(0, ms));
  const began = performance.now();
  const before = store.stats();
  const { tally } = agent;
  await withProgress(
    () =>
      `   ${count(tally.rows)} rows, ${count(tally.queries.length)} range queries, ${count(tally.deleted)} deleted`,
    agent.run(AbortSignal.any([options.signal, end.signal])),
  );
  clearTimeout(timer);
  const seconds = (performance.now() - began) / 1000;
  print(`   ${count(tally.rows)} rows more in ${duration(seconds * 1000)}.`);
  const after = store.stats();
  return {
    tally,
    seconds,
    commits: after.commit - before.commit,
    groups: after.groups - before.groups,
  };
}

async function readWholeSeries(store: Store, sources: readonly Source[]): Promise<Query[]> {
  return store.view(async (tx) => {
    const queries: Query[] = [];
    for (const metric of sources.flatMap((source) => source.metrics)) {
      const began = performance.now();
      const rows = await readSeries(tx, "samples", metric);
      queries.push({ rows: rows.length, ms: performance.now() - began });
    }
    return queries;
  });
}

async function checkStore(store: Store): Promise<number> {
  print("4. check() reads the store from end to end.");
  const { rows, problems, problemCount } = await store.check();
  for (const { message } of problems) print(`   PROBLEM ${message}`);
  print(`   ${count(rows)} rows, ${count(problemCount)} problems.\n`);
  return problemCount;
}
