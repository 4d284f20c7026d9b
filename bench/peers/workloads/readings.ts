import type { Operation, PeerTrials, Report, SubjectName } from "../model.ts";

const BASE = { kind: "trials", about: "readings" } as const;
const READERS: readonly SubjectName[] = [
  "bucket",
  "collection",
  "classicLevel",
  "sqliteJson",
  "sqliteColumns",
  "lmdb",
  "bbolt",
];
/** A covering index is a setting: who has one is measured with it as well. */
const BY_INDEX: readonly SubjectName[] = [
  "covering",
  ...READERS,
  "sqliteCovering",
  "lmdbCovering",
  "bboltCovering",
];
const WRITERS: readonly SubjectName[] = [
  "collection",
  "bucket",
  "classicLevel",
  "sqliteJson",
  "sqliteCoalesced",
  "lmdb",
  "bbolt",
];
const MIXED = { readers: 4, writers: 4, rows: 100 } as const;
/** Small enough for quick loading, large enough for the queries beside writers. */
const MIXED_STORED = 20_000;

/** Readings of a tenant, and by an index, out of 200,000; with --quick 50,000. */
export const indexes: readonly PeerTrials[] = [
  reader(
    { kind: "list" },
    READERS,
    report("list-1000", "all 1000 readings of a tenant", "collection", "Lists by prefix", "K = 1000"),
  ),
  ...[20, 100, 1000].map((rows) =>
    reader({ kind: "by-node", rows }, BY_INDEX, {
      ...report(
        `index-${rows}`,
        `the next ${rows} readings of a node from a time on, by an index`,
        "covering",
        "By an index",
        `K = ${rows}`,
      ),
      ...(rows === 1000 ? { targets: { sqliteJson: 1.2 } } : {}),
    }),
  ),
];

/** Durable commits of readings with two index entries each, into stores that begin empty. */
export const writes: readonly PeerTrials[] = [
  writer(1, 1, 16),
  writer(1, 10, 16),
  writer(1, 1000, 2, { sqliteJson: 1.2 }),
  writer(16, 1, 4),
  writer(16, 10, 4),
  { ...writer(16, 1000, 1), full: true },
  writer(64, 1, 4, { sqliteJson: 8, sqliteCoalesced: 1.5, lmdb: 2, bbolt: 5 }),
  writer(64, 10, 4),
  { ...writer(64, 1000, 1), full: true },
];

/** Readers and writers at once. */
export const mixed: PeerTrials = {
  ...BASE,
  rows: MIXED_STORED,
  subjects: WRITERS,
  operation: { kind: "mixed", ...MIXED },
  fresh: true,
  sample: "operation",
  reports: [
    mixedReport("mixed-reads", "a query for 100 readings by an index", "reads"),
    mixedReport("mixed-writes", "a durable commit of one reading", "writes"),
  ],
};

function mixedReport(name: string, what: string, column: string): Report {
  const title = `${what}, where ${MIXED.readers} of them and ${MIXED.writers} of the other come in at once`;
  return { ...report(name, title, "collection", "Readers and writers at once", column), tail: true };
}

function writer(writers: number, rows: number, each: number, targets?: Report["targets"]): PeerTrials {
  const who = writers === 1 ? "1 writer" : `${writers} writers`;
  const what = rows === 1 ? "a reading" : `${rows} readings`;
  const titled = report(
    `write-${writers}x${rows}`,
    `${who}, durable commits of ${what} with 2 index entries each, per commit`,
    "collection",
    "Durable writes",
    `${writers} x ${rows}`,
  );
  return {
    ...BASE,
    rows: 0,
    subjects: WRITERS,
    operation: { kind: "writes", writers, each, rows },
    fresh: true,
    sample: "round",
    reports: [
      {
        ...titled,
        ...(targets ? { targets } : {}),
        ...(rows === 1 ? { picture: "writers", x: writers } : {}),
      },
    ],
  };
}

function reader(operation: Operation, subjects: readonly SubjectName[], single: Report): PeerTrials {
  return {
    ...BASE,
    rows: "readings",
    subjects,
    operation,
    fresh: false,
    sample: "operation",
    reports: [single],
  };
}

function report(name: string, title: string, ours: SubjectName, section: string, column: string): Report {
  return { name, title, section, column, unit: "us", ours };
}
