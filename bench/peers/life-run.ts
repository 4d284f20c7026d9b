// Measures whole lives of stores: loading and its size, opening and its memory, and what deleting leaves behind.
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Figure, LABELS, type Operation, type PeerLives, rowsIn, type SubjectName } from "./model.ts";
import { PeerProcess } from "./peer-process.ts";
import type { Added, Times } from "./protocol.ts";
import type { PeerSetting } from "./setting.ts";

/** Samples by what they tell. */
type Figures = Readonly<Partial<Record<Figure, readonly number[]>>>;

interface Life {
  readonly figures: Figures;
  /** What it read, by which subjects are compared. */
  readonly digests: readonly unknown[];
}

const MIB = 2 ** 20;
/** What a process reads before its memory is told. */
const READS: Operation = { kind: "next", rows: 1000, together: 1 };
const READ_TURNS = 200;
/** What is read before and after deleting. */
const OLDEST: Operation = { kind: "oldest", rows: 100 };
const OLDEST_TURNS = 100;
const WARM_UP_TURNS = 50;

/**
 * Runs a workload.
 *
 * @returns for each of its reports, and in it for each subject, the samples in the report's unit
 */
export async function runLives(
  workload: PeerLives,
  setting: PeerSetting,
  onRound: (done: number) => void,
): Promise<number[][][]> {
  const samples = workload.reports.map(() => workload.subjects.map((): number[] => []));
  const order = workload.subjects.map((_, index) => index);
  for (let round = 1; round <= setting.effort.lives; round++) {
    const agreed = new Map<number, string>();
    for (const index of order) {
      const subject = workload.subjects[index]!;
      const { figures, digests } = await live(workload, subject, setting);
      for (const [number, { figure }] of workload.reports.entries())
        samples[number]![index]!.push(...(figures[figure] ?? []));
      for (const [number, digest] of digests.entries()) {
        if ((agreed.get(number) ?? digest) !== digest)
          throw new Error(
            `${workload.reports[0]!.name}: "${LABELS[subject]}" found other rows than the others.`,
          );
        agreed.set(number, digest as string);
      }
    }
    order.reverse();
    onRound(round);
  }
  return samples;
}

async function live(workload: PeerLives, subject: SubjectName, setting: PeerSetting): Promise<Life> {
  const { about, life } = workload;
  const rows = rowsIn(workload, setting.effort);
  const scratch = await mkdtemp(join(setting.scratch, "life-"));
  const directory = life === "open" ? setting.datasets.directoryOf(subject, about, rows) : scratch;
  const start = (load: boolean, operation?: Operation) =>
    new PeerProcess({ subject, about, directory, rows, load, operation }, setting.programs, setting.signal);
  try {
    if (life === "load") return await lifeOfLoading(start(true), directory, rows);
    if (life === "age") return await lifeOfAging(start(true, OLDEST));
    return await lifeOfReading(start(false), () => start(false, READS));
  } finally {
    await rm(scratch, { recursive: true, maxRetries: 5 });
  }
}

async function lifeOfLoading(loader: PeerProcess, directory: string, rows: number): Promise<Life> {
  return using(loader, async () => {
    const { loadMs } = await loader.ready();
    await loader.close();
    const size = await sizeOf(directory);
    return { figures: { load: [(loadMs * 1000) / rows], size: [size / MIB] }, digests: [] };
  });
}

async function lifeOfReading(opener: PeerProcess, startReader: () => PeerProcess): Promise<Life> {
  const openMs = await using(opener, async () => {
    const ready = await opener.ready();
    await opener.close();
    return ready.openMs;
  });
  const reader = startReader();
  return using(reader, async () => {
    await reader.ready();
    await reader.tell({ do: "measure", first: 0, turns: READ_TURNS });
    const { resident, anonymous } = (await reader.tell({ do: "memory" })) as Added;
    const digest = await reader.tell({ do: "check", turn: 0 });
    await reader.close();
    const figures = { open: [openMs * 1000], resident: [resident], private: [anonymous] };
    return { figures, digests: [digest] };
  });
}

async function lifeOfAging(subject: PeerProcess): Promise<Life> {
  return using(subject, async () => {
    await subject.ready();
    const digests: unknown[] = [];
    const measure = async (): Promise<number[]> => {
      await subject.tell({ do: "measure", first: 0, turns: WARM_UP_TURNS });
      const [times] = (await subject.tell({ do: "measure", first: 0, turns: OLDEST_TURNS })) as Times;
      digests.push(await subject.tell({ do: "check", turn: 0 }));
      return times!.map((time) => time * 1000);
    };
    const before = await measure();
    await subject.tell({ do: "age" });
    const after = await measure();
    await subject.tell({ do: "settle" });
    const settled = await measure();
    await subject.close();
    return { figures: { before, after, settled }, digests };
  });
}

async function using<T>(subject: PeerProcess, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } finally {
    await subject.kill();
  }
}

/** What the files of a directory take on disk, in bytes: files with holes count by their blocks. */
async function sizeOf(directory: string): Promise<number> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true });
  let size = 0;
  for (const file of files) {
    if (!file.isFile()) continue;
    const { blocks, size: length } = await stat(join(file.parentPath, file.name));
    size += process.platform === "win32" ? length : blocks * 512;
  }
  return size;
}
