import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Host, Signal } from "../../src/cli/host.ts";
import { runProgram } from "../../src/cli/program.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The program, on the sources: no build is needed. */
export const PROGRAM: readonly string[] = [process.execPath, "--import", "tsx", "src/cli/main.ts"];

export interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** What stands for the process: keeps what is written, and is sent signals. */
export class TestHost implements Host {
  readonly #signals = new EventEmitter();
  out = "";
  err = "";
  /** The codes that exit() was called with. */
  readonly exits: number[] = [];
  readonly stdout: Host["stdout"];
  readonly stderr: Host["stderr"];
  readonly env: Host["env"];

  constructor(terminal: { isTTY?: boolean; columns?: number } = {}, env: Host["env"] = {}) {
    this.stdout = { write: (chunk: string) => (this.out += chunk) };
    this.stderr = { ...terminal, write: (chunk: string) => (this.err += chunk) };
    this.env = env;
  }

  on(signal: Signal, listener: (signal: Signal) => void): void {
    this.#signals.on(signal, listener);
  }

  off(signal: Signal, listener: (signal: Signal) => void): void {
    this.#signals.off(signal, listener);
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  send(signal: Signal): void {
    this.#signals.emit(signal, signal);
  }

  /** How many wait for a signal. */
  get listening(): number {
    return this.#signals.listenerCount("SIGINT") + this.#signals.listenerCount("SIGTERM");
  }
}

/** Runs the program in this process. */
export async function run(args: readonly string[], host: TestHost = new TestHost()): Promise<Result> {
  const code = await runProgram(args, host);
  return { stdout: host.out, stderr: host.err, code };
}

/** Runs the real program, as a process whose output goes into pipes. */
export async function runProcess(
  args: readonly string[],
  interrupt?: { after: () => Promise<unknown>; signal: Signal },
): Promise<Result> {
  const [command, ...rest] = PROGRAM as [string, ...string[]];
  const child = spawn(command, [...rest, ...args], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  if (interrupt !== undefined) {
    await interrupt.after();
    child.kill(interrupt.signal);
  }
  const [stdout, stderr, [code]] = await ended;
  return { stdout, stderr, code };
}

/** Runs the program on a pseudo-terminal, with all that it writes there as stdout; undefined where there is no `script`. */
export async function runOnTerminal(args: readonly string[], env: object): Promise<Result | undefined> {
  const command = [...PROGRAM, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd: ROOT,
    env: { ...process.env, TERM: "xterm", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const missing = once(child, "error").then(() => undefined);
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const result = ended.then(([stdout, stderr, [code]]) => ({ stdout, stderr, code }));
  return Promise.race([result, missing]);
}
