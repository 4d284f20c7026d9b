import type { IndexKind, RecordSide, TrialWorkload } from "../lib/model.ts";

const ROWS = 1000;
const OURS = "ours: collection.put()";
const BY_HAND = "ours: three puts by hand";
const RAW = "raw: three rows, sync";
const CHECKS = "schema: checks alone";
const PLAIN = "ours: plain index";

/** Records and their indexes: what they cost beside the same rows by hand. */
export const collections: readonly TrialWorkload[] = [
  {
    ...common("collection-put-1000"),
    title: "one durable transaction with 1000 puts of a record with 2 plain indexes",
    method:
      "each side in a process of its own, in turns; by hand, nothing is checked and no old record is looked for",
    unit: "ms",
    placement: "apart",
    groups: [[writer(OURS, "collection"), writer(BY_HAND, "buckets"), writer(RAW, "rawRecords")]],
    claims: [
      { label: OURS, versus: BY_HAND, atMost: 1.5 },
      { label: OURS, versus: RAW },
      { label: BY_HAND, versus: RAW },
    ],
  },
  {
    ...common("collection-validation"),
    title: "the schema's checks of the 1000 records of such a transaction",
    method: "each side in a process of its own, in turns, on the same records",
    unit: "ms",
    placement: "apart",
    groups: [
      [
        writer(OURS, "collection"),
        { ...writer(CHECKS, "collection"), operation: { kind: "checks", rows: ROWS } },
      ],
    ],
    claims: [{ label: CHECKS, of: OURS }],
  },
  {
    ...common("index-scan-1000"),
    title: "range of 1000 records by a plain index in an open view; raw: keys of the index, getSync each",
    method:
      "each pair turn by turn in one process over one database; a raw reader at a snapshot is right, too",
    unit: "us",
    placement: "together",
    groups: [
      [scanner(PLAIN, "collection", "plain"), scanner("raw: keys, getSync", "rawRecords", "plain")],
      [
        scanner("ours: beside a snapshot", "collection", "plain"),
        scanner("raw: the same at a snapshot", "rawSnapshot", "plain"),
      ],
    ],
    claims: [
      { label: PLAIN, versus: "raw: keys, getSync", atMost: 1.15 },
      { label: "ours: beside a snapshot", versus: "raw: the same at a snapshot" },
    ],
  },
  {
    ...kindWorkload("index-covering-1000", "ours: covering index", "covering"),
    title: "the same by an index that includes the record",
    claims: [{ label: "ours: covering index", versus: PLAIN, atLeast: 1.3 }],
  },
  {
    ...kindWorkload("index-projection-1000", "ours: entries of an index", "projection"),
    title: "the entries of an index that includes two fields, beside records by a plain index",
    claims: [{ label: "ours: entries of an index", versus: PLAIN }],
  },
];

function kindWorkload(name: string, label: string, by: IndexKind) {
  return {
    ...common(name),
    method: "both in turns in one process over one database, so that they share its cache and its moment",
    unit: "us",
    placement: "together",
    groups: [[scanner(label, "collection", by), scanner(PLAIN, "collection", "plain")]],
  } as const;
}

function common(name: string) {
  return { kind: "trials", name, sample: "round" } as const;
}

function writer(label: string, subject: RecordSide["subject"]): RecordSide {
  return { about: "records", label, subject, operation: { kind: "record-puts", rows: ROWS }, store: "empty" };
}

function scanner(label: string, subject: RecordSide["subject"], by: IndexKind): RecordSide {
  return { about: "records", label, subject, operation: { kind: "scan", by, rows: ROWS }, store: "scanned" };
}
