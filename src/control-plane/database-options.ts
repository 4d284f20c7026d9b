import { DatabaseError } from "../errors.ts";
import type { Logger } from "../migrations/logger.ts";
import { STORE_OPTIONS, type StoreOptions } from "../store/open-store.ts";
import { checkCount, checkFunction, checkOptions, show } from "../store/options.ts";
import type { Settings } from "./common/settings.ts";
import { checkDays, DEFAULT_DAYS, type RetentionDays } from "./retention/retention.ts";

/** When records are deleted, and which. */
export interface RetentionOptions extends Partial<RetentionDays> {
  /** Milliseconds between two runs, moved by up to a tenth; an hour by default. */
  readonly every?: number | undefined;
}

/** Options of `DatabaseManager.open()`, besides those of the store. */
export interface DatabaseOptions extends StoreOptions {
  /** The clock; the machine's by default. */
  readonly now?: (() => Date) | undefined;
  /** Days that records are kept, by kind, and how often that is looked after; false: only by hand. */
  readonly retention?: RetentionOptions | false | undefined;
  /** How many series of metrics a tenant may have; 10000 by default. */
  readonly maxSeries?: number | undefined;
  /** How long after its end an hour or a day is rolled up, in milliseconds; 300000 by default. Infinity: never; then minutes and hours are kept, too. */
  readonly rollUpDelay?: number | undefined;
  /** What API keys begin with; "mgk" by default. */
  readonly keyPrefix?: string | undefined;
  /** At most one write of a key's `lastUsed` in this time, in milliseconds; 300000 by default. */
  readonly lastUsedEvery?: number | undefined;
  /** Gets a line for each migration, and for each run of retention that failed. */
  readonly logger?: Logger | undefined;
  /** Whether, or where, a backup is made before a store is migrated; true by default. A new store needs none. */
  readonly backup?: boolean | string | undefined;
}

/** What the options come to. */
export interface CheckedOptions {
  readonly settings: Omit<Settings, "lastUsed" | "importedKeys">;
  readonly store: StoreOptions;
  readonly days: RetentionDays;
  /** Milliseconds between two runs of retention; undefined for none. */
  readonly every: number | undefined;
}

const OWN = [
  "now",
  "retention",
  "maxSeries",
  "rollUpDelay",
  "keyPrefix",
  "lastUsedEvery",
  "logger",
  "backup",
];
const HOUR_MS = 3_600_000;
/** Timers take no more. */
const MAX_EVERY = 2_000_000_000;

/** @throws DatabaseError `OPTION_INVALID` */
export function checkDatabaseOptions(options: DatabaseOptions): CheckedOptions {
  checkOptions(options, [...OWN, ...STORE_OPTIONS], "DatabaseManager.open()");
  const { now = () => new Date(), maxSeries = 10_000, rollUpDelay = 300_000, keyPrefix = "mgk" } = options;
  const { lastUsedEvery = 300_000, retention = {} } = options;
  checkFunction(now, "The option now");
  checkCount(maxSeries, 0, "The option maxSeries");
  checkCount(rollUpDelay, 0, "The option rollUpDelay");
  checkCount(lastUsedEvery, 0, "The option lastUsedEvery");
  if (typeof keyPrefix !== "string" || !/^[A-Za-z][A-Za-z0-9]{0,15}$/.test(keyPrefix))
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option keyPrefix is ${show(keyPrefix)}. Pass up to 16 letters and digits, a letter first.`,
    );
  const store = Object.fromEntries(Object.entries(options).filter(([name]) => STORE_OPTIONS.includes(name)));
  const settings = { now, maxSeries, rollUpDelay, keyPrefix, lastUsedEvery };
  return { settings, store, ...checkRetention(retention) };
}

function checkRetention(retention: RetentionOptions | false): Pick<CheckedOptions, "days" | "every"> {
  if (retention === false) return { days: DEFAULT_DAYS, every: undefined };
  checkOptions(retention, [...Object.keys(DEFAULT_DAYS), "every"], "retention");
  const { every = HOUR_MS, ...days } = retention;
  checkCount(every, 1, "The option retention.every");
  return { days: { ...DEFAULT_DAYS, ...checkDays(days) }, every: Math.min(every, MAX_EVERY) };
}
