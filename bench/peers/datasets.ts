// The stores that are read: each subject builds its own, when a workload first needs it.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type About, type PeerEffort, type PeerWorkload, rowsIn, type SubjectName } from "./model.ts";
import { PeerProcess, type Programs } from "./peer-process.ts";

/** The stores of a run. */
export class Datasets {
  readonly #directory: string;
  readonly #programs: Programs;
  readonly #signal: AbortSignal;
  readonly #built = new Map<string, string>();

  constructor(directory: string, programs: Programs, signal: AbortSignal) {
    this.#directory = directory;
    this.#programs = programs;
    this.#signal = signal;
  }

  /** Builds what a workload reads, where it is not there yet. */
  async prepare(workload: PeerWorkload, effort: PeerEffort, onBuild: (name: string) => void): Promise<void> {
    if (!readsShared(workload)) return;
    const rows = rowsIn(workload, effort);
    for (const subject of workload.subjects) {
      const name = nameOf(subject, workload.about, rows);
      if (this.#built.has(name)) continue;
      onBuild(name);
      const directory = join(this.#directory, name);
      await mkdir(directory, { recursive: true });
      const task = { subject, about: workload.about, directory, rows, load: true, operation: undefined };
      const builder = new PeerProcess(task, this.#programs, this.#signal);
      try {
        await builder.ready();
        await builder.close();
      } finally {
        await builder.kill();
      }
      this.#built.set(name, directory);
    }
  }

  /** Where a subject's store lies. */
  directoryOf(subject: SubjectName, about: About, rows: number): string {
    const directory = this.#built.get(nameOf(subject, about, rows));
    if (directory === undefined) throw new Error(`${subject} has no store of ${rows} ${about}.`);
    return directory;
  }

  /** Deletes stores that none of the workloads to come reads. */
  async release(following: readonly PeerWorkload[], effort: PeerEffort): Promise<void> {
    const needed = new Set(
      following
        .filter(readsShared)
        .flatMap((each) => each.subjects.map((name) => nameOf(name, each.about, rowsIn(each, effort)))),
    );
    for (const [name, directory] of this.#built) {
      if (needed.has(name)) continue;
      this.#built.delete(name);
      await rm(directory, { recursive: true, maxRetries: 5 });
    }
  }
}

function readsShared(workload: PeerWorkload): boolean {
  return workload.kind === "trials" ? !workload.fresh : workload.life === "open";
}

function nameOf(subject: SubjectName, about: About, rows: number): string {
  return `${subject}-${about}-${rows}`;
}
