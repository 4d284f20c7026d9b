import type { Unit } from "../../lib/model.ts";
import type { Figure, PeerLives, SubjectName } from "../model.ts";

const PLAIN: readonly SubjectName[] = [
  "bucket",
  "classicLevel",
  "sqliteJson",
  "sqliteColumns",
  "lmdb",
  "bbolt",
];
const LOADED = 100_000;
const AGED = 100_000;

/** Loading, opening, memory, and deleting the older half. */
export const lives: readonly PeerLives[] = [
  {
    kind: "lives",
    about: "samples",
    rows: LOADED,
    subjects: ["bucket", "collection", ...PLAIN.slice(1)],
    life: "load",
    reports: [
      report(
        "load",
        `loading ${LOADED} samples in order, no commit waits for the disk, per sample`,
        "us",
        "Loading",
        "time",
      ),
      {
        ...report(
          "size",
          `what the files of ${LOADED} loaded samples take on disk`,
          "MiB",
          "Loading",
          "size",
        ),
        measured: "size",
      },
    ],
  },
  {
    kind: "lives",
    about: "samples",
    rows: "samples",
    subjects: PLAIN,
    life: "open",
    reports: [
      report("open", "opening the store, to the first sample", "us", "Opening", "open", "open"),
      report(
        "memory",
        "memory that the open store and 200 queries for 1000 samples add to a process",
        "MiB",
        "Opening",
        "memory",
        "resident",
      ),
      report(
        "memory-private",
        "the same without mapped files",
        "MiB",
        "Opening",
        "private memory",
        "private",
      ),
    ],
  },
  {
    kind: "lives",
    about: "samples",
    rows: AGED,
    subjects: PLAIN,
    life: "age",
    reports: [
      report("aged-before", `the oldest 100 samples of ${AGED}`, "us", "Deleting", "before", "before"),
      report("aged-after", "the same after the older half was deleted", "us", "Deleting", "after", "after"),
      report(
        "aged-settled",
        "the same after what the subject's documentation recommends then",
        "us",
        "Deleting",
        "settled",
        "settled",
      ),
    ],
  },
];

function report(
  name: string,
  title: string,
  unit: Unit,
  section: string,
  column: string,
  figure: Figure = name as Figure,
) {
  return { name, title, unit, section, column, figure, ours: "bucket" } as const;
}
