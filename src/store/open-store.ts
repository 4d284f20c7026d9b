import { openEngine } from "../engine/engine.ts";
import { openError } from "../engine/engine-errors.ts";
import { ExclusiveReaders } from "../engine/exclusive-readers.ts";
import type { AnyLevel } from "../engine/level.ts";
import type { Verify } from "../engine/leveldb/preflight.ts";
import { SnapshotReaders } from "../engine/snapshot-readers.ts";
import { DatabaseError } from "../errors.ts";
import { checkBoolean, checkCount, checkOptions, show } from "./options.ts";
import { type Durability, Store } from "./store.ts";
import { openFormat } from "./system.ts";

/** Options of {@link openStore}. */
export interface StoreOptions {
  /** Whether to make a store where there is none; true by default. */
  readonly createIfMissing?: boolean | undefined;
  /** Refuse writes, and make no store; false by default. The directory is held alone all the same. */
  readonly readOnly?: boolean | undefined;
  /**
   * "durable" (the default): a commit is on disk when it resolves; concurrent ones share a sync. "relaxed": it is with
   * the operating system, so that a killed process loses nothing, but a power cut may take the last commits, whole.
   */
  readonly durability?: Durability | undefined;
  /** How long to wait for another owner of the directory to close it, in milliseconds; 0 by default. */
  readonly lockTimeout?: number | undefined;
  /** How many commits readers may hold at a time; a further view waits. 32 by default. */
  readonly maxSnapshots?: number | undefined;
  /**
   * How many calls and transactions may be under way at a time, those that wait among them; a further one is refused
   * with `STORE_BUSY`. 16384 by default. Cost: each that waits holds some 2 KB, and what its callback holds.
   */
  readonly maxOpen?: number | undefined;
  /** How long a view may read after a later commit, in milliseconds; then it fails with `TX_EXPIRED`. 300000 by default. */
  readonly maxTransactionAge?: number | undefined;
  /**
   * Whose checksums are verified before a directory is opened: "changed" (the default): of files that are not as they
   * were when they were last known to be sound; "always": of all, which reads everything; "never": of none.
   */
  readonly verify?: Verify | undefined;
  /**
   * What is done where a power cut took a piece from the middle of the history, as it may of a "relaxed" store, so that
   * later commits are there without earlier ones. "refuse" (the default): `STORE_DAMAGED`. "prefix": the store goes back
   * to the last commit before the hole; the logs are kept under another name, and `stats().recovered` tells of it. What
   * has rotted since the last commits looks the same: ask for it where the latest commits are worth less than going on.
   */
  readonly recovery?: "refuse" | "prefix" | undefined;
}

/** The names of the options. */
export const STORE_OPTIONS: readonly string[] = [
  "createIfMissing",
  "readOnly",
  "durability",
  "lockTimeout",
  "maxOpen",
  "maxSnapshots",
  "maxTransactionAge",
  "recovery",
  "verify",
];

/**
 * Opens a store. Cost: it reads no rows, but verifies the files that changed since the store was closed in good order:
 * none, or after a crash those written since.
 *
 * @param location a directory, or an abstract-level 3 database, open or not; one that was open stays open when the
 * store closes
 * @param options see {@link StoreOptions}
 * @throws DatabaseError `OPTION_INVALID`, `PATH_INVALID`, `STORE_NOT_FOUND`, `STORE_LOCKED`, `LOCK_TIMEOUT`,
 * `STORE_INVALID`, `STORE_VERSION`, `STORE_DAMAGED`, `STORE_IO`, `ENGINE_UNSUITABLE`
 */
export async function openStore(location: string | AnyLevel, options: StoreOptions = {}): Promise<Store> {
  const settings = checkStoreOptions(options);
  const create = settings.createIfMissing && !settings.readOnly;
  const { lockTimeout, readOnly, verify } = settings;
  // Whoever may not write leaves the files as they are.
  const goesBack = settings.recovery === "prefix" && !readOnly;
  const engine = await openEngine(location, {
    createIfMissing: create,
    lockTimeout,
    readOnly,
    verify,
    goesBack,
  });
  try {
    const commit = await openFormat(engine, { create });
    const readers = engine.manifest.snapshots
      ? new SnapshotReaders(engine, { ...settings, commit })
      : new ExclusiveReaders(engine, { ...settings, commit });
    return new Store(engine, readers, { ...settings, commit });
  } catch (error) {
    await engine.close();
    throw openError(error, typeof location === "string" ? location : "the given database");
  }
}

function checkStoreOptions(options: StoreOptions) {
  checkOptions(options, STORE_OPTIONS, "openStore()");
  const settings = {
    createIfMissing: options.createIfMissing ?? true,
    readOnly: options.readOnly ?? false,
    durability: options.durability ?? "durable",
    lockTimeout: options.lockTimeout ?? 0,
    maxOpen: options.maxOpen ?? 16_384,
    maxSnapshots: options.maxSnapshots ?? 32,
    maxTransactionAge: options.maxTransactionAge ?? 300_000,
    verify: options.verify ?? "changed",
    recovery: options.recovery ?? "refuse",
  } as const;
  checkBoolean(settings.createIfMissing, "The option createIfMissing");
  checkBoolean(settings.readOnly, "The option readOnly");
  if (settings.durability !== "durable" && settings.durability !== "relaxed") {
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option durability is ${show(settings.durability)}. Pass "durable" or "relaxed".`,
    );
  }
  checkCount(settings.lockTimeout, 0, "The option lockTimeout");
  checkCount(settings.maxOpen, 1, "The option maxOpen");
  checkCount(settings.maxSnapshots, 1, "The option maxSnapshots");
  checkCount(settings.maxTransactionAge, 1, "The option maxTransactionAge");
  if (!["changed", "always", "never"].includes(settings.verify)) {
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option verify is ${show(settings.verify)}. Pass "changed", "always" or "never".`,
    );
  }
  if (settings.recovery !== "refuse" && settings.recovery !== "prefix") {
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option recovery is ${show(settings.recovery)}. Pass "refuse" or "prefix".`,
    );
  }
  if (settings.recovery === "prefix" && settings.verify === "never") {
    throw new DatabaseError(
      "OPTION_INVALID",
      'With verify: "never" nobody would see the hole that recovery: "prefix" is for. Leave one of the two out.',
    );
  }
  return settings;
}
