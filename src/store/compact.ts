import type { Engine } from "../engine/engine.ts";
import { readError } from "../engine/engine-errors.ts";
import type { MaintainedLevel } from "../engine/manifest.ts";
import { bucketNames, findBucket } from "./catalog.ts";
import { checkWork, report, type WorkOptions } from "./progress.ts";
import type { Transactions } from "./transactions.ts";

export type CompactOptions = WorkOptions;

/**
 * Makes the engine rewrite its rows without those that were deleted, one top-level bucket after another.
 *
 * An engine that keeps nothing of deleted rows has nothing to do.
 */
export async function compact(
  engine: Engine,
  transactions: Transactions,
  options: CompactOptions,
): Promise<void> {
  checkWork(options, "compact()");
  if (!engine.manifest.compactRange) return;
  const level = engine.level as MaintainedLevel;
  const prefixes = await topPrefixes(transactions);
  // The last range holds the store's own rows, and those of moved and deleted buckets wherever they lie.
  const ranges: [string, string][] = prefixes.map((prefix) => [prefix, `${prefix.slice(0, -1)}"`]);
  ranges.push(["!", "~"]);
  for (const [done, [from, to]] of ranges.entries()) {
    report(options, done, ranges.length);
    await level.compactRange(from, to, { keyEncoding: "utf8" }).catch((error) => {
      throw readError(error);
    });
  }
  options.onProgress?.({ done: ranges.length, total: ranges.length });
}

async function topPrefixes(transactions: Transactions): Promise<string[]> {
  const lease = await transactions.lease();
  const core = transactions.reader(lease);
  try {
    const prefixes: string[] = [];
    for (const name of await bucketNames(core, core.root)) {
      const bucket = await findBucket(core, core.root, name);
      if (bucket !== undefined) prefixes.push(bucket.record.prefix);
    }
    return prefixes;
  } finally {
    core.end();
    lease.release();
  }
}
