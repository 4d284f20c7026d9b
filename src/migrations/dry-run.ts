import { allRows, countRows } from "../engine/reader.ts";
import { PendingSource } from "../engine/source.ts";
import { abortError } from "../engine/wait-list.ts";
import type { WriteSet } from "../engine/write-set.ts";
import type { TransactionCore } from "../store/core.ts";
import { childPrefix, namesIn } from "../store/names.ts";
import type { Store } from "../store/store.ts";
import { droppedPrefix, isSystemRow, prefixOf, rowsOf } from "../store/system.ts";
import type { Transaction } from "../store/transaction.ts";
import { BUCKET, type Direction, readHistory, writeDone } from "./history.ts";
import { type PlannedStep, planSteps } from "./plan.ts";
import { runBatch } from "./run-step.ts";
import type { Migration } from "./step.ts";

/** What a step would do to the rows of a bucket. */
export interface RowChanges {
  put: number;
  deleted: number;
}

/** What a step would do. */
export interface DryRunStep {
  readonly version: number;
  readonly description: string;
  readonly direction: Direction;
  /** By the buckets' paths, those of indexes among them; the bucket of the history is left out. */
  readonly buckets: Readonly<Record<string, RowChanges>>;
  /** What it failed with; the steps after it are not tried. */
  readonly error: unknown;
}

/** Options of {@link Migrations.dryRun}. */
export interface DryRunOptions {
  /** The version to go to; the last of the list by default. */
  readonly to?: number | undefined;
  /** Stops between two steps or batches. */
  readonly signal?: AbortSignal | undefined;
}

const HISTORY_PREFIX = childPrefix("", BUCKET);

type Begin = (earlier: readonly WriteSet[]) => Transaction;

/** Runs the pending steps over an overlay that is forgotten. */
export async function dryRun(
  store: Store,
  list: readonly Migration[],
  { to, signal }: DryRunOptions,
): Promise<DryRunStep[]> {
  return store.rehearse(async (begin) => {
    const planned = planSteps(list, await readHistory(begin([])), to);
    const steps: DryRunStep[] = [];
    /** The writes of the steps so far, the latest first. */
    const earlier: WriteSet[] = [];
    for (const next of planned) {
      const { version, description } = next.migration;
      const { writes, buckets, error } = await rehearseStep(begin, next, earlier, signal);
      steps.push({ version, description, direction: next.direction, buckets, error });
      if (error !== undefined) break;
      earlier.unshift(writes);
    }
    return steps;
  });
}

async function rehearseStep(
  begin: Begin,
  planned: PlannedStep,
  earlier: readonly WriteSet[],
  signal: AbortSignal | undefined,
): Promise<{ writes: WriteSet; buckets: Record<string, RowChanges>; error: unknown }> {
  const tx = begin(earlier.slice());
  const writes = tx.core.guardWritable();
  let error: unknown;
  try {
    tx.core.migrating = true;
    await runWhole(tx, planned, signal);
  } catch (thrown) {
    if (signal?.aborted) throw thrown;
    error = thrown ?? new Error(String(thrown));
  }
  const buckets = await countChanges(tx, writes);
  tx.core.end();
  return { writes, buckets, error };
}

const NO_CALL = { since: 0, backup: undefined };

async function runWhole(
  tx: Transaction,
  planned: PlannedStep,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { step, migration, direction } = planned;
  if (signal?.aborted) throw abortError(signal);
  if (typeof step === "function") {
    await step(tx);
    return writeDone(tx, migration, direction, 0);
  }
  while (!(await runBatch(tx, planned, step, NO_CALL)).isDone) if (signal?.aborted) throw abortError(signal);
}

async function countChanges({ core }: Transaction, writes: WriteSet): Promise<Record<string, RowChanges>> {
  const counted = new Map<string, RowChanges>();
  const before = new PendingSource(core.base.source, core.base.layers);
  const dropped = new Set<string>();
  const changesIn = (prefix: string) => {
    const path = namesIn(prefix).join("/");
    const changes = counted.get(path) ?? { put: 0, deleted: 0 };
    counted.set(path, changes);
    return changes;
  };
  for (const [key, write] of writes.entries()) {
    const prefix = write === null ? undefined : droppedPrefix(key, write);
    if (prefix === undefined) continue;
    dropped.add(prefix);
    changesIn(prefix).deleted += await countIn(core, before, prefix);
  }
  for (const [key, write] of writes.entries()) {
    const prefix = prefixOf(key);
    if (isSystemRow(key) || prefix === HISTORY_PREFIX || dropped.has(prefix)) continue;
    // What was not there is not deleted, whatever was written.
    if (write !== null) changesIn(prefix).put++;
    else if ((await before.get(key, "view")) !== undefined) changesIn(prefix).deleted++;
  }
  return Object.fromEntries(counted);
}

async function countIn(core: TransactionCore, source: PendingSource, prefix: string): Promise<number> {
  const reader = source.read(allRows(rowsOf(prefix), false));
  try {
    return await countRows(reader, () => core.guardOpen());
  } finally {
    reader.close();
  }
}
