/*
 * The owner file "meshgate.lock" in a store's directory: one JSON object.
 *
 *   owner   = { "pid": number, "thread": number | null, "started": string | null, "token": string }
 *   thread  = on Linux, the system's number of the owner's thread
 *   started = on Linux, boot id ":" when that thread started, in clock ticks since boot
 *
 * LevelDB has a lock of its own, on the file LOCK, but loses it when anything in the process opens and closes that
 * file: a second open of the store does (whether by another spelling of its path or from another thread). So the
 * library asks its own lock first, and never touches LOCK.
 *
 * The calls are synchronous: small, few, and a trip to another thread costs more than each of them.
 */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "../errors.ts";

const FILE = "meshgate.lock";
const POLL_MS = 25;
/** An owner file this old that cannot be read is one whose writer died amid writing it. */
const TORN_MS = 2000;

/** Directories open in this process, by real path; shared by all copies of the library in it. */
const REGISTRY = Symbol.for("@meshgate/database:directories");
const shared = globalThis as unknown as { [REGISTRY]?: Set<string> };
shared[REGISTRY] ??= new Set();
const openDirectories: Set<string> = shared[REGISTRY];

/** Tokens of owners that let go and did not find their files. */
const released = new Set<string>();

interface Owner {
  readonly pid: number;
  readonly thread?: number | null;
  readonly started: string | null;
  readonly token: string;
}

/** Holds a directory for one store, against this process, its threads and all other processes of the machine. */
export class DirectoryLock {
  readonly #directory: string;
  readonly #token: string;

  private constructor(directory: string, token: string) {
    this.#directory = directory;
    this.#token = token;
  }

  /**
   * Takes the lock of a directory.
   *
   * @param directory its real path
   * @param timeout how long to wait for another owner to let go, in milliseconds
   * @throws DatabaseError `STORE_LOCKED` where it is held and timeout is 0, `LOCK_TIMEOUT` where it stayed held
   */
  static async acquire(directory: string, timeout: number): Promise<DirectoryLock> {
    const deadline = Date.now() + timeout;
    while (true) {
      const holder = openDirectories.has(directory) ? "this process" : tryOwn(directory);
      if (typeof holder !== "string") return new DirectoryLock(directory, holder.token);
      if (Date.now() >= deadline) throw lockedError(directory, holder, timeout);
      await sleep(Math.min(POLL_MS, deadline - Date.now()));
    }
  }

  release(): void {
    openDirectories.delete(this.#directory);
    const path = join(this.#directory, FILE);
    const owner = readOwner(path);
    if (typeof owner === "object" && owner.token === this.#token) rmSync(path, { force: true });
    // The directory was renamed, or its lock file deleted: where it is now, it names an owner that has let go.
    else released.add(this.#token);
  }
}

/** Tries once to own a directory. @returns the new owner, or who holds it */
function tryOwn(directory: string): Owner | string {
  const { thread = null, started = null } = lookUp("thread-self") ?? {};
  const own: Owner = { pid: process.pid, thread, started, token: newToken() };
  const path = join(directory, FILE);
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      if (createOwner(path, own)) {
        openDirectories.add(directory);
        return own;
      }
      const holder = readOwner(path);
      if (holder === "being written") break;
      if (typeof holder === "object" && isAlive(holder)) {
        return holder.pid === process.pid ? "another thread of this process" : `process ${holder.pid}`;
      }
      removeStale(path, holder, own);
    }
    return "another process, which is opening it";
  } catch (error) {
    throw new DatabaseError("STORE_IO", `The lock of ${directory} could not be written: ${String(error)}.`, {
      cause: error,
    });
  }
}

function createOwner(path: string, owner: Owner): boolean {
  try {
    writeFileSync(path, JSON.stringify(owner), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Reads the owner that the file names.
 *
 * @returns "none" where there is no file, "torn" for one whose writer died amid writing it (as a power cut may leave it)
 */
function readOwner(path: string): Owner | "none" | "torn" | "being written" {
  try {
    const owner = JSON.parse(readFileSync(path, "utf8")) as Owner;
    if (typeof owner.pid === "number" && typeof owner.token === "string") return owner;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "none";
  }
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  return Math.abs(age) < TORN_MS ? "being written" : "torn";
}

/**
 * Removes a dead owner's file. Not one that took its place in the meantime: whoever removes it must own a file that is
 * named after that very owner, so that between the look and the removal nobody else can remove it, and put its own.
 */
function removeStale(path: string, stale: Owner | "none" | "torn", own: Owner): void {
  if (stale === "none") return;
  const right = `${path}.${createHash("sha256").update(nameOf(stale)).digest("hex").slice(0, 16)}`;
  if (createOwner(right, own)) {
    try {
      const found = readOwner(path);
      if (nameOf(found) === nameOf(stale)) rmSync(path, { force: true });
    } finally {
      rmSync(right, { force: true });
    }
    return;
  }
  const remover = readOwner(right);
  if (remover === "being written" || (typeof remover === "object" && isAlive(remover))) return;
  // It died amid this.
  removeStale(right, remover, own);
}

function nameOf(owner: ReturnType<typeof readOwner>): string {
  return typeof owner === "object" ? owner.token : owner;
}

/** Names one owner among all that the machine ever had. */
function newToken(): string {
  return `${process.pid}-${Date.now()}-${process.hrtime.bigint()}`;
}

function isAlive(owner: Owner): boolean {
  if (released.has(owner.token)) return false;
  if (owner.started !== null) {
    const seen = lookUp(owner.thread == null ? `${owner.pid}` : `${owner.pid}/task/${owner.thread}`);
    if (seen !== undefined) return seen.started === owner.started;
    // Where the process can be seen and its thread cannot, the thread has ended.
    if (lookUp(`${owner.pid}`) !== undefined) return false;
  }
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Tells this boot of the machine from others. */
let boot: string | undefined;

/** What /proc tells of a thread: its number, and when it started, which tells it from a later one of that number. */
function lookUp(folder: string): { thread: number; started: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${folder}/stat`, "latin1");
    boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return { thread: Number.parseInt(stat, 10), started: `${boot}:${ticks}` };
  } catch {
    return undefined;
  }
}

function lockedError(directory: string, holder: string, timeout: number): DatabaseError {
  return timeout > 0
    ? new DatabaseError(
        "LOCK_TIMEOUT",
        `${directory} is still held by ${holder} after ${timeout} ms. Close it there.`,
      )
    : new DatabaseError(
        "STORE_LOCKED",
        `${directory} is held by ${holder}. Close it there, or wait with the option lockTimeout.`,
      );
}
