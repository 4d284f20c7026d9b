import { collection, type Progress, type Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Location, usePlaces } from "../helpers/places.ts";
import { expectRefused, rollingBack } from "../helpers/stores.ts";
import { locationsIn, openVerified } from "./locations.ts";

const places = usePlaces();

const items = collection({
  name: "items",
  schema: z.object({ group: z.string(), n: z.number(), even: z.boolean().optional() }),
  key: ["group", "n"],
  indexes: { n: { on: "n" }, even: { on: ["even", "n"], include: "record" } },
});

const LOCATIONS = locationsIn(places);

const openAt = (make: () => Location): Promise<Store> => openVerified(places, make, items);

const item = (group: string, n: number) => ({ group, n, even: n % 2 === 0 });
const many = (count: number, group = "g") => Array.from({ length: count }, (_, n) => item(group, n));

async function* arriving<T>(values: readonly T[]): AsyncGenerator<T> {
  for (const [i, value] of values.entries()) {
    if (i % 100 === 0) await new Promise(setImmediate);
    yield value;
  }
}

describe.each(LOCATIONS)("bulk writes on %s", (_, make) => {
  test("insertMany, putMany and deleteMany take arrays, iterables and what is still to come", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = items.in(tx);
      expect(await records.insertMany(many(10))).toBe(10);
      expect(await records.insertMany(new Set(many(10, "h")))).toBe(10);
      expect(await records.insertMany(arriving(many(300, "i")))).toBe(300);
      expect(await records.putMany(many(12))).toBe(12);
      expect(await records.putMany([])).toBe(0);
      const keys = [
        ["g", 0],
        ["g", 5],
        ["g", 99],
        ["g", 0],
      ] as [string, number][];
      expect(await records.deleteMany(keys)).toBe(2);
      expect(await records.deleteMany(arriving(keys))).toBe(0);
    });
    await store.view(async (tx) => {
      const records = items.in(tx);
      expect(await records.count()).toBe(320);
      expect(await records.by("n").count()).toBe(320);
      // Of g the 0 is gone and the 10 has come.
      expect(await records.by("even").count({ prefix: [true] })).toBe(160);
    });
  });

  test("deleteRange deletes what the bounds cover, and tells how many", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      await items.in(tx).insertMany([...many(20, "a"), ...many(20, "b"), ...many(20, "c")]);
    });
    await store.update(async (tx) => {
      const records = items.in(tx);
      expect(await records.deleteRange({ prefix: ["b"], gte: ["b", 5], lt: ["b", 8] })).toBe(3);
      expect(await records.deleteRange({ prefix: ["b"], reverse: true, limit: 2 })).toBe(2);
      expect(await records.deleteRange({ prefix: ["b"], limit: 0 })).toBe(0);
      expect(await records.count({ prefix: ["b"] })).toBe(15);
      expect(await records.keys({ prefix: ["b"], reverse: true, limit: 1 }).first()).toEqual(["b", 17]);
      await records.insert(item("b", 100));
      expect(await records.deleteRange({ prefix: ["b"] })).toBe(16);
      expect(await records.deleteRange({ prefix: ["b"] })).toBe(0);
      expect(await records.deleteMany(records.by("n").keys({ gte: 18 }))).toBe(4);
      expect(await records.count()).toBe(36);
    });
    expect(await store.update((tx) => items.in(tx).deleteRange())).toBe(36);
    expect(await store.view((tx) => items.in(tx).by("even").count())).toBe(0);
  });

  test("progress is told on the way and at the end, with the total where it is known", async () => {
    const store = await openAt(make);
    await store.update(async (tx) => {
      const records = items.in(tx);
      const seen: Progress[] = [];
      const onProgress = (progress: Progress) => seen.push(progress);
      await records.insertMany(many(600), { onProgress });
      expect(seen).toEqual([256, 512, 600].map((done) => ({ done, total: 600 })));
      seen.length = 0;
      await records.putMany(arriving(many(300)), { onProgress });
      expect(seen).toEqual([256, 300].map((done) => ({ done, total: undefined })));
      seen.length = 0;
      expect(await records.deleteRange({ prefix: ["g"], limit: 512 }, { onProgress })).toBe(512);
      expect(seen.map(({ done }) => done)).toEqual([256, 512, 512]);
    });
  });

  test("an abort ends it between two steps; the transaction goes on with what was done", async () => {
    const store = await openAt(make);
    const controller = new AbortController();
    const work = {
      signal: controller.signal,
      onProgress: ({ done }: Progress) => done === 512 && controller.abort(),
    };
    await store.update(async (tx) => {
      const records = items.in(tx);
      await expectRefused("ABORTED", () => records.insertMany(many(2000), work as never));
      expect(await records.count()).toBe(512);
      await expectRefused("ABORTED", () => records.deleteRange({}, { signal: controller.signal }));
      await records.insert(item("z", 1));
    });
    const left = await store.view((tx) => items.in(tx).count());
    expect(left).toBeLessThanOrEqual(512 - 256 + 1);
    expect(left).toBe(await store.view((tx) => items.in(tx).by("n").count()));
  });

  test("the first that fails ends it; those before it stay in the transaction", async () => {
    const store = await openAt(make);
    let closed = false;
    function* watched() {
      try {
        yield* [item("g", 0), item("g", 1), item("g", 0), item("g", 2)];
      } finally {
        closed = true;
      }
    }
    await store.update(async (tx) => {
      const records = items.in(tx);
      await expectRefused("RECORD_EXISTS", () => records.insertMany(watched()), '["g",0]');
      expect(closed).toBe(true);
      expect(await records.count()).toBe(2);
      await expectRefused("RECORD_INVALID", () => records.putMany([item("g", 5), { group: 5 } as never]));
      await expectRefused("KEY_INVALID", () => records.deleteMany([["g", 0], "g" as never]));
    });
    expect(await store.view((tx) => items.in(tx).by("n").keys().toArray())).toEqual([
      ["g", 1],
      ["g", 5],
    ]);
  });

  test("what is no iterable, and misspelled options, are refused", async () => {
    const store = await openAt(make);
    await rollingBack(store, async (tx) => {
      const records = items.in(tx);
      for (const nonsense of [undefined, null, 5, "text", {}, () => []])
        await expectRefused("OPTION_INVALID", () => records.insertMany(nonsense as never), "iterable");
      const misspelled = { onprogress: () => undefined } as never;
      await expectRefused("OPTION_INVALID", () => records.putMany([], misspelled), "onprogress");
      await expectRefused("OPTION_INVALID", () => records.deleteMany([], { signal: 5 as never }));
      await expectRefused("OPTION_INVALID", () => records.deleteRange({ prefx: ["g"] } as never), "prefx");
      await expectRefused("OPTION_INVALID", () => records.deleteRange({}, { onProgress: 5 as never }));
    });
  });
});
