/** Verifies the files of a database that is open: beside its readers and writers, whose files come and go. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "../../errors.ts";
import { damaged, isMissing } from "./damage.ts";
import { FileReader } from "./file-reader.ts";
import { CURRENT, findLive, type LiveFiles, manifestName } from "./live-files.ts";
import { LogHistory } from "./log-history.ts";
import { type ManifestState, readManifest } from "./manifest-file.ts";
import { verifyTable } from "./table-file.ts";

/** What is looked at twice in a row, and has come and gone in between, is looked at so often. */
const ATTEMPTS = 5;
/** In this time a write that is under way is over, and a file that is no longer needed is gone. */
const PAUSE_MS = 20;

/**
 * Verifies all tables, logs and the manifest of an open database.
 *
 * @param step called after each table; what it throws ends the work
 * @returns the error of each file that is damaged: `STORE_DAMAGED`, with details `{ file, offset?, reason }`
 * @throws what `step` throws, the system's errors
 */
export async function verifyFiles(directory: string, step: () => void): Promise<DatabaseError[]> {
  const found: DatabaseError[] = [];
  const reader = new FileReader();
  try {
    const tables = await collect(found, () => settled(directory, (now) => Promise.resolve(now.live.tables)));
    await collect(found, () => settled(directory, (now) => verifyLogs(directory, now, reader)));
    for (const { name, record } of tables ?? []) {
      await collect(found, () =>
        settled(directory, async ({ live }) => {
          // A compaction may have replaced it since.
          if (live.tables.every((table) => table.name !== name)) return;
          await verifyTable(reader, join(directory, name), record);
        }),
      );
      step();
    }
  } finally {
    await reader.close();
  }
  return found;
}

interface Moment {
  readonly state: ManifestState;
  readonly live: LiveFiles;
}

/** Does work on the files that are there now, and anew where it fails because they changed meanwhile. */
async function settled<T>(directory: string, work: (now: Moment) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(await readMoment(directory));
    } catch (error) {
      if (attempt === ATTEMPTS || !(isDamage(error) || isMissing(error))) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

async function readMoment(directory: string): Promise<Moment> {
  const current = manifestName(directory, await readFile(join(directory, CURRENT), "latin1"));
  const path = join(directory, current);
  const state = readManifest(path, await readFile(path), false);
  return { state, live: findLive(directory, state, await readdir(directory)) };
}

/** The newest log's end may be amid a write; nothing else may be torn. */
async function verifyLogs(directory: string, { state, live }: Moment, reader: FileReader): Promise<void> {
  const history = new LogHistory(state);
  for (const name of live.logs) {
    const path = join(directory, name);
    const torn = await history.verify(reader, path);
    if (torn !== undefined && torn.kind !== "cut") throw damaged(path, torn.reason, torn.offset);
  }
}

/** Notes a file that is damaged, and lets the work on the others go on. */
async function collect<T>(found: DatabaseError[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isDamage(error)) throw error;
    if (found.every(({ message }) => message !== error.message)) found.push(error);
    return undefined;
  }
}

function isDamage(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.code === "STORE_DAMAGED";
}
