// Builds the stores that are read: once per run, through the library, and compacted.
import { join } from "node:path";
import { openStore } from "./library.ts";
import {
  type DatasetName,
  type Directories,
  type Effort,
  type Progress,
  sidesOf,
  type Workload,
} from "./model.ts";
import { BUCKET, keyOf, recordOf } from "./rows.ts";

const ROWS_PER_TRANSACTION = 10_000;

/** Builds what these workloads read, below `directory`. */
export async function buildDatasets(
  workloads: readonly Workload[],
  directory: string,
  effort: Effort,
  signal: AbortSignal,
  onProgress: Progress,
): Promise<Directories> {
  const built: Partial<Record<DatasetName, string>> = {};
  for (const name of ["small", "medium", "large"] as const) {
    if (!workloads.some((workload) => sidesOf(workload).some((side) => side.store === name))) continue;
    const store = join(directory, name);
    await build(store, effort.rows[name], signal, (done) =>
      onProgress(`building the ${name} store`, done, effort.rows[name]),
    );
    built[name] = store;
  }
  return built;
}

async function build(
  directory: string,
  rows: number,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<void> {
  const store = await openStore(directory, { durability: "relaxed" });
  for (let first = 0; first < rows; first += ROWS_PER_TRANSACTION) {
    signal.throwIfAborted();
    onProgress(first);
    await store.update(async (tx) => {
      const bucket = await tx.createBucketIfNotExists(BUCKET);
      for (let row = first; row < Math.min(rows, first + ROWS_PER_TRANSACTION); row++) {
        await bucket.put(keyOf(row).tuple, recordOf(row));
      }
    });
  }
  await store.compact();
  await store.close();
}
