import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { killProcess } from "../../helpers/openers.ts";
import type { Orders } from "./kill-writer.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PROGRAM = fileURLToPath(new URL("kill-writer.ts", import.meta.url));
const PATIENCE_MS = 60_000;
const LOOK_MS = 2;

/** A program that will be killed, and what it told before. */
export class Child {
  readonly #process: ChildProcess;
  readonly #started: Promise<unknown>;
  readonly #told: Promise<unknown>;
  #text = "";

  constructor() {
    this.#process = fork(PROGRAM, {
      cwd: ROOT,
      execArgv: ["--import", "tsx"],
      stdio: ["ignore", "ignore", "inherit", "ipc", "pipe"],
    });
    const pipe = this.#process.stdio[4] as Readable;
    pipe.setEncoding("utf8");
    pipe.on("data", (text: string) => {
      this.#text += text;
    });
    this.#told = once(pipe, "close");
    this.#started = once(this.#process, "message");
  }

  async go(orders: Orders): Promise<void> {
    await this.#started;
    this.#process.send(orders);
  }

  /** Waits until the program has told a line. @throws Error where it ends before */
  async tells(line: string): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    while (!this.#text.includes(`${line}\n`)) {
      this.#refuseEnded();
      if (Date.now() > until)
        throw new Error(`The writer does not come to ${line}: ${this.#text.slice(-500)}`);
      await sleep(LOOK_MS);
    }
  }

  /** Waits until the program has told of so many commits. @throws Error where it ends before */
  async commits(count: number): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    while ((this.#text.match(/^\d+ \d+$/gm)?.length ?? 0) < count) {
      this.#refuseEnded();
      if (Date.now() > until) throw new Error(`The writer does not come to ${count} commits.`);
      await sleep(LOOK_MS);
    }
  }

  /** Kills the program. @returns all that it told @throws Error where it ended by itself before */
  async kill(): Promise<string[]> {
    this.#refuseEnded();
    await killProcess(this.#process);
    await this.#told;
    // A line that the kill cut is not told.
    return this.#text.split("\n").slice(0, -1);
  }

  async end(): Promise<void> {
    await killProcess(this.#process);
  }

  #refuseEnded(): void {
    const { exitCode } = this.#process;
    if (exitCode !== null)
      throw new Error(`The writer ended by itself with ${exitCode}: see what it printed.`);
  }
}
