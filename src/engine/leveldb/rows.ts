/** Reads the rows of a database from its files alone: nothing is opened for writing, and each checksum is verified. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { damaged, isMissing } from "./damage.ts";
import { type Entry, keyIn } from "./entry.ts";
import { CURRENT, findLive, type LiveTable, manifestName } from "./live-files.ts";
import { isFlaw, recordsOf } from "./log-file.ts";
import { readManifest } from "./manifest-file.ts";
import { compareEntries, type EntrySource, merge } from "./merge.ts";
import { entriesOfTable } from "./table-entries.ts";
import { decodeBatch } from "./write-batch.ts";

/** A row as it is stored. */
export type StoredRow = readonly [key: Uint8Array, value: Uint8Array];

/** The files that make up a database, and what is in them. */
export interface SoundFiles {
  /** The names of all that are needed. */
  readonly names: readonly string[];
  /** All rows in the order of their keys, some at a time. @throws DatabaseError `STORE_DAMAGED`; the system's error */
  rows(): AsyncGenerator<StoredRow[]>;
}

/**
 * Opens the files of a database that nobody has open.
 *
 * @throws DatabaseError `STORE_DAMAGED` where they do not belong together; the system's error
 */
export async function openFiles(directory: string): Promise<SoundFiles> {
  const pointer = await readWhole(join(directory, CURRENT));
  const manifest = manifestName(directory, Buffer.from(pointer).toString("latin1"));
  const path = join(directory, manifest);
  // Amid an edit it may end where a process was killed.
  const state = readManifest(path, await readWhole(path), false);
  const { tables, logs } = findLive(directory, state, await readdir(directory));
  const sources = [
    ...tables.map((table) => tableSource(directory, table)),
    ...logs.map((name) => logSource(directory, name)),
  ];
  return {
    names: [CURRENT, manifest, ...sources.map(({ name }) => name)],
    rows: () => liveRows(sources),
  };
}

interface FileSource extends EntrySource {
  readonly name: string;
}

function tableSource(directory: string, { name, record }: LiveTable): FileSource {
  const path = join(directory, name);
  return {
    name,
    first: keyIn(record.smallest),
    open: async () => {
      const file = await readWhole(path);
      if (file.length !== record.size)
        throw damaged(path, `it has ${file.length} bytes, the manifest says ${record.size}`);
      return entriesOfTable(file, ({ reason, offset }) => {
        throw damaged(path, reason, offset);
      });
    },
  };
}

function logSource(directory: string, name: string): FileSource {
  const path = join(directory, name);
  return {
    name,
    first: new Uint8Array(0),
    open: async () => {
      const entries: Entry[] = [];
      for (const item of recordsOf(await readWhole(path))) {
        if (isFlaw(item)) throw damaged(path, item.reason, item.offset);
        for (const entry of decodeBatch(item.record).entries) entries.push(entry);
      }
      return entries.sort(compareEntries).values();
    },
  };
}

async function readWhole(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error) => {
    throw isMissing(error) ? damaged(path, "it is missing") : error;
  });
}

/** The latest entry of each key, where it was not deleted. */
async function* liveRows(sources: readonly FileSource[]): AsyncGenerator<StoredRow[]> {
  let last: Uint8Array | undefined;
  for await (const chunk of merge(sources)) {
    const rows: StoredRow[] = [];
    for (const { entry } of chunk) {
      if (last !== undefined && Buffer.compare(entry.key, last) === 0) continue;
      last = entry.key;
      if (entry.value !== undefined) rows.push([entry.key, entry.value]);
    }
    yield rows;
  }
}
