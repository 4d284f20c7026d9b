/** Finds out what of a damaged database can be relied on: the ground on which it is repaired. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { damaged } from "./damage.ts";
import { addFlaw, type Flaw, flawOf, hasLog, type Survey, UNRANKED } from "./findings.ts";
import { CURRENT, fileName, isDataFile, isLiveLog, manifestName, numberOf } from "./live-files.ts";
import { surveyLogs } from "./log-survey.ts";
import { type ManifestState, readManifest, type TableRecord } from "./manifest-file.ts";
import { surveyTable } from "./table-survey.ts";

export interface SurveyOptions {
  /** The key whose values number the writes. */
  readonly watched: Uint8Array;
  /** A flaw that is known already. */
  readonly known: Flaw | undefined;
  /** Called between two files; what it throws ends the work. */
  readonly step: () => void;
}

/** Cost: it reads everything. @throws the system's errors, what `step` throws */
export async function survey(directory: string, options: SurveyOptions): Promise<Survey> {
  const { known, watched, step } = options;
  const names = (await readdir(directory)).sort();
  const found: Survey = {
    flaws: known === undefined ? [] : [known],
    keys: [],
    writes: [],
    sources: [],
  };
  const state = await findState(directory, names, found);
  const tables = new Map<number, string>();
  for (const name of names) if (isDataFile(name) && !name.endsWith(".log")) tables.set(numberOf(name), name);
  const allLogs = names.filter((name) => isDataFile(name) && name.endsWith(".log"));
  const isLast = state !== undefined && !isOutdated(state, tables, allLogs);
  if (state !== undefined && !isLast) distrust(found, "it is older than the files beside it");
  for (const record of state?.tables.values() ?? [])
    if (!tables.has(record.number)) lose(found, record, isLast);
  for (const [number, name] of tables) {
    step();
    const record = state?.tables.get(number);
    // What the last manifest does not name is left over from before.
    if (isLast && record === undefined) continue;
    await surveyTable(join(directory, name), record, isLast ? rankOf(record) : UNRANKED, found);
  }
  const logs = isLast ? allLogs.filter((name) => isLiveLog(numberOf(name), state)) : allLogs;
  step();
  await surveyLogs(directory, logs, { state: isLast ? state : undefined, watched }, found);
  return found;
}

/** Later tables have higher numbers in level 0, and lower levels elsewhere. */
function rankOf(record: TableRecord | undefined): number {
  if (record === undefined) return UNRANKED;
  return record.level === 0 ? record.number : -record.level;
}

/** Reads the last manifest. Undefined where there is none that is sound: then nothing tells which files belong. */
async function findState(
  directory: string,
  names: readonly string[],
  found: Survey,
): Promise<ManifestState | undefined> {
  const manifests = names.filter((name) => /^MANIFEST-\d+$/.test(name));
  let manifest = manifests.sort((a, b) => numberOf(a) - numberOf(b)).at(-1);
  const [known] = found.flaws;
  try {
    const pointer = await readFile(join(directory, CURRENT), "latin1").catch(() => undefined);
    if (pointer === undefined) throw damaged(join(directory, CURRENT), "it is missing");
    const named = manifestName(directory, pointer);
    if (!names.includes(named)) throw damaged(join(directory, named), `${CURRENT} names it, and it is gone`);
    if (known?.file !== CURRENT) manifest = named;
  } catch (error) {
    note(found, error);
  }
  if (manifest === undefined || manifest === known?.file) {
    distrust(found, "there is no sound manifest");
    return undefined;
  }
  try {
    const path = join(directory, manifest);
    return readManifest(path, await readFile(path), false);
  } catch (error) {
    note(found, error);
    distrust(found, "there is no sound manifest");
    return undefined;
  }
}

/** Whether a manifest needs files that are gone, while there are others that it does not know. */
function isOutdated(
  state: ManifestState,
  tables: ReadonlyMap<number, string>,
  logs: readonly string[],
): boolean {
  const isMissing =
    Array.from(state.tables.keys()).some((number) => !tables.has(number)) || !hasLog(state, logs);
  return isMissing && Array.from(tables.keys()).some((number) => !state.tables.has(number));
}

/** Tables that were compacted may be among those that are there: what was deleted may come back from them. */
function distrust(found: Survey, reason: string): void {
  found.writes.push({ file: "MANIFEST", reason, after: undefined, before: undefined });
  if (found.flaws.length === 0) found.flaws.push({ file: "MANIFEST", reason });
}

function lose(found: Survey, record: TableRecord, isLast: boolean): void {
  const file = fileName(record.number, "ldb");
  const flaw = { file, reason: "the manifest needs this table, and it is gone" };
  addFlaw(found, flaw);
  const rank = isLast ? rankOf(record) : UNRANKED;
  found.keys.push({ ...flaw, rank, from: record.smallest.slice(0, -8), to: record.largest.slice(0, -8) });
}

function note(found: Survey, error: unknown): void {
  const flaw = flawOf(error);
  if (flaw === undefined) throw error;
  addFlaw(found, flaw);
}
