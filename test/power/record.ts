/** Runs a writer under strace, which notes or fails its system calls. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Task } from "./writer.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAM = fileURLToPath(new URL("writer.ts", import.meta.url));
const INSTALL = fileURLToPath(new URL("strace.sh", import.meta.url));

/** All calls that change a file or directory, or make such changes last. */
const CALLS: readonly string[] = [
  "open,openat,openat2,creat,close,dup,dup2,dup3",
  "write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice",
  "truncate,ftruncate,fallocate,fsync,fdatasync,sync_file_range,sync,syncfs,msync",
  "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat",
];

/** Why nothing can be traced here; undefined where it can. Installs strace where it is absent and may be. */
export function whyNoStrace(): string | undefined {
  try {
    execFileSync("sh", [INSTALL], { encoding: "utf8", timeout: 300_000, stdio: ["ignore", "pipe", "pipe"] });
    return undefined;
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    return stdout?.trim().split("\n").at(-1) || String(error);
  }
}

/** Runs a writer to its end, and appends its calls to a trace. */
export async function record(task: Task, trace: string): Promise<void> {
  const options = ["-A", "-o", trace, "-y", "-xx", "-s", "33554432", "-e", `trace=${CALLS.join(",")}`];
  await start("strace", [...STRACE, ...options, ...programOf(task)], task);
}

/** Runs a writer to its end under options of strace, which let calls fail. */
export async function fail(task: Task, options: readonly string[]): Promise<void> {
  await start("strace", [...STRACE, ...options, ...programOf(task)], task);
}

/** Runs a writer to its end. */
export async function run(task: Task): Promise<void> {
  const [program = "", ...args] = programOf(task);
  await start(program, args, task);
}

const STRACE: readonly string[] = ["-f", "--seccomp-bpf", "-e", "signal=none"];

function programOf(task: Task): string[] {
  return [process.execPath, "--import", "tsx", PROGRAM, JSON.stringify(task)];
}

async function start(program: string, args: readonly string[], task: Task): Promise<void> {
  const child = spawn(program, args, {
    cwd: ROOT,
    // A ring would take calls past the tracer; few threads make the count of a thread's calls a moment in the run.
    env: { ...process.env, UV_USE_IO_URING: "0", UV_THREADPOOL_SIZE: "2", NODE_V8_COVERAGE: "" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  const died = task.dies === true && (signal === "SIGKILL" || code === 137);
  if (code !== 0 && !died)
    throw new Error(`The writer ended with ${code ?? signal}: ${complaint.slice(-2000)}`);
}
