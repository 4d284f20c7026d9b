import type { Awaitable } from "../awaitable.ts";
import { DatabaseError, unreadable } from "../errors.ts";
import { checkOptions, isArray, show } from "../store/options.ts";
import type { Transaction } from "../store/transaction.ts";

/** How a migration changes the store: at once, in one transaction, or batch by batch. */
export type Step = ((tx: Transaction) => unknown) | BatchedStep;

/** One entry of the list. */
export interface Migration {
  /** 1 for the first, and one more for each that follows. */
  readonly version: number;
  /** What it does, in a few words. Part of the history: once it was applied, it must not change. */
  readonly description: string;
  readonly up: Step;
  /** Undoes `up`. Without it, the migration cannot be taken back. */
  readonly down?: Step | undefined;
}

/** What a batch did. */
export interface Batch {
  /** Where the next one begins: any JSON. It is kept in the batch's own commit. */
  readonly cursor: unknown;
  /** How many rows the batch handled. */
  readonly rows: number;
}

/** A step over many rows: each batch is a commit, and after a crash the work goes on with the batch after the last. */
export interface BatchedStep {
  /** The top-level buckets and collections that nothing else may use until the step is done. */
  readonly affects: readonly string[];
  /** Counts the rows that there are to do, for progress. Called once. */
  readonly count?: ((tx: Transaction) => Awaitable<number>) | undefined;
  /**
   * Does the next batch.
   *
   * @param cursor what the batch before gave; undefined for the first
   * @returns undefined where nothing was left to do
   */
  readonly run: (tx: Transaction, cursor: unknown) => Awaitable<Batch | undefined>;
}

const OPTIONS = ["version", "description", "up", "down"];

/**
 * Checks a list of migrations.
 *
 * @throws DatabaseError `MIGRATION_INVALID` for a list that does not count from 1 without a gap, and for steps that are
 * neither functions nor batched
 */
export function checkList(list: readonly Migration[]): readonly Migration[] {
  if (!isArray(list)) throw invalid(`The list of migrations is ${show(list)}. Pass an array.`);
  const checked: Migration[] = [];
  try {
    // Not the list's own `map`: what that gives need not be migrations.
    for (let i = 0; i < list.length; i++) checked.push(checkMigration(list[i] as Migration, i + 1));
  } catch (cause) {
    throw unreadable("MIGRATION_INVALID", "The list of migrations", cause);
  }
  return Object.freeze(checked);
}

function checkMigration(migration: Migration, expected: number): Migration {
  checkOptions(migration ?? null, OPTIONS, `The migration at place ${expected}`);
  const { version, description, up, down } = migration;
  if (version !== expected) {
    throw invalid(
      `The migration at place ${expected} has the version ${show(version)}. Versions count from 1 without gaps or repeats, in order: give it ${expected}, and leave migrations that were released where they are.`,
    );
  }
  if (typeof description !== "string" || description.trim() === "" || !description.isWellFormed())
    throw invalid(`Migration ${version} has no description. Say in a few words what it does.`);
  if (!isStep(up))
    throw invalid(`The up of migration ${version} is ${show(up)}. Pass a function or a batched step.`);
  if (down !== undefined && !isStep(down))
    throw invalid(
      `The down of migration ${version} is ${show(down)}. Pass a function, a batched step, or nothing.`,
    );
  return Object.freeze({ version, description, up, down });
}

function isStep(step: unknown): step is Step {
  if (typeof step === "function") return true;
  const batched = step as BatchedStep | null | undefined;
  const names: unknown = batched?.affects;
  return (
    typeof batched?.run === "function" &&
    Array.isArray(names) &&
    names.every((name) => typeof name === "string")
  );
}

function invalid(message: string): DatabaseError {
  return new DatabaseError("MIGRATION_INVALID", message);
}
