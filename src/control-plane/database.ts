import type { Awaitable } from "../awaitable.ts";
import { checkLogger, type Logger } from "../migrations/logger.ts";
import { openStore } from "../store/open-store.ts";
import { checkFunction } from "../store/options.ts";
import { checkWork, type WorkOptions } from "../store/progress.ts";
import type { Store, StoreStats } from "../store/store.ts";
import { ImportedKeys } from "./access/imported-keys.ts";
import { LastUsed } from "./access/last-used.ts";
import { checkTenantId, Scope, storeRunner, transactionRunner } from "./common/scope.ts";
import type { Settings } from "./common/settings.ts";
import { type CheckedOptions, checkDatabaseOptions, type DatabaseOptions } from "./database-options.ts";
import { DatabaseTransaction } from "./database-transaction.ts";
import { tryGoFile } from "./go-import/dry-run.ts";
import { type GoImportReport, importGoFile } from "./go-import/go-import.ts";
import { checkImport, type GoImportOptions } from "./go-import/import-options.ts";
import { Operations } from "./operations.ts";
import { Retention, type RetentionReport, type RetentionStats } from "./retention/retention.ts";
import { Timer } from "./retention/timer.ts";
import { controlPlaneSchema } from "./schema.ts";
import { TenantHandle } from "./tenant-handle.ts";
import { SYSTEM_TENANT } from "./tenants/tenant-record.ts";
import type { Chunks } from "./transfer/export-reader.ts";
import { importTenant } from "./transfer/import.ts";
import { COLLECTIONS } from "./transfer/tenant-rows.ts";
import { wipeTenant } from "./transfer/wipe.ts";

/** What {@link Database.stats} tells. */
export interface DatabaseStats {
  readonly store: StoreStats;
  readonly retention: RetentionStats;
}

/** The open database of a control plane. Made by `DatabaseManager.open()`. */
export class Database extends Operations implements AsyncDisposable {
  /** The store beneath: for buckets and collections of your own, backups and checks. */
  readonly store: Store;
  /** Deletes what has grown old: by itself while the database is open, or when it is told to. */
  readonly retention: Retention;
  readonly #settings: Settings;
  readonly #logger: Logger | undefined;
  readonly #timers: readonly Timer[];
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(store: Store, settings: Settings, { days, every }: CheckedOptions, logger: Logger | undefined) {
    super(storeRunner(store), settings);
    this.store = store;
    this.retention = new Retention(store, settings, days);
    this.#settings = settings;
    this.#logger = logger;
    const log = (error: unknown) => logger?.error(String(error));
    const retain = () => this.retention.run().catch(log);
    const flush = () => this.#flush().catch(log);
    const { readOnly } = store.stats();
    this.#timers = readOnly
      ? []
      : [
          ...(every === undefined ? [] : [new Timer(every, retain)]),
          new Timer(Math.max(1000, settings.lastUsedEvery), flush),
        ];
  }

  /**
   * The ground of one tenant: reaches its rows and no others. Cost: none; whether there is such a tenant shows with the
   * first write.
   *
   * @throws DatabaseError `KEY_REQUIRED`
   */
  tenant(id: string): TenantHandle {
    return new TenantHandle(
      this.store,
      new Scope(storeRunner(this.store), this.#settings, checkTenantId(id)),
    );
  }

  /**
   * Deletes a tenant with all its rows, in small commits, even one that is suspended. As `tenant(id).wipe()`.
   *
   * @returns how many rows there were
   * @throws DatabaseError `TENANT_REQUIRED` for the tenant "system", `ABORTED`
   */
  async wipeTenant(id: string, work: WorkOptions = {}): Promise<number> {
    checkWork(work, "wipeTenant()");
    const nothing = () => undefined;
    return wipeTenant(this.store, checkTenantId(id), work, nothing, async () => undefined);
  }

  /**
   * Brings a tenant back from an export of it. As `tenant(id).import()`, but one that is not there gets its limits from
   * the export, too.
   *
   * @returns how many records there were
   * @throws DatabaseError as `tenant(id).import()`
   */
  async importTenant(id: string, source: Chunks, work: WorkOptions = {}): Promise<number> {
    checkWork(work, "importTenant()");
    return importTenant(this.store, this.#settings, checkTenantId(id), source, work, true);
  }

  /**
   * Brings the bbolt file of a Go control plane over: its records become ours, indexes and counts are made from them,
   * buckets without a model are kept as they are. What does not fit goes to `system.quarantine`, with the reason. What
   * is there already stays, but for defaults that nobody changed; a file that was imported whole is not imported again.
   *
   * The file is read through before anything is written. Then it goes in small commits, beside other work: where it was
   * stopped, it goes on when it is called again. Cost: the file is read three times; memory is bounded.
   *
   * @param file the path of the file, to which nobody may write meanwhile
   * @param options `tenantId`: whose records become that name no tenant, "system" by default; `dryRun`: whether to try
   * it on a copy of the store; progress is told in rows of the file
   * @throws DatabaseError `BOLT_INVALID` for a file that is none of bbolt's, or of no control plane; `BOLT_DAMAGED`,
   * `BOLT_BUSY`; `MIGRATION_NEWER` for a schema version that is not known; `TENANT_BUSY` beside a wipe of a tenant that
   * it has records of; `ABORTED`, `OPTION_INVALID`, `TX_NESTED`
   */
  async importGoFile(file: string, options: GoImportOptions = {}): Promise<GoImportReport> {
    const { dryRun = false, tenantId = SYSTEM_TENANT, work } = checkImport(file, options);
    this.#settings.importedKeys.expect();
    const run = dryRun ? tryGoFile : importGoFile;
    return run(this.store, this.#settings, file, tenantId, work);
  }

  /**
   * Runs several operations in one commit, which is rolled back when the callback throws. Operations that it did not
   * await are waited for.
   *
   * @param fn gets the operations, valid until what it returns is settled
   * @throws what the callback throws; DatabaseError as `Store.update`
   */
  async update<T>(fn: (tx: DatabaseTransaction) => Awaitable<T>): Promise<T> {
    checkFunction(fn, "update()");
    return this.store.update(async (tx) => {
      const runner = transactionRunner(tx);
      const result = await fn(new DatabaseTransaction(tx, this.#settings, runner));
      await runner.finish();
      return result;
    });
  }

  /** Reads several things as they were at one moment. @throws what the callback throws; DatabaseError as `Store.view` */
  async view<T>(fn: (tx: DatabaseTransaction) => Awaitable<T>): Promise<T> {
    checkFunction(fn, "view()");
    return this.store.view((tx) => fn(new DatabaseTransaction(tx, this.#settings)));
  }

  /**
   * Deletes what is older than some days, of all kinds that grow with time: audit entries, metrics, sessions and API
   * keys that ended.
   *
   * @param days from 0 on
   * @returns how many rows were deleted, by kind
   * @throws DatabaseError as `retention.run`
   */
  cleanupOldData(days: number, work: WorkOptions = {}): Promise<RetentionReport> {
    const all = { minute: days, hour: days, day: days, nodeMetrics: days };
    return this.retention.clean({ ...all, sessions: days, apiKeys: days, audit: days }, work);
  }

  /** What the database is doing, and what became of retention. */
  async stats(): Promise<DatabaseStats> {
    return { store: this.store.stats(), retention: await this.retention.stats() };
  }

  /**
   * Waits for what is under way, then closes the store. Further calls wait for the same.
   *
   * @throws DatabaseError `TX_NESTED` within the callback of an update
   */
  async close(): Promise<void> {
    this.store.refuseNested();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) timer.stop();
    await this.retention.close();
    // What a store that failed says is told to whoever used it: the last uses of keys are no reason not to close.
    await this.#flush().catch((error) => this.#logger?.error(String(error)));
    await this.store.close();
  }

  async #flush(): Promise<void> {
    if (!this.store.stats().readOnly) await this.#settings.lastUsed.flush(storeRunner(this.store));
  }
}

/** Opens the store, migrates it, and brings its indexes up to date. */
export async function openDatabase(
  location: Parameters<typeof openStore>[0],
  options: DatabaseOptions = {},
): Promise<Database> {
  const checked = checkDatabaseOptions(options);
  const logger = checkLogger(options.logger);
  const lastUsed = new LastUsed({
    every: checked.settings.lastUsedEvery,
    readOnly: options.readOnly === true,
  });
  const store = await openStore(location, checked.store);
  try {
    if (options.readOnly !== true) await prepare(store, checked.settings.now, { ...options, logger });
    // An index that is not there yet tells nothing.
    const mayHaveImported = await ImportedKeys.in(store).catch(() => true);
    const settings = { ...checked.settings, lastUsed, importedKeys: new ImportedKeys(mayHaveImported) };
    return new Database(store, settings, checked, logger);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function prepare(store: Store, now: () => Date, options: DatabaseOptions): Promise<void> {
  const schema = controlPlaneSchema(now);
  const isNew = (await store.view((tx) => tx.buckets())).length === 0;
  await schema.migrate(store, { logger: options.logger, backup: isNew ? false : options.backup });
  for (const each of COLLECTIONS) {
    const { built, records } = await each.build(store);
    if (built.length > 0) options.logger?.info(`Built ${built.join(", ")} of ${records} ${each.name}`);
  }
}
