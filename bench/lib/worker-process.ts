import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Answer, Command, Task } from "./worker.ts";

const WORKER = fileURLToPath(new URL("./worker.ts", import.meta.url));

/** A running worker, as its parent sees it. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;
  readonly #ended: Promise<never>;
  readonly #ready: Promise<Answer>;

  /** Starts a worker; it can be told something once it is ready. */
  constructor(tasks: readonly Task[], signal: AbortSignal) {
    signal.throwIfAborted();
    this.#signal = signal;
    this.#child = fork(WORKER, [JSON.stringify(tasks)]);
    const stop = () => this.#child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    this.#ended = new Promise((_, reject) => {
      this.#child.once("error", reject);
      this.#child.once("exit", (code) => {
        signal.removeEventListener("abort", stop);
        reject(signal.aborted ? signal.reason : new Error(`A worker ended with code ${code}.`));
      });
    });
    this.#ended.catch(() => undefined); // It is of interest only to those who wait for an answer.
    this.#ready = this.#answer();
    this.#ready.catch(() => undefined);
  }

  /** Resolves when its stores are open. */
  async ready(): Promise<void> {
    await this.#ready;
  }

  /** Has a command done, and gives the answer. One at a time. */
  async tell(command: Command): Promise<Answer> {
    this.#signal.throwIfAborted();
    const answer = this.#answer();
    this.#child.send(command);
    return answer;
  }

  /** Closes the stores and ends the process. */
  async close(): Promise<void> {
    await this.tell({ do: "close" });
    await this.#ended.catch(() => undefined);
  }

  /** Ends the process in whatever state it is; does nothing after close(). */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended.catch(() => undefined);
  }

  #answer(): Promise<Answer> {
    const answer = new Promise<Answer>((resolve) => this.#child.once("message", resolve as () => void));
    return Promise.race([answer, this.#ended]);
  }
}
