/** Rows that are read again and again are kept. Whatever happens to them, nobody may see it. */
import { setImmediate as turn } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { type Bucket, collection, type Store, type Transaction } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { usePlaces } from "../helpers/places.ts";

const places = usePlaces();

/** Enough reads of a row that it is kept. */
const MANY = 200;

const bucketIn = async (tx: Transaction, name = "rows") => (await tx.bucket(name)) as Bucket;

async function readOften(store: Store, key: string, name = "rows"): Promise<unknown> {
  return store.view(async (tx) => {
    const bucket = await bucketIn(tx, name);
    for (let i = 0; i < MANY; i++) await bucket.get(key);
    return bucket.get(key);
  });
}

async function storeWith(value: unknown): Promise<Store> {
  const store = await places.open(places.path("store"), { durability: "relaxed" });
  await store.update(async (tx) => (await tx.createBucket("rows")).put("a", value));
  return store;
}

describe("a row that is read often", () => {
  test("costs no call into the engine", async () => {
    const level = new ClassicLevel(places.path("store"));
    await level.open();
    places.later(() => level.close());
    let calls = 0;
    const getSync = level.getSync.bind(level) as (...args: unknown[]) => unknown;
    Object.assign(level, {
      getSync: (...args: unknown[]) => {
        calls++;
        return getSync(...args);
      },
    });
    const store = await places.open(level as never, { durability: "relaxed" });
    await store.update(async (tx) => (await tx.createBucket("rows")).put("a", { n: 1 }));
    await readOften(store, "a");
    const before = calls;
    expect(before).toBeGreaterThan(0);
    expect(await readOften(store, "a")).toEqual({ n: 1 });
    expect(calls).toBe(before);
  });

  test("is its reader's own each time", async () => {
    const value = { list: [{ n: 1 }, [2]], within: { text: "x" }, none: null };
    const store = await storeWith(value);
    const first = (await readOften(store, "a")) as typeof value;
    first.list.push({ n: 3 });
    (first.list[0] as { n: number }).n = 9;
    first.within.text = "changed";
    const second = (await readOften(store, "a")) as typeof value;
    expect(second).toEqual(value);
    expect(second.within).not.toBe(first.within);
  });

  test.each([
    ["a field named __proto__", '{"__proto__":{"a":{"b":1}},"constructor":{"c":[]}}'],
    ["names that are numbers, in their order", '{"10":{"a":1},"9":[1,[2]],"b":{},"":0}'],
    ["nothing", "null"],
    ["minus zero and small numbers", "[-0,5e-324,1e21]"],
    ["text", '"text"'],
    ["400 levels", "[".repeat(400) + "]".repeat(400)],
  ])("is what it was with %s", async (_, text) => {
    const store = await storeWith(JSON.parse(text));
    const fresh = await store.view(async (tx) => (await bucketIn(tx)).get("a"));
    const kept = await readOften(store, "a");
    expect(JSON.stringify(kept)).toBe(JSON.stringify(JSON.parse(text)));
    expect(isDeepStrictEqual(kept, fresh)).toBe(true);
  });

  test("takes nothing from a prototype that was poisoned", async () => {
    const store = await storeWith({ n: 1, within: { m: 2 } });
    Object.assign(Object.prototype, { poison: { deep: true } });
    try {
      const row = (await readOften(store, "a")) as { within: object };
      expect([Object.keys(row), Object.keys(row.within)]).toEqual([["n", "within"], ["m"]]);
    } finally {
      Reflect.deleteProperty(Object.prototype, "poison");
    }
  });

  test("is what the last commit made it, and what it was to those who began before", async () => {
    const store = await storeWith({ n: 1 });
    await readOften(store, "a");
    const before = await store.begin();
    await store.update(async (tx) => {
      const bucket = await bucketIn(tx);
      await bucket.put("a", { n: 2 });
      expect(await bucket.get("a")).toEqual({ n: 2 });
    });
    expect(await readOften(store, "a")).toEqual({ n: 2 });
    expect(await (await bucketIn(before)).get("a")).toEqual({ n: 1 });
    await before.rollback();
    await store.update(async (tx) => (await bucketIn(tx)).delete("a"));
    expect(await readOften(store, "a")).toBeUndefined();
  });

  test("is gone with its bucket, and not there in one of the same name", async () => {
    const store = await storeWith({ n: 1 });
    for (let i = 0; i < 3; i++) {
      await readOften(store, "a");
      await store.update((tx) => tx.deleteBucket("rows"));
      await turn();
      await store.update((tx) => tx.createBucket("rows"));
      expect(await readOften(store, "a")).toBeUndefined();
      await store.update(async (tx) => (await bucketIn(tx)).put("a", { n: i }));
      expect(await readOften(store, "a")).toEqual({ n: i });
    }
  });

  test("is a record of its own with dates of its own", async () => {
    const users = collection({
      name: "users",
      schema: z.object({ id: z.string(), mail: z.string(), at: z.date() }),
      key: "id",
      indexes: { mail: { on: "mail", unique: true } },
    });
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    const at = new Date(0);
    await store.update((tx) => users.in(tx).put({ id: "a", mail: "a@x", at }));
    const often = () =>
      store.view(async (tx) => {
        for (let i = 0; i < MANY; i++) {
          const byKey = await users.in(tx).get("a");
          expect(byKey).toEqual({ id: "a", mail: "a@x", at });
          byKey?.at.setTime(1);
          (await users.in(tx).by("mail").get("a@x"))?.at.setTime(2);
        }
        return users.in(tx).by("mail").get("a@x");
      });
    expect((await often())?.at).toEqual(at);
    await store.update((tx) => users.in(tx).update("a", { mail: "b@x" }));
    expect(await store.view((tx) => users.in(tx).by("mail").get("a@x"))).toBeUndefined();
    expect(await store.view((tx) => users.in(tx).get("a"))).toEqual({ id: "a", mail: "b@x", at });
  });

  test("that is damaged is refused each time, with the same error", async () => {
    const level = new ClassicLevel(places.path("store"));
    const store = await places.open(level as never, { durability: "relaxed" });
    await store.update(async (tx) => (await tx.createBucket("rows")).put("a", 1));
    await level.put("!rows!Ja", "{");
    await store.view(async (tx) => {
      const bucket = await bucketIn(tx);
      for (let i = 0; i < MANY; i++)
        await expect(async () => bucket.get("a")).rejects.toMatchObject({ code: "DATA_CORRUPT" });
    });
  });
});

/** A step of a random history. */
type Step =
  | { readonly do: "put" | "read"; readonly key: number }
  | { readonly do: "delete"; readonly key: number }
  | { readonly do: "begin" | "end" | "together" };

const KEYS = 6;
const key = fc.nat(KEYS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("put" as const, "read" as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("begin", "end", "together") }) },
);

class History {
  readonly #store: Store;
  readonly #open: { readonly tx: Transaction; readonly rows: ReadonlyMap<number, string> }[] = [];
  readonly #rows = new Map<number, string>();
  #writes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async run(next: Step): Promise<void> {
    if (next.do === "put" || next.do === "delete") await this.#change(next.key, next.do === "put");
    else if (next.do === "begin") {
      const tx = await this.#store.begin();
      this.#open.push({ tx, rows: new Map(this.#rows) });
    } else if (next.do === "end") await this.#open.shift()?.tx.rollback();
    else if (next.do === "together") await this.#together();
    else await this.#store.view(async (tx) => this.#compare(tx, this.#rows, MANY));
    for (const { tx, rows } of this.#open) await this.#compare(tx, rows, 2);
  }

  async end(): Promise<void> {
    for (const { tx } of this.#open) await tx.rollback();
  }

  async #change(at: number, isPut: boolean): Promise<void> {
    await this.#store.update(async (tx) => {
      await this.#compare(tx, this.#rows, 3);
      await this.#write(tx, at, isPut);
      await this.#compare(tx, this.#rows, 1);
    });
  }

  async #write(tx: Transaction, at: number, isPut: boolean): Promise<void> {
    const value = `${++this.#writes}`;
    for (const name of ["json", "utf8"]) {
      const bucket = await bucketIn(tx, name);
      if (isPut) await bucket.put(at, value);
      else await bucket.delete(at);
    }
    if (isPut) this.#rows.set(at, value);
    else this.#rows.delete(at);
  }

  /** Readers begin and read while commits are sealed, written and done. */
  async #together(): Promise<void> {
    const before = new Map(this.#rows);
    const writes = Array.from({ length: 3 }, (_, i) =>
      this.#store.update((tx) => this.#write(tx, i, i !== 1)),
    );
    const reads = Array.from({ length: 4 }, () =>
      this.#store.view(async (tx) => {
        const seen = await this.#read(tx, 0, 30);
        await turn();
        expect(await this.#read(tx, 0, 30)).toEqual(seen);
        expect([before.get(0), this.#rows.get(0)]).toContain(seen);
      }),
    );
    await Promise.all([...writes, ...reads]);
  }

  async #read(tx: Transaction, at: number, times: number): Promise<unknown> {
    const json = await bucketIn(tx, "json");
    for (let i = 1; i < times; i++) await json.get(at);
    return json.get(at);
  }

  async #compare(tx: Transaction, rows: ReadonlyMap<number, string>, times: number): Promise<void> {
    for (const name of ["json", "utf8"]) {
      const bucket = await bucketIn(tx, name);
      for (let n = 0; n < times; n++)
        for (let at = 0; at < KEYS; at++) expect(await bucket.get(at)).toBe(rows.get(at));
      const all = Array.from({ length: KEYS }, (_, at) => at);
      expect(await bucket.getMany(all)).toEqual(all.map((at) => rows.get(at)));
    }
  }
}

test("reads show what a plain map shows, whatever is kept", { timeout: 120_000 }, async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const store = await places.open(places.path(`store-${runs++}`), { durability: "relaxed" });
      await store.update(async (tx) => {
        await tx.createBucket("json");
        await tx.createBucket("utf8", { encoding: "utf8" });
      });
      const history = new History(store);
      try {
        for (const next of steps) await history.run(next);
      } finally {
        await history.end();
        await store.close();
      }
    }),
    { numRuns: 40, verbose: 1 },
  );
});
