import type { Engine } from "../engine/engine.ts";
import { readError } from "../engine/engine-errors.ts";
import type { MaintainedLevel } from "../engine/manifest.ts";
import { DatabaseError } from "../errors.ts";
import { bucketNames, findBucket } from "./catalog.ts";
import { checkOptions, show } from "./options.ts";
import { checkWork, report, type WorkOptions } from "./progress.ts";
import type { Transactions } from "./transactions.ts";

export interface CompactOptions extends WorkOptions {
  /** The top-level buckets whose space is given back, by name; all, and what the store has besides, by default. */
  readonly buckets?: readonly string[] | undefined;
}

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
  checkOptions(options, ["signal", "onProgress", "buckets"], "compact()");
  const { buckets, ...work } = options;
  checkWork(work, "compact()");
  if (buckets !== undefined && !Array.isArray(buckets))
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option buckets is ${show(buckets)}. Pass an array of names.`,
    );
  if (!engine.manifest.compactRange) return;
  const level = engine.level as MaintainedLevel;
  const prefixes = await topPrefixes(transactions, buckets);
  // The last range holds the store's own rows, and those of moved and deleted buckets wherever they lie.
  const ranges: [string, string][] = prefixes.map((prefix) => [prefix, `${prefix.slice(0, -1)}"`]);
  if (buckets === undefined) ranges.push(["!", "~"]);
  for (const [done, [from, to]] of ranges.entries()) {
    report(work, done, ranges.length);
    await level.compactRange(from, to, { keyEncoding: "utf8" }).catch((error) => {
      throw readError(error);
    });
  }
  work.onProgress?.({ done: ranges.length, total: ranges.length });
}

async function topPrefixes(
  transactions: Transactions,
  wanted: readonly string[] | undefined,
): Promise<string[]> {
  const lease = await transactions.lease();
  const core = transactions.reader(lease);
  try {
    const prefixes: string[] = [];
    for (const name of await bucketNames(core, core.root)) {
      if (wanted?.includes(name) === false) continue;
      const bucket = await findBucket(core, core.root, name);
      if (bucket !== undefined) prefixes.push(bucket.record.prefix);
    }
    return prefixes;
  } finally {
    core.end();
    lease.release();
  }
}
