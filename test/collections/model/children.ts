import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { killProcess, startProcess } from "../../helpers/openers.ts";
import { type Places, soon } from "../../helpers/places.ts";

const MS = 30_000;

/** Starts a program of these tests, which waits until it is told to go. */
export async function startWaiting(
  places: Places,
  program: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const child = startProcess(program, args);
  places.later(() => killProcess(child));
  await soon(() => once(child, "message"), MS, "the start of the writer");
  return child;
}

/** Tells it to go, and waits until it has the store open. */
export async function go(child: ChildProcess): Promise<void> {
  const ready = soon(() => once(child, "message"), MS, "the writer's first commit");
  child.send("go");
  await ready;
}

/** Kills it, and expects that it ran until then: an error of its own would end it before. */
export async function killRunning(child: ChildProcess): Promise<void> {
  const { exitCode } = child;
  await killProcess(child);
  if (exitCode !== null) throw new Error(`The writer ended by itself with ${exitCode}: see what it printed.`);
}
