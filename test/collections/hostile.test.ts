import { collection, type RecordOf, type Store, type Transaction } from "@meshgate/database";
import fc from "fast-check";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { usePlaces } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";
import { CHARACTERS, ordinaryText, text } from "../keys/arbitraries.ts";

const places = usePlaces();
/** Repeats a run; without it each run has its own, which is printed. */
const seed = Number(process.env["MESHGATE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const PAIRS = 100_000;
/** Tenants that live side by side in one store, and records that each of them has at the most. */
const TENANTS = 150;
const RECORDS = 40;

const things = collection({
  name: "things",
  schema: z.object({
    tenant: z.string(),
    id: z.string(),
    word: z.string(),
    tags: z.array(z.string()),
    near: z.string(),
  }),
  key: ["tenant", "id"],
  indexes: {
    plain: { on: ["tenant", "word"] },
    unique: { on: ["tenant", "near", "id"], unique: true },
    carried: { on: ["tenant", "id"], unique: true, include: ["word"] },
    multi: { on: ["tenant", "tags"], multiEntry: "tags" },
    covering: { on: ["tenant", "near"], include: "record" },
    projection: { on: ["tenant", "near"], include: ["word"] },
    alone: { on: "tenant" },
  },
});
type Thing = RecordOf<typeof things>;

const notes = collection({
  name: "notes",
  schema: z.object({ id: z.string(), owner: z.string() }),
  key: "id",
  indexes: { owner: { on: "owner" }, pair: { on: ["owner", "id"], unique: true } },
});

/** What collides, reads back otherwise or sorts wrongly in charwise, and what separates and marks parts here. */
const HAZARDS = [
  ...'!"#?@%~K\0\x01\x1f',
  "a!",
  "a??",
  'a"',
  "a?%",
  "\x01",
  "\0\0",
  "\0",
  "?@",
  "?",
  "??",
  "!",
  "a",
  "a b",
  "z",
  " ",
  "",
  'a"Ja',
  "a!!idx_things_by_plain!K",
  "#@",
  "#A",
  "J",
  "\uffff",
  "\u{10ffff}",
  "\ud7ff",
  "\ue000",
  "__proto__",
  "constructor",
];

const id = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: fc.constantFrom(...HAZARDS) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...HAZARDS), fc.constantFrom(...HAZARDS)).map((two) => two.join("")),
  },
  { weight: 2, arbitrary: fc.tuple(text, fc.constantFrom(...CHARACTERS)).map((two) => two.join("")) },
  { weight: 1, arbitrary: ordinaryText },
);

const thing = fc.record({ id, word: id, tags: fc.array(id, { maxLength: 3 }), near: id });
const tenants = fc.uniqueArray(
  fc.record({
    tenant: id,
    things: fc.uniqueArray(thing, { minLength: 20, maxLength: RECORDS, selector: ({ id: own }) => own }),
  }),
  { minLength: TENANTS - 50, maxLength: TENANTS, selector: ({ tenant }) => tenant },
);

const sorted = (ids: readonly string[]): string[] => [...ids].sort();
const ids = (records: readonly Thing[], tenant: string): string[] => {
  const strangers = records.filter((record) => record.tenant !== tenant);
  if (strangers.length > 0) expect(strangers, `what the tenant ${JSON.stringify(tenant)} sees`).toEqual([]);
  return records.map((record) => record.id);
};

/** Asks every way for what one tenant has. */
async function expectOwn(tx: Transaction, tenant: string, own: readonly Thing[]): Promise<void> {
  const records = things.in(tx);
  const prefix = [tenant] as [string];
  const expected = sorted(own.map((record) => record.id));
  const what = `tenant ${JSON.stringify(tenant)}`;
  const read = await records.range({ prefix }).toArray();
  expect(sorted(ids(read, tenant)), what).toEqual(expected);
  const byId = new Map(own.map((record) => [record.id, record]));
  expect(read).toStrictEqual(read.map((record) => byId.get(record.id)));
  expect(await records.keys({ prefix }).toArray()).toEqual(read.map((record) => [tenant, record.id]));
  for (const name of ["plain", "unique", "carried", "covering", "projection"] as const) {
    const index = records.by(name);
    expect(sorted(ids(await index.range({ prefix }).toArray(), tenant)), `${what} by ${name}`).toEqual(
      expected,
    );
    if (name === "plain" || name === "covering") continue;
    const entries = (await index.entries({ prefix }).toArray()) as Thing[];
    expect(sorted(ids(entries, tenant)), `${what} by ${name}`).toEqual(expected);
  }
  expect(
    sorted(ids(await records.by("alone").range({ gte: tenant, lte: tenant }).toArray(), tenant)),
    what,
  ).toEqual(expected);
  const items = own.flatMap((record) => Array.from(new Set(record.tags), () => record.id));
  expect(sorted(ids(await records.by("multi").range({ prefix }).toArray(), tenant)), what).toEqual(
    sorted(items),
  );
  const one = own[0] as Thing;
  expect(await records.get([tenant, one.id])).toEqual(one);
  expect(await records.by("carried").get([tenant, one.id])).toEqual(one);
  const same = own.filter(({ word }) => word === one.word).map((record) => record.id);
  expect(
    sorted(
      ids(
        await records
          .by("plain")
          .range({ prefix: [tenant, one.word] })
          .toArray(),
        tenant,
      ),
    ),
  ).toEqual(sorted(same));
}

/** Walks one tenant's pages, by primary key and by an index. */
async function expectOwnPages(tx: Transaction, tenant: string, own: readonly Thing[]): Promise<void> {
  const expected = sorted(own.map((record) => record.id));
  for (const queries of [things.in(tx), things.in(tx).by("covering"), things.in(tx).by("plain")]) {
    const met: string[] = [];
    for await (const page of queries.pages({ size: 3, prefix: [tenant] }))
      met.push(...ids(page.records, tenant));
    expect(sorted(met)).toEqual(expected);
  }
}

interface Tenant {
  readonly tenant: string;
  readonly things: readonly Omit<Thing, "tenant">[];
}

const ownOf = ({ tenant, things: own }: Tenant): Thing[] => own.map((each) => ({ tenant, ...each }));

async function fill(store: Store, all: readonly Tenant[]): Promise<number> {
  let count = 0;
  await store.update(async (tx) => {
    for (const each of all) count += await things.in(tx).insertMany(ownOf(each));
  });
  return count;
}

describe(`hostile ids (MESHGATE_SEED=${seed})`, () => {
  test("cannot make one tenant's prefix show another's rows, and read back as they were", {
    timeout: 300_000,
  }, async () => {
    console.log(`hostile ids: MESHGATE_SEED=${seed}`);
    let pairs = 0;
    for (let round = 0; pairs < PAIRS; round++) {
      const all = fc.sample(tenants, { numRuns: 1, seed: seed + round })[0] as Tenant[];
      const store = await places.open(new MemoryLevel<string, string>());
      pairs += await fill(store, all);
      await store.view(async (tx) => {
        for (const each of all) await expectOwn(tx, each.tenant, ownOf(each));
        for (const each of all.slice(0, 15)) await expectOwnPages(tx, each.tenant, ownOf(each));
      });
      await store.update(async (tx) => {
        const gone = all.filter((_, i) => i % 3 === 0);
        for (const { tenant, things: own } of gone)
          expect(await things.in(tx).deleteRange({ prefix: [tenant] })).toBe(own.length);
        expect(await things.in(tx).count()).toBe(
          all.filter((_, i) => i % 3 !== 0).reduce((sum, { things: own }) => sum + own.length, 0),
        );
      });
      if (round % 5 === 0) expect(await things.verify(store)).toMatchObject({ ok: true, problems: [] });
      await store.close();
    }
    console.log(`hostile ids: ${pairs} pairs of tenant and record`);
    expect(pairs).toBeGreaterThanOrEqual(PAIRS);
  });

  test("are kept so on disk, too, over a reopening", async () => {
    const all = fc.sample(tenants, { numRuns: 1, seed })[0] as Tenant[];
    const directory = places.path("store");
    const store = await places.open(directory);
    await fill(store, all);
    await store.close();
    const again = await places.open(directory);
    await again.update(async (tx) => {
      for (const each of all) await expectOwn(tx, each.tenant, ownOf(each));
    });
    expect(await things.verify(again)).toMatchObject({ ok: true, problems: [] });
    await expectSound(again);
  });

  test("work as single keys, which stand in entries otherwise than alone", async () => {
    const store = await places.open(new MemoryLevel<string, string>());
    const pairs = fc.sample(
      fc.tuple(
        id.filter((value) => value !== ""),
        id,
      ),
      { numRuns: 5000, seed },
    );
    const owners = new Map(pairs);
    await store.update((tx) =>
      notes.in(tx).putMany(Array.from(owners, ([own, owner]) => ({ id: own, owner }))),
    );
    await store.view(async (tx) => {
      const records = notes.in(tx);
      expect(await records.count()).toBe(owners.size);
      for (const [own, owner] of owners) {
        expect(await records.get(own)).toEqual({ id: own, owner });
        expect(await records.by("pair").get([owner, own])).toEqual({ id: own, owner });
      }
      for (const owner of new Set(owners.values())) {
        const expected = Array.from(owners)
          .filter((pair) => pair[1] === owner)
          .map(([own]) => own);
        const index = records.by("owner");
        expect(sorted(await index.keys({ gte: owner, lte: owner }).toArray())).toEqual(sorted(expected));
        const entries = await records
          .by("pair")
          .entries({ prefix: [owner] })
          .toArray();
        expect(sorted(entries.map((entry) => entry.id))).toEqual(sorted(expected));
      }
    });
    await store.update(async (tx) => {
      for (const own of owners.keys()) expect(await notes.in(tx).delete(own)).toBe(true);
      expect(await notes.in(tx).by("owner").count()).toBe(0);
    });
    expect(await notes.verify(store)).toMatchObject({ ok: true, records: 0, entries: 0 });
  });
});
