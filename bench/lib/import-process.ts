// The process that imports a bbolt file, and makes sure that all of it is there.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { keepHeapSmall } from "../../src/cli/small-heap.ts";
import type { CopyTask } from "./copies.ts";
import { runTask, untilIdle } from "./copy-process.ts";
import { GO_FILE } from "./go-file.ts";
import { DatabaseManager, importBolt, openBolt, openStore } from "./library.ts";
import { PeakMemory } from "./memory.ts";
import type { CopyRun } from "./model.ts";

type ImportTask = CopyTask<Extract<CopyRun, { program: "import" }>>;

/** What it measured. */
interface ImportFigures {
  /** Megabytes of the file a second. */
  readonly rate: readonly number[];
  /** By how much memory was above what the open store took before, at its peak, in MiB. */
  readonly memory: readonly number[];
}

/** Looks at the memory each time the work tells of progress. */
type Look = () => void;

await runTask<ImportTask>(run);

async function run({ directory, subject, command }: ImportTask): Promise<ImportFigures> {
  if (command) keepHeapSmall();
  const file = join(directory, GO_FILE);
  const store = join(directory, "store");
  const importing = subject === "plain" ? await plain(store) : await controlPlane(store);
  await untilIdle();
  const memory = new PeakMemory();
  const start = performance.now();
  const rows = await importing.run(file, () => memory.look());
  const seconds = (performance.now() - start) / 1000;
  const expected = await rowsIn(file);
  if (rows !== expected) throw new Error(`The import accounts for ${rows} rows of ${expected}.`);
  await importing.close();
  return { rate: [(await stat(file)).size / 1e6 / seconds], memory: [memory.added.resident] };
}

async function plain(directory: string) {
  const store = await openStore(directory);
  return {
    run: async (file: string, onProgress: Look) => (await importBolt(file, store, { onProgress })).rows,
    close: () => store.close(),
  };
}

async function controlPlane(directory: string) {
  const db = await DatabaseManager.open(directory, { retention: false });
  return {
    run: async (file: string, onProgress: Look) => {
      const { buckets } = await db.importGoFile(file, { onProgress });
      return buckets.reduce((sum, { rows }) => sum + rows, 0);
    },
    close: () => db.close(),
  };
}

async function rowsIn(path: string): Promise<number> {
  await using file = await openBolt(path);
  let rows = 0;
  for await (const { kind } of file.walk()) if (kind === "row") rows++;
  return rows;
}
