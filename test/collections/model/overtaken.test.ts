import { setImmediate as turn } from "node:timers/promises";
import type { Collection } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { codeOf, usePlaces } from "../../helpers/places.ts";
import { expectSound } from "../../helpers/stores.ts";
import { ENGINES, type Opened, openWithLevel } from "./places.ts";
import { layoutIn, rawRows, recordsIn, wrongRows } from "./raw.ts";
import { COLLECTIONS, type Input, SPECS } from "./specs.ts";

const people = COLLECTIONS[0] as Collection;
const SPEC = SPECS[0] as (typeof SPECS)[number];

const person = (id: string, fields: Input = {}) => ({
  tenant: "t",
  id,
  day: new Date(0),
  role: "user",
  ...fields,
});

/** Starts a call that nobody waits for. @returns what comes of it in the end */
function start(call: () => unknown): Promise<string> {
  return codeOf(async () => call());
}

/** Waits for so many turns, small ones for engines that answer at once. */
async function wait(turns: number, engine: string): Promise<void> {
  for (let i = 0; i < turns; i++) await (engine.startsWith("without") ? turn() : null);
}

async function expectExact({ store, level }: Opened): Promise<void> {
  const raw = await rawRows(level);
  const records = recordsIn(raw, SPEC);
  expect(wrongRows(raw, [{ spec: SPEC, records }], { unreclaimed: true })).toEqual([]);
  if (layoutIn(raw, SPEC.name) !== undefined)
    expect(await people.verify(store)).toMatchObject({ ok: true, problems: [], records: records.length });
  await expectSound(store);
}

describe.each(ENGINES)(
  "a call that the end of its transaction overtakes is made whole or not at all (%s)",
  (engine) => {
    const places = usePlaces();
    /** How long the transactions wait until they end: from not at all until the call is over. */
    const waits = Array.from({ length: 60 }, (_, i) => i);

    test("a write", async () => {
      const opened = await openWithLevel(places, engine, "store");
      const { store } = opened;
      await store.update(async (tx) => people.in(tx).insert(person("first")));
      const outcomes: Promise<string>[] = [];
      for (const turns of waits) {
        await store.update(async (tx) => {
          const records = people.in(tx);
          for (let i = 0; i < 5; i++)
            outcomes.push(
              start(() => records.put(person(`${turns} ${i}`, { email: `e${i}`, tags: ["x", "y"] }))),
              start(() =>
                records.update(["t", "first"], { email: `u${turns} ${i}`, tags: [`${turns}`, "z"] }),
              ),
              start(() => records.delete(["t", `${turns - 1} ${i}`])),
            );
          await wait(turns, engine);
        });
      }
      const codes = new Set(await Promise.all(outcomes));
      for (const code of codes) expect(["none", "UNIQUE_VIOLATION", "TX_CLOSED"]).toContain(code);
      await expectExact(opened);
    });

    test("the first write, which makes the collection", async () => {
      const after: string[] = [];
      for (const turns of waits) {
        const opened = await openWithLevel(places, engine, `store-${turns}`);
        const { store } = opened;
        let outcome: Promise<string> | undefined;
        await store.update(async (tx) => {
          outcome = start(() => people.in(tx).insert(person("first", { email: "e" })));
          await wait(turns, engine);
        });
        expect(["none", "TX_CLOSED"]).toContain(await outcome);
        after.push(await codeOf(() => store.update(async (tx) => people.in(tx).put(person("second")))));
        if (after.at(-1) === "none") await expectExact(opened);
        await store.close();
      }
      expect(after).toEqual(waits.map(() => "none"));
    });

    test("drop()", async () => {
      const after: string[] = [];
      for (const turns of waits) {
        const opened = await openWithLevel(places, engine, `store-${turns}`);
        const { store } = opened;
        await store.update(async (tx) => people.in(tx).insert(person("first", { email: "e" })));
        let outcome: Promise<string> | undefined;
        await store.update(async (tx) => {
          outcome = start(() => people.drop(tx));
          await wait(turns, engine);
        });
        expect(["none", "TX_CLOSED"]).toContain(await outcome);
        after.push(await codeOf(() => store.update(async (tx) => people.in(tx).put(person("second")))));
        after.push(await codeOf(() => expectExact(opened)));
        await store.close();
      }
      expect(after).toEqual(waits.flatMap(() => ["none", "none"]));
    });
  },
);
