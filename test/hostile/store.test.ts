import type { Store, Transaction } from "@meshgate/database";
import { expect, test } from "vitest";
import { expectSound } from "../helpers/stores.ts";
import { digest, Fuzzer } from "./fuzzer.ts";
import { furnished, VALID, WITHIN } from "./rows.ts";
import { RUNS, SEED } from "./settings.ts";
import { PARTS, publicClasses } from "./surface.ts";

/** Writes of many, of which those before a refusal stay in the transaction, as is documented. */
const PARTIAL = /Many$|^deleteRange$/;
const BACK = new Error("rolled back on purpose");

type Make = (tx: Transaction) => object | Promise<object>;

/** A store whose transactions' methods are called. */
class Rounds {
  readonly fuzzer: Fuzzer = new Fuzzer(SEED);
  store!: Store;
  #stored = "";

  async furnish(): Promise<void> {
    this.store = await furnished();
    this.#stored = await digest(this.store);
  }

  /** Calls a method many times in one transaction, which goes on after what is refused. */
  async round(of: string, name: PropertyKey, make: Make, writable: boolean): Promise<void> {
    const commits = writable && this.fuzzer.once(3);
    let seen = "";
    const run = async (tx: Transaction) => {
      seen = await digest(tx);
      for (let i = 0; i < RUNS; i++) seen = await this.#call(of, name, make, tx, seen);
      if (writable && !commits) throw BACK;
    };
    await (writable ? this.store.update(run) : this.store.view(run)).catch((error) => {
      if (error !== BACK) throw error;
    });
    // What was accepted is there, and nothing else.
    const now = await digest(this.store);
    expect(now, `after ${of}.${String(name)}`).toBe(commits ? seen : this.#stored);
    if (now === this.#stored) return;
    await expectSound(this.store);
    await this.store.close();
    await this.furnish();
  }

  async #call(of: string, name: PropertyKey, make: Make, tx: Transaction, before: string): Promise<string> {
    const { judge } = this.fuzzer;
    const target = await make(tx);
    const valid = () => (VALID[`${of}.${String(name)}`] ?? VALID[String(name)])?.(tx) ?? [];
    const { call, outcome } = await this.fuzzer.call({ of, target }, name, valid);
    const after = await digest(tx);
    if (after === before) return after;
    if (!tx.writable) judge.crash(call, "changed something in a view");
    if (outcome !== "accepted" && !PARTIAL.test(String(name)))
      judge.crash(call, `was ${outcome}, but changed something`);
    return after;
  }
}

test(`what is called in transactions works or is refused, and then changes nothing (MESHGATE_SEED=${SEED})`, {
  timeout: 3_600_000,
}, async () => {
  const rounds = new Rounds();
  await rounds.furnish();
  for (const [of, makers] of Object.entries(WITHIN))
    for (const make of makers) {
      const names = await rounds.store.view(async (tx) => rounds.fuzzer.methodsOf(of, await make(tx)));
      for (const name of names)
        for (const writable of [true, false]) await rounds.round(of, name, make, writable);
    }
  expect(await rounds.fuzzer.uncalled("transactions")).toEqual([]);
  rounds.fuzzer.report("calls in transactions");
  await rounds.store.close();
  expect(rounds.fuzzer.findings().join("\n")).toBe("");
});

test("each class that callers meet is called in one of these tests", async () => {
  const strange = (await publicClasses()).filter(({ name }) => PARTS[name] === undefined);
  expect(strange.map(({ name }) => name)).toEqual([]);
});
