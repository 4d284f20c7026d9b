import { cpus, totalmem } from "node:os";
import type { Query } from "./agent.ts";
import { drawShares } from "./chart.ts";
import type { Results } from "./run.ts";
import type { Source } from "./sampler.ts";
import { count, duration, print } from "./terminal.ts";

/** Tells what machine this is, and where its figures come from. */
export function printMachine(sources: readonly Source[]): void {
  const processors = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(1);
  print(
    `Machine   ${processors.length} x ${processors[0]?.model ?? "CPU"}, ${memory} GiB, ${process.platform}`,
  );
  for (const { name, origin, metrics } of sources) {
    const figures = metrics.map((metric) => metric.slice(name.length + 1)).join(", ");
    print(`${name.padEnd(9)} ${figures} (${origin})`);
  }
  const missing = ["disk", "network"].filter((name) => sources.every((source) => source.name !== name));
  if (missing.length > 0) print(`There is no /proc here: no figures of ${missing.join(" and ")}.`);
}

/** Prints the facts of a run, one a line. */
export function printSummary({ crash, audit, resumed, ...results }: Results): void {
  const { tally, commits, groups } = resumed;
  const crashed = crash.acknowledged.reduce((rows, { figures }) => rows + Object.keys(figures).length, 0);
  const rows = crashed + tally.rows;
  const seconds = (crash.killedAt - crash.startedAt) / 1000 + resumed.seconds;
  const facts: [name: string, fact: string][] = [
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
  print("Summary");
  for (const [name, fact] of facts) print(`  ${name.padEnd(15)} ${fact}`);
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
