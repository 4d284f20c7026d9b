import type { Collection, Transaction } from "@meshgate/database";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { expectSound, ROLLBACK } from "../../helpers/stores.ts";
import { apply, tally } from "./apply.ts";
import { ModelCollection } from "./model.ts";
import { beginning, type Operation, operation } from "./operations.ts";
import { ENGINES, type Opened, openWithLevel } from "./places.ts";
import { rawRows, wrongRows } from "./raw.ts";
import { COLLECTIONS, SPECS } from "./specs.ts";

const SCALE = Number(process.env["MESHGATE_MODEL_SCALE"] ?? 1);
const seed = process.env["MESHGATE_SEED"];

interface TransactionPlan {
  readonly steps: readonly { readonly collection: number; readonly operation: Operation }[];
  readonly ending: "commit" | "throw" | "manual" | "rollback" | "batch";
  readonly reopen: boolean;
  /** Whether what is read is checked by the schema. */
  readonly validate: boolean;
}

/** What must have come of some write. */
const MET = [
  "done",
  "UNIQUE_VIOLATION",
  "RECORD_EXISTS",
  "RECORD_NOT_FOUND",
  "RECORD_INVALID",
  "KEY_INVALID",
];

const plans = fc.array(
  fc.record({
    steps: fc.array(fc.record({ collection: fc.constantFrom(0, 0, 1, 2), operation }), {
      maxLength: 20,
      size: "max",
    }),
    ending: fc.constantFrom("commit", "commit", "commit", "throw", "manual", "rollback", "batch"),
    reopen: fc.oneof(
      { weight: 4, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    validate: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8, size: "max" },
) as fc.Arbitrary<TransactionPlan[]>;

const beginnings: fc.Arbitrary<TransactionPlan> = fc.tuple(beginning, beginning, beginning).map((writes) => ({
  steps: writes.flatMap((each, collection) => each.map((call) => ({ collection, operation: call }))),
  ending: "commit",
  reopen: false,
  validate: false,
}));

describe.each(ENGINES)(
  "random transactions over collections on %s do what they do on a plain model",
  (engine) => {
    const places = usePlaces();

    test("records and entries agree exactly after every commit and every reopening", {
      timeout: 600_000,
    }, async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(beginnings, plans, async (filling, transactions) => {
          const name = `run-${run++}`;
          let opened = await openWithLevel(places, engine, name);
          let models = SPECS.map((spec) => new ModelCollection(spec));
          for (const plan of [filling, ...transactions]) {
            models = await runTransaction(opened, models, plan);
            await expectExact(opened, models);
            if (!plan.reopen) continue;
            await opened.store.close();
            opened = await openWithLevel(places, engine, name, opened.level);
            await expectExact(opened, models);
          }
          await expectSound(opened.store);
          await opened.store.close();
        }),
        {
          numRuns: (engine === "classic-level" ? 25 : 12) * SCALE,
          ...(seed === undefined ? {} : { seed: Number(seed) }),
        },
      );
      // A run in which nothing collides would show little.
      expect(Array.from(tally.keys())).toEqual(expect.arrayContaining(MET));
    });
  },
);

/** @returns the models after the transaction: changed where it commits, as they were where it does not */
async function runTransaction(
  { store }: Opened,
  models: ModelCollection[],
  { steps, ending, validate }: TransactionPlan,
): Promise<ModelCollection[]> {
  let changed = models;
  const run = async (tx: Transaction) => {
    changed = models.map((model) => model.clone());
    for (const { collection, operation: call } of steps) {
      const records = (COLLECTIONS[collection] as Collection).in(tx, { validate });
      await apply(records, changed[collection] as ModelCollection, call);
    }
    if (ending === "throw") throw ROLLBACK;
  };
  if (ending === "manual" || ending === "rollback") {
    const tx = await store.begin({ writable: true });
    try {
      await run(tx);
    } catch (error) {
      await tx.rollback();
      throw error;
    }
    await (ending === "manual" ? tx.commit() : tx.rollback());
  } else if (ending === "throw") await expect(store.update(run)).rejects.toBe(ROLLBACK);
  else await (ending === "batch" ? store.batch(run) : store.update(run));
  return ending === "throw" || ending === "rollback" ? models : changed;
}

/** Expects the very rows that the models' records must have, and that the library's own check agrees. */
async function expectExact({ store, level }: Opened, models: readonly ModelCollection[]): Promise<void> {
  expect(wrongRows(await rawRows(level), models)).toEqual([]);
  for (const [i, model] of models.entries()) {
    const report = await (COLLECTIONS[i] as Collection).verify(store);
    const entries = Object.keys(model.spec.indexes).map((name) => model.rows(name).length);
    expect(report).toMatchObject({
      ok: true,
      problems: [],
      records: model.size,
      entries: entries.reduce((sum, count) => sum + count),
    });
  }
}
