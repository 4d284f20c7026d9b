import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ENGINES, useStores } from "../../helpers/stores.ts";
import { apply, expectSame } from "./apply.ts";
import { ModelBucket } from "./model.ts";
import { plans, type TransactionPlan } from "./operations.ts";

const SCALE = Number(process.env["MESHGATE_MODEL_SCALE"] ?? 1);
const seed = process.env["MESHGATE_SEED"];

class Rollback extends Error {}

describe.each(ENGINES)("random transactions on %s do what they do on a plain in-memory model", (engine) => {
  const stores = useStores(engine);

  test("gets, ranges, cursors, buckets, rollbacks, reopening", { timeout: 600_000 }, async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(plans, async (transactions) => {
        const name = `run-${run++}`;
        let store = await stores.open({ durability: "relaxed" }, name);
        let model = new ModelBucket();
        for (const plan of transactions) {
          model = await runTransaction(store, model, plan);
          if (plan.next === "reopen") store = await stores.reopen({ durability: "relaxed" }, name);
          if (plan.next === "check") expect((await store.check()).problems).toEqual([]);
          await store.view((tx) => expectSame(tx, model));
        }
        expect((await store.check()).problems).toEqual([]);
        await store.close();
      }),
      {
        numRuns: (engine === "classic-level" ? 60 : 250) * SCALE,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      },
    );
  });
});

type Store = Awaited<ReturnType<ReturnType<typeof useStores>["open"]>>;

/** @returns the model after the transaction: changed where it commits, as it was where it does not */
async function runTransaction(store: Store, model: ModelBucket, plan: TransactionPlan): Promise<ModelBucket> {
  const changed = model.clone();
  if (plan.ending === "manual" || plan.ending === "rollback") {
    const tx = await store.begin({ writable: true });
    try {
      for (const operation of plan.operations) await apply(tx, changed, operation);
      await expectSame(tx, changed);
      if (plan.ending === "manual") await tx.commit();
    } finally {
      if (tx.id && plan.ending === "rollback") await tx.rollback();
    }
    return plan.ending === "manual" ? changed : model;
  }
  const done = store.update(async (tx) => {
    for (const operation of plan.operations) await apply(tx, changed, operation);
    await expectSame(tx, changed);
    if (plan.ending === "throw") throw new Rollback();
  });
  if (plan.ending !== "throw") await done;
  else await expect(done).rejects.toBeInstanceOf(Rollback);
  return plan.ending === "throw" ? model : changed;
}
