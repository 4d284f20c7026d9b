import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NEEDS } from "./model.ts";
import type { Command, Ready, Task } from "./protocol.ts";

const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));

/** Programs of the peers that do not live in Node. */
export interface Programs {
  /** Where the one with bbolt lies; undefined where it could not be built. */
  readonly bbolt: string | undefined;
}

/** A measuring process, as its parent sees it: it answers each line before the next is sent. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;
  readonly #ended: Promise<never>;
  readonly #answers: AsyncIterator<string>;
  readonly #ready: Promise<Ready>;

  /** Starts it: it loads and opens its store, and is ready then. */
  constructor(task: Task, programs: Programs, signal: AbortSignal) {
    signal.throwIfAborted();
    this.#signal = signal;
    const [program, ...rest] = commandOf(task, programs);
    this.#child = spawn(program!, [...rest, JSON.stringify(task)], { stdio: ["pipe", "pipe", "inherit"] });
    const stop = () => this.#child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    this.#ended = new Promise((_, reject) => {
      this.#child.once("error", reject);
      this.#child.once("exit", (code) => {
        signal.removeEventListener("abort", stop);
        const { subject, operation } = task;
        const what = `${subject}${operation ? `, ${JSON.stringify(operation)},` : ""}`;
        reject(signal.aborted ? signal.reason : new Error(`The process of ${what} ended with code ${code}.`));
      });
    });
    this.#ended.catch(() => undefined); // It is of interest only to those who wait for an answer.
    this.#child.stdin?.on("error", () => undefined); // So is this: it has ended then.
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    this.#ready = this.#answer() as Promise<Ready>;
    this.#ready.catch(() => undefined);
  }

  /** Resolves when its store is open, and tells what that took. */
  ready(): Promise<Ready> {
    return this.#ready;
  }

  /** Has a command done, and gives the answer. One at a time. */
  tell(command: Command): Promise<unknown> {
    this.#signal.throwIfAborted();
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return this.#answer();
  }

  /** Closes the store and ends the process. */
  async close(): Promise<void> {
    await this.tell({ do: "close" });
    this.#child.stdin?.end();
    await this.#ended.catch(() => undefined);
  }

  /** Ends the process in whatever state it is; does nothing after close(). */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended.catch(() => undefined);
  }

  async #answer(): Promise<unknown> {
    const { value, done } = await Promise.race([this.#answers.next(), this.#ended]);
    return done === true ? this.#ended : JSON.parse(value);
  }
}

function commandOf(task: Task, { bbolt }: Programs): string[] {
  if (NEEDS[task.subject] !== "bbolt") return [process.execPath, ...process.execArgv, WORKER];
  if (bbolt === undefined) throw new Error("The program with bbolt was not built.");
  return [bbolt];
}
