/*
 * The file "meshgate.seal" in a store's directory tells which data files are known to be sound, and whether the store
 * was closed in good order. LevelDB passes over it.
 *
 *   file  = { "seal": seal, "crc32c": checksum of the seal's JSON text }
 *   seal  = { "version": 1, "clean": boolean, "current": name of the manifest, "files": { name: stamp } }
 *   stamp = [size, time of last change in ns, time of last change of the inode in ns, inode]
 *
 * It is never synced: one that is torn, missing or of an earlier opening only means that more is verified.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32c } from "./crc32c.ts";

const FILE = "meshgate.seal";
const VERSION = 1;

/** What shows that a file was written to, or is another one. */
export type Stamp = readonly [size: number, mtime: string, ctime: string, inode: string];

export interface Seal {
  readonly version: number;
  /** Whether all of the store's files are as its last owner left them when it closed. */
  readonly clean: boolean;
  /** What the file CURRENT named. Each opening by LevelDB makes a new one. */
  readonly current: string;
  readonly files: Readonly<Record<string, Stamp>>;
}

const encoder = new TextEncoder();

/** @returns the directory's seal; undefined where it has none that is sound */
export function readSeal(directory: string): Seal | undefined {
  try {
    const { seal, crc32c: sum } = JSON.parse(readFileSync(join(directory, FILE), "utf8"));
    return checksum(seal) === sum && seal.version === VERSION ? seal : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the directory's seal. What keeps it from that is no failure: the next opening verifies more. */
export function writeSeal(directory: string, seal: Omit<Seal, "version">): void {
  const whole: Seal = { version: VERSION, ...seal };
  const path = join(directory, FILE);
  try {
    writeFileSync(`${path}.new`, JSON.stringify({ seal: whole, crc32c: checksum(whole) }));
    renameSync(`${path}.new`, path);
  } catch {
    rmSync(`${path}.new`, { force: true });
  }
}

function checksum(seal: unknown): number {
  return crc32c(encoder.encode(JSON.stringify(seal)));
}

/** @throws the system's error */
export function stampOf(path: string): Stamp {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
  return [Number(size), String(mtimeNs), String(ctimeNs), String(ino)];
}

export function isSame(stamp: Stamp, known: Stamp | undefined): boolean {
  return known?.every((part, i) => part === stamp[i]) === true;
}

/** Whether a file is known to be sound. */
export function isKnown(entry: [string, Stamp | undefined]): entry is [string, Stamp] {
  return entry[1] !== undefined;
}
