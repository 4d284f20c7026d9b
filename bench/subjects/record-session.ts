import type { Durability, IndexKind } from "../lib/model.ts";
import type { NodeKey, Reading } from "../lib/readings.ts";
import type { Database } from "./session.ts";

/** A transaction that stays open, on the collection that is read. */
export interface RecordReader {
  /** Records, or what entries hold, by an index over tenant, node and time, from a key on. */
  scan(from: NodeKey, limit: number): Promise<unknown[]>;
}

/** A subject on an open database: the calls from which the trials on records are made. */
export interface RecordSession {
  /** Writes new records, with two index entries each, in one transaction; resolves when they are committed. */
  puts(readings: readonly Reading[]): Promise<void>;
  /** Begins to read by an index of this kind, in a transaction that stays open until the session closes. */
  begin(by: IndexKind): Promise<RecordReader>;
  /** Ends what was begun; the database stays open. */
  close(): Promise<void>;
}

/** Makes a session on an open database, which may be empty, or shared with another subject. */
export type OpenRecordSession = (database: Database, durability: Durability) => Promise<RecordSession>;
