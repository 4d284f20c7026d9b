/** Does what a journal tells on a model. */
import assert from "node:assert/strict";
import type { Journalled } from "../../collections/model/journal.ts";
import type { Outcome } from "./apply.ts";
import { timeOf } from "./load.ts";
import { ModelTenant, type ModelTenants } from "./model.ts";
import { runPlanOn } from "./model-run.ts";
import { MODELLED, planOf } from "./operations.ts";

export function modelsAt(now: Date): ModelTenants {
  return new Map(MODELLED.map((id) => [id, new ModelTenant(now)]));
}

/** Expects that the same comes of it. @param since when the journal began @returns how many operations there were */
export function replayOn(models: ModelTenants, journal: readonly Journalled[], since: number): number {
  let operations = 0;
  for (const [i, { seed, outcomes }] of journal.entries()) {
    const recorded = JSON.parse(outcomes) as Outcome[];
    const now = new Date(timeOf(since, i + 1));
    const expected = runPlanOn(models, planOf(seed), now, recorded);
    assert.deepEqual(
      recorded,
      expected,
      `What came of the transaction ${seed}: ${JSON.stringify(planOf(seed))}`,
    );
    operations += expected.length;
  }
  return operations;
}
