import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Sample } from "../sampler.ts";

export interface CrashOptions {
  readonly directory: string;
  readonly retentionMs: number;
  /** How long the agent lives after its first commit. */
  readonly lifeMs: number;
  /** Brings the kill forward. */
  readonly signal: AbortSignal;
  readonly onAcknowledged: () => void;
}

/** What the agent's process tells its parent after each commit. */
export interface Acknowledgement {
  readonly sample: Sample;
  /** How many other commits were under way. */
  readonly underWay: number;
}

/** What was known of the agent when it died. */
export interface Crash {
  /** The samples whose commits were acknowledged, in that order. */
  readonly acknowledged: readonly Sample[];
  /** How many commits were under way when it was killed. */
  readonly underWay: number;
  /** The times of its first sample and of the kill, in milliseconds since 1970. */
  readonly startedAt: number;
  readonly killedAt: number;
}

/** Runs the agent in a child process and kills it (SIGKILL, as `kill -9` does) while it commits. */
export async function runAndKill(options: CrashOptions): Promise<Crash> {
  const program = fileURLToPath(new URL("agent-process.ts", import.meta.url));
  const child = fork(program, [options.directory, String(options.retentionMs)]);
  const acknowledged: Sample[] = [];
  let underWay = 0;
  child.on("message", (message: Acknowledgement) => {
    acknowledged.push(message.sample);
    underWay = message.underWay;
    options.onAcknowledged();
  });
  // The channel ends when the last message in it was handled, which may be after the process has ended.
  const ended = Promise.all([once(child, "exit"), once(child, "disconnect")]);

  await Promise.race([once(child, "message"), ended]);
  const life = sleep(options.lifeMs, undefined, { signal: options.signal, ref: false }).catch(
    () => undefined,
  );
  await Promise.race([life, ended]);
  while (underWay === 0 && child.connected) await Promise.race([once(child, "message"), ended]);
  child.kill("SIGKILL");
  const killed = { underWay, killedAt: Date.now() };

  const [[exitCode, signal]] = await ended;
  const [first] = acknowledged;
  if (signal !== "SIGKILL" || first === undefined) {
    throw new Error(`The agent ended by itself, with exit code ${exitCode}.`);
  }
  return { ...killed, acknowledged, startedAt: first.at };
}
