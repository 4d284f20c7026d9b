import type { CopySide, CopyWorkload, ProcessWorkload } from "../lib/model.ts";

const UNITS = { rate: "rows/s", resident: "MiB", memory: "MiB", heap: "MiB" } as const;
const OURS = "ours: eachRow()";
const OURS_TENTH = "ours: of a tenth";
const RAW = "raw: iterator, chained batches";
const PEAK = "ours: memory at its peak";
const PEAK_TENTH = "ours: memory, of a tenth";
const HEAP = "ours: added but mapped files";
const HEAP_TENTH = "ours: the same, of a tenth";
const PEAK_RAW = "raw: memory at its peak";
const PEAK_RAW_TENTH = "raw: memory, of a tenth";
const ADDED = "what migrate() adds";
const ADDED_AGAIN = "what it adds, opened once more";

/** What a migration costs that changes every row, and what one costs that has nothing to do. */
export const migrations: readonly (CopyWorkload | ProcessWorkload)[] = [
  {
    kind: "copies",
    name: "migrate-rewrite",
    title:
      "changing each of a million rows (with --quick 100,000) in durable batches, and of a tenth of them",
    method: "each in a new process on a copy of the store; all rows are compared afterwards",
    unit: "rows/s",
    sides: [
      side(OURS, "ours", "outdated", "rate"),
      side(RAW, "raw", "outdated", "rate"),
      side(OURS_TENTH, "ours", "outdatedTenth", "rate"),
      side(PEAK, "ours", "outdated", "resident"),
      side(PEAK_TENTH, "ours", "outdatedTenth", "resident"),
      side(PEAK_RAW, "raw", "outdated", "resident"),
      side(PEAK_RAW_TENTH, "raw", "outdatedTenth", "resident"),
      side(HEAP, "ours", "outdated", "heap"),
      side(HEAP_TENTH, "ours", "outdatedTenth", "heap"),
    ],
    claims: [
      { label: OURS, versus: RAW, atLeast: 0.7 },
      { label: PEAK, versus: PEAK_TENTH, atMost: 1.2 },
      { label: PEAK_RAW, versus: PEAK_RAW_TENTH },
      { label: HEAP, versus: HEAP_TENTH },
    ],
  },
  {
    kind: "processes",
    name: "migrate-open",
    title: "opening an up-to-date store with migrate(), each time in a new process",
    method: "all sides open the same directory, in turns; the store went through 20 steps",
    unit: "ms",
    measure: "open",
    sides: [
      { label: "open alone", subject: "ours", store: "upToDate" },
      { label: "open, then migrate()", subject: "migrated", store: "upToDate", measure: "migrated" },
      { label: ADDED, subject: "migrated", store: "upToDate", measure: "migrate" },
      { label: ADDED_AGAIN, subject: "migrated", store: "upToDate", measure: "remigrate" },
    ],
    claims: [
      { label: ADDED, limit: 1 },
      { label: ADDED_AGAIN, limit: 1 },
    ],
  },
];

function side(
  label: string,
  subject: "ours" | "raw",
  store: CopySide["store"],
  figure: keyof typeof UNITS,
): CopySide {
  return { label, store, run: { program: "rewrite", subject }, figure, unit: UNITS[figure] };
}
