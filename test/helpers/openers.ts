import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { StoreOptions } from "@meshgate/database";
import type { Reply, Request } from "../engine/opener.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAM = fileURLToPath(new URL("../engine/opener.ts", import.meta.url));
const THREAD = fileURLToPath(new URL("thread.mjs", import.meta.url));

/** Another process, or thread, that opens stores. */
export interface Opener {
  /** @returns "done", or the code of the error */
  ask(call: Request["call"], directory: string, options?: StoreOptions, at?: number): Promise<string>;
  /** Ends it without a chance to clean up. */
  kill(): Promise<void>;
}

interface Port {
  send(request: Request): void;
  kill(): Promise<void>;
}

/** Starts a program of the tests in a process of its own. */
export function startProcess(program: string, args: readonly string[] = []): ChildProcess {
  return fork(program, args, {
    cwd: ROOT,
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", 2, "ipc"],
  });
}

/** Ends a process as a crash would. */
export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Starts an opener in a process of its own. */
export async function openerProcess(): Promise<Opener> {
  const child = startProcess(PROGRAM);
  await once(child, "message");
  const { opener, receive } = makeOpener({
    send: (request) => child.send(request),
    kill: () => killProcess(child),
  });
  child.on("message", receive);
  return opener;
}

/** Starts an opener in a thread of this process. */
export async function openerThread(): Promise<Opener> {
  const worker = new Worker(THREAD, { workerData: { program: pathToFileURL(PROGRAM).href }, execArgv: [] });
  await once(worker, "message");
  const { opener, receive } = makeOpener({
    send: (request) => worker.postMessage(request),
    kill: async () => void (await worker.terminate()),
  });
  worker.on("message", receive);
  return opener;
}

function makeOpener(port: Port): { opener: Opener; receive: (message: unknown) => void } {
  const waiting = new Map<number, (outcome: string) => void>();
  let last = 0;
  const receive = (message: unknown) => {
    const { id, outcome } = message as Reply;
    waiting.get(id)?.(outcome);
    waiting.delete(id);
  };
  const opener: Opener = {
    ask: (call, directory, options, at) =>
      new Promise((resolve) => {
        last++;
        waiting.set(last, resolve);
        port.send({
          id: last,
          call,
          directory,
          ...(options === undefined ? {} : { options }),
          ...(at === undefined ? {} : { at }),
        });
      }),
    kill: port.kill,
  };
  return { opener, receive };
}
