import type { ProcessWorkload } from "../lib/model.ts";

/** What a process pays for having a store open. */
export const processes: readonly ProcessWorkload[] = [
  {
    kind: "processes",
    name: "open",
    title: "opening a store, each time in a new process",
    method: "all sides open the same directories, in turns",
    unit: "ms",
    measure: "open",
    sides: [
      { label: "ours: large store", subject: "ours", store: "large" },
      { label: "raw: large store", subject: "raw", store: "large" },
      { label: "ours: small store", subject: "ours", store: "small" },
    ],
    claims: [
      { label: "ours: large store", versus: "raw: large store", atMost: 1.3 },
      { label: "ours: large store", versus: "ours: small store" },
    ],
  },
  {
    kind: "processes",
    name: "reopen",
    title: "opening it once more, with all code loaded and compiled",
    method: "all sides open the same directories, in turns",
    unit: "ms",
    measure: "reopen",
    sides: [
      { label: "ours: large store", subject: "ours", store: "large" },
      { label: "raw: large store", subject: "raw", store: "large" },
    ],
    claims: [{ label: "ours: large store", versus: "raw: large store" }],
  },
  {
    kind: "processes",
    name: "memory",
    title: "memory that an open, idle store adds to a bare Node process",
    method:
      "resident memory some time after opening, each time in a new process; bare Node's of the same round is deducted",
    unit: "MiB",
    measure: "memory",
    sides: [
      { label: "bare Node, all of it", subject: "bare", store: "large" },
      { label: "ours: large store", subject: "ours", store: "large" },
      { label: "raw: large store", subject: "raw", store: "large" },
    ],
    claims: [{ label: "ours: large store", limit: 25 }],
  },
];
