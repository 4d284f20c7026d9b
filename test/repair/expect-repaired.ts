import {
  encodeKey,
  type LostHistory,
  type LostRange,
  openStore,
  type RepairReport,
} from "@meshgate/database";
import { expect } from "vitest";
import { compareKeys } from "../../src/keys/order.ts";
import { expectSound } from "../helpers/stores.ts";
import { type History, type Journal, notes, rowsOf, users } from "./stock.ts";

/** What differs from the store as it was last. */
export interface Differences {
  readonly missing: number;
  readonly old: number;
}

/** Whether a range has a key. */
function covers({ after, before }: LostRange, key: string): boolean {
  if (after !== undefined && compareKeys(encodeKey(after), key) >= 0) return false;
  return before === undefined || compareKeys(encodeKey(before), key) > 0;
}

/** Whether the last write of a key may be among the commits that were lost. */
function mayHave({ after, before }: LostHistory, { commit }: History): boolean {
  return (after === undefined || commit > after) && (before === undefined || commit < before);
}

/**
 * Expects that a store that was repaired has no row that was never written, and that each row that is missing, or is
 * not the last that was written, is reported.
 */
export async function expectRepaired(
  directory: string,
  report: RepairReport,
  journal: Journal,
  seed: string,
): Promise<Differences> {
  expect(report.problems, seed).toEqual([]);
  await using store = await openStore(directory, { verify: "always" } as never);
  await expectSound(store);
  const differences = { missing: 0, old: 0 };
  for (const [path, histories] of journal) {
    const rows = (await rowsOf(store, path)) ?? new Map<string, string>();
    const ranges = report.ranges.filter(({ bucket }) => bucket?.join("/") === path);
    for (const [key, value] of rows) {
      const history = histories.get(key);
      expect(history?.values, `${seed}: a row of ${path} that was never written`).toContain(value);
    }
    for (const [key, history] of histories) {
      const value = rows.get(key);
      if (value === history.values.at(-1)) continue;
      const isLost = report.history.some((lost) => mayHave(lost, history));
      const within = ranges.filter((range) => covers(range, key));
      const what = `${seed}: ${path} ${JSON.stringify(history.key)} is ${value}, was ${history.values.at(-1)}`;
      if (value === undefined) {
        differences.missing++;
        expect(isLost || within.length > 0, `${what}; ${JSON.stringify(report)}`).toBe(true);
      } else {
        differences.old++;
        const isOld = within.some(({ old }) => old > 0);
        expect(isLost || isOld, `${what}; ${JSON.stringify(report)}`).toBe(true);
      }
    }
  }
  for (const each of [users, notes]) {
    if ((await store.view((tx) => tx.bucket(each.name))) === undefined) continue;
    if (report.collections.find(({ name }) => name === each.name)?.state === "failed") continue;
    expect(await each.verify(store), seed).toMatchObject({ ok: true });
  }
  return differences;
}
