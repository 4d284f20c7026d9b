/** Looks at a directory before LevelDB opens it, which would return, rewrite or delete what is damaged. */
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { DatabaseError } from "../../errors.ts";
import { damaged } from "./damage.ts";
import { goBack, type Recovery } from "./go-back.ts";
import { Inspection } from "./inspection.ts";
import { CURRENT, isDataFile, manifestName, numberOf } from "./live-files.ts";
import { readSeal, type Seal, type Stamp, writeSeal } from "./seal.ts";

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
  /** Whether it goes back to before a hole that a power cut may have left in the logs; false by default. */
  readonly goesBack?: boolean;
}

/** What a pre-flight found. */
export interface Preflight {
  /** Whether there is no database yet. */
  readonly isNew: boolean;
  /** The tables that were there: how they were when they were known to be sound; undefined where they are not. */
  readonly tables: ReadonlyMap<string, Stamp | undefined>;
  /** What it went back before; undefined where it did not. */
  readonly recovery?: Recovery;
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
  try {
    if (options.verify !== "never") await inspection.verify(options.verify === "always");
  } catch (error) {
    const { hole, logs } = inspection;
    if (options.goesBack !== true || hole === undefined) throw error;
    const { reason } = (error as DatabaseError).details as { reason: string };
    const kept = goBack(logs, hole);
    // There may be another hole before that one, which shows only now.
    const { recovery, ...found } = await preflight(directory, options);
    const first = recovery ?? { file: basename(hole.path), offset: hole.offset, reason, kept: [] };
    return { ...found, recovery: { ...first, kept: [...kept, ...first.kept] } };
  }
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
