// Times trials that take turns.
import type { Trial } from "./trials.ts";

/**
 * Runs turns of all trials, in alternating order: first to last, last to first, and so on.
 *
 * @returns for each trial what its turns took, in milliseconds
 */
export async function interleave(
  trials: readonly Trial[],
  first: number,
  turns: number,
): Promise<Float64Array[]> {
  const times = trials.map(() => new Float64Array(turns));
  const order = trials.map((_, index) => index);
  for (let turn = 0; turn < turns; turn++) {
    for (const index of order) {
      // Trials that share a database never take the same input in one turn: LevelDB's cache would hold for the second
      // what the first has read. Over a round they get the same kind of inputs, since these are picked at random.
      const input = (first + turn) * trials.length + index;
      // Inputs are made one at a time: the garbage collector would charge many of them to the side that is measured.
      const task = trials[index]!.prepare(input);
      const start = performance.now();
      await task();
      times[index]![turn] = performance.now() - start;
    }
    order.reverse();
  }
  return times;
}
