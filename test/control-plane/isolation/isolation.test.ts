import { DatabaseManager } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { Random } from "../audit/audit-random.ts";
import { Clock, DAY, expectConsistent } from "../databases.ts";
import { METHODS } from "./methods.ts";
import { emptyTally, runRound } from "./round.ts";

const SEED = Number(process.env["MESHGATE_ISOLATION_SEED"] ?? Date.now() % 2 ** 32);
const OPERATIONS = Number(process.env["MESHGATE_ISOLATION_OPERATIONS"] ?? 100_000);
const ROUNDS = 6;

describe("strangers with hostile ids and tokens", () => {
  const places = usePlaces();

  test(`see and change nothing of another tenant in ${OPERATIONS} operations`, {
    timeout: 300_000,
  }, async () => {
    const tally = emptyTally();
    for (let round = 0; round < ROUNDS; round++) {
      const clock = new Clock();
      const location = round % 3 === 0 ? places.path(`db${round}`) : new MemoryLevel<string, string>();
      const db = await DatabaseManager.open(location, {
        ...{ now: clock.now, retention: false, durability: "relaxed", lastUsedEvery: DAY },
      });
      places.later(() => db.close());
      try {
        await runRound(db, clock, new Random(SEED + round), Math.ceil(OPERATIONS / ROUNDS), tally);
        await expectConsistent(db);
      } catch (error) {
        throw new Error(`MESHGATE_ISOLATION_SEED=${SEED}, round ${round}`, { cause: error });
      }
      await db.close();
    }
    const { reads, writes, refused, trapped, compared, codes, done } = tally;
    console.info(
      `isolation: ${reads + writes} operations (${reads} reads, ${writes} writes; ${refused} refused, ${trapped} of them by traps), ` +
        `${compared} digests of other tenants compared, MESHGATE_ISOLATION_SEED=${SEED}\n` +
        Array.from(codes, ([code, count]) => `${code} ${count}`).join(", "),
    );
    expect(tally.violations.slice(0, 10), `MESHGATE_ISOLATION_SEED=${SEED}`).toEqual([]);
    expect([...tally.crashes], `MESHGATE_ISOLATION_SEED=${SEED}`).toEqual([]);
    expect(reads + writes).toBeGreaterThanOrEqual(OPERATIONS);
    const names = Object.entries(METHODS).flatMap(([family, methods]) =>
      Object.keys(methods).map((name) => `${family}.${name}`),
    );
    // Each did something, too: a method that is always refused would show nothing.
    expect(names.filter((name) => !done.has(name))).toEqual([]);
  });
});
