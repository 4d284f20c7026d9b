/** Looks at a directory before LevelDB opens it, which would return, rewrite or delete what is damaged. */
import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseError } from "../../errors.ts";
import { damaged, isMissing } from "./damage.ts";
import { FileReader } from "./file-reader.ts";
import { CURRENT, findLive, isDataFile, type LiveFiles, manifestName, numberOf } from "./live-files.ts";
import { LogHistory } from "./log-history.ts";
import { refuseLostLog } from "./lost-log.ts";
import { type ManifestState, readManifest } from "./manifest-file.ts";
import { isKnown, isSame, readSeal, type Seal, type Stamp, stampOf, writeSeal } from "./seal.ts";
import { verifyTable } from "./table-file.ts";

/**
 * Whose checksums are verified when a store is opened: of files that changed since they were known to be sound, of all,
 * or of none.
 */
export type Verify = "changed" | "always" | "never";

export interface PreflightOptions {
  readonly createIfMissing: boolean;
  readonly verify: Verify;
  /** Whether what was verified is noted in the directory. */
  readonly seals: boolean;
}

/** What a pre-flight found. */
export interface Preflight {
  /** Whether there is no database yet. */
  readonly isNew: boolean;
  /** The tables that were there: how they were when they were known to be sound; undefined where they are not. */
  readonly tables: ReadonlyMap<string, Stamp | undefined>;
}

/**
 * Makes sure that a directory holds a database that is whole, as far as its files tell, or none.
 *
 * Cost: where it was closed in good order, it reads CURRENT, the seal and the MANIFEST, and looks at each file's size
 * and times; else it reads what changed since.
 *
 * @throws DatabaseError `STORE_DAMAGED`, `STORE_NOT_FOUND`; the system's errors
 */
export async function preflight(directory: string, options: PreflightOptions): Promise<Preflight> {
  const names = readdirSync(directory);
  const seal = readSeal(directory);
  if (!names.includes(CURRENT)) return withoutCurrent(directory, names, seal, options);
  const current = manifestName(directory, readFileSync(join(directory, CURRENT), "latin1"));
  if (options.createIfMissing && seal === undefined && isUnborn(directory, [current], names)) {
    rmSync(join(directory, CURRENT));
    return { isNew: true, tables: new Map() };
  }
  if (!names.includes(current))
    throw damaged(join(directory, current), `${CURRENT} names it, and it is gone`);
  if (isSetBack(current, seal, names))
    throw damaged(join(directory, CURRENT), `it names ${current}, the store was last at ${seal?.current}`);

  const inspection = new Inspection(directory, current, seal, names);
  if (options.verify !== "never") await inspection.verify(options.verify === "always");
  if (options.seals && inspection.hasNews)
    writeSeal(directory, { clean: false, current, files: inspection.sound() });
  return { isNew: false, tables: inspection.tables };
}

/** LevelDB decides by CURRENT alone that there is no database, and then deletes what it does not know. */
function withoutCurrent(
  directory: string,
  names: readonly string[],
  seal: Seal | undefined,
  { createIfMissing }: PreflightOptions,
): Preflight {
  const manifests = names.filter((name) => name.startsWith("MANIFEST-"));
  const data = names.filter((name) => isDataFile(name) || manifests.includes(name));
  const isNew = createIfMissing && seal === undefined && isUnborn(directory, manifests, names);
  if (!isNew && (data.length > 0 || seal !== undefined)) {
    const has =
      data.length > 0 ? `there are data files (${data.slice(0, 3).join(", ")}…)` : "there was a store";
    throw damaged(join(directory, CURRENT), `${has} but not this file, which names the manifest`);
  }
  if (createIfMissing) return { isNew: true, tables: new Map() };
  throw new DatabaseError("STORE_NOT_FOUND", `There is no store at ${directory}.`);
}

/**
 * Whether LevelDB was kept from making a database by a power cut or an error: it does not sync the first manifest, and
 * has named a later one by the time it is open. Nothing can have been written then.
 *
 * @param manifests those that may be in use
 */
function isUnborn(directory: string, manifests: readonly string[], names: readonly string[]): boolean {
  const hasData = (name: string) => isDataFile(name) && statSync(join(directory, name)).size > 0;
  return manifests.length > 0 && manifests.every((name) => numberOf(name) === 1) && !names.some(hasData);
}

/** Manifests have ever higher numbers, and LevelDB deletes earlier ones: this one was put there, or CURRENT was. */
function isSetBack(current: string, seal: Seal | undefined, names: readonly string[]): boolean {
  return seal !== undefined && numberOf(current) < numberOf(seal.current) && names.includes(seal.current);
}

class Inspection {
  /** See {@link Preflight}. */
  readonly tables = new Map<string, Stamp | undefined>();
  /** Whether something was found to be sound that the seal does not tell. */
  hasNews = false;
  readonly #directory: string;
  readonly #seal: Seal | undefined;
  readonly #live: LiveFiles;
  readonly #state: ManifestState;
  readonly #isClean: boolean;

  constructor(directory: string, current: string, seal: Seal | undefined, names: readonly string[]) {
    this.#directory = directory;
    this.#seal = seal;
    const path = join(directory, current);
    const bytes = readFileSync(path);
    const sealed = seal?.clean && seal.current === current ? seal.files : undefined;
    const isClosed = sealed !== undefined && keepsSize(path, bytes.length, sealed[current]);
    this.#state = readManifest(path, bytes, isClosed);
    this.#live = findLive(directory, this.#state, names);
    this.#refuseStrays(names);
    this.#isClean = isClosed && this.#logsKeepSizes(sealed);
    for (const { name, record } of this.#live.tables) {
      const stamp = stampOf(join(directory, name));
      if (stamp[0] !== record.size)
        throw damaged(join(directory, name), `it has ${stamp[0]} bytes, the manifest says ${record.size}`);
      this.tables.set(name, isSame(stamp, seal?.files[name]) ? stamp : undefined);
    }
  }

  /** Verifies the checksums of what changed, or of everything. */
  async verify(everything: boolean): Promise<void> {
    const reader = new FileReader();
    try {
      await this.#verifyLogs(reader, everything);
      for (const { name, record } of this.#live.tables) {
        if (!everything && this.tables.get(name) !== undefined) continue;
        const path = join(this.#directory, name);
        const stamp = stampOf(path);
        await verifyTable(reader, path, record);
        this.tables.set(name, stamp);
        this.hasNews ||= !isSame(stamp, this.#seal?.files[name]);
      }
    } finally {
      await reader.close();
    }
  }

  /** The files that are known to be sound. */
  sound(): Record<string, Stamp> {
    return Object.fromEntries(Array.from(this.tables).filter(isKnown));
  }

  async #verifyLogs(reader: FileReader, everything: boolean): Promise<void> {
    const paths = this.#live.logs.map((name) => join(this.#directory, name));
    const isUnchanged = this.#live.logs.every((name, i) =>
      isSame(stampOf(paths[i] as string), this.#seal?.files[name]),
    );
    if (this.#isClean && isUnchanged && !everything) return;
    const history = new LogHistory(this.#state);
    for (const path of paths) {
      const torn = await history.verify(reader, path);
      if (torn !== undefined && this.#isClean) throw damaged(path, torn.reason, torn.offset);
    }
    refuseLostLog(this.#directory, this.#live.tables, history.lateStart);
  }

  /** A manifest that no opening has completed knows of no tables; LevelDB would delete those that are there. */
  #refuseStrays(names: readonly string[]): void {
    const stray = names.find((name) => isDataFile(name) && !name.endsWith(".log"));
    if (this.#state.logNumber === 0 && this.#state.tables.size === 0 && stray !== undefined)
      throw damaged(join(this.#directory, stray), "the manifest that CURRENT names is older than this table");
  }

  #logsKeepSizes(sealed: Seal["files"]): boolean {
    let isKept = true;
    for (const [name, stamp] of Object.entries(sealed)) {
      const isLive = name.endsWith(".log") && numberOf(name) >= this.#state.logNumber;
      if (!isLive) continue;
      const path = join(this.#directory, name);
      const size = statSync(path, { throwIfNoEntry: false })?.size;
      if (size === undefined) throw damaged(path, "it was there when the store was closed, and is gone");
      isKept = keepsSize(path, size, stamp) && isKept;
    }
    return isKept;
  }
}

/** @returns false where another program has added to the file since it was sealed */
function keepsSize(path: string, size: number, sealed: Stamp | undefined): boolean {
  const before = sealed?.[0] ?? 0;
  if (size >= before) return size === before;
  throw damaged(path, `it has ${size} bytes, and had ${before} when the store was closed`, size);
}

/**
 * Notes how the files of a database are after LevelDB has closed it in good order, its logs on disk before.
 *
 * @param tables those that were there when it was opened, from the pre-flight
 */
export function sealClosed(directory: string, tables: Preflight["tables"]): void {
  try {
    const current = manifestName(directory, readFileSync(join(directory, CURRENT), "latin1"));
    const state = readManifest(join(directory, current), readFileSync(join(directory, current)), true);
    const live = findLive(directory, state, readdirSync(directory));
    for (const log of live.logs) withFile(join(directory, log), "r+", fdatasyncSync);
    syncNames(directory);
    const files: Record<string, Stamp> = {};
    for (const name of [current, ...live.logs]) files[name] = stampOf(join(directory, name));
    for (const { name } of live.tables) {
      // A table never changes: one that did is not vouched for, and will be verified.
      const stamp = tables.has(name) ? tables.get(name) : stampOf(join(directory, name));
      if (stamp !== undefined) files[name] = stamp;
    }
    writeSeal(directory, { clean: true, current, files });
  } catch (error) {
    // Without a seal the next opening finds out by itself what is wrong here.
    if (!(error instanceof DatabaseError) && !isMissing(error) && !isSystemError(error)) throw error;
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).syscall === "string";
}

/** Makes the names of a directory's files last, where the system can: Windows cannot, and needs not. */
function syncNames(directory: string): void {
  try {
    withFile(directory, "r", fsyncSync);
  } catch {}
}

function withFile(path: string, flags: "r" | "r+", work: (fd: number) => void): void {
  const fd = openSync(path, flags);
  try {
    work(fd);
  } finally {
    closeSync(fd);
  }
}
