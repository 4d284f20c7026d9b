/*
 * The owner file "meshgate.lock" in a store's directory: one JSON object.
 *
 *   owner   = { "pid": number, "started": string | null, "token": string }
 *   started = on Linux, boot id ":" start time of the process in clock ticks since boot
 *
 * LevelDB has a lock of its own, on the file LOCK, but loses it when anything in the process opens and closes that
 * file: a second open of the store does (whether by another spelling of its path or from another thread). So the
 * library asks its own lock first, and never touches LOCK.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "../errors.ts";

const FILE = "meshgate.lock";
const POLL_MS = 25;
/** After this long, an owner file that cannot be read is one whose writer died amid writing it. */
const TORN_MS = 2000;

/** Directories open in this process, by real path; shared by all copies of the library in it. */
const REGISTRY = Symbol.for("@meshgate/database:directories");
const shared = globalThis as unknown as { [REGISTRY]?: Set<string> };
shared[REGISTRY] ??= new Set();
const openDirectories: Set<string> = shared[REGISTRY];

interface Owner {
  readonly pid: number;
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
      const holder = openDirectories.has(directory) ? "this process" : await tryOwn(directory);
      if (typeof holder !== "string") return new DirectoryLock(directory, holder.token);
      if (Date.now() >= deadline) throw lockedError(directory, holder, timeout);
      await sleep(Math.min(POLL_MS, deadline - Date.now()));
    }
  }

  async release(): Promise<void> {
    openDirectories.delete(this.#directory);
    const path = join(this.#directory, FILE);
    if ((await readOwner(path))?.token === this.#token) await rm(path, { force: true });
  }
}

/** @returns the new owner, or who holds the directory */
async function tryOwn(directory: string): Promise<Owner | string> {
  // Registered before the first await, so that two opens in one process cannot both pass.
  openDirectories.add(directory);
  try {
    const own: Owner = { pid: process.pid, started: startOf(process.pid), token: randomUUID() };
    const path = join(directory, FILE);
    for (let attempt = 0; attempt < 3; attempt++) {
      if (await createOwner(path, own)) return own;
      const holder = await readOwner(path);
      if (holder !== undefined && isAlive(holder)) {
        openDirectories.delete(directory);
        return holder.pid === process.pid ? "another thread of this process" : `process ${holder.pid}`;
      }
      await removeStale(path, holder);
    }
    openDirectories.delete(directory);
    return "another process that is opening it";
  } catch (error) {
    openDirectories.delete(directory);
    throw new DatabaseError("STORE_IO", `The lock of ${directory} could not be written: ${String(error)}.`, {
      cause: error,
    });
  }
}

async function createOwner(path: string, owner: Owner): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(JSON.stringify(owner)).finally(() => file.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** The owner that the file names; undefined where there is no file, or no owner can be read from it for long. */
async function readOwner(path: string): Promise<Owner | undefined> {
  const deadline = Date.now() + TORN_MS;
  while (true) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      const owner = JSON.parse(text) as Owner;
      if (typeof owner.pid === "number" && typeof owner.token === "string") return owner;
    } catch {
      // Its owner may be amid writing it.
    }
    if (Date.now() > deadline) return undefined;
    await sleep(POLL_MS);
  }
}

/** Moves a dead owner's file away, and back where another process put its own there in the meantime. */
async function removeStale(path: string, stale: Owner | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return; // Another process was faster.
  }
  const moved = await readOwner(aside);
  if (moved !== undefined && moved.token !== stale?.token) await rename(aside, path);
  else await rm(aside, { force: true });
}

function isAlive(owner: Owner): boolean {
  const started = startOf(owner.pid);
  if (started !== null && owner.started !== null) return started === owner.started;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Tells a process from a later one with the same number; null where the system has no /proc. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${boot}:${ticks}`;
  } catch {
    return null;
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
