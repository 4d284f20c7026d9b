import { describe, expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { History } from "./history.ts";
import { soak } from "./soak.ts";

const OVERWRITES = Number(process.env["MESHGATE_TORTURE_OVERWRITES"] ?? 40_000);
const SEED = Number(process.env["MESHGATE_TORTURE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const READERS = 64;

const places = usePlaces();

describe("hot keys under readers of random lifetime", () => {
  const overwrites = OVERWRITES / 2;

  test.each(["utf8", "json"] as const)(
    "show each transaction exactly the commits before it, in %s",
    {
      timeout: 120_000 + OVERWRITES,
    },
    async (encoding) => {
      const report = await soak({
        ...{ directory: places.path("store"), seed: SEED, encoding, overwrites, readers: READERS },
      });
      process.stdout.write(`${JSON.stringify(report)}\n`);
      expect(report.examples).toEqual([]);
      expect(report.stale).toBe(0);
      expect(report.overwrites).toBeGreaterThanOrEqual(overwrites);
      expect(report.reads).toBeGreaterThan(overwrites / 20);
      expect(report.snapshots).toBeGreaterThan(8);
    },
  );
});

describe("the history of hot keys", () => {
  test("tells the value at each commit, however many follow", () => {
    const history = new History(2);
    history.add(0, 3, true);
    history.add(0, 5, false);
    history.enter(4);
    for (let commit = 6; commit < 5000; commit++) history.add(0, commit, true);
    expect([history.at(0, 2), history.at(1, 9)]).toEqual([undefined, undefined]);
    expect([history.at(0, 4), history.at(0, 5), history.at(0, 77)]).toEqual([3, undefined, 77]);
    history.leave(4);
    for (let commit = 5000; commit < 5300; commit++) history.add(0, commit, true);
    expect(history.at(0, 4)).toBeUndefined();
    expect(history.at(0, 5299)).toBe(5299);
  });
});
