import type { CopySide, CopyWorkload } from "../lib/model.ts";

const UNITS = { rate: "rows/s", memory: "MiB", heap: "MiB", pause: "ms", update: "ms" } as const;
type Figure = keyof typeof UNITS;

const ALONE = "build alone";
const TENTH = "build alone, of a tenth";
const MEMORY = "memory added, at its peak";
const MEMORY_TENTH = "memory added, of a tenth";
const HEAP = "without mapped files";
const HEAP_TENTH = "without mapped files, tenth";
const BESIDE = "build beside a writer";
const PAUSE = "its updates meanwhile";
const UPDATE = "its updates afterwards";

/** Building an index over records that are there already, alone and while another writer goes on. */
export const indexBuild: readonly CopyWorkload[] = [
  {
    kind: "copies",
    name: "index-build",
    title: "building an index over a million records (with --quick 100,000), and over a tenth of them",
    method:
      "each build in a new process on a copy of the store; the writer puts one record per durable update",
    unit: "ms",
    sides: [
      alone(ALONE, "unindexed", "rate"),
      alone(TENTH, "tenth", "rate"),
      alone(MEMORY, "unindexed", "memory"),
      alone(MEMORY_TENTH, "tenth", "memory"),
      alone(HEAP, "unindexed", "heap"),
      alone(HEAP_TENTH, "tenth", "heap"),
      beside(BESIDE, "rate"),
      beside(PAUSE, "pause"),
      beside(UPDATE, "update"),
    ],
    claims: [
      { label: MEMORY, versus: MEMORY_TENTH },
      { label: HEAP, versus: HEAP_TENTH },
      { label: PAUSE, limit: 50 },
      { label: PAUSE, versus: UPDATE },
    ],
  },
];

function alone(label: string, store: CopySide["store"], figure: Figure): CopySide {
  return { label, store, run: { program: "build", writer: false }, figure, unit: UNITS[figure] };
}

function beside(label: string, figure: Figure): CopySide {
  const run = { program: "build", writer: true } as const;
  return { label, store: "unindexed", run, figure, unit: UNITS[figure] };
}
