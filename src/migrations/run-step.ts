import { markMigrating as markCollection } from "../collections/registry.ts";
import { DatabaseError } from "../errors.ts";
import { findBucket, markMigrating } from "../store/catalog.ts";
import { show } from "../store/options.ts";
import type { Store } from "../store/store.ts";
import type { Transaction } from "../store/transaction.ts";
import { type RunningMigration, readRunning, writeDone, writeRunning } from "./history.ts";
import type { PlannedStep } from "./plan.ts";
import type { Batch, BatchedStep } from "./step.ts";

/** How far a batched step is. */
export interface MigrationProgress {
  readonly version: number;
  readonly description: string;
  /** Rows done so far, those of runs before among them. */
  readonly rows: number;
  /** How many there are, where the step counts them. */
  readonly total: number | undefined;
  /** The part that is done, from 0 to 1, where the total is known. */
  readonly share: number | undefined;
  /** Rows per second of the time spent so far. */
  readonly rate: number;
}

/** What a step needs of the call that runs it. */
export interface StepRun {
  /** Where the backup lies that was made before. */
  readonly backup: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: MigrationProgress) => void) | undefined;
}

/** Runs a step, and notes it in the same commit as its writes. @returns how long it took, in milliseconds */
export async function runStep(store: Store, planned: PlannedStep, run: StepRun): Promise<number> {
  const { step } = planned;
  if (typeof step !== "function") return runBatches(store, planned, step, run);
  return store.update(
    async (tx) => {
      const begun = performance.now();
      tx.core.migrating = true;
      await step(tx);
      const durationMs = performance.now() - begun;
      await writeDone(tx, planned.migration, planned.direction, durationMs);
      return durationMs;
    },
    { signal: run.signal },
  );
}

async function runBatches(
  store: Store,
  planned: PlannedStep,
  step: BatchedStep,
  { backup, signal, onProgress }: StepRun,
): Promise<number> {
  let since = performance.now();
  while (true) {
    const call = { since, backup };
    const { running, isDone, measured } = await store.update((tx) => runBatch(tx, planned, step, call), {
      signal,
    });
    since = measured;
    const { version, description, rows, total, durationMs } = running;
    if (isDone) return durationMs;
    onProgress?.({
      version,
      description,
      rows,
      total,
      share: total === undefined ? undefined : Math.min(1, rows / Math.max(1, total)),
      rate: (rows / Math.max(durationMs, 1)) * 1000,
    });
  }
}

/** What a batch needs to know of the call that runs it. */
interface Call {
  /** When the time spent was measured last: what the batch before took to commit counts with this one. */
  readonly since: number;
  readonly backup: string | undefined;
}

/** Does one batch, or finishes: all in the transaction's one commit. */
export async function runBatch(
  tx: Transaction,
  planned: PlannedStep,
  step: BatchedStep,
  { since, backup }: Call,
): Promise<{ running: RunningMigration; isDone: boolean; measured: number }> {
  tx.core.migrating = true;
  const running = (await readRunning(tx)) ?? (await begin(tx, planned, step, backup));
  const { version } = planned.migration;
  const batch = checkBatch(await step.run(tx, running.cursor), version);
  const measured = performance.now();
  const durationMs = running.durationMs + measured - since;
  if (batch === undefined) {
    await mark(tx, running.affects, undefined);
    await writeDone(tx, planned.migration, planned.direction, durationMs);
    return { running: { ...running, durationMs }, isDone: true, measured };
  }
  // After each batch, since a batch may make the buckets that are to be kept from others.
  await mark(tx, running.affects, version);
  const next = { ...running, rows: running.rows + batch.rows, cursor: batch.cursor, durationMs };
  await writeRunning(tx, next);
  return { running: next, isDone: false, measured };
}

function checkBatch(batch: Batch | undefined, version: number): Batch | undefined {
  if (batch === undefined) return undefined;
  const { cursor, rows } = (batch ?? {}) as Partial<Batch>;
  if (cursor !== undefined && Number.isSafeInteger(rows) && (rows as number) >= 0) return batch;
  throw new DatabaseError(
    "MIGRATION_INVALID",
    `The run of migration ${version} gave ${show(batch)}. Let it give { cursor, rows }, or undefined where nothing was left to do.`,
  );
}

async function begin(
  tx: Transaction,
  { migration, direction }: PlannedStep,
  step: BatchedStep,
  backup: string | undefined,
): Promise<RunningMigration> {
  const { version, description } = migration;
  const total = await step.count?.(tx);
  return {
    version,
    description,
    direction,
    affects: step.affects,
    startedAt: new Date().toISOString(),
    durationMs: 0,
    rows: 0,
    ...(total === undefined ? {} : { total }),
    ...(backup === undefined ? {} : { backup }),
  };
}

/** Keeps others from buckets and collections that are half migrated, or lets them in again. */
async function mark(tx: Transaction, names: readonly string[], version: number | undefined): Promise<void> {
  const { core } = tx;
  for (const name of names) {
    const state = await findBucket(core, core.root, name);
    if (state === undefined || state.record.migrating === version) continue;
    markMigrating(core, state, version);
    // The entries of a collection's indexes are as half done as its records.
    for (const index of await markCollection(core, name, version)) {
      const entries = await findBucket(core, core.root, index);
      if (entries !== undefined) markMigrating(core, entries, version);
    }
  }
}
