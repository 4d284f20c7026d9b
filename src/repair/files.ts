/*
 * How a directory gets the files of the repaired store, which lie in a directory within it until then:
 *
 *   meshgate.repair/          the new store
 *   meshgate.repair/ready     the names of the new store's files, as JSON; it is there when they are whole, and from then
 *                             on the old files may go
 *
 * CURRENT goes first and comes last: amid the change, however it ends, the directory opens as no store, not as a new
 * one, either, since data files are there all the time. A later repair() takes the change to its end.
 */
import { constants, existsSync } from "node:fs";
import { cp, readdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { makeDirectory } from "../engine/directory.ts";
import { CURRENT, isDataFile } from "../engine/leveldb/live-files.ts";
import { DatabaseError } from "../errors.ts";
import { makeWhole, syncFiles, syncPath } from "../store/target.ts";

const NEW = "meshgate.repair";
const READY = "ready";
const LOCK = "meshgate.lock";

/** Where the new store is made. */
export function newStorePath(directory: string): string {
  return join(directory, NEW);
}

/** Copies all files of a directory, but for the locks. @returns the path of the copy @throws DatabaseError */
export async function copyDirectory(directory: string, copy: string): Promise<string> {
  const skipped = new Set([LOCK, "LOCK", NEW]);
  const target = resolve(copy);
  await makeWhole(target, "The copy of the directory", async (partial) => {
    makeDirectory(partial);
    await cp(directory, partial, {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      preserveTimestamps: true,
      filter: (path) => !skipped.has(basename(path)) || dirname(path) !== directory,
    });
    await syncFiles(partial);
  });
  return target;
}

/** @throws DatabaseError `STORE_IO` where there is no room for a copy of a directory, and for a new store in it */
export async function refuseWithoutRoom(directory: string, copy: string): Promise<void> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(directory, entry.name))).size;
  const beside = existing(dirname(resolve(copy)));
  const isOneDisk = (await stat(beside)).dev === (await stat(directory)).dev;
  await refuseRoom(directory, isOneDisk ? 2 * bytes : bytes);
  if (!isOneDisk) await refuseRoom(beside, bytes);
}

/** @throws DatabaseError `STORE_IO` where a disk has fewer bytes free */
export async function refuseRoom(directory: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new DatabaseError(
    "STORE_IO",
    `The repair needs ${needed} bytes for the copy and the new store, and the disk of ${directory} has ${free}. Free some, or pass the option copy with a path on another disk. Nothing was changed.`,
    { details: { directory, needed, free } },
  );
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

/** Puts the new store, which is closed, into the place of the old one. */
export async function replaceFiles(directory: string): Promise<void> {
  const source = newStorePath(directory);
  await syncFiles(source);
  const coming = (await readdir(source)).filter(isOfDatabase);
  await writeFile(join(source, `${READY}.new`), JSON.stringify(coming), { flush: true });
  await rename(join(source, `${READY}.new`), join(source, READY));
  await syncPath(source);
  await finishReplacing(directory);
}

/** Takes a change to its end that was cut short, or takes back what was only begun. */
export async function finishReplacing(directory: string): Promise<void> {
  const source = newStorePath(directory);
  if (!existsSync(source)) return;
  // Once CURRENT has moved, all has.
  if (existsSync(join(source, READY)) && existsSync(join(source, CURRENT)))
    await moveFiles(directory, source);
  await rm(source, { recursive: true, force: true });
  await syncPath(directory);
}

async function moveFiles(directory: string, source: string): Promise<void> {
  const names = JSON.parse(await readFile(join(source, READY), "utf8")) as string[];
  await rm(join(directory, CURRENT), { force: true });
  await syncPath(directory);
  for (const name of names)
    if (name !== CURRENT && existsSync(join(source, name)))
      await rename(join(source, name), join(directory, name));
  for (const name of await readdir(directory))
    if (isOld(name) && !names.includes(name)) await rm(join(directory, name), { recursive: true });
  await syncPath(directory);
  await rename(join(source, CURRENT), join(directory, CURRENT));
  await syncPath(directory);
}

/** Whether a file is of the old store, or tells something of it. */
function isOld(name: string): boolean {
  return isOfDatabase(name) || (name.startsWith("meshgate.") && name !== LOCK && name !== NEW);
}

function isOfDatabase(name: string): boolean {
  return name === CURRENT || isDataFile(name) || name.startsWith("MANIFEST-");
}
