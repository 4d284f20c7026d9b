/*
 * What the store knows of its migrations: rows of the bucket "migrations", values as JSON.
 *
 *   "schema_version"       the version: that of the last migration applied; 0, or no row, where there was none
 *   "migration_001", …     { version, description, appliedAt, durationMs }, one for each applied
 *   "migration_running"    { version, description, direction, affects, startedAt, durationMs, rows, total?, cursor?,
 *                          backup? } while a batched step is half done
 *   "migration_backup"     { commit, version, path } between a backup and the first step that was done after it
 *
 * Each changes in the same commit as what it tells of.
 */
import { DatabaseError } from "../errors.ts";
import type { Transaction } from "../store/transaction.ts";
import type { Migration } from "./step.ts";

/** Up to a later version, or down to an earlier one. */
export type Direction = "up" | "down";

/** A migration that was applied. */
export interface AppliedMigration {
  readonly version: number;
  readonly description: string;
  /** When it was done, as ISO text. */
  readonly appliedAt: string;
  readonly durationMs: number;
}

/** A batched step that is half done. */
export interface RunningMigration {
  readonly version: number;
  readonly description: string;
  readonly direction: Direction;
  /** The buckets and collections that cannot be used until it is done. */
  readonly affects: readonly string[];
  /** When it was begun, as ISO text. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** Rows done so far. */
  readonly rows: number;
  readonly total?: number;
  readonly cursor?: unknown;
  /** Where the backup lies that was made before the first of the steps. */
  readonly backup?: string;
}

/** Where a store stands. */
export interface History {
  readonly version: number;
  /** By version. */
  readonly applied: readonly AppliedMigration[];
  readonly running: RunningMigration | undefined;
  /** The backup that was made last, where no step was done since. */
  readonly backup: MadeBackup | undefined;
}

/** A backup made before the first of the steps. */
export interface MadeBackup {
  /** The commit that noted it: where it is the store's last, the backup is of the store as it is. */
  readonly commit: number;
  readonly version: number;
  readonly path: string;
}

/** The name of the bucket that holds all this. */
export const BUCKET = "migrations";
const VERSION = "schema_version";
const RUNNING = "migration_running";
const BACKUP = "migration_backup";
/** Entries read at the most: a version that is damaged must not make a list without an end. */
const MAX_ENTRIES = 10_000;

/** @throws DatabaseError `DATA_CORRUPT` */
export async function readHistory(tx: Transaction): Promise<History> {
  const bucket = await tx.bucket<unknown, string>(BUCKET);
  if (bucket === undefined) return { version: 0, applied: [], running: undefined, backup: undefined };
  const version = (await bucket.get(VERSION)) ?? 0;
  if (!Number.isSafeInteger(version) || (version as number) < 0) {
    throw new DatabaseError(
      "DATA_CORRUPT",
      `The row ${VERSION} of the bucket ${BUCKET} is ${JSON.stringify(version)}, not a version. Restore a backup.`,
    );
  }
  // By key, and not by range: point reads need no trip to another thread.
  const known = Math.min(version as number, MAX_ENTRIES);
  const keys = Array.from({ length: known }, (_, i) => entryKey(i + 1));
  const entries = (await bucket.getMany(keys)) as (AppliedMigration | undefined)[];
  // Older programs wrote a version without a history.
  const applied = entries.filter((entry) => entry !== undefined);
  const running = (await bucket.get(RUNNING)) as RunningMigration | undefined;
  const backup = (await bucket.get(BACKUP)) as MadeBackup | undefined;
  return { version: version as number, applied, running, backup };
}

/** The step that is half done, where there is one. */
export async function readRunning(tx: Transaction): Promise<RunningMigration | undefined> {
  const bucket = await tx.bucket<unknown, string>(BUCKET);
  return (await bucket?.get(RUNNING)) as RunningMigration | undefined;
}

/** Notes that a migration was applied, or taken back. */
export async function writeDone(
  tx: Transaction,
  migration: Migration,
  direction: Direction,
  durationMs: number,
): Promise<void> {
  const bucket = await tx.createBucketIfNotExists<unknown, string>(BUCKET);
  const { version, description } = migration;
  const entry: AppliedMigration = {
    version,
    description,
    appliedAt: new Date().toISOString(),
    durationMs: Math.round(durationMs),
  };
  if (direction === "up") await bucket.put(entryKey(version), entry);
  else await bucket.delete(entryKey(version));
  await bucket.put(VERSION, direction === "up" ? version : version - 1);
  await bucket.delete(RUNNING);
  await bucket.delete(BACKUP);
}

/** Notes how far a batched step is. */
export async function writeRunning(tx: Transaction, running: RunningMigration): Promise<void> {
  const bucket = await tx.createBucketIfNotExists<unknown, string>(BUCKET);
  await bucket.put(RUNNING, running);
}

/** Notes where a backup was made. */
export async function writeBackup(tx: Transaction, version: number, path: string): Promise<void> {
  const bucket = await tx.createBucketIfNotExists<unknown, string>(BUCKET);
  await bucket.put(BACKUP, { commit: tx.id, version, path });
}

function entryKey(version: number): string {
  return `migration_${String(version).padStart(3, "0")}`;
}
