import { join } from "node:path";
import Database, { type Statement } from "better-sqlite3";
import type { Durability } from "../../lib/model.ts";
import type { Place, Reading, Sample } from "../rows.ts";
import {
  COVERING_READINGS,
  JSON_READINGS,
  JSON_SAMPLES,
  READING_COLUMNS,
  SAMPLE_COLUMNS,
  type Table,
} from "./sqlite-tables.ts";
import type { ReadingStore, SampleStore } from "./subject.ts";

/** How readings are written: a transaction each, or all that come in one turn of the event loop in one. */
type Writing = "each" | "coalesced";
type Open<Store> = (directory: string, durability: Durability) => Store;

/** better-sqlite3, samples as JSON text in one column. */
export const openJsonSamples: Open<SampleStore> = samplesOf(JSON_SAMPLES);
/** The same with a column for each field; a row is the object that SQLite gives. */
export const openColumnSamples: Open<SampleStore> = samplesOf(SAMPLE_COLUMNS);
/** Readings with two indexes. */
export const openJsonReadings: Open<ReadingStore> = readingsOf(JSON_READINGS, "each");
export const openColumnReadings: Open<ReadingStore> = readingsOf(READING_COLUMNS, "each");
/** The index over node and time holds the JSON text, too. */
export const openCoveringReadings: Open<ReadingStore> = readingsOf(COVERING_READINGS, "each");
/** Group commit by hand: what has come in meanwhile is one transaction. */
export const openCoalescedReadings: Open<ReadingStore> = readingsOf(JSON_READINGS, "coalesced");

/** WAL, as the documentation recommends, and in durable mode a sync for each commit. */
function openDatabase(directory: string, durability: Durability): Database {
  const db = new Database(join(directory, "data.sqlite"));
  db.pragma("journal_mode = WAL");
  db.pragma(`synchronous = ${durability === "durable" ? "FULL" : "NORMAL"}`);
  return db;
}

function samplesOf({ create, columns, row, object }: Table<Sample>): Open<SampleStore> {
  return (directory, durability) => {
    const db = openDatabase(directory, durability);
    db.exec(create);
    const ask = (rest: string) => selecting(db, `FROM samples WHERE tenantId = ? AND ${rest}`, object);
    const insert = db.prepare(insertInto("samples", columns));
    const next = ask("at >= ? ORDER BY at LIMIT ?");
    const window = ask("at >= ? AND at < ? ORDER BY at");
    const latest = ask("at < ? ORDER BY at DESC LIMIT ?");
    const one = ask("at = ?");
    const remove = db.prepare("DELETE FROM samples WHERE tenantId = ? AND at < ?");
    const get = ({ tenantId, at }: Place) => one.get(tenantId, at);
    const gets = db.transaction((places: readonly Place[]) => places.map(get));
    return {
      load: db.transaction((samples: readonly Sample[]) => {
        for (const sample of samples) insert.run(...row(sample));
      }),
      next: ({ tenantId, at }, limit) => next.all(tenantId, at, limit),
      window: ({ tenantId, at }, to) => window.all(tenantId, at, to),
      latest: ({ tenantId, at }, limit) => latest.all(tenantId, at, limit),
      get,
      gets,
      getMany: gets,
      deleteBefore: ({ tenantId, at }) => remove.run(tenantId, at),
      settle: () => settle(db),
      close: () => db.close(),
    };
  };
}

function readingsOf({ create, columns, row, object }: Table<Reading>, writing: Writing): Open<ReadingStore> {
  return (directory, durability) => {
    const db = openDatabase(directory, durability);
    db.exec(create);
    const ask = (rest: string) => selecting(db, `FROM readings WHERE ${rest}`, object);
    const insert = db.prepare(insertInto("readings", columns));
    const one = ask("tenantId = ? AND id = ?");
    const list = ask("tenantId = ? ORDER BY id");
    const byNode = ask("node = ? AND at >= ? ORDER BY at LIMIT ?");
    const byStatus = ask("tenantId = ? AND status = ? ORDER BY id");
    const write = db.transaction((readings: readonly Reading[]) => {
      for (const reading of readings) insert.run(...row(reading));
    });
    return {
      load: write,
      write: writing === "each" ? write : coalesce(write),
      get: (tenantId, id) => one.get(tenantId, id),
      list: (tenantId) => list.all(tenantId),
      byNode: (node, from, limit) => byNode.all(node, from, limit),
      byStatus: (tenantId, status) => byStatus.all(tenantId, status),
      settle: () => settle(db),
      close: () => db.close(),
    };
  };
}

/** A prepared query, which gives objects. */
interface Query {
  get(...parameters: unknown[]): unknown;
  all(...parameters: unknown[]): unknown[];
}

function selecting(db: Database, from: string, object: Table<never>["object"]): Query {
  if (object === "row") return db.prepare(`SELECT * ${from}`);
  const query: Statement<string> = db.prepare<string>(`SELECT value ${from}`).pluck();
  return {
    get(...parameters) {
      const text = query.get(...parameters);
      return text === undefined ? undefined : JSON.parse(text);
    },
    all: (...parameters) => query.all(...parameters).map((text) => JSON.parse(text)),
  };
}

function coalesce(
  write: (readings: readonly Reading[]) => void,
): (readings: readonly Reading[]) => Promise<void> {
  let waiting: { readonly readings: readonly Reading[]; readonly done: () => void }[] = [];
  const flush = () => {
    const group = waiting;
    waiting = [];
    write(group.flatMap(({ readings }) => readings));
    for (const { done } of group) done();
  };
  return (readings) =>
    new Promise((done) => {
      if (waiting.push({ readings, done }) === 1) setImmediate(flush);
    });
}

function insertInto(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
}

/** Gives the planner its statistics and the space of deleted rows back, and empties the log. */
function settle(db: Database): void {
  db.exec("ANALYZE");
  db.exec("VACUUM");
  db.pragma("wal_checkpoint(TRUNCATE)");
}
