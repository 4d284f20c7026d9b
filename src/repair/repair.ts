import { realpathSync, statSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { Collection } from "../collections/collection.ts";
import type { Flaw, LostWrites, Survey } from "../engine/leveldb/findings.ts";
import { flawOf } from "../engine/leveldb/findings.ts";
import { CURRENT, isDataFile } from "../engine/leveldb/live-files.ts";
import { preflight } from "../engine/leveldb/preflight.ts";
import { survey as surveyFiles } from "../engine/leveldb/survey.ts";
import { DirectoryLock } from "../engine/lock.ts";
import { abortError } from "../engine/wait-list.ts";
import { DatabaseError } from "../errors.ts";
import { openStore } from "../store/open-store.ts";
import { checkOptions, checkPath, show } from "../store/options.ts";
import { checkWork, report, type WorkOptions } from "../store/progress.ts";
import { COMMIT_KEY } from "../store/system.ts";
import { copyDirectory, finishReplacing, newStorePath, refuseWithoutRoom, replaceFiles } from "./files.ts";
import { rebuild } from "./rebuild.ts";
import type { LostHistory, RepairReport } from "./report.ts";

/** Options of {@link repair}; progress is told in rows that are sound. */
export interface RepairOptions extends WorkOptions {
  /**
   * Where the directory is copied to before anything in it changes: a path that does not exist; the directory's with
   * ".before-repair-" and the time by default.
   */
  readonly copy?: string | undefined;
  /** The collections whose indexes are built at once. The others' are built when their `build()` is called. */
  readonly collections?: readonly Collection[] | undefined;
}

/**
 * Makes a store that opens of one whose files are damaged, with all that is sound in them: never a row from a part that
 * does not match its checksum. It does not guess: what was lost, and what may be older than what was lost, is reported.
 *
 * The directory is copied first. The new store is made and checked beside the old files, which it then replaces;
 * before that, an error or an abort leaves everything as it was. Indexes of collections are not salvaged, but built from
 * the records. What a program derives by itself, as counts, is for it to mend. Where nothing is damaged, nothing is done.
 *
 * Cost: it reads everything three times and writes it twice; it needs twice the room that the directory takes.
 *
 * @param directory in which no store is open
 * @returns what was found and done: see {@link RepairReport}
 * @throws DatabaseError `STORE_NOT_FOUND`, `STORE_LOCKED`, `STORE_DAMAGED` where nothing is left, `STORE_INVALID`,
 * `STORE_VERSION`, `BACKUP_TARGET` where the copy's place is taken, `STORE_IO` also where there is no room,
 * `PATH_INVALID`, `OPTION_INVALID`, `ABORTED`
 */
export async function repair(directory: string, options: RepairOptions = {}): Promise<RepairReport> {
  const { work, collections, copy } = checkCall(directory, options);
  const path = findStore(directory);
  const lock = await DirectoryLock.acquire(path, 0);
  let found: Survey;
  try {
    await finishReplacing(path);
    found = await lookThrough(path, work);
    if (found.flaws.length > 0) return await mend(path, found, copy, { collections, work });
  } catch (error) {
    throw ioError(path, error);
  } finally {
    lock.release();
  }
  return describeSound(path, work);
}

function checkCall(directory: string, options: RepairOptions) {
  checkPath(directory, "repair()");
  checkOptions(options, ["signal", "onProgress", "copy", "collections"], "repair()");
  const { copy, collections = [], ...work } = options;
  checkWork(work, "repair()");
  if (copy !== undefined) checkPath(copy, "The option copy");
  if (!Array.isArray(collections) || !collections.every((each) => each instanceof Collection)) {
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option collections is ${show(collections)}. Pass an array of what collection() gave.`,
    );
  }
  return { work, collections: collections as readonly Collection[], copy };
}

/** @returns the real path of the directory */
function findStore(directory: string): string {
  let found: ReturnType<typeof statSync>;
  try {
    found = statSync(directory, { throwIfNoEntry: false });
  } catch (cause) {
    throw new DatabaseError(
      "STORE_IO",
      `The directory ${directory} could not be looked at: ${String(cause)}.`,
      { cause },
    );
  }
  if (found === undefined) throw new DatabaseError("STORE_NOT_FOUND", `There is no store at ${directory}.`);
  if (found.isDirectory()) return realpathSync.native(directory);
  throw new DatabaseError("PATH_INVALID", `${directory} is a file. A store is a directory.`);
}

async function lookThrough(path: string, work: WorkOptions): Promise<Survey> {
  const names = await readdir(path);
  const isDatabase = names.some((name) => isDataFile(name) || name === CURRENT || /^MANIFEST-/.test(name));
  if (!isDatabase) throw new DatabaseError("STORE_NOT_FOUND", `There is no store at ${path}.`);
  const step = () => report(work, 0);
  return surveyFiles(path, { watched: Buffer.from(COMMIT_KEY), known: await flawAtOpening(path), step });
}

/** What opening the store would refuse. It knows more than the files show: how they were when it was closed. */
async function flawAtOpening(path: string): Promise<Flaw | undefined> {
  try {
    await preflight(path, { createIfMissing: false, verify: "always", seals: false });
    return undefined;
  } catch (error) {
    const flaw = flawOf(error);
    if (flaw === undefined) throw error;
    return flaw;
  }
}

async function mend(
  path: string,
  found: Survey,
  copy: string | undefined,
  options: Parameters<typeof rebuild>[2],
): Promise<RepairReport> {
  const place = copy ?? `${path}.before-repair-${new Date().toISOString().replaceAll(":", "-")}`;
  await refuseWithoutRoom(path, place);
  const copied = await copyDirectory(path, place);
  let isReplacing = false;
  try {
    const mended = await rebuild(newStorePath(path), found, options);
    const { signal } = options.work;
    if (signal?.aborted) throw abortError(signal);
    isReplacing = true;
    await replaceFiles(path);
    return { sound: false, copy: copied, files: found.flaws, history: historyOf(found), ...mended };
  } catch (error) {
    // Nothing in the directory has changed yet: neither the new store nor the copy is of use.
    if (!isReplacing) {
      await rm(newStorePath(path), { recursive: true, force: true });
      await rm(copied, { recursive: true, force: true });
    }
    throw error;
  }
}

function historyOf({ writes }: Survey): LostHistory[] {
  const numberOf = (value: string | undefined) => (value === undefined ? undefined : Number(value));
  return writes.map(({ after, before, ...flaw }: LostWrites) => ({
    ...flaw,
    after: numberOf(after),
    before: numberOf(before),
  }));
}

async function describeSound(path: string, work: WorkOptions): Promise<RepairReport> {
  await using store = await openStore(path, { readOnly: true });
  const { rows, buckets, problems } = await store.check(work);
  const { commit } = store.stats();
  const nothing = { files: [], ranges: [], history: [], recovered: [], collections: [] };
  return { sound: true, copy: undefined, ...nothing, commit, rows, buckets, problems };
}

function ioError(path: string, error: unknown): unknown {
  const { code } = error as { code?: unknown };
  if (error instanceof DatabaseError || typeof code !== "string") return error;
  return new DatabaseError("STORE_IO", `The repair of ${path} failed: ${String(error)}.`, { cause: error });
}
