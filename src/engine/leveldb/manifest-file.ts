import { ByteReader, fixed64 } from "./byte-reader.ts";
import { damaged } from "./damage.ts";
import { type LogFlaw, LogScan } from "./log-file.ts";

/*
 * A MANIFEST is a log whose records are edits: what changed from one state of the database to the next. The first one
 * tells all tables of the state before the opening that made the file, the second what that opening changed.
 *
 *   edit   = fields, each a number that names it (varint), then
 *            1  name of the comparator           2  number of the oldest log still needed
 *            3  next number for a file           4  last sequence number
 *            5  level, key: compaction pointer   6  level, number: table that went
 *            7  level, number, size, smallest key, largest key: table that came
 *            9  number of one more log (LevelDB of long ago)
 *   key    = length, user's key, then sequence number * 256 + kind as 8 bytes
 */

/** A table as the manifest describes it. */
export interface TableRecord {
  readonly number: number;
  readonly level: number;
  readonly size: number;
  /** The first and the last key, each with its sequence number. */
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

/** Since when a log is the oldest that is needed. */
export interface LogStart {
  readonly log: number;
  /** The last sequence number at that time; the log's first ones may be older. */
  readonly sequence: number;
  /** A sequence number that tables had by then: all of the log's are newer. */
  readonly inTables: number;
}

/** The state of the database that a manifest describes. */
export interface ManifestState {
  /** Logs from this number on hold what is in no table yet; 0 where none was ever made. */
  readonly logNumber: number;
  readonly previousLog: number;
  readonly lastSequence: number;
  readonly tables: ReadonlyMap<number, TableRecord>;
  /** All changes of `logNumber`, in order; the first is the opening's. */
  readonly starts: readonly LogStart[];
  /** Whether `logNumber` is still the one that the opening set. */
  readonly isFirstLog: boolean;
}

const LEVELS = 7;

/**
 * Reads a manifest.
 *
 * @param isClosed whether it was closed in good order; else its end may be torn
 * @throws DatabaseError `STORE_DAMAGED`
 */
export function readManifest(path: string, bytes: Uint8Array, isClosed: boolean): ManifestState {
  const edits = new Edits(path);
  const scan = new LogScan((record, offset) => edits.apply(record, offset));
  scan.push(bytes);
  for (const flaw of scan.end()) if (isClosed || !isTorn(flaw)) throw damaged(path, flaw.reason, flaw.offset);
  return edits.state();
}

/** LevelDB takes a bad checksum at the end of a manifest for damage, and so it is: each edit is synced. */
function isTorn(flaw: LogFlaw): boolean {
  return flaw.until === undefined && flaw.kind !== "bad";
}

class Edits {
  readonly #path: string;
  readonly #tables = new Map<number, TableRecord>();
  readonly #starts: LogStart[] = [];
  #logNumber: number | undefined;
  #previousLog = 0;
  #nextFile: number | undefined;
  #lastSequence: number | undefined;
  #inTables = 0;

  constructor(path: string) {
    this.#path = path;
  }

  apply(record: Uint8Array, offset: number): void {
    const reader = new ByteReader(record);
    const came: TableRecord[] = [];
    let log: number | undefined;
    while (!reader.done) {
      const field = reader.varint();
      if (field === 1) reader.lengthPrefixed();
      else if (field === 2) log = reader.varint();
      else if (field === 3) this.#nextFile = reader.varint();
      else if (field === 4) this.#lastSequence = reader.varint();
      else if (field === 9) this.#previousLog = reader.varint();
      else this.#applyTable(field, reader, came);
    }
    if (reader.failed) throw damaged(this.#path, "an edit cannot be read", offset);
    // A table that moves to another level goes and comes in one edit.
    for (const table of came) {
      this.#tables.set(table.number, table);
      this.#inTables = Math.max(this.#inTables, sequenceOf(table.smallest), sequenceOf(table.largest));
    }
    if (log === undefined) return;
    if (log !== this.#logNumber)
      this.#starts.push({ log, sequence: this.#lastSequence ?? 0, inTables: this.#inTables });
    this.#logNumber = log;
  }

  /** Takes one of the fields that begin with a level. */
  #applyTable(field: number, reader: ByteReader, came: TableRecord[]): void {
    const level = reader.varint();
    if (level >= LEVELS) reader.failed = true;
    if (field === 5) reader.lengthPrefixed();
    else if (field === 6) this.#tables.delete(reader.varint());
    else if (field === 7) came.push(readTable(reader, level));
    else reader.failed = true;
  }

  state(): ManifestState {
    const logNumber = this.#logNumber;
    const lastSequence = this.#lastSequence;
    if (logNumber === undefined || lastSequence === undefined || this.#nextFile === undefined)
      throw damaged(this.#path, "it ends before it tells the state of the database");
    return {
      logNumber,
      previousLog: this.#previousLog,
      lastSequence,
      tables: this.#tables,
      starts: this.#starts,
      isFirstLog: this.#starts.length < 2,
    };
  }
}

/** The sequence number in the last eight bytes of a table's key. */
function sequenceOf(key: Uint8Array): number {
  return key.length < 8 ? 0 : Math.floor(fixed64(key, key.length - 8) / 256);
}

function readTable(reader: ByteReader, level: number): TableRecord {
  const number = reader.varint();
  const size = reader.varint();
  // Copies: the views would keep the whole file in memory.
  const smallest = reader.lengthPrefixed().slice();
  return { level, number, size, smallest, largest: reader.lengthPrefixed().slice() };
}
