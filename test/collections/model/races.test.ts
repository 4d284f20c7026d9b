import { setImmediate as turn } from "node:timers/promises";
import {
  type Collection,
  type DatabaseError,
  encodeKey,
  type Key,
  type Transaction,
} from "@meshgate/database";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { ENGINES, type Opened, openWithLevel } from "./places.ts";
import { rawRows, recordsIn, wrongRows } from "./raw.ts";
import { COLLECTIONS, type Input, SPECS } from "./specs.ts";

const people = COLLECTIONS[0] as Collection;
const SPEC = SPECS[0] as (typeof SPECS)[number];
const RIVALS = 40;
const seed = process.env["MESHGATE_SEED"];

const person = (id: number | string, fields: Input = {}) => ({
  tenant: "t",
  id,
  day: new Date(0),
  role: "user",
  ...fields,
});
const codesOf = (outcomes: readonly PromiseSettledResult<unknown>[]) =>
  outcomes.map((outcome) =>
    outcome.status === "fulfilled" ? "won" : String((outcome.reason as DatabaseError).code),
  );

/** Expects that records and entries agree, and that no two records share a value of a unique index. */
async function expectExact({ store, level }: Opened): Promise<void> {
  const raw = await rawRows(level);
  expect(wrongRows(raw, [{ spec: SPEC, records: recordsIn(raw, SPEC) }])).toEqual([]);
  expect(await people.verify(store)).toMatchObject({ ok: true, problems: [] });
}

async function expectOneWinner(
  opened: Opened,
  claims: readonly Promise<unknown>[],
  refused = "UNIQUE_VIOLATION",
): Promise<void> {
  const outcomes = await Promise.allSettled(claims);
  const codes = codesOf(outcomes);
  expect(codes.filter((code) => code === "won")).toHaveLength(1);
  expect(codes.filter((code) => code === refused)).toHaveLength(claims.length - 1);
  await expectExact(opened);
}

/** One claim of a value. */
interface Claim {
  readonly value: number;
  readonly how: "insert" | "put" | "patch" | "function";
}

/** Claims made in one transaction, none of them awaited before the next. */
interface Attempt {
  readonly claims: readonly Claim[];
  readonly via: "update" | "batch" | "manual";
  readonly throws: boolean;
  readonly pause: boolean;
}

const attempts = fc.array(
  fc.record({
    claims: fc.array(
      fc.record({ value: fc.nat(5), how: fc.constantFrom("insert", "put", "patch", "function") }),
      { minLength: 1, maxLength: 5 },
    ),
    via: fc.constantFrom("update", "batch", "manual"),
    throws: fc.constantFrom(false, false, false, true),
    pause: fc.boolean(),
  }),
  { minLength: 2, maxLength: 25, size: "max" },
) as fc.Arbitrary<Attempt[]>;

class Thrown extends Error {}

/** Makes each claim for a record of its own. @returns what came of them, in order */
async function attempt(
  { store }: Opened,
  { claims, via, throws, pause }: Attempt,
  idOf: (claim: number) => number,
): Promise<PromiseSettledResult<unknown>[]> {
  let outcomes: PromiseSettledResult<unknown>[] = [];
  const run = async (tx: Transaction) => {
    const records = people.in(tx);
    const make = async ({ value, how }: Claim, i: number) => {
      const fields = { email: `v${value}`, codes: [value] };
      if (how === "insert" || how === "put") return records[how](person(`new ${idOf(i)}`, fields));
      return records.update(
        ["t", idOf(i)],
        how === "patch" ? fields : (old: object) => ({ ...old, ...fields }),
      );
    };
    outcomes = await Promise.allSettled(claims.map(make));
    if (pause) await turn();
    if (throws) throw new Thrown();
  };
  const rolledBack = (error: unknown) => {
    if (!(error instanceof Thrown)) throw error;
  };
  if (via !== "manual") await store[via](run).catch(rolledBack);
  else {
    const tx = await store.begin({ writable: true });
    await run(tx).then(
      () => tx.commit(),
      async (error) => {
        await tx.rollback();
        rolledBack(error);
      },
    );
  }
  return outcomes;
}

describe.each(ENGINES)("of those who claim a unique value on %s one wins", (engine) => {
  const places = usePlaces();
  const open = () => openWithLevel(places, engine, "store");
  const rivals = <T>(claim: (id: number) => T): T[] => Array.from({ length: RIVALS }, (_, id) => claim(id));

  test.each(["update", "batch"] as const)(
    "in %s() calls that are not awaited, on a new store",
    async (via) => {
      const opened = await open();
      const { store } = opened;
      await expectOneWinner(
        opened,
        rivals((id) => store[via](async (tx) => people.in(tx).insert(person(id, { email: "same" })))),
      );
      // The value is free again once its holder has another.
      await store.update(async (tx) => {
        const holder = (await people.in(tx).by("email").get("same")) as { id: number };
        await people.in(tx).update(["t", holder.id], { email: "another" });
      });
      await expectOneWinner(
        opened,
        rivals((id) => store[via](async (tx) => people.in(tx).put(person(`b${id}`, { email: "same" })))),
      );
    },
  );

  test.each([
    ["one value", () => ({ email: "same" })],
    ["a value of two fields", () => ({ handle: "same" })],
    ["an item that all have", (id: number) => ({ codes: [id + 1000, 7] })],
    ["a date", () => ({ seen: new Date(5) })],
  ])("in calls within one transaction that are not awaited: %s", async (_, fields: (id: number) => Input) => {
    const opened = await open();
    await opened.store.update((tx) =>
      expectSettled(rivals(async (id) => people.in(tx).insert(person(id, fields(id))))),
    );
    await expectExact(opened);
    expect(await opened.store.view((tx) => people.in(tx).count())).toBe(1);
  });

  test("and of those who claim a primary key", async () => {
    const opened = await open();
    const { store } = opened;
    const claim = (tx: Transaction, i: number) => people.in(tx).insert(person("one", { email: `e${i}` }));
    await expectOneWinner(
      opened,
      rivals((i) => store[i % 2 === 0 ? "update" : "batch"](async (tx) => claim(tx, i))),
      "RECORD_EXISTS",
    );
  });

  test("items that overlap: winners share none", async () => {
    const opened = await open();
    const codes = (i: number) => [i % 10, (i * 3 + 1) % 10, (i * 7 + 2) % 10];
    const outcomes = await Promise.allSettled(
      rivals((i) => opened.store.batch(async (tx) => people.in(tx).insert(person(i, { codes: codes(i) })))),
    );
    expect(new Set(codesOf(outcomes))).toEqual(new Set(["won", "UNIQUE_VIOLATION"]));
    await expectExact(opened); // Throws where two records have an item in common.
  });

  test("two records swap values only by way of a third", async () => {
    const opened = await open();
    await opened.store.update(async (tx) => {
      const records = people.in(tx);
      await records.insertMany([person(1, { email: "a" }), person(2, { email: "b" })]);
      await expectSettled(
        [
          (async () => records.update(["t", 1], { email: "b" }))(),
          (async () => records.update(["t", 1], { email: "c" }))(),
          (async () => records.update(["t", 2], { email: "a" }))(),
          (async () => records.update(["t", 1], { email: "b" }))(),
        ],
        3,
      );
    });
    await expectExact(opened);
    expect(await opened.store.view((tx) => people.in(tx).by("email").keys().toArray())).toEqual([
      ["t", 2],
      ["t", 1],
    ]);
  });

  test("however they claim it, whether the transactions of others commit or roll back", {
    timeout: 120_000,
  }, async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(attempts, async (all) => {
        const opened = await openWithLevel(places, engine, `random-${run++}`);
        await opened.store.update((tx) =>
          people.in(tx).insertMany(Array.from({ length: all.length * 5 }, (_, id) => person(id))),
        );
        const outcomes = await Promise.all(
          all.map((each, i) => attempt(opened, each, (claim) => i * 5 + claim)),
        );
        const won = new Map<number, number>();
        const held = new Map<number, Set<string>>();
        for (const [i, { claims, throws }] of all.entries()) {
          if (throws) continue;
          for (const [j, { value }] of claims.entries()) {
            const outcome = outcomes[i]?.[j] as PromiseSettledResult<{ tenant: string; id: Key }>;
            won.set(value, (won.get(value) ?? 0) + (outcome.status === "fulfilled" ? 1 : 0));
            const holder =
              outcome.status === "fulfilled" ? [outcome.value.tenant, outcome.value.id] : holderIn(outcome);
            held.set(value, (held.get(value) ?? new Set()).add(encodeKey(holder)));
          }
        }
        for (const [value, winners] of won) expect(winners, `winners of ${value}`).toBe(1);
        // Every loser was told of the one who won.
        for (const holders of held.values()) expect(holders.size).toBe(1);
        await expectExact(opened);
        await opened.store.close();
      }),
      {
        numRuns: engine === "classic-level" ? 15 : 25,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      },
    );
  });
});

function holderIn({ reason }: PromiseRejectedResult): Key {
  expect(reason).toMatchObject({ code: "UNIQUE_VIOLATION" });
  return (reason as DatabaseError).details?.["key"] as Key;
}

/** Expects that so many of the calls succeed, and the others meet a value that is taken. */
async function expectSettled(calls: readonly Promise<unknown>[], successes = 1): Promise<void> {
  const codes = codesOf(await Promise.allSettled(calls));
  expect(codes.filter((code) => code === "won")).toHaveLength(successes);
  expect(codes.filter((code) => code === "UNIQUE_VIOLATION")).toHaveLength(calls.length - successes);
}
