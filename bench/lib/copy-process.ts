// What every process that works on a copy of a store does: takes its task, and tells its parent what it measured.
import { setTimeout } from "node:timers/promises";

const IDLE_MS = 500;

/** Waits until a store is at rest: what opening it or working on it left to do is done by then. */
export async function untilIdle(): Promise<void> {
  await setTimeout(IDLE_MS);
}

/** Runs the task that the process was started with, and sends the figures. */
export async function runTask<T>(run: (task: T) => Promise<object>): Promise<void> {
  process.once("disconnect", () => process.exit()); // Nobody is left to measure for.
  const figures = await run(JSON.parse(process.argv[2] ?? "") as T);
  // Long lists of figures take a while: disconnected before, they would be lost.
  await new Promise((sent) => process.send?.(figures, sent));
  process.disconnect();
}
