import type { ImportedKeys } from "../access/imported-keys.ts";
import type { LastUsed } from "../access/last-used.ts";

/** What the operations of an open database share. */
export interface Settings {
  /** The clock. */
  readonly now: () => Date;
  /** How many series of metrics a tenant may have. */
  readonly maxSeries: number;
  /** How long after the end of an hour or a day its roll-up waits for late snapshots, in milliseconds. */
  readonly rollUpDelay: number;
  /** What API keys begin with. */
  readonly keyPrefix: string;
  /** At most one write of `lastUsed` a key in this time, in milliseconds. */
  readonly lastUsedEvery: number;
  /** Uses of API keys that were not written yet. */
  readonly lastUsed: LastUsed;
  /** Whether there may be API keys from elsewhere. */
  readonly importedKeys: ImportedKeys;
}
