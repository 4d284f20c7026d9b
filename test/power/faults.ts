/** Lets calls of the system fail under a writer, and compares what is left with what was acknowledged. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inspectStore } from "./cuts.ts";
import type { Random } from "./random.ts";
import { fail } from "./record.ts";
import type { Task } from "./writer.ts";

/** One kind of call that fails from, or at, the n-th time that a thread makes it. */
export interface Fault {
  readonly call: "write" | "fdatasync" | "fsync" | "openat" | "rename" | "unlink";
  readonly error: "ENOSPC" | "EIO" | "EDQUOT" | "EMFILE";
  readonly from: number;
  /** Whether all later ones fail, too, as on a full disk; else the one alone does. */
  readonly lasts: boolean;
}

/** How often a thread makes a call in a run, roughly. */
const TIMES: Record<Fault["call"], number> = {
  write: 250,
  fdatasync: 60,
  fsync: 8,
  openat: 60,
  rename: 4,
  unlink: 30,
};
/** LevelDB names its files by one counter. */
const FILES = 120;

export function chooseFault(random: Random): Fault {
  const call = random.pick([
    "write",
    "write",
    "fdatasync",
    "fdatasync",
    "openat",
    "openat",
    "fsync",
    "rename",
    "unlink",
  ] as const);
  const error = random.pick(
    call === "openat" ? (["ENOSPC", "EMFILE", "EIO"] as const) : (["ENOSPC", "EIO", "EDQUOT"] as const),
  );
  // Few as well as many: an opening is over after some calls, and the store is at work for long.
  const from = 1 + Math.floor(TIMES[call] ** random.next());
  return { call, error, from, lasts: random.chance(0.5) };
}

export function describeFault({ call, error, from, lasts }: Fault): string {
  return `${call} gives ${error} ${lasts ? "from" : "at"} call ${from}`;
}

/** What a run under a fault gave. */
export interface Faulted {
  /** What is wrong; empty where nothing is. */
  readonly problems: readonly string[];
  /** How many calls failed, and the codes of the errors that the library gave. */
  readonly failed: number;
  readonly codes: readonly string[];
}

/** Runs a writer under a fault, then opens its store where nothing fails any more. */
export async function failAndCheck(fault: Fault, task: Omit<Task, "notes">, base: string): Promise<Faulted> {
  mkdirSync(task.folder, { recursive: true });
  const notes = join(base, "notes");
  const trace = join(base, "trace");
  const { call, error, from, lasts } = fault;
  const when = `${from}${lasts ? "+" : ""}`;
  // Only the store's files fail: the program itself goes on. Syncs and renames are made of no others.
  const paths = /sync|rename/.test(call) ? [] : filesOf(join(task.folder, "store"));
  const options = [
    "-o",
    trace,
    ...paths,
    "-e",
    `trace=${call}`,
    "-e",
    `inject=${call}:error=${error}:when=${when}`,
  ];
  await fail({ ...task, notes }, options);
  const lines = existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : [];
  const words = lines.map((line) => line.split(" "));
  const failed = readFileSync(trace, "utf8").split("(INJECTED)").length - 1;
  const problems = checkNotes(words);
  const acknowledged = Math.max(-1, ...words.filter(([kind]) => kind === "ack").map(([, n]) => Number(n)));
  try {
    const found = await inspectStore(join(task.folder, "store"), task.seed, problems);
    if (found < acknowledged)
      problems.push(`transaction ${acknowledged} was acknowledged, the last one found is ${found}`);
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    problems.push(`opened again: ${String(code)} ${String(message)}`);
  }
  const codes = words.filter(([kind]) => kind === "error").map(([, what, code]) => `${what} ${code}`);
  return { problems, failed, codes: [...new Set(codes)] };
}

function filesOf(directory: string): string[] {
  const names = Array.from({ length: FILES }, (_, i) => String(i + 1).padStart(6, "0")).flatMap((number) => [
    `MANIFEST-${number}`,
    `${number}.log`,
    `${number}.ldb`,
    `${number}.dbtmp`,
  ]);
  return [...names, "CURRENT", "LOG", "LOCK", "meshgate.lock"].flatMap((name) => [
    "-P",
    join(directory, name),
  ]);
}

/** What each call may give where the system fails. */
const EXPECTED: Record<string, RegExp> = {
  open: /^STORE_(IO|FAILED)$/,
  update: /^STORE_FAILED$/,
  // Their files fail, or the store that they read.
  backup: /^STORE_(IO|FAILED)$/,
  compact: /^STORE_(IO|FAILED)$/,
};

/** Every error has its code, and after a failed commit nothing works. */
export function checkNotes(notes: readonly (readonly string[])[]): string[] {
  const problems: string[] = [];
  let isPoisoned = false;
  for (const [kind, call = "", code = ""] of notes) {
    if (kind === "error" && EXPECTED[call]?.test(code) !== true) problems.push(`${call} gave ${code}`);
    if (kind === "error" && call === "update") isPoisoned = true;
    if (kind === "ack" && isPoisoned)
      problems.push(`transaction ${call} was acknowledged after a failed one`);
    if (kind === "later" && isPoisoned && code !== "STORE_FAILED")
      problems.push(`after a failed commit, ${call} gave ${code}`);
  }
  if (isPoisoned && !notes.some(([kind]) => kind === "later"))
    problems.push("no call was tried after a failed commit");
  return problems;
}
