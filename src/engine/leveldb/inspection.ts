import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { damaged } from "./damage.ts";
import { FileReader } from "./file-reader.ts";
import { findLive, isDataFile, type LiveFiles, numberOf } from "./live-files.ts";
import { type Hole, LogHistory } from "./log-history.ts";
import { isLogLost } from "./lost-log.ts";
import { type ManifestState, readManifest } from "./manifest-file.ts";
import { isKnown, isSame, type Seal, type Stamp, stampOf } from "./seal.ts";
import { verifyTable } from "./table-file.ts";

/** Looks through the files that a manifest needs. Its making throws for what names, sizes and the manifest show. */
export class Inspection {
  /** The tables that are there, as {@link Preflight} tells of them. */
  readonly tables = new Map<string, Stamp | undefined>();
  /** Whether something was found to be sound that the seal does not tell. */
  hasNews = false;
  readonly #directory: string;
  readonly #seal: Seal | undefined;
  readonly #live: LiveFiles;
  readonly #state: ManifestState;
  readonly #isClean: boolean;
  #hole: Hole | undefined;

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
      for (const { name, record } of this.#live.tables) {
        if (!everything && this.tables.get(name) !== undefined) continue;
        const path = join(this.#directory, name);
        const stamp = stampOf(path);
        await verifyTable(reader, path, record);
        this.tables.set(name, stamp);
        this.hasNews ||= !isSame(stamp, this.#seal?.files[name]);
      }
      // Last: nobody goes back before a hole in the logs of a database that is damaged besides.
      await this.#verifyLogs(reader, everything);
    } finally {
      await reader.close();
    }
  }

  /** Where the logs have a hole that a power cut may have left; known when `verify` has failed because of it. */
  get hole(): Hole | undefined {
    return this.#hole;
  }

  /** Paths of the logs that may hold what is in no table, the oldest first. */
  get logs(): string[] {
    return this.#live.logs.map((name) => join(this.#directory, name));
  }

  /** The files that are known to be sound. */
  sound(): Record<string, Stamp> {
    return Object.fromEntries(Array.from(this.tables).filter(isKnown));
  }

  async #verifyLogs(reader: FileReader, everything: boolean): Promise<void> {
    const paths = this.logs;
    const isUnchanged = this.#live.logs.every((name, i) =>
      isSame(stampOf(paths[i] as string), this.#seal?.files[name]),
    );
    if (this.#isClean && isUnchanged && !everything) return;
    const history = new LogHistory(this.#state);
    try {
      for (const path of paths) {
        const torn = await history.verify(reader, path);
        if (torn !== undefined && this.#isClean) throw damaged(path, torn.reason, torn.offset);
      }
    } catch (error) {
      if (!this.#isClean) this.#hole = history.hole;
      throw error;
    }
    const { lateStart } = history;
    if (lateStart === undefined || !isLogLost(this.#directory, this.#live.tables, lateStart)) return;
    if (!this.#isClean) this.#hole = { path: lateStart.path, offset: 0 };
    throw damaged(lateStart.path, "it is empty, and batches before those of the next log are in no table");
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
