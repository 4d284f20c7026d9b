// Measures the sides of a workload: group by group, launch by launch, round by round.
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { Crew, type Setting } from "./crew.ts";
import type { TrialEffort, TrialSide, TrialWorkload } from "./model.ts";
import { unitsOf } from "./trials.ts";

/**
 * Runs a workload.
 *
 * @returns the samples of each side, in microseconds per unit of work
 */
export async function runRounds(
  workload: TrialWorkload,
  setting: Setting,
  onRound: (round: number) => void,
): Promise<number[][]> {
  const { launches, rounds } = setting.effort.trials[workload.placement];
  const samples = workload.groups.map((group) => group.map((): number[] => []));
  let done = 0;
  // Groups alternate, too: a machine that slows down for a while does so for all of them.
  for (let launch = 0; launch < launches; launch++) {
    for (const [index, group] of workload.groups.entries()) {
      await runLaunch(workload, group, setting, samples[index]!, launch);
      done += rounds / workload.groups.length;
      onRound(done);
    }
  }
  return samples.flat();
}

/** Runs a group once, in fresh processes. */
async function runLaunch(
  workload: TrialWorkload,
  group: readonly TrialSide[],
  setting: Setting,
  samples: number[][],
  launch: number,
): Promise<void> {
  const scratch = await mkdtemp(join(setting.scratch, "launch-"));
  const crew = new Crew(group, workload.placement, { ...setting, scratch });
  try {
    await runTeam(crew, setting.effort.trials[workload.placement], launch, (times) => {
      for (const [side, { operation }] of group.entries()) {
        samples[side]!.push(...toSamples(times[side]!, unitsOf(operation), workload.sample));
      }
    });
  } finally {
    await rm(scratch, { recursive: true, maxRetries: 5 });
  }
}

/** Processes that are measured in turns. */
export interface Team {
  ready(): Promise<void>;
  /** Has turns run, and gives for each side what they took, in milliseconds. */
  measure(first: number, turns: number, reversed: boolean): Promise<number[][]>;
  /** Makes sure that the sides see, or have written, the same in a turn. */
  check(turn: number): Promise<void>;
  close(): Promise<void>;
  /** Ends the processes in whatever state they are; does nothing after close(). */
  kill(): Promise<void>;
}

/**
 * Warms a team up, measures it round by round, checks what it did after each, and ends it.
 *
 * @param launch the number of this launch: every other one begins with the last side
 * @param take is given the times of each round
 */
export async function runTeam(
  team: Team,
  effort: TrialEffort,
  launch: number,
  take: (times: number[][]) => void,
): Promise<void> {
  try {
    await team.ready();
    let { next, turns } = await warmUp(team, effort);
    for (let round = 0; round < effort.rounds; round++) {
      take(await team.measure(next, turns, (round + launch) % 2 === 1));
      await team.check(next);
      next += turns;
    }
    await team.close();
  } finally {
    // After an error they are still there, and hold their stores.
    await team.kill();
  }
}

/** Runs until the code is compiled and caches are filled, and finds how many turns fill a round. */
async function warmUp(team: Team, effort: TrialEffort): Promise<{ next: number; turns: number }> {
  let next = 0;
  let turns = 1;
  for (let elapsed = 0; elapsed < effort.warmUpMs; ) {
    const times = await team.measure(next, turns, false);
    const perTurn = sum(times.flat()) / times.length / turns;
    elapsed += perTurn * turns;
    next += turns;
    // Doubling brings early, slow turns to an end without running far beyond the time that is given.
    turns = Math.max(1, Math.min(turns * 2, Math.round(effort.roundMs / perTurn)));
  }
  return { next, turns };
}

/** What a round's times come to, in microseconds per unit of work. */
export function toSamples(
  times: readonly number[],
  units: number,
  sample: TrialWorkload["sample"],
): number[] {
  const micros = (time: number) => (time * 1000) / units;
  return sample === "operation" ? times.map(micros) : [micros(sum(times) / times.length)];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
