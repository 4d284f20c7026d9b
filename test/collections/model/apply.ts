import type { CollectionTypes, Key, RangeOptions, Records } from "@meshgate/database";
import { expect } from "vitest";
import { byBytes } from "../../store/model/model.ts";
import { keyOf } from "./expected.ts";
import type { ModelCollection, ModelRow } from "./model.ts";
import { boundsOf, type Operation, runWrite, type Write } from "./operations.ts";
import { outcomeOf, queriesOf, subjectOf } from "./subject.ts";

type AnyRecords = Records<CollectionTypes>;
type Read = Extract<Operation, { kind: "read" }>;
type Steps = Extract<Operation, { writes: unknown }>;

/** What came of the writes so far: a run that never meets a refusal would show nothing. */
export const tally: Map<string, number> = new Map();

function count(what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1);
}

/** Does one call in the store and in the model, and expects that both come to the same. */
export async function apply(
  records: AnyRecords,
  model: ModelCollection,
  operation: Operation,
): Promise<void> {
  if (operation.kind === "read") return applyRead(records, model, operation);
  if (!("writes" in operation)) return applyWrite(records, model, operation);
  return operation.kind === "walk"
    ? applyWalk(records, model, operation)
    : applyPages(records, model, operation);
}

async function applyWrite(records: AnyRecords, model: ModelCollection, operation: Write): Promise<void> {
  const outcome = await runWrite(model.spec, subjectOf(records), operation);
  count("code" in outcome ? outcome.code : "done");
  expect(outcome).toEqual(await runWrite(model.spec, model, operation));
}

async function applyRead(records: AnyRecords, model: ModelCollection, read: Read): Promise<void> {
  const bounds = boundsOf(model.spec, read.by, read.plan);
  const [real, wanted] = [subjectOf(records).by(read.by), model.by(read.by)];
  for (const kind of ["range", "first", "count", "keys", "entries"] as const)
    expect(await outcomeOf(() => real[kind](bounds)), kind).toEqual(
      await outcomeOf(() => wanted[kind](bounds)),
    );
  expect(await real.pages(bounds, read.size)).toEqual(await wanted.pages(bounds, read.size));

  const rows = model.rows(read.by, bounds);
  const looked = read.by === undefined || model.spec.indexes[read.by]?.include === "record" ? 0 : rows.length;
  const explained = await queriesOf(records, read.by).explain(bounds as never);
  expect(explained).toMatchObject({ index: read.by, rows: rows.length, lookups: looked });

  // Whole keys: those that the bounds cover, and one that no record has.
  const on = read.by === undefined ? model.spec.key : model.spec.indexes[read.by]?.on;
  const wholeKeys = rows.map(({ values }) => (typeof on === "string" ? values[0] : values) as Key);
  const stray = (typeof on === "string" ? "nobody" : on?.map(() => "nobody")) as Key;
  for (const key of [...wholeKeys.slice(0, 3), stray])
    expect(await real.get(key)).toEqual(await wanted.get(key));
  const keys = rows.map(({ record }) => keyOf(model.spec, record));
  expect(await records.getMany(keys)).toEqual(model.getMany(keys));
  for (const key of keys.slice(0, 3)) expect(await records.has(key)).toBe(true);
}

/** The rows of the model beyond a position, in the order of the walk. */
function beyond(
  model: ModelCollection,
  by: string | undefined,
  { limit: _, ...bounds }: RangeOptions,
  position: string | undefined,
): ModelRow[] {
  const rows = model.rows(by, bounds);
  if (position === undefined) return rows;
  const side = bounds.reverse ? -1 : 1;
  return rows.filter((row) => byBytes(row.position, position) * side > 0);
}

/**
 * Walks a range, and writes between its steps: each step gives what comes next at that moment. A record that the writes
 * move ahead within an index is not met again, unless the index has several entries of a record.
 */
async function applyWalk(
  records: AnyRecords,
  model: ModelCollection,
  { by, plan, writes }: Steps,
): Promise<void> {
  const bounds = boundsOf(model.spec, by, plan);
  let position: string | undefined;
  let met = 0;
  const isOnce = by !== undefined && model.spec.indexes[by]?.multiEntry === undefined;
  const known = new Set<string>();
  const keyIn = ({ record }: ModelRow) => JSON.stringify(keyOf(model.spec, record));
  const ahead = () => beyond(model, by, bounds, position).filter((row) => !(isOnce && known.has(keyIn(row))));
  for await (const record of queriesOf(records, by).range(bounds as never)) {
    const [next] = ahead();
    expect(record).toEqual(next?.record);
    position = next?.position;
    if (next !== undefined) known.add(keyIn(next));
    const write = writes[met++];
    if (write !== undefined) await applyWrite(records, model, write);
  }
  if (met !== bounds.limit) expect(ahead()).toEqual([]);
}

/** Asks for page after page by token, and writes between them: what lies ahead is met, nothing is met twice. */
async function applyPages(
  records: AnyRecords,
  model: ModelCollection,
  { by, plan, writes, size }: Steps,
): Promise<void> {
  const { limit: _, ...bounds } = boundsOf(model.spec, by, plan);
  let position: string | undefined;
  let after: string | undefined;
  let turned = 0;
  do {
    const page = await queriesOf(records, by)
      .pages({ ...bounds, size, after } as never)
      .first();
    const ahead = beyond(model, by, bounds, position);
    expect(page.records).toEqual(ahead.slice(0, size).map(({ record }) => record));
    expect(page.next !== undefined).toBe(ahead.length > size);
    position = ahead[size - 1]?.position;
    after = page.next;
    const write = writes[turned++];
    if (write !== undefined) await applyWrite(records, model, write);
  } while (after !== undefined);
}
