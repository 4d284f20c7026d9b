import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { journalOf } from "../../collections/model/journal.ts";
import { expectConsistent, useDatabases } from "../databases.ts";
import { expectGone, expectRolledUp, expectRules, expectSame } from "./inspect.ts";
import { CAST, LOOSE, runLoad } from "./load.ts";
import { MODELLED } from "./operations.ts";
import { Random } from "./random.ts";
import { modelsAt, replayOn } from "./replay.ts";
import { prepare } from "./setup.ts";

const COMMITS = Number(process.env["MESHGATE_CONTROL_PLANE_COMMITS"] ?? 1500);
const SEED = Number(process.env["MESHGATE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const databases = useDatabases();

test(`operations that run at once leave counts, references, chains, roll-ups and bills exact (seed ${SEED})`, {
  timeout: 60_000 + COMMITS * 30,
}, async () => {
  const { clock } = databases;
  // Half a wipe, as a failure leaves it, is no fault of its own.
  databases.unchecked();
  const db = await databases.open({ durability: "relaxed" });
  const since = clock.time;
  const exported = await prepare(db, clock.now());
  const models = modelsAt(clock.now());
  let last = 0;
  let used = 0;
  let isOver = false;
  const load = runLoad({
    ...{ db, clock, since, exported, random: new Random(SEED), isOver: () => isOver },
    acknowledged: (place) => {
      last = Math.max(last, place);
    },
    used: (bandwidth) => {
      used += bandwidth;
    },
  }).finally(() => {
    isOver = true;
  });
  // Its error shows at the end; nobody waits for it before.
  load.catch(() => undefined);
  let checks = 0;
  let differing = 0;
  try {
    while (!isOver && last < COMMITS) {
      await sleep(100);
      for (const id of [...MODELLED, LOOSE]) differing += await expectRules(db, id);
      checks++;
    }
  } finally {
    isOver = true;
    await load;
  }

  const journal = await journalOf(db.store);
  const operations = replayOn(models, journal, since);
  await expectSame(db, models, clock.now());
  const periods = await expectRolledUp(db, models, clock.now());
  await expectGone(db, CAST);
  differing += await expectRules(db, LOOSE);
  const bills = (await db.tenant(LOOSE).quota.bills({ size: 1000 })).records;
  const current = (await db.tenant(LOOSE).quota.get())?.usedBandwidth ?? 0;
  expect(bills.reduce((sum, { bandwidth }) => sum + bandwidth, current)).toBe(used);
  await expectConsistent(db);
  const figures = { commits: journal.length, operations, checks, periods, "differing counts": differing };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  expect(differing).toBe(0);
});
