import { describe, expect, test } from "vitest";
import { type Clock, Throttle } from "../../src/store/throttle.ts";
import { expectRefused } from "../helpers/stores.ts";

/** A clock that sleeps at once, sometimes not long enough. */
function testClock(): Clock & { time: number; slept: number[] } {
  const clock = {
    time: 1000,
    slept: [] as number[],
    now: () => clock.time,
    sleep: async (ms: number, signal: AbortSignal | undefined) => {
      signal?.throwIfAborted();
      clock.slept.push(ms);
      clock.time += ms;
    },
  };
  return clock;
}

describe("a throttle", () => {
  test("makes bytes take their time", async () => {
    const clock = testClock();
    const throttle = new Throttle(1000, clock);
    for (let i = 0; i < 10; i++) await throttle.spend(500, undefined);
    expect(clock.time).toBe(1000 + 5000);
  });

  test("counts the time that work took, and gives none back for pauses", async () => {
    const clock = testClock();
    const throttle = new Throttle(1000, clock);
    await throttle.spend(1000, undefined);
    clock.time += 400;
    await throttle.spend(1000, undefined);
    expect(clock.slept).toEqual([1000, 1000]);
    clock.time += 60_000;
    await throttle.spend(100, undefined);
    expect(clock.slept).toEqual([1000, 1000, 100]);
  });

  test("waits again where a sleep was too short, or longer than a timer can be set", async () => {
    const clock = testClock();
    const sleep = clock.sleep;
    const lazy = { ...clock, now: clock.now, sleep: (ms: number) => sleep(Math.ceil(ms / 2), undefined) };
    await new Throttle(1000, lazy).spend(1000, undefined);
    expect(clock.time).toBeGreaterThanOrEqual(2000);
    const slow = testClock();
    await new Throttle(1, slow).spend(3_000_000, undefined);
    expect(slow.time).toBe(1000 + 3_000_000_000);
    expect(slow.slept).toHaveLength(2);
  });

  test("without a limit never waits", async () => {
    const clock = testClock();
    await new Throttle(Number.POSITIVE_INFINITY, clock).spend(1e12, undefined);
    expect(clock.slept).toEqual([]);
  });

  test("stops waiting when the signal aborts: ABORTED", async () => {
    const controller = new AbortController();
    const waiting = new Throttle(1).spend(3600, controller.signal);
    controller.abort();
    await expectRefused("ABORTED", () => waiting);
  });
});
