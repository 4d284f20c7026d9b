import { existsSync, readdirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { type History, readHistory, writeBackup } from "./history.ts";
import type { Logger } from "./logger.ts";
import { type PlannedStep, planSteps } from "./plan.ts";
import { type MigrationProgress, runStep } from "./run-step.ts";
import type { Migration } from "./step.ts";

/** Options of {@link Migrations.migrate}. */
export interface MigrateOptions {
  /** The version to bring the store to; the last of the list by default. An earlier one than the store's goes back. */
  readonly to?: number | undefined;
  /**
   * Whether a backup is made before the first step: true (the default) beside the store's directory, or a directory
   * for it (where that is taken, one beside it). Without a directory of its own a store has a backup only where one is named. An empty store has none, and
   * a call that follows a failed one uses its backup where nothing was committed since. Old ones are yours to delete.
   */
  readonly backup?: boolean | string | undefined;
  /** Gets a line for each step. */
  readonly logger?: Logger | undefined;
  /** Stops between two steps or batches, with `ABORTED`; what was done stays, and goes on with the next call. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch of a batched step. */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
}

/** What {@link Migrations.migrate} did. */
export interface MigrateReport {
  readonly from: number;
  readonly to: number;
  /** The steps that were run, in order, with their times. */
  readonly steps: readonly {
    version: number;
    description: string;
    direction: "up" | "down";
    durationMs: number;
  }[];
  /** Where the backup lies that was made before the first of the steps; undefined where none was. */
  readonly backup: string | undefined;
}

/** The last call for each store: calls for one store wait for one another. */
const lastCalls = new WeakMap<Store, Promise<unknown>>();

/** Runs what is to be run, one call at a time. */
export function migrate(
  store: Store,
  list: readonly Migration[],
  options: MigrateOptions,
): Promise<MigrateReport> {
  store.guardAlone(false);
  const before = lastCalls.get(store) ?? Promise.resolve();
  const done = before.catch(() => undefined).then(() => migrateAlone(store, list, options));
  lastCalls.set(store, done);
  return done;
}

async function migrateAlone(
  store: Store,
  list: readonly Migration[],
  options: MigrateOptions,
): Promise<MigrateReport> {
  const history = await store.view(readHistory, { signal: options.signal });
  const planned = planSteps(list, history, options.to);
  if (planned.length === 0)
    return { from: history.version, to: history.version, steps: [], backup: undefined };
  store.guardAlone(true);
  // What is half done has its backup already: one made now would be of neither version.
  const backup =
    history.running === undefined ? await backUp(store, history, options) : history.running.backup;
  const steps: MigrateReport["steps"][number][] = [];
  for (const next of planned) {
    const durationMs = await runLogged(store, next, options, backup);
    const { version, description } = next.migration;
    steps.push({ version, description, direction: next.direction, durationMs });
  }
  const last = planned.at(-1) as PlannedStep;
  const to = last.direction === "up" ? last.migration.version : last.migration.version - 1;
  return { from: history.version, to, steps, backup };
}

async function backUp(
  store: Store,
  { version, backup: made }: History,
  { backup = true, logger, signal }: MigrateOptions,
): Promise<string | undefined> {
  if (backup === false || (await store.view((tx) => tx.buckets())).length === 0) return undefined;
  const wanted = backup === true ? wantedBeside(store) : backup === "" ? backup : resolve(backup);
  if (wanted === undefined) return undefined;
  // A service that fails, and is started again and again, must not fill the disk with copies of one state.
  const isCurrent = made !== undefined && made.commit === store.stats().commit && existsSync(made.path);
  if (isCurrent && (made.path === wanted || made.path.startsWith(`${wanted}-v`))) return made.path;
  const isTaken = backup === true || (existsSync(wanted) && !isEmpty(wanted));
  const time = new Date().toISOString().replace(/[:.]/g, "-");
  const target = isTaken ? `${wanted}-v${version}-${time}` : wanted;
  const { commit } = await store.backup(target, { signal });
  const path = resolve(target);
  // Noted only where nothing was committed since: else it is not of the state from which a step starts.
  await store.update((tx) => (tx.id === commit + 1 ? writeBackup(tx, version, path) : undefined), { signal });
  logger?.info(`migrations: backup of version ${version} in ${path}`);
  return path;
}

/** What the names of backups beside the store begin with. */
function wantedBeside({ directory }: Store): string | undefined {
  return directory === undefined ? undefined : `${directory}.backup`;
}

/** Whether a backup can go there; a file is for `backup()` to refuse. */
function isEmpty(path: string): boolean {
  return !statSync(path).isDirectory() || readdirSync(path).length === 0;
}

async function runLogged(
  store: Store,
  planned: PlannedStep,
  options: MigrateOptions,
  backup: string | undefined,
): Promise<number> {
  const { migration, direction } = planned;
  const named = `migration ${migration.version} ${direction} (${migration.description})`;
  try {
    const durationMs = await runStep(store, planned, {
      backup,
      signal: options.signal,
      onProgress: options.onProgress,
    });
    options.logger?.info(`${named}: done in ${Math.round(durationMs)} ms`);
    return durationMs;
  } catch (cause) {
    if (options.signal?.aborted && cause instanceof DatabaseError && cause.code === "ABORTED") {
      options.logger?.info(`${named}: stopped by the signal`);
      throw cause;
    }
    const error = failed(store, planned, cause, backup);
    options.logger?.error(error.message);
    throw error;
  }
}

function failed(
  store: Store,
  { migration, direction, step }: PlannedStep,
  cause: unknown,
  backup: string | undefined,
): DatabaseError {
  const { version, description } = migration;
  const message = cause instanceof Error ? cause.message : String(cause);
  const why = /[.!?]$/.test(message) ? message : `${message}.`;
  const state =
    typeof step === "function"
      ? `The store is as it was before the step.`
      : `Batches that were done before stay done.`;
  const restore =
    backup === undefined
      ? ""
      : ` A backup from before the first step lies in ${backup}: to go back to it, close the store and put it in the place of ${store.directory ?? "the store"}.`;
  return new DatabaseError(
    "MIGRATION_FAILED",
    `Migration ${version} ${direction} (${description}) failed: ${why} ${state} Mend the reason and call migrate() again.${restore}`,
    { cause, details: { version, direction, backup } },
  );
}
