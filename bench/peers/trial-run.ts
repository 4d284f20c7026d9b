// Measures the subjects of a workload, each in a process of its own, in turns.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { runTeam, type Team, toSamples } from "../lib/rounds.ts";
import { LABELS, type PeerTrials, rowsIn } from "./model.ts";
import { PeerProcess } from "./peer-process.ts";
import type { Times } from "./protocol.ts";
import type { PeerSetting } from "./setting.ts";
import { unitsOf } from "./trials.ts";

/**
 * Runs a workload.
 *
 * @returns for each of its reports, and in it for each subject, the samples in microseconds per unit of work
 */
export async function runTrials(
  workload: PeerTrials,
  setting: PeerSetting,
  onRound: (done: number) => void,
): Promise<number[][][]> {
  const { trials } = setting.effort;
  const samples = workload.reports.map(() => workload.subjects.map((): number[] => []));
  let done = 0;
  for (let launch = 0; launch < trials.launches; launch++) {
    const scratch = await mkdtemp(join(setting.scratch, "launch-"));
    try {
      const team = await PeerTeam.launch(workload, { ...setting, scratch });
      await runTeam(team, trials, launch, (times) => {
        for (const [side, taken] of times.entries()) {
          const report = samples[side % workload.reports.length]!;
          const subject = Math.floor(side / workload.reports.length);
          report[subject]!.push(...toSamples(taken, unitsOf(workload.operation), workload.sample));
        }
        onRound(++done);
      });
    } finally {
      await rm(scratch, { recursive: true, maxRetries: 5 });
    }
  }
  return samples;
}

/** One process for each subject of a workload. */
class PeerTeam implements Team {
  readonly #workload: PeerTrials;
  readonly #processes: readonly PeerProcess[];
  #rounds = 0;

  private constructor(workload: PeerTrials, processes: readonly PeerProcess[]) {
    this.#workload = workload;
    this.#processes = processes;
  }

  static async launch(workload: PeerTrials, setting: PeerSetting): Promise<PeerTeam> {
    const { about, operation, fresh } = workload;
    const rows = rowsIn(workload, setting.effort);
    const processes: PeerProcess[] = [];
    for (const subject of workload.subjects) {
      const own = join(setting.scratch, subject);
      if (fresh) await mkdir(own);
      const directory = fresh ? own : setting.datasets.directoryOf(subject, about, rows);
      const task = { subject, about, directory, rows, load: fresh, operation };
      processes.push(new PeerProcess(task, setting.programs, setting.signal));
    }
    return new PeerTeam(workload, processes);
  }

  async ready(): Promise<void> {
    for (const each of this.#processes) await each.ready();
  }

  async measure(first: number, turns: number, reversed: boolean): Promise<number[][]> {
    // Who begins changes, too: the first to be measured after a check finds another machine than the last.
    const shift = this.#rounds++;
    const order = this.#processes.map((_, index) => (index + shift) % this.#processes.length);
    if (reversed) order.reverse();
    const times: Times[] = [];
    for (const index of order) {
      times[index] = (await this.#processes[index]!.tell({ do: "measure", first, turns })) as Times;
    }
    return times.flat();
  }

  async check(turn: number): Promise<void> {
    const { subjects, reports } = this.#workload;
    let agreed: unknown;
    for (const [index, each] of this.#processes.entries()) {
      const digest = await each.tell({ do: "check", turn });
      agreed ??= digest;
      if (digest === agreed) continue;
      const [first, other] = [subjects[0]!, subjects[index]!].map((name) => LABELS[name]);
      throw new Error(
        `${reports[0]!.name}: "${other}" found ${digest}, and "${first}" found ${agreed} in turn ${turn}.`,
      );
    }
  }

  async close(): Promise<void> {
    for (const each of this.#processes) await each.close();
  }

  async kill(): Promise<void> {
    for (const each of this.#processes) await each.kill();
  }
}
