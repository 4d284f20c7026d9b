import { checkBoolean, checkFunction, checkOptions, checkSignal } from "../store/options.ts";
import { checkStore, type Store } from "../store/store.ts";
import { type DryRunOptions, type DryRunStep, dryRun } from "./dry-run.ts";
import { type AppliedMigration, type RunningMigration, readHistory } from "./history.ts";
import { checkLogger } from "./logger.ts";
import { type MigrateOptions, type MigrateReport, migrate } from "./migrate.ts";
import { checkList, type Migration } from "./step.ts";

/** What {@link Migrations.status} tells. */
export interface MigrationStatus {
  /** The version of the store; 0 before the first migration. */
  readonly version: number;
  /** The last version of the list. */
  readonly latest: number;
  /** What the store went through, in order. */
  readonly applied: readonly AppliedMigration[];
  /** What of the list is still to be applied, in order. */
  readonly pending: readonly { readonly version: number; readonly description: string }[];
  /** The batched step that is half done, where there is one. */
  readonly running: RunningMigration | undefined;
}

/** An ordered list of migrations: an immutable value that holds no connection. Made by {@link migrations}. */
export class Migrations {
  readonly #list: readonly Migration[];

  /** @internal */
  constructor(list: readonly Migration[]) {
    this.#list = list;
    Object.freeze(this);
  }

  /**
   * Brings a store to a version: runs what is pending, in order, each step in one commit with its entry in the history
   * and the new version. Calls for one store wait for one another. Cost where nothing is pending: one read.
   *
   * @throws DatabaseError `MIGRATION_NEWER` for a store of a later release, `MIGRATION_MISMATCH` where its history is
   * not that of the list, `MIGRATION_IRREVERSIBLE` where a step on the way back has no `down`, all three before
   * anything is done; `MIGRATION_FAILED` with the step's error as its cause and `details` { version, direction, backup };
   * `ABORTED`, `OPTION_INVALID`
   */
  async migrate(store: Store, options: MigrateOptions = {}): Promise<MigrateReport> {
    checkStore(store, "migrate()");
    checkOptions(options, ["to", "backup", "logger", "signal", "onProgress"], "migrate()");
    const given = { ...options };
    checkSignal(given.signal);
    if (given.onProgress !== undefined) checkFunction(given.onProgress, "onProgress");
    if (typeof given.backup !== "string") checkBoolean(given.backup, "The option backup");
    return migrate(store, this.#list, { ...given, logger: checkLogger(given.logger) });
  }

  /**
   * Runs the pending steps for real, over an overlay that is forgotten: the store stays as it is, to the byte. Cost: as
   * the steps; what they would write is held in memory.
   *
   * @returns for each step what it would do, by bucket, and what it failed with
   * @throws DatabaseError as {@link migrate}, but for what steps throw
   */
  async dryRun(store: Store, options: DryRunOptions = {}): Promise<DryRunStep[]> {
    checkStore(store, "dryRun()");
    checkOptions(options, ["to", "signal"], "dryRun()");
    checkSignal(options.signal);
    return dryRun(store, this.#list, options);
  }

  /** Where a store stands. It only reads, and refuses nothing. */
  async status(store: Store): Promise<MigrationStatus> {
    checkStore(store, "status()");
    const { version, applied, running } = await store.view(readHistory);
    const pending = this.#list
      .filter((migration) => migration.version > version)
      .map(({ version: pendingVersion, description }) => ({ version: pendingVersion, description }));
    return { version, latest: this.#list.length, applied, pending, running };
  }
}

/**
 * Defines an ordered list of migrations.
 *
 * @example
 * const schema = migrations([
 *   { version: 1, description: "Users", up: async (tx) => void (await tx.createBucket("users")) },
 *   { version: 2, description: "Lower-case emails", up: eachRow("users", ([key, user], { bucket }) => …) },
 * ]);
 * await schema.migrate(store);
 *
 * @throws DatabaseError `MIGRATION_INVALID`, `OPTION_INVALID`
 */
export function migrations(list: readonly Migration[]): Migrations {
  return new Migrations(checkList(list));
}
