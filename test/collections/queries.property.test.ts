import { collection, type Key, type KeyOf, type RangeOptions, type RecordOf } from "@meshgate/database";
import fc from "fast-check";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { WithoutGetSync } from "../helpers/levels.ts";
import { type Location, usePlaces } from "../helpers/places.ts";
import { date, parameters, text } from "../keys/arbitraries.ts";

const places = usePlaces();

const things = collection({
  name: "things",
  schema: z.object({
    t: z.string(),
    id: z.union([z.string(), z.number()]),
    word: z.string().optional(),
    when: z.date().nullable(),
    n: z.union([z.number(), z.boolean()]),
    tags: z.array(z.string()).optional(),
  }),
  key: ["t", "id"],
  indexes: {
    word: { on: "word" },
    when: { on: ["when", "word"] },
    code: { on: ["word", "n"], unique: true },
    carried: { on: ["n", "t"], unique: true, include: ["word", "when"] },
    tag: { on: ["t", "tags"], multiEntry: "tags" },
    tags: { on: "tags", multiEntry: "tags", include: "record" },
    whole: { on: ["n", "word"], include: "record" },
    brief: { on: ["t", "n"], include: ["word", "tags"] },
    some: { on: "n", where: ({ word }) => (word ?? "") !== "" },
  },
});

type Thing = RecordOf<typeof things>;
type ThingKey = KeyOf<typeof things>;
type IndexName = (typeof things.indexes)[number];

/** A row of a path as a plain model has it: what it is found by, and the record. */
interface ModelRow {
  readonly key: readonly Key[];
  readonly record: Thing;
}

/** How a path finds its rows; undefined for the primary key. */
interface Path {
  readonly index: IndexName | undefined;
  readonly on: readonly (keyof Thing)[];
  readonly single?: boolean;
  readonly unique?: boolean;
  readonly where?: (thing: Thing) => boolean;
}

const PATHS: readonly Path[] = [
  { index: undefined, on: ["t", "id"], unique: true },
  { index: "word", on: ["word"], single: true },
  { index: "when", on: ["when", "word"] },
  { index: "code", on: ["word", "n"], unique: true },
  { index: "carried", on: ["n", "t"], unique: true },
  { index: "tag", on: ["t", "tags"] },
  { index: "tags", on: ["tags"], single: true },
  { index: "whole", on: ["n", "word"] },
  { index: "brief", on: ["t", "n"] },
  { index: "some", on: ["n"], single: true, where: ({ word }) => word !== undefined && word !== "" },
];

function rank(key: Key): number {
  if (key === null) return 0;
  if (typeof key === "boolean") return key ? 2 : 1;
  if (typeof key === "number") return 3;
  if (key instanceof Date) return 4;
  return typeof key === "string" ? 5 : 6;
}

/** The order of keys as the contract words it. */
function order(a: Key, b: Key): number {
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (typeof a === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  if (!Array.isArray(a)) return Number(a) === Number(b) ? 0 : Number(a) < Number(b) ? -1 : 1;
  const other = b as readonly Key[];
  for (let i = 0; i < Math.min(a.length, other.length); i++) {
    const difference = order(a[i] as Key, other[i] as Key);
    if (difference !== 0) return difference;
  }
  return a.length - other.length;
}

function modelRows(path: Path, records: readonly Thing[]): ModelRow[] {
  const rows: ModelRow[] = [];
  for (const record of records) {
    if (path.where?.(record) === false || path.on.some((field) => record[field] === undefined)) continue;
    const items = path.on.includes("tags") ? new Set(record.tags) : new Set([""]);
    for (const item of items) {
      const key = path.on.map((field) => (field === "tags" ? item : (record[field] as Key)));
      rows.push({ key, record });
    }
  }
  return rows.sort(
    (a, b) => order(a.key, b.key) || order([a.record.t, a.record.id], [b.record.t, b.record.id]),
  );
}

/** Bounds as tuples, also for paths of one field. */
interface Bounds {
  readonly prefix?: readonly Key[];
  readonly gt?: readonly Key[];
  readonly gte?: readonly Key[];
  readonly lt?: readonly Key[];
  readonly lte?: readonly Key[];
  readonly reverse: boolean;
  readonly limit: number | undefined;
}

function modelRange(path: Path, rows: readonly ModelRow[], bounds: Bounds): ModelRow[] {
  const { prefix, gt, gte, lt, lte } = bounds;
  const found = rows.filter(({ key }) => {
    if (prefix !== undefined && !begins(path, key, prefix)) return false;
    if (gt !== undefined && order(key, gt) <= 0) return false;
    if (gte !== undefined && order(key, gte) < 0) return false;
    if (lt !== undefined && order(key, lt) >= 0) return false;
    return lte === undefined || order(key, lte) <= 0;
  });
  if (bounds.reverse) found.reverse();
  return found.slice(0, bounds.limit);
}

function begins(path: Path, key: readonly Key[], prefix: readonly Key[]): boolean {
  const [first] = prefix;
  if (path.single && typeof first === "string")
    return String(key[0]).startsWith(first) && rank(key[0] ?? null) === 5;
  return order(key.slice(0, prefix.length), prefix) === 0;
}

/** The bounds as the path takes them. */
function optionsOf(path: Path, { reverse, limit, ...bounds }: Bounds): RangeOptions<never> {
  const entries = Object.entries(bounds).map(([name, bound]) => [name, path.single ? bound?.[0] : bound]);
  return { ...Object.fromEntries(entries), reverse, limit } as RangeOptions<never>;
}

const word = fc.oneof(text, fc.constantFrom("a", "ab", "abc", "b", ""));
const few = fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(0.5, 1e21, -1e-7, true, false));
const FEW_DATES = [0, 1, -1, 1e12].map((time) => new Date(time));
const when = fc.oneof(fc.constant(null), fc.constantFrom(...FEW_DATES), date);

const thing: fc.Arbitrary<Thing> = fc
  .record({
    t: fc.oneof(fc.constantFrom("a", "b", ""), text),
    id: fc.oneof(
      text,
      few.filter((value) => typeof value === "number"),
    ),
    word: fc.option(word, { nil: undefined }),
    when,
    n: few,
    tags: fc.option(fc.array(word, { maxLength: 4 }), { nil: undefined }),
  })
  .map(({ word: maybe, tags, ...rest }) => ({
    ...rest,
    n: Object.is(rest.n, -0) ? 0 : rest.n,
    ...(maybe === undefined ? {} : { word: maybe }),
    ...(tags === undefined ? {} : { tags }),
  }));

/** A bound: a row's own key or its beginning, or one that is near. */
const bound = fc.record({
  row: fc.nat(),
  length: fc.nat(),
  other: fc.option(fc.oneof(word, few, when), { nil: undefined }),
});
const BOUND_NAMES = ["prefix", "gt", "gte", "lt", "lte"] as const;
const query = fc.record({
  bounds: fc.dictionary(fc.constantFrom(...BOUND_NAMES), bound, { maxKeys: 3 }),
  reverse: fc.boolean(),
  limit: fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined }),
});

type Query = typeof query extends fc.Arbitrary<infer Q> ? Q : never;

function toBounds(path: Path, rows: readonly ModelRow[], { bounds, ...rest }: Query): Bounds {
  const made: Record<string, readonly Key[]> = {};
  for (const [name, { row, length, other }] of Object.entries(bounds)) {
    const key: Key[] = [...(rows[row % Math.max(rows.length, 1)]?.key ?? ["a", 1])].slice(0, path.on.length);
    const cut = path.single ? 1 : (length % key.length) + 1;
    const parts = key.slice(0, cut);
    if (other !== undefined) parts[cut - 1] = other;
    made[name] = parts;
  }
  return { ...made, ...rest };
}

const LOCATIONS: readonly [name: string, make: () => Location, runs: number][] = [
  ["classic-level", () => places.path(`store-${++made}`), 15],
  ["memory-level", () => new MemoryLevel<string, string>(), 60],
  ["an engine without getSync", () => new WithoutGetSync(), 10],
];
let made = 0;

/** No two with one primary key, nor with one value of a unique index. */
function distinct(records: readonly Thing[]): Thing[] {
  const seen = new Set<string>();
  return records.filter((record) => {
    const { t, id, n } = record;
    const claims = [`k${JSON.stringify([t, id])}`, `c${JSON.stringify([n, t])}`];
    if (record.word !== undefined) claims.push(`w${JSON.stringify([record.word, n])}`);
    if (claims.some((claim) => seen.has(claim))) return false;
    for (const claim of claims) seen.add(claim);
    return true;
  });
}

describe.each(LOCATIONS)("queries on %s", (_, make, runs) => {
  test("find what a naive filter of plain arrays finds, in its order, by every path", async () => {
    let rowsMet = 0;
    const property = fc.asyncProperty(
      fc.array(thing, { minLength: 4, maxLength: 40 }),
      fc.array(query, { minLength: 6, maxLength: 6 }),
      async (candidates, queries) => {
        const records = distinct(candidates);
        const half = Math.ceil(records.length / 2);
        const store = await places.open(make());
        await store.update(async (tx) => {
          await things.in(tx).insertMany(records.slice(0, half));
          // Left by a writer that changes its mind, so that entries have come and gone.
          for (const record of records.slice(half)) await things.in(tx).insert(record);
          for (const record of records.slice(half)) await things.in(tx).delete([record.t, record.id]);
        });
        const compare = async (
          tx: Parameters<typeof things.in>[0],
          all: readonly Thing[],
          validate: boolean,
        ) => {
          for (const path of PATHS) {
            const rows = modelRows(path, all);
            for (const each of queries) {
              const bounds = toBounds(path, rows, each);
              const expected = modelRange(path, rows, bounds);
              rowsMet += expected.length;
              await expectFound(things.in(tx, { validate }), path, bounds, expected);
            }
          }
        };
        await store.view((tx) => compare(tx, records.slice(0, half), false));
        await store.update(async (tx) => {
          await things.in(tx).putMany(records);
          await compare(tx, records, true);
        });
        expect((await things.verify(store)).problems).toEqual([]);
        await store.close();
      },
    );
    await fc.assert(property, parameters(runs));
    expect(rowsMet).toBeGreaterThan(runs * 100);
  });
});

async function expectFound(
  records: ReturnType<typeof things.in>,
  path: Path,
  bounds: Bounds,
  expected: readonly ModelRow[],
): Promise<void> {
  const queries = path.index === undefined ? records : records.by(path.index as "word");
  const options = optionsOf(path, bounds);
  const what = `${path.index ?? "primary key"} ${JSON.stringify(options)}`;
  const all = expected.map(({ record }) => record);
  const keys: ThingKey[] = all.map(({ t, id }) => [t, id]);
  expect(await queries.range(options).toArray(), what).toStrictEqual(all);
  const walked: Thing[] = [];
  for await (const record of queries.range(options)) walked.push(record);
  expect(walked, what).toStrictEqual(all);
  expect(await queries.keys(options).toArray(), what).toStrictEqual(keys);
  expect(await queries.count(options), what).toBe(all.length);
  expect(await queries.first(options), what).toStrictEqual(bounds.limit === 0 ? undefined : all[0]);
  expect(await queries.explain(options), what).toMatchObject({ index: path.index, rows: all.length });
}
