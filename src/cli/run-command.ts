import { DatabaseError } from "../errors.ts";
import type { WorkOptions } from "../store/progress.ts";
import { type Host, SIGNALS, type Signal } from "./host.ts";
import { ProgressBar } from "./progress-bar.ts";
import { printable } from "./text.ts";

/** What a command came to. */
export interface Outcome {
  /** For people, line by line. */
  readonly text: readonly string[];
  /** For programs. */
  readonly json: object;
  /** Whether something is left that is not right: then the exit code is 1. False by default. */
  readonly failed?: boolean;
}

/** A command, ready to run. */
export interface Command {
  /** What it does, in a word or two, before its progress. */
  readonly label: string;
  /** Whether one JSON document is wanted instead of text. */
  readonly json: boolean;
  /** What is said where a signal stopped it: how things stand then. */
  readonly whenStopped: string;
  /** Does the work, and leaves no store open behind it. */
  run(work: Required<WorkOptions>): Promise<Outcome>;
}

/**
 * Runs a command: progress and errors go to stderr, the result to stdout. A first signal stops the work in good order,
 * a second one ends the process at once.
 *
 * @returns the exit code: 0 done, 1 failed, 130 or 143 stopped by a signal
 */
export async function runCommand(host: Host, { label, json, whenStopped, run }: Command): Promise<number> {
  const bar = new ProgressBar(host, label);
  const abort = new AbortController();
  let stoppedBy: Signal | undefined;
  const stop = (signal: Signal) => {
    if (stoppedBy !== undefined) {
      bar.clear();
      host.exit(SIGNALS[signal]);
    }
    stoppedBy = signal;
    abort.abort();
  };
  const signals = Object.keys(SIGNALS) as Signal[];
  for (const signal of signals) host.on(signal, stop);
  try {
    const outcome = await run({ signal: abort.signal, onProgress: bar.show });
    bar.clear();
    writeResult(host, json ? [toJson(outcome.json)] : outcome.text);
    return outcome.failed === true ? 1 : 0;
  } catch (error) {
    bar.clear();
    if (json) writeResult(host, [toJson({ error: describe(error) })]);
    const isStopped = stoppedBy !== undefined && error instanceof DatabaseError && error.code === "ABORTED";
    host.stderr.write(isStopped ? `Stopped by ${stoppedBy}. ${whenStopped}\n` : errorText(error));
    return isStopped ? SIGNALS[stoppedBy as Signal] : 1;
  } finally {
    for (const signal of signals) host.off(signal, stop);
  }
}

function writeResult(host: Host, lines: readonly string[]): void {
  host.stdout.write(`${lines.join("\n")}\n`);
}

function toJson(value: object): string {
  return JSON.stringify(value, plain, 2);
}

/** JSON has no BigInt, and an error within details would be `{}`. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Error ? value.message : value;
}

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

function describe(error: unknown): Failure {
  if (error instanceof DatabaseError) {
    const { code, message, details } = error;
    return { code, message, ...(details === undefined ? {} : { details }) };
  }
  const { code } = error as { code?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  return { code: typeof code === "string" ? code : "UNEXPECTED", message };
}

function errorText(error: unknown): string {
  const { code, message } = describe(error);
  // Only the library's own errors say what to do; of any other, the stack tells those who mend it more.
  const isOwn = error instanceof DatabaseError || code !== "UNEXPECTED" || !(error instanceof Error);
  return isOwn ? `error ${code}: ${printable(message)}\n` : `error ${code}: ${error.stack}\n`;
}
