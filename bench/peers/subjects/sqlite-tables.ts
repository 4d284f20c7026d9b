// The tables of SQLite: the key in front, then the row as JSON text or as columns. All are WITHOUT ROWID.
import type { Reading, Sample } from "../rows.ts";

/** A table, and how a row gets into it. */
export interface Table<Row> {
  readonly create: string;
  readonly columns: readonly string[];
  readonly row: (row: Row) => unknown[];
  /** What a query gives: the parsed `value`, or the row as SQLite gives it. */
  readonly object: "json" | "row";
}

const SAMPLE_FIELDS = ["id", "granularity", "cpu", "load", "memory", "node", "region"] as const;
const READING_FIELDS = ["rack", "region", "zone", "cpu", "load", "memory", "requests"] as const;
const READING_KEYS = ["tenantId", "id", "node", "status", "at"] as const;
const READING_KEYS_TYPED =
  "tenantId TEXT NOT NULL, id TEXT NOT NULL, node TEXT NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL";

export const JSON_SAMPLES: Table<Sample> = {
  create: samplesTable("value TEXT NOT NULL"),
  columns: ["tenantId", "at", "value"],
  row: (sample) => [sample.tenantId, Date.parse(sample.timestamp), JSON.stringify(sample)],
  object: "json",
};

export const SAMPLE_COLUMNS: Table<Sample> = {
  create: samplesTable("id TEXT, granularity TEXT, cpu REAL, load REAL, memory REAL, node TEXT, region TEXT"),
  columns: ["tenantId", "at", ...SAMPLE_FIELDS],
  row({ tenantId, timestamp, id, granularity, metrics, labels }) {
    const { cpu, load, memory } = metrics;
    return [tenantId, Date.parse(timestamp), id, granularity, cpu, load, memory, labels.node, labels.region];
  },
  object: "row",
};

export const JSON_READINGS: Table<Reading> = jsonReadings("node, at");
/** As above, but the index holds all that a query by it gives. */
export const COVERING_READINGS: Table<Reading> = jsonReadings("node, at, value");

export const READING_COLUMNS: Table<Reading> = {
  create: readingsTable(
    "rack TEXT, region TEXT, zone TEXT, cpu REAL, load REAL, memory REAL, requests INTEGER",
    "node, at",
  ),
  columns: [...READING_KEYS, ...READING_FIELDS],
  row({ labels: { rack, region, zone }, cpu, load, memory, requests, ...keys }) {
    return [...keysOf(keys), rack, region, zone, cpu, load, memory, requests];
  },
  object: "row",
};

function jsonReadings(byNode: string): Table<Reading> {
  return {
    create: readingsTable("value TEXT NOT NULL", byNode),
    columns: [...READING_KEYS, "value"],
    row: (reading) => [...keysOf(reading), JSON.stringify(reading)],
    object: "json",
  };
}

function keysOf(keys: Pick<Reading, (typeof READING_KEYS)[number]>): unknown[] {
  return READING_KEYS.map((key) => keys[key]);
}

function samplesTable(fields: string): string {
  return `CREATE TABLE IF NOT EXISTS samples (
    tenantId TEXT NOT NULL, at INTEGER NOT NULL, ${fields}, PRIMARY KEY (tenantId, at)
  ) WITHOUT ROWID`;
}

function readingsTable(fields: string, byNode: string): string {
  return `CREATE TABLE IF NOT EXISTS readings (
    ${READING_KEYS_TYPED}, ${fields}, PRIMARY KEY (tenantId, id)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS by_node ON readings (${byNode});
  CREATE INDEX IF NOT EXISTS by_status ON readings (tenantId, status)`;
}
