// The process that changes every row of a store, and makes sure that it did.
import { ClassicLevel } from "classic-level";
import { rewriters } from "../subjects/rewriters.ts";
import type { CopyTask } from "./copies.ts";
import { runTask, untilIdle } from "./copy-process.ts";
import { PeakMemory } from "./memory.ts";
import type { CopyRun } from "./model.ts";
import { END, keyOf, PREFIX, recordOf, rewritten } from "./rows.ts";

type RewriteTask = CopyTask<Extract<CopyRun, { program: "rewrite" }>>;

/** What it measured; memory is in MiB. */
interface RewriteFigures {
  /** Rows per second. */
  readonly rate: readonly number[];
  /** All resident memory of the process, at its peak. */
  readonly resident: readonly number[];
  /** By how much that is above what the open store took before. */
  readonly memory: readonly number[];
  /** The same without pages of mapped files. */
  readonly heap: readonly number[];
}

await runTask<RewriteTask>(run);

async function run({ directory, stored, subject }: RewriteTask): Promise<RewriteFigures> {
  const rewriter = await rewriters[subject](directory);
  await untilIdle();
  const memory = new PeakMemory();
  const start = performance.now();
  await rewriter.rewrite(() => memory.look());
  const seconds = (performance.now() - start) / 1000;
  const { peak, added } = memory;
  await rewriter.close();
  await check(directory, stored);
  return {
    rate: [stored / seconds],
    resident: [peak.resident],
    memory: [added.resident],
    heap: [added.anonymous],
  };
}

/** Makes sure that each row is as it has to be, to the letter: so every subject leaves the same behind. */
async function check(directory: string, stored: number): Promise<void> {
  const database = new ClassicLevel(directory);
  let row = 0;
  for await (const [key, value] of database.iterator({ gte: PREFIX, lt: END })) {
    if (key !== keyOf(row).text || value !== JSON.stringify(rewritten(recordOf(row))))
      throw new Error(`Row ${row} was left as ${value} under ${key}.`);
    row++;
  }
  await database.close();
  if (row !== stored) throw new Error(`The rewrite left ${row} rows of ${stored}.`);
}
