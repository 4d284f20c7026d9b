import { mkdirSync } from "node:fs";
import { chdir, cwd } from "node:process";
import { openBolt, type Store } from "@meshgate/database";
import { beforeEach, expect, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";
import { digest, Fuzzer } from "./fuzzer.ts";
import { BOLT, use, VALID, VALUES } from "./outer-targets.ts";
import { furnished } from "./rows.ts";
import { RUNS, SEED } from "./settings.ts";
import { publicFunctions } from "./surface.ts";

const places = usePlaces();

// Hostile paths are relative, or lead one or two folders up: all that they make goes with the test.
beforeEach(() => {
  const home = cwd();
  places.later(() => chdir(home));
  mkdirSync(places.path("a", "b", "c"), { recursive: true });
  chdir(places.path("a", "b", "c"));
});

const WITHIN: ReadonlySet<PropertyKey> = new Set(["in", "drop"]);

test(`what is called of a store, or of none, works or is refused, and then changes nothing (MESHGATE_SEED=${SEED})`, {
  timeout: 3_600_000,
}, async () => {
  const fuzzer = new Fuzzer(SEED);
  const functions = Object.fromEntries(publicFunctions());
  let store: Store = await furnished();
  let stored = await digest(store);
  const targets = async (): Promise<Record<string, object>> => ({
    "": functions,
    ...{ Store: store, ...VALUES, OpenBoltFile: await openBolt(BOLT) },
  });
  for (const of of Object.keys(await targets())) {
    const names = of === "" ? Object.keys(functions) : fuzzer.methodsOf(of, (await targets())[of] as object);
    for (const name of names.filter((each) => !WITHIN.has(each)))
      for (let i = 0; i < RUNS; i++) {
        const target = (await targets())[of] as object;
        const valid = () => VALID[of === "" ? String(name) : `${of}.${String(name)}`]?.(store) ?? [];
        const { call, outcome } = await fuzzer.call({ of, target }, name, valid, use);
        // What closed the store did as it was told.
        const now = await digest(store).catch(() => "closed");
        if (outcome !== "accepted" && now !== stored)
          fuzzer.judge.crash(call, `was ${outcome}, but changed something`);
        if (now === stored) continue;
        if (now !== "closed") await expectSound(store);
        await store.close();
        store = await furnished();
        stored = await digest(store);
      }
  }
  await store.close();
  // These take a transaction: see store.test.ts.
  for (const name of WITHIN) fuzzer.note(VALUES["Collection"] as object, name);
  expect(await fuzzer.uncalled("stores")).toEqual([]);
  fuzzer.report("calls of a store, or of none");
  expect(fuzzer.findings().join("\n")).toBe("");
});
