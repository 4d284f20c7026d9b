/** The long run: kills, stale reads and leaks, with a summary. It ends with 1 where anything was wrong. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runKills } from "./kills/run.ts";
import { leaksIn, runLeaks } from "./leaks/run.ts";
import { Line } from "./line.ts";
import { type Options, type Part, readOptions } from "./options.ts";
import { soak } from "./stale/soak.ts";

/** Commits that are awaited before a kill, at the most. */
const COMMITS = 120;
/** Kills that a database lives through. */
const LIFETIME = 20;
/** After how many transactions memory is looked at first, and how much more there may be in the end. */
const EARLY = 10_000;
const MOST = 1.1;

/** What a part came to: its figures, and what was wrong. */
interface Outcome {
  readonly figures: object;
  readonly wrong: readonly string[];
}

type Run = (options: Options, directory: string, show: (text: string) => void) => Promise<Outcome>;

const RUNS: Readonly<Record<Part, Run>> = {
  kills: async ({ kills, seed }, directory, show) => {
    const onKill = (report: { readonly kills: number; readonly acknowledged: number }) =>
      show(`${report.kills} of ${kills} kills, ${report.acknowledged} acknowledged commits`);
    const orders = { kills, seed, directory, commits: COMMITS, lifetime: LIFETIME };
    return { figures: await runKills({ ...orders, onKill }), wrong: [] };
  },
  stale: async ({ overwrites, seed }, directory, show) => {
    const figures: Record<string, object> = {};
    const wrong: string[] = [];
    for (const encoding of ["utf8", "json"] as const) {
      const started = performance.now();
      const rate = (done: number) => Math.round((done * 1000) / (performance.now() - started));
      const half = overwrites / 2;
      const report = await soak({
        ...{ directory: join(directory, encoding), seed, encoding, overwrites: half },
        onProgress: ({ overwrites: done, stale }) =>
          show(`${encoding}: ${done} of ${half} overwrites, ${rate(done)} a second, ${stale} stale reads`),
      });
      for (const example of report.examples) wrong.push(`A stale read: ${JSON.stringify(example)}`);
      figures[encoding] = { ...report, "overwrites per second": rate(report.overwrites) };
    }
    return { figures, wrong };
  },
  leaks: async ({ transactions }, directory, show) => {
    const earlier = [EARLY, 4 * EARLY, 10 * EARLY].filter((n) => n < transactions);
    const looks = [...earlier, transactions];
    const onProgress = (done: number) => show(`${done} of ${transactions} transactions`);
    const report = await runLeaks({
      directory: join(directory, "store"),
      work: "transactions",
      looks,
      onProgress,
    });
    const wrong = leaksIn(report);
    for (const [what, ratio] of Object.entries(report.ratios))
      if (ratio > MOST) wrong.push(`${what}: ${ratio.toFixed(2)} times what it was after ${looks[0]}`);
    return { figures: report, wrong };
  },
};

async function runPart(part: Part, options: Options, directory: string): Promise<Outcome> {
  const line = new Line();
  const show = (text: string) => line.show(`${part}: ${text}`);
  await mkdir(directory);
  try {
    return await RUNS[part](options, directory, show);
  } catch (error) {
    return { figures: {}, wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)] };
  } finally {
    line.clear();
  }
}

async function main(options: Options): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "meshgate-torture-"));
  const summary: Record<string, unknown> = { seed: options.seed };
  let isWrong = false;
  process.stdout.write(`seed ${options.seed}\n`);
  for (const part of options.parts) {
    const started = performance.now();
    const { figures, wrong } = await runPart(part, options, join(directory, part));
    const seconds = Math.round((performance.now() - started) / 1000);
    summary[part] = { ok: wrong.length === 0, seconds, ...figures, wrong };
    isWrong ||= wrong.length > 0;
    process.stdout.write(
      `${part}: ${wrong.length === 0 ? "ok" : "WRONG"}, ${seconds} s ${JSON.stringify(figures)}\n`,
    );
    for (const each of wrong) process.stdout.write(`  ${each}\n`);
    if (wrong.length === 0) await rm(join(directory, part), { recursive: true });
  }
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(summary, undefined, 2)}\n`);
  if (isWrong) process.stdout.write(`What was wrong lies in ${directory}\n`);
  else await rm(directory, { recursive: true });
  process.exitCode = isWrong ? 1 : 0;
}

await main(readOptions(process.argv.slice(2)));
