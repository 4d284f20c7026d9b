import type { Operation, Side, TrialWorkload } from "../lib/model.ts";

const GETS = 100;

/*
 * Two processes cannot be compared here: on few cores the very same trip to LevelDB's threads takes twice as long in
 * one process as in the next, or from one moment to the next, depending on where the kernel has put the two threads.
 * So the two sides of a pair run in one process, over one open database (it is opened first and given to both), and
 * take turns operation by operation. A process runs one pair only: neither code nor heap is shaped by other pairs.
 */
const PAIR =
  "each pair turn by turn in one process over one database: trips to its threads differ by process";

/** Reading ranges and single rows, against the best raw reader. */
export const reads: readonly TrialWorkload[] = [
  rangeWorkload(1000, 1.15),
  rangeWorkload(10, 1.25),
  {
    ...common("get", "round"),
    title: "get of random rows inside one open view, per get",
    method: "both in turns in one process over one database, so that they share its cache and its moment",
    groups: [
      [
        reader("ours: bucket.get()", "ours", { kind: "gets", gets: GETS }),
        reader("raw: getSync, JSON.parse", "raw", { kind: "gets", gets: GETS }),
      ],
    ],
    claims: [{ label: "ours: bucket.get()", versus: "raw: getSync, JSON.parse", atMost: 1.5 }],
  },
  {
    ...common("view-get", "operation"),
    title: "a fresh view for one get, start to end",
    method: "both in turns in one process over one database, so that they share its cache and its moment",
    groups: [
      [
        reader("ours: view, bucket, get", "ours", { kind: "view-get" }),
        reader("raw: getSync, JSON.parse", "raw", { kind: "view-get" }),
      ],
    ],
    claims: [{ label: "ours: view, bucket, get", limit: 25 }],
  },
  {
    ...common("store-size", "round"),
    title: "range of 20 rows out of a large store and out of a small one, each in an open view",
    method: "both in turns in one process: trips to a database's threads differ by process",
    groups: [
      [
        { ...reader("ours: large store", "ours", { kind: "range", rows: 20 }), store: "large" },
        { ...reader("ours: small store", "ours", { kind: "range", rows: 20 }), store: "small" },
      ],
    ],
    claims: [{ label: "ours: large store", versus: "ours: small store", atMost: 1.4 }],
  },
];

function rangeWorkload(rows: number, atMost: number): TrialWorkload {
  const ours = "ours: range, open view";
  const raw = "raw: iterator, JSON.parse";
  const oursAlone = "ours: range, a view each";
  const rawAlone = "raw: beside a view each";
  const oursValues = "ours: values, open view";
  const rawValues = "raw: iterator, values only";
  return {
    ...common(`range-${rows}`, "round"),
    title: `bucket.range().toArray() of ${rows} JSON rows beside a hand-tuned raw reader`,
    method: PAIR,
    groups: [
      [reader(ours, "ours", { kind: "range", rows }), reader(raw, "raw", { kind: "range", rows })],
      [
        reader(oursAlone, "ours", { kind: "view-range", rows }),
        reader(rawAlone, "raw", { kind: "view-range", rows }),
      ],
      [
        reader(oursValues, "ours", { kind: "values", rows }),
        reader(rawValues, "raw", { kind: "values", rows }),
      ],
    ],
    claims: [
      { label: ours, versus: raw, atMost },
      { label: oursAlone, versus: rawAlone },
      { label: oursValues, versus: rawValues },
    ],
  };
}

function common(name: string, sample: TrialWorkload["sample"]) {
  return { kind: "trials", name, unit: "us", sample, placement: "together" } as const;
}

function reader(label: string, subject: Side["subject"], operation: Operation): Side {
  return { label, subject, operation, store: "medium" };
}
