import { count, duration, type Fact, print, printFacts } from "../terminal.ts";
import type { Query } from "./agent.ts";
import { drawShares } from "./chart.ts";
import type { Results } from "./run.ts";

/** Prints the facts of a run, one a line. */
export function printSummary({ crash, audit, resumed, ...results }: Results): void {
  const { tally, commits, groups } = resumed;
  const crashed = crash.acknowledged.reduce((rows, { figures }) => rows + Object.keys(figures).length, 0);
  const rows = crashed + tally.rows;
  const seconds = (crash.killedAt - crash.startedAt) / 1000 + resumed.seconds;
  const facts: Fact[] = [
    ["rows written", `${count(rows)} in ${seconds.toFixed(1)} s: ${count(rows / seconds)} a second`],
    ["durable commits", `${count(commits)} after the kill, in ${count(groups)} groups of one sync each`],
    ["acknowledged", `${count(crash.acknowledged.length)} commits before the kill`],
    ["found", `${count(audit.found)} of them, ${audit.missing.length} missing, ${audit.torn} torn`],
    ["unacknowledged", `${audit.unacknowledged} more found`],
    ["retention", `${count(audit.expired + tally.deleted)} rows deleted`],
    ["window query", describe(tally.queries)],
    ["series query", describe(results.wholeSeries)],
    ["check()", `${count(results.problems)} problems`],
  ];
  printFacts("Summary of the agent", facts);
}

/** Draws how busy the CPUs were over the run, or its last moments. */
export function printChart({ cpu, crash }: Results): void {
  if (cpu.length < 2) return;
  const seconds = (at: number) => (at - crash.startedAt) / 1000;
  print("\nBusy CPU: means of windows of samples, read back by range. The bar marks the kill.");
  print(
    drawShares(
      cpu.map(([[, at], share]) => [seconds(at), share]),
      seconds(crash.killedAt),
    ),
  );
}

function describe(queries: readonly Query[]): string {
  if (queries.length === 0) return "none";
  const rows = median(queries.map((query) => query.rows));
  const ms = median(queries.map((query) => query.ms));
  return `${count(rows)} rows in ${duration(ms)} (medians of ${count(queries.length)} range queries)`;
}

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
