// Builds the stores that are read: once per run, through the library, and compacted.
import { join } from "node:path";
import { buildControlPlane } from "./control-plane-datasets.ts";
import type { ControlPlaneName } from "./control-plane-model.ts";
import { writeGoFile } from "./go-file.ts";
import { migrations, openStore } from "./library.ts";
import {
  type DatasetName,
  type Directories,
  type Effort,
  type GoFileName,
  type Progress,
  sidesOf,
  type Workload,
} from "./model.ts";
import { readingsOf, scanned, unindexed } from "./readings.ts";
import { BUCKET, keyOf, recordOf } from "./rows.ts";

const ROWS_PER_TRANSACTION = 10_000;

type Store = Awaited<ReturnType<typeof openStore>>;
type Transaction = Awaited<ReturnType<Store["begin"]>>;

/** Datasets that are stores alone. */
type StoreName = Exclude<DatasetName, ControlPlaneName | GoFileName>;

/** Writes rows from a number on. */
type Fill = (tx: Transaction, first: number, count: number) => Promise<unknown>;

/** The descriptions of the steps that an up-to-date store went through. */
export const STEPS: readonly string[] = Array.from({ length: 20 }, (_, index) => `Step ${index + 1}`);

const FILLS: Readonly<Record<StoreName, Fill>> = {
  small: putRows,
  medium: putRows,
  large: putRows,
  scanned: (tx, first, count) => scanned.in(tx).putMany(readingsOf(first, count)),
  unindexed: (tx, first, count) => unindexed.in(tx).putMany(readingsOf(first, count)),
  tenth: (tx, first, count) => unindexed.in(tx).putMany(readingsOf(first, count)),
  outdated: putRows,
  outdatedTenth: putRows,
  upToDate: putRows,
};

function isStore(name: DatasetName): name is StoreName {
  return name in FILLS;
}

/** Builds what these workloads read, below `directory`. @param onMissing is told what cannot be made here, and why */
export async function buildDatasets(
  workloads: readonly Workload[],
  directory: string,
  effort: Effort,
  signal: AbortSignal,
  onProgress: Progress,
  onMissing: (name: DatasetName, reason: string) => void,
): Promise<Directories> {
  const built: Partial<Record<DatasetName, string>> = {};
  for (const name of Object.keys(effort.rows) as DatasetName[]) {
    if (!workloads.some((workload) => sidesOf(workload).some((side) => side.store === name))) continue;
    const store = join(directory, name);
    const rows = effort.rows[name];
    const tell = (done: number) => {
      signal.throwIfAborted();
      onProgress(`building the ${name} store`, done, rows);
    };
    if (name === "goFile") {
      tell(0);
      const missing = await writeGoFile(store, rows, signal);
      if (missing !== undefined) {
        onMissing(name, missing);
        continue;
      }
    } else
      await (isStore(name) ? build(name, store, rows, tell) : buildControlPlane(name, store, rows, tell));
    built[name] = store;
  }
  return built;
}

async function build(
  name: StoreName,
  directory: string,
  rows: number,
  onProgress: (done: number) => void,
): Promise<void> {
  const store = await openStore(directory, { durability: "relaxed" });
  for (let first = 0; first < rows; first += ROWS_PER_TRANSACTION) {
    onProgress(first);
    await store.update((tx) => FILLS[name](tx, first, Math.min(rows - first, ROWS_PER_TRANSACTION)));
  }
  if (name === "upToDate") await bringUpToDate(store);
  await store.compact();
  await store.close();
}

async function putRows(tx: Transaction, first: number, count: number): Promise<void> {
  const bucket = await tx.createBucketIfNotExists(BUCKET);
  for (let row = first; row < first + count; row++) await bucket.put(keyOf(row).tuple, recordOf(row));
}

async function bringUpToDate(store: Store): Promise<void> {
  const list = STEPS.map((description, index) => ({ version: index + 1, description, up: () => undefined }));
  await migrations(list).migrate(store, { backup: false });
}
