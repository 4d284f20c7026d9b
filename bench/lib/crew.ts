// The processes that run a group of sides.
import { join } from "node:path";
import type { Directories, Effort, TrialSide, TrialWorkload } from "./model.ts";
import type { Task } from "./worker.ts";
import { WorkerProcess } from "./worker-process.ts";

/** What a run needs to know apart from the workload. */
export interface Setting {
  readonly effort: Effort;
  readonly datasets: Directories;
  /** An empty directory for stores that begin empty. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** A group of sides, launched in fresh processes. */
export class Crew {
  readonly #group: readonly TrialSide[];
  /** One for all sides, or one for each. */
  readonly #workers: readonly WorkerProcess[];

  constructor(group: readonly TrialSide[], placement: TrialWorkload["placement"], setting: Setting) {
    this.#group = group;
    const tasks = group.map((side, index) => toTask(side, index, setting));
    const parts = placement === "together" ? [tasks] : tasks.map((task) => [task]);
    this.#workers = parts.map((part) => new WorkerProcess(part, setting.signal));
  }

  async ready(): Promise<void> {
    for (const worker of this.#workers) await worker.ready();
  }

  /**
   * Has turns run: all sides run the same ones, so that stores that grow do so alike.
   *
   * @param reversed whether sides that are apart begin with the last
   * @returns for each side what its turns took, in milliseconds
   */
  async measure(first: number, turns: number, reversed: boolean): Promise<number[][]> {
    const order = this.#workers.map((_, index) => index);
    if (reversed) order.reverse();
    const times: number[][][] = [];
    for (const index of order) {
      times[index] = (await this.#workers[index]!.tell({ do: "measure", first, turns })) as number[][];
    }
    return times.flat();
  }

  /** Makes sure that sides that do the same see the same, or have written the same. */
  async check(turn: number): Promise<void> {
    const digests: string[] = [];
    for (const worker of this.#workers) {
      digests.push(...((await worker.tell({ do: "check", turn })) as string[]));
    }
    const seen = new Map<string, string>();
    for (const [index, { operation, store, label }] of this.#group.entries()) {
      // Whether puts are awaited makes no difference to what is written, nor which kind of index is read to what is found.
      const name = JSON.stringify([{ ...operation, awaited: true, by: undefined }, store]);
      const digest = digests[index]!;
      if ((seen.get(name) ?? digest) !== digest) {
        throw new Error(`"${label}" gives another result than the other sides.`);
      }
      seen.set(name, digest);
    }
  }

  /** Closes the stores and ends the processes. */
  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.close();
  }

  /** Ends the processes in whatever state they are; does nothing after close(). */
  async kill(): Promise<void> {
    for (const worker of this.#workers) await worker.kill();
  }
}

function toTask(side: TrialSide, index: number, { datasets, scratch, effort }: Setting): Task {
  if (side.store === "empty") return { side, directory: join(scratch, String(index)), stored: 0 };
  const directory = datasets[side.store];
  if (directory === undefined) throw new Error(`There is no ${side.store} dataset.`);
  return { side, directory, stored: effort.rows[side.store] };
}
