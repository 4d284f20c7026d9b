import type { ClassicLevel } from "classic-level";
import type { Durability } from "../lib/model.ts";
import type { Row, RowKey } from "../lib/rows.ts";

/** A transaction that stays open. */
export interface Reader {
  /** `[key, value]` rows in key order, from this key on. */
  range(from: RowKey, limit: number): Promise<unknown[]>;
  /** Values in key order, from this key on. */
  values(from: RowKey, limit: number): Promise<unknown[]>;
  /** The values of rows, one after the other. */
  gets(keys: readonly RowKey[]): Promise<unknown[]>;
}

/** A subject on an open database: the few calls from which every trial is made. */
export interface Session {
  /** Begins to read in a transaction that stays open until the session closes. */
  begin(): Promise<Reader>;
  /** As a reader's, but in a transaction of its own. */
  range(from: RowKey, limit: number): Promise<unknown[]>;
  /** The value of a row, in a transaction of its own. */
  get(key: RowKey): Promise<unknown>;
  /** Writes rows in one transaction; resolves when they are committed. */
  puts(rows: readonly Row[], awaited: boolean): Promise<void>;
  /** What `range` gave, with its keys as charwise writes them: subjects must agree on this. */
  comparable(rows: unknown[]): unknown[];
  /** Ends what was begun; the database stays open. */
  close(): Promise<void>;
}

/** An open LevelDB, as both subjects are given it. */
export type Database = ClassicLevel<string, string>;

/** Makes a session on an open database, which may be empty, or shared with another subject. */
export type OpenSession = (database: Database, durability: Durability) => Promise<Session>;
