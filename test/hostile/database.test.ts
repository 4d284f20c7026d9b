import { mkdirSync } from "node:fs";
import { chdir, cwd } from "node:process";
import { type Database, DatabaseManager, type DatabaseTransaction } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { afterAll, beforeEach, expect, test } from "vitest";
import { Clock, expectConsistent } from "../control-plane/databases.ts";
import { fill, gather, type Loot, START } from "../control-plane/isolation/loot.ts";
import { usePlaces } from "../helpers/places.ts";
import { validFor } from "./database-targets.ts";
import { digest, Fuzzer, type Target, walk } from "./fuzzer.ts";
import { RUNS, SEED } from "./settings.ts";

const places = usePlaces();
const home = cwd();
beforeEach(() => {
  mkdirSync(places.path("home", "deep"), { recursive: true });
  chdir(places.path("home", "deep"));
  places.later(() => chdir(home));
});
afterAll(() => chdir(home));

/** They go in several commits, of which those before a failure stay, as is documented. */
const LONG =
  /^(wipe|import|wipeTenant|importTenant|cleanupOldData|run|clean|rollUp|importGoFile|deleteMany|delete)$/;
const FAMILIES = [
  "users",
  "nodes",
  "groups",
  "policies",
  "alertRules",
  "channels",
  "apiKeys",
  "sessions",
  "audit",
  "metrics",
  "nodeMetrics",
  "quota",
] as const;

/** They make a tenant where there is none, and take it away again where they are refused. */
const TAKEN_BACK = /^DatabaseTransaction\.(save|create)/;

interface Filled {
  readonly db: Database;
  readonly a: Loot;
  readonly b: Loot;
}

async function filled(): Promise<Filled> {
  const clock = new Clock(START + 3_600_000);
  const db = await DatabaseManager.open(new MemoryLevel<string, string>(), {
    ...{ now: clock.now, retention: false, durability: "relaxed", lastUsedEvery: 1e9 },
  });
  const a = await fill(db, "a", 0);
  const b = await fill(db, "b", 1);
  for (const each of [a, b]) await gather(db, each);
  return { db, a, b };
}

function targetsIn(ops: Database | DatabaseTransaction): Target[] {
  const tenant = ops.tenant("a").as({ userId: "1" });
  const top = ops.constructor.name;
  return [
    { of: top, target: ops },
    { of: "", target: tenant },
    ...FAMILIES.map((of) => ({ of, target: tenant[of] })),
    { of: "SystemOperations", target: ops.system },
    { of: "Tenants", target: ops.system.tenants },
    { of: "alertRules", target: ops.system.alertRules },
    { of: "channels", target: ops.system.channels },
    { of: "Quarantine", target: ops.system.quarantine },
    ...("retention" in ops ? [{ of: "Retention", target: ops.retention }] : []),
  ];
}

/** For both tests. */
const fuzzer = new Fuzzer(SEED);

test(`what is called of a database works or is refused, and then commits nothing (MESHGATE_SEED=${SEED})`, {
  timeout: 3_600_000,
}, async () => {
  let { db, a, b } = await filled();
  const count = targetsIn(db).length;
  for (let place = 0; place < count; place++) {
    const { of, target } = targetsIn(db)[place] as Target;
    for (const name of fuzzer.methodsOf(of, target)) {
      if (name === "close" || name === Symbol.asyncDispose) continue;
      for (let i = 0; i < RUNS; i++) {
        const now = targetsIn(db)[place] as Target;
        const before = db.store.stats().commit;
        const { call, outcome } = await fuzzer.call(now, name, validFor(of, String(name), a, b), walk);
        if (outcome !== "accepted" && db.store.stats().commit !== before && !LONG.test(String(name)))
          fuzzer.judge.crash(call, `was ${outcome}, but committed something`);
      }
    }
    await expectConsistent(db);
    await db.close();
    ({ db, a, b } = await filled());
  }
  for (const name of ["close", Symbol.asyncDispose])
    await fuzzer.call({ of: "Database", target: db }, name, () => []);
  expect(fuzzer.findings().join("\n")).toBe("");
});

test(`what is called in a database's transaction works or is refused, and then changes nothing (MESHGATE_SEED=${SEED})`, {
  timeout: 3_600_000,
}, async () => {
  const { db, a, b } = await filled();
  const back = new Error("rolled back on purpose");
  const stored = await digest(db);
  await db
    .update(async (tx) => {
      for (const { of, target } of targetsIn(tx))
        for (const name of fuzzer.methodsOf(of, target)) {
          for (let i = 0; i < RUNS; i++) {
            const { core } = tx.transaction;
            const before = core.version;
            const seen = fuzzer.once(8) ? await digest(tx.transaction) : undefined;
            const { call, outcome } = await fuzzer.call(
              { of, target },
              name,
              validFor(of, String(name), a, b),
              walk,
            );
            if (outcome === "accepted" || core.version === before || /Many$|^rollUp$/.test(String(name)))
              continue;
            // It wrote. A digest tells whether it took that back; mostly nothing may be written at all.
            if (seen === undefined ? !TAKEN_BACK.test(call.name) : (await digest(tx.transaction)) !== seen)
              fuzzer.judge.crash(call, `was ${outcome}, but changed something`);
          }
        }
      throw back;
    })
    .catch((error) => {
      if (error !== back) throw error;
    });
  expect(await digest(db)).toBe(stored);
  await expectConsistent(db);
  await db.close();
  expect(await fuzzer.uncalled("databases")).toEqual([]);
  fuzzer.report("calls of a database");
  expect(fuzzer.findings().join("\n")).toBe("");
});
