/**
 * The journal of programs that are killed: each transaction that commits leaves a row in it, in the same commit, with
 * the number that its calls follow from, and what came of them. Whoever replays it on a model knows what must be in
 * the store.
 */
// Not vitest's: the programs run outside of it.
import assert from "node:assert/strict";
import type { Bucket, Store, Transaction } from "@meshgate/database";

export const JOURNAL = "journal";

export interface Journalled {
  readonly seed: number;
  /** What came of the calls, as JSON text. */
  readonly outcomes: string;
}

/** @returns the transaction's place in the order of commits */
export async function addToJournal(tx: Transaction, row: Journalled): Promise<number> {
  const journal = (await tx.bucket(JOURNAL)) as Bucket<Journalled, number>;
  const place = ((await journal.keys({ reverse: true }).first()) ?? 0) + 1;
  await journal.put(place, row);
  return place;
}

/** Every commit since the journal began, in order. */
export async function journalOf(store: Store): Promise<Journalled[]> {
  const rows = await store.view(async (tx) =>
    ((await tx.bucket(JOURNAL)) as Bucket<Journalled, number>).range().toArray(),
  );
  assert.deepEqual(
    rows.map(([place]) => place),
    rows.map((_, i) => i + 1),
  );
  return rows.map(([, row]) => row);
}

/** Begins a journal, without what an earlier one had. */
export async function beginJournal(store: Store): Promise<void> {
  await store.update(async (tx) => {
    if ((await tx.bucket(JOURNAL)) !== undefined) await tx.deleteBucket(JOURNAL);
    await tx.createBucket(JOURNAL);
  });
}

/**
 * Does on a model what the journal tells, and expects that the same came of it.
 *
 * @param run does the calls that a number stands for, and tells what came of each
 * @returns how many calls there were
 */
export async function replay(
  journal: readonly Journalled[],
  run: (seed: number) => Promise<unknown[]>,
): Promise<number> {
  let calls = 0;
  for (const { seed, outcomes } of journal) {
    const expected = await run(seed);
    assert.deepEqual(
      JSON.parse(outcomes),
      JSON.parse(JSON.stringify(expected)),
      `What came of the transaction ${seed}`,
    );
    calls += expected.length;
  }
  return calls;
}
