import { decodeKey, encodeKey } from "@meshgate/database";
import type { AnyLevel } from "../../helpers/levels.ts";
import { byBytes } from "../../store/model/model.ts";
import { keyOf, rowsOf } from "./expected.ts";
import { type Item, type Spec, schema } from "./specs.ts";

/** What the store keeps of a collection, as documented in collections/layout.ts. */
export interface StoredLayout {
  readonly prefix: string;
  readonly indexes: Readonly<Record<string, { readonly prefix: string; readonly ready: boolean }>>;
}

/** Records of a collection, by spec. */
export interface Contents {
  readonly spec: Spec;
  readonly records: readonly Item[];
}

/** Every row of the engine, past the store. */
export async function rawRows(level: AnyLevel): Promise<Map<string, string>> {
  const rows = await level.iterator({ keyEncoding: "utf8", valueEncoding: "utf8" }).all();
  return new Map(rows as unknown as [string, string][]);
}

/** The layout of a collection; undefined where the store has none of that name. */
export function layoutIn(raw: ReadonlyMap<string, string>, name: string): StoredLayout | undefined {
  const text = raw.get(`!~collections!${encodeKey(name)}`);
  return text === undefined ? undefined : (JSON.parse(text) as StoredLayout);
}

/** How far the building of a collection's indexes is, as documented in collections/build.ts. */
export interface StoredBuild {
  readonly after: string;
  readonly until: string;
  readonly done: number;
}

/** The build of a collection; undefined where none has begun. */
export function buildIn(raw: ReadonlyMap<string, string>, name: string): StoredBuild | undefined {
  const text = raw.get(`!~builds!${encodeKey(name)}`);
  return text === undefined ? undefined : (JSON.parse(text) as StoredBuild);
}

/** The records that a build has still to handle: those beyond are all from writers that knew the indexes. */
export function unreached(build: StoredBuild | undefined, { spec, records }: Contents): Item[] {
  if (build === undefined) return records.slice();
  return records.filter((record) => {
    const key = encodeKey(keyOf(spec, record));
    return byBytes(key, build.after) > 0 && byBytes(key, build.until) <= 0;
  });
}

/** The rows of one sublevel, without its prefix. */
export function rowsUnder(raw: ReadonlyMap<string, string>, prefix: string): Map<string, string> {
  const rows = Array.from(raw).filter(([key]) => key.startsWith(prefix));
  return new Map(rows.map(([key, value]) => [key.slice(prefix.length), value]));
}

/** The records of a collection, read past it. */
export function recordsIn(raw: ReadonlyMap<string, string>, spec: Spec): Item[] {
  const prefix = layoutIn(raw, spec.name)?.prefix;
  if (prefix === undefined) return [];
  return Array.from(rowsUnder(raw, prefix).values(), (text) => {
    const { day, seen, days, more, ...others } = JSON.parse(text);
    const at = more?.at === undefined ? {} : { at: new Date(more.at) };
    return schema.parse({
      ...others,
      day: new Date(day),
      seen: seen === undefined ? undefined : new Date(seen),
      days: days?.map((each: string) => new Date(each)),
      more: more === undefined ? undefined : { ...more, ...at },
    });
  });
}

/** The prefixes of dropped sublevels whose rows are still to be reclaimed. */
export function droppedIn(raw: ReadonlyMap<string, string>): string[] {
  const marks = Array.from(rowsUnder(raw, "!~sublevels!"));
  return marks.filter(([, mark]) => mark === '"dropped"').map(([key]) => decodeKey(key) as string);
}

/** What comparing may pass over. */
export interface Leeway {
  /** Prefixes of rows that belong to the test. */
  readonly others?: readonly string[];
  /** Whether rows of dropped indexes may be there until they are reclaimed. */
  readonly unreclaimed?: boolean;
  /** Whether entries of indexes being built may be missing for records that the build has not reached. */
  readonly unbuilt?: boolean;
}

/**
 * Compares all rows that are not the store's own with those that the collections' records must have.
 *
 * @returns what is wrong, row by row
 */
export function wrongRows(
  raw: ReadonlyMap<string, string>,
  collections: readonly Contents[],
  { others = [], unreclaimed = false, unbuilt = false }: Leeway = {},
): string[] {
  const expected = new Map<string, string>();
  const ahead = new Set<string>();
  const wrong: string[] = [];
  for (const { spec, records } of collections) {
    const layout = layoutIn(raw, spec.name);
    const prefixOf = (index: string) => (index === "" ? layout?.prefix : layout?.indexes[index]?.prefix);
    for (const [index, rows] of rowsOf(spec, records)) {
      const prefix = prefixOf(index);
      if (prefix === undefined && rows.size > 0) wrong.push(`no place for ${index} of ${spec.name}`);
      for (const [key, value] of rows) expected.set(`${prefix}${key}`, value);
    }
    if (!unbuilt) continue;
    for (const [index, rows] of rowsOf(spec, unreached(buildIn(raw, spec.name), { spec, records }))) {
      if (layout?.indexes[index]?.ready !== false) continue;
      for (const key of rows.keys()) ahead.add(`${prefixOf(index)}${key}`);
    }
  }
  for (const [key, value] of expected) {
    const found = raw.get(key);
    if (found === undefined && !ahead.has(key)) wrong.push(`missing: ${key}`);
    else if (found !== undefined && found !== value)
      wrong.push(`differs: ${key} is ${found}, should be ${value}`);
  }
  const ignored = ["!~", ...others, ...(unreclaimed ? droppedIn(raw) : [])];
  for (const key of raw.keys()) {
    if (!expected.has(key) && !ignored.some((prefix) => key.startsWith(prefix))) wrong.push(`extra: ${key}`);
  }
  return wrong;
}
