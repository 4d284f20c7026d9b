import { mkdirSync } from "node:fs";
import { DatabaseManager } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { commit, prepare } from "./commits.ts";
import { type Bounds, inspect } from "./inspect.ts";
import { runKills } from "./run.ts";
import { CALLS, SLOTS, WINDOW } from "./world.ts";

const KILLS = Number(process.env["MESHGATE_TORTURE_KILLS"] ?? 10);
const SEED = Number(process.env["MESHGATE_TORTURE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const COMMITS = 40;
const LIFETIME = 5;

const places = usePlaces();

describe("programs that are killed", () => {
  test("lose no acknowledged commit, leave none in parts, and no index, count or chain wrong", {
    timeout: 60_000 + KILLS * 20_000,
  }, async () => {
    mkdirSync(places.path("kills"));
    const report = await runKills({
      ...{ kills: KILLS, seed: SEED, commits: COMMITS, lifetime: LIFETIME },
      directory: places.path("kills"),
    });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    expect(report.kills).toBe(KILLS);
    expect(report.acknowledged).toBeGreaterThan(0);
  });
});

describe("what looks through a store after a kill", () => {
  const FIRST_SLOT = 0;
  const COMMITTED = WINDOW + 2;
  const ROUNDS = (WINDOW + 1) * CALLS.length;
  const CALLER = SLOTS.length - 1;
  const bounds = (from: number): Bounds[] =>
    SLOTS.map((slot) =>
      slot === FIRST_SLOT ? { from, to: from } : { from: 0, to: slot === CALLER ? ROUNDS : 0 },
    );

  async function filled(): Promise<string> {
    const directory = places.path("db");
    const db = await DatabaseManager.open(directory, { retention: false, durability: "relaxed" });
    await prepare(db);
    for (let n = 1; n <= COMMITTED; n++) await commit(db, FIRST_SLOT, n);
    for (let n = 1; n <= ROUNDS; n++) await commit(db, CALLER, n);
    await db.close();
    return directory;
  }

  /** Deletes the first row of a sublevel behind the store's back. */
  async function damage(directory: string, sublevel: string): Promise<void> {
    const level = new ClassicLevel(directory);
    const [key] = await level.keys({ gt: `!${sublevel}!`, limit: 1 }).all();
    expect(key).toContain(sublevel);
    await level.del(key as string);
    await level.close();
  }

  test("finds nothing wrong where nothing is", async () => {
    const directory = await filled();
    const { problems, lasts } = await inspect(directory, bounds(COMMITTED));
    expect(problems).toEqual([]);
    expect([lasts[FIRST_SLOT], lasts[CALLER]]).toEqual([COMMITTED, ROUNDS]);
  });

  test("finds that an acknowledged commit is lost, and one that nobody made", async () => {
    const directory = await filled();
    const lost = await inspect(directory, bounds(COMMITTED + 1));
    expect(lost.problems).toEqual([expect.stringContaining(`Slot 0 lost commits: ${COMMITTED + 1}`)]);
    const more = await inspect(directory, bounds(COMMITTED - 1));
    expect(more.problems).toEqual([expect.stringContaining(`Slot 0 has commit ${COMMITTED}`)]);
  });

  test.each([
    ["torture_parts", /in parts.*"missing":\["part 3 0"\]/],
    ["idx_torture_items_by_tag", /The indexes of torture_items/],
    ["users", /in parts.*"missing":\["user/],
    ["audit_logs", /The trail of t0/],
    ["torture_nests", /in parts|check\(\) finds/],
  ])("finds that a row of %s is gone", async (sublevel, wanted) => {
    const directory = await filled();
    await damage(directory, sublevel);
    const { problems } = await inspect(directory, bounds(COMMITTED));
    expect(problems.join("\n")).toMatch(wanted);
  });
});
