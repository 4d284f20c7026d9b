import type { Operation, PeerTrials, PictureName, Report, Rows, SubjectName } from "../model.ts";

/** All that have samples; those that measure the other questions have no windows of the control plane. */
const ALL: readonly SubjectName[] = [
  "bucket",
  "collection",
  "controlPlane",
  "classicLevel",
  "sqliteJson",
  "sqliteColumns",
  "lmdb",
  "bbolt",
  "bboltStructs",
];
const PLAIN = ALL.filter((name) => name !== "controlPlane");
const GROWING: readonly SubjectName[] = ["bucket", "classicLevel", "sqliteJson", "lmdb", "bbolt"];
const GETS = 100;
const HOT = 100;
const AT_ONCE = 16;

type Targets = Report["targets"];

const POINT_TARGETS: Targets = { sqliteJson: 1.2, lmdb: 0.6 };

/** Ranges and points out of samples: 500,000 of them, with --quick 120,000. */
export const reads: readonly PeerTrials[] = [
  range(1),
  range(10),
  range(100, { bbolt: 1.3 }),
  range(1000, { classicLevel: 2, sqliteJson: 0.8, bbolt: 2.5 }),
  range(100_000, { sqliteJson: 1.1 }),
  together(1),
  together(10, { sqliteJson: 0.6 }),
  together(100),
  together(1000),
  ...[10, 1000].map((rows) =>
    trial(
      { kind: "window", rows },
      ALL,
      report(`window-${rows}`, `all samples of a window of time, ${rows} of them`, "Windows", `K = ${rows}`),
    ),
  ),
  ...[100, 1000].map((rows) =>
    trial(
      { kind: "latest", rows },
      PLAIN,
      report(`latest-${rows}`, `the latest ${rows} samples before a time`, "Newest first", `K = ${rows}`),
    ),
  ),
  points("get-hot", "of 100 samples", "hot", { kind: "gets", gets: GETS, among: HOT }),
  points("get-spread", "of all samples", "spread", { kind: "gets", gets: GETS }),
  trial(
    { kind: "views", gets: GETS },
    PLAIN,
    report(
      "get-alone",
      "a get of any sample in a transaction of its own",
      "Point gets",
      "alone",
      POINT_TARGETS,
    ),
  ),
  trial(
    { kind: "getMany", gets: GETS },
    PLAIN,
    report("get-many", "100 gets in one call, per get", "Point gets", "getMany(100)"),
  ),
];

/** The same questions to stores of growing size. */
export const growth: readonly PeerTrials[] = [10_000, 100_000, 1_000_000, 3_000_000].flatMap((rows) => {
  const isLarge = rows > 100_000;
  const growing = (name: string, title: string, operation: Operation, picture?: PictureName): PeerTrials => {
    const titled = report(
      `growth-${name}-${rows}`,
      `${title} out of ${rows}`,
      `Growth: ${title}`,
      `${rows} rows`,
    );
    const drawn = picture === undefined ? titled : { ...titled, picture, x: rows };
    return { ...trial(operation, GROWING, drawn, rows), ...(isLarge ? { full: true } : {}) };
  };
  return [
    growing("range", "the next 100 samples", { kind: "next", rows: 100, together: 1 }, "growth"),
    growing("get", "a get", { kind: "gets", gets: GETS }),
  ];
});

function range(rows: number, targets?: Targets): PeerTrials {
  const title = `the next ${rows} samples of a tenant from a time on`;
  const titled = report(`range-${rows}`, title, "Ranges", `K = ${rows}`, targets);
  return trial({ kind: "next", rows, together: 1 }, ALL, { ...titled, picture: "range", x: rows });
}

function together(rows: number, targets?: Targets): PeerTrials {
  return trial(
    { kind: "next", rows, together: AT_ONCE },
    ALL,
    report(
      `range-${rows}-at-once`,
      `the same, ${AT_ONCE} queries for ${rows} samples at a time, per query`,
      `Ranges, ${AT_ONCE} at a time`,
      `K = ${rows}`,
      targets,
    ),
  );
}

function points(name: string, which: string, column: string, operation: Operation): PeerTrials {
  const title = `${GETS} gets ${which} in one transaction, per get`;
  // Ours keeps rows that are read often by itself: lmdb can do the like.
  return trial(operation, [...PLAIN, "lmdbCached"], report(name, title, "Point gets", column, POINT_TARGETS));
}

function report(name: string, title: string, section: string, column: string, targets?: Targets): Report {
  return { name, title, section, column, unit: "us", ours: "bucket", ...(targets ? { targets } : {}) };
}

function trial(
  operation: Operation,
  subjects: readonly SubjectName[],
  single: Report,
  rows: Rows = "samples",
): PeerTrials {
  return {
    kind: "trials",
    about: "samples",
    rows,
    subjects,
    operation,
    fresh: false,
    sample: "operation",
    reports: [single],
  };
}
