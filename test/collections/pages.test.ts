import { collection, type Page, type PageOptions, type RecordOf, type Store } from "@meshgate/database";
import fc from "fast-check";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type AnyLevel, WithoutGetSync } from "../helpers/levels.ts";
import { usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";
import { parameters } from "../keys/arbitraries.ts";

const places = usePlaces();

const definition = {
  name: "users",
  schema: z.object({
    t: z.string(),
    id: z.number(),
    code: z.string(),
    group: z.number(),
    tags: z.array(z.string()),
    at: z.date().optional(),
  }),
  key: ["t", "id"],
  indexes: {
    code: { on: "code", unique: true },
    carried: { on: ["t", "code"], unique: true, include: ["group"] },
    group: { on: ["t", "group"] },
    tag: { on: ["t", "tags"], multiEntry: "tags" },
    whole: { on: ["t", "group"], include: "record" },
    brief: { on: "group", include: ["at"] },
    even: { on: "code", where: (user: { id: number }) => user.id % 2 === 0 },
    at: { on: ["at"] },
  },
} as const;
const users = collection(definition);
const others = collection({ ...definition, name: "others" });
type User = RecordOf<typeof users>;

/** The secret part of a key, which no token may show. */
const SECRET = "secret-code-";
const user = (id: number, t = "t"): User => ({
  t,
  id,
  code: `${SECRET}${t}${String(id * 7919).padStart(9, "0")}`,
  group: id % 4,
  tags: [`x${id % 3}`, "all"],
  ...(id % 3 === 0 ? { at: new Date(id % 5) } : {}),
});

const ENGINES: readonly [name: string, open: () => Promise<Store>][] = [
  ["classic-level", () => places.open(places.path("store"), { durability: "relaxed" })],
  ["memory-level", () => places.open(new MemoryLevel<string, string>())],
  ["an engine without getSync", () => places.open(new WithoutGetSync() as AnyLevel)],
];
const PATHS = [undefined, ...users.indexes];

async function filled(open: () => Promise<Store>, count: number): Promise<Store> {
  const store = await open();
  await store.update(async (tx) => {
    for (const t of ["s", "t", "u"])
      await users.in(tx).insertMany(Array.from({ length: count }, (_, id) => user(id, t)));
    await others.in(tx).insertMany([user(1), user(2), user(3)]);
  });
  return store;
}

/** Reads one page, in a transaction of its own. */
const pageOf = (
  store: Store,
  path: string | undefined,
  options: object,
  of: typeof users = users,
): Promise<Page<User>> =>
  store.view((tx) => {
    const queries = path === undefined ? of.in(tx) : of.in(tx).by(path as "group");
    return queries.pages(options as PageOptions<never>).first();
  });

const keyOf = ({ t, id }: User) => `${t}${id}`;

/** All records by pages, each in a transaction of its own, with something done in between. */
async function walk(
  store: Store,
  path: string | undefined,
  options: object,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const met: string[] = [];
  let after: string | undefined;
  do {
    const page = await pageOf(store, path, { ...options, after });
    met.push(...page.records.map(keyOf));
    after = page.next;
    await between();
  } while (after !== undefined);
  return met;
}

describe.each(ENGINES)("pages on %s", (_, open) => {
  test.each(PATHS)("by %s show what one range does, in its order, whatever the size", async (path) => {
    const store = await filled(open, 30);
    for (const bounds of [{}, { reverse: true }]) {
      const expected = await store.view((tx) =>
        (path === undefined ? users.in(tx) : users.in(tx).by(path)).range(bounds).toArray(),
      );
      expect(expected.length).toBeGreaterThan(25);
      for (const size of [1, 7, expected.length - 1, expected.length, expected.length + 1, 5000]) {
        expect(await walk(store, path, { ...bounds, size })).toEqual(expected.map(keyOf));
      }
    }
  });

  test("keep to their bounds, and have no next where nothing is left", async () => {
    const store = await filled(open, 9);
    expect(await walk(store, undefined, { size: 2, prefix: ["t"], gt: ["t", 3], lte: ["t", 7] })).toEqual([
      "t4",
      "t5",
      "t6",
      "t7",
    ]);
    expect(await walk(store, "group", { size: 1, prefix: ["t", 1], reverse: true })).toEqual(["t5", "t1"]);
    const exact = await pageOf(store, undefined, { size: 9, prefix: ["t"] });
    expect(exact.records).toHaveLength(9);
    expect(exact.next).toBeUndefined();
    expect(await pageOf(store, "group", { size: 5, prefix: ["none"] })).toEqual({
      records: [],
      next: undefined,
    });
  });

  test("pass over records for which where is not true, and still are as long as they can be", async () => {
    const store = await filled(open, 700);
    for (const path of PATHS) {
      const all = await walk(store, path, { size: 5000 });
      const isWanted = (id: number) => id % 67 === 0 || id < 3;
      const where = (each: User) => isWanted(each.id);
      const wanted = all.filter((key) => isWanted(Number(key.slice(1))));
      expect(wanted.length).toBeGreaterThan(5);
      for (const size of [1, 4, wanted.length - 1, wanted.length, 100])
        expect(await walk(store, path, { size, where }), `${path}, ${size}`).toEqual(wanted);
    }
    const page = await pageOf(store, undefined, { size: 3, prefix: ["t"], where: () => false });
    expect(page).toEqual({ records: [], next: undefined });
    await expectRefused("OPTION_INVALID", () => pageOf(store, undefined, { size: 1, where: 5 as never }));
  });

  test("are walked by for await, from any page on", async () => {
    const store = await filled(open, 10);
    const first = await pageOf(store, "group", { size: 4, prefix: ["t"] });
    await store.view(async (tx) => {
      const sizes: number[] = [];
      const pages = users
        .in(tx)
        .by("group")
        .pages({ size: 4, prefix: ["t"], after: first.next });
      for await (const page of pages) sizes.push(page.records.length);
      expect(sizes).toEqual([4, 2]);
      const all: number[] = [];
      for await (const { records } of users.in(tx).pages({ size: 12 })) all.push(records.length);
      expect(all).toEqual([12, 12, 6]);
    });
  });

  test("within a writer see what it wrote", async () => {
    const store = await filled(open, 5);
    await store.update(async (tx) => {
      const records = users.in(tx);
      const first = await records.by("code").pages({ size: 2, prefix: SECRET }).first();
      expect(first.records.map(keyOf)).toEqual(["s0", "s1"]);
      await records.delete(["s", 2]);
      await records.insert({ ...user(100, "s"), code: `${SECRET}s000000000-` });
      await records.insert({ ...user(101, "s"), code: user(2, "s").code });
      const next = await records.by("code").pages({ size: 2, prefix: SECRET, after: first.next }).first();
      expect(next.records.map(keyOf)).toEqual(["s101", "s3"]);
    });
  });

  test("refuse a size that is none, and misspelled options", async () => {
    const store = await filled(open, 1);
    await store.view(async (tx) => {
      const { pages } = { pages: (options: unknown) => users.in(tx).pages(options as never) };
      for (const size of [0, -1, 1.5, "5", null, undefined, Number.NaN])
        await expectRefused("OPTION_INVALID", () => pages({ size }), "size");
      await expectRefused("OPTION_INVALID", () => pages(undefined));
      await expectRefused("OPTION_INVALID", () => pages({ size: 5, prefx: ["t"] }), "prefx");
      await expectRefused("OPTION_INVALID", () => pages({ size: 5, limit: 5 }), "limit");
      await expectRefused("KEY_INVALID", () =>
        users
          .in(tx)
          .by("group")
          .pages({ size: 5, gt: 5 as never }),
      );
    });
  });
});

describe("while rows come and go", () => {
  const change = fc.record({
    id: fc.integer({ min: 0, max: 60 }),
    how: fc.constantFrom("delete", "put", "move"),
  });

  test.each(PATHS)("pages by %s meet what stays once and in order, and nothing twice", async (path) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { maxLength: 6 }), { minLength: 8, maxLength: 30 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        async (rounds, size, reverse) => {
          const store = await places.open(new MemoryLevel<string, string>());
          await store.update((tx) =>
            users.in(tx).insertMany(Array.from({ length: 40 }, (_, id) => user(id))),
          );
          const touched = new Set<string>();
          const before = await walk(store, path, { size: 1000, reverse });
          let round = 0;
          const met = await walk(store, path, { size, reverse }, async () => {
            await store.update(async (tx) => {
              const records = users.in(tx);
              for (const { id, how } of rounds[round++] ?? []) {
                touched.add(keyOf(user(id)));
                if (how === "delete") await records.delete(["t", id]);
                // A record that moves goes to the other end of most indexes.
                else if (how === "put") await records.put(user(id));
                else await records.put({ ...user(id), code: `${SECRET}t~${id}`, group: 9, tags: ["all"] });
              }
            });
          });
          const stayed = (key: string) => !touched.has(key);
          expect(met.filter(stayed)).toEqual(before.filter(stayed));
          // By primary key a record has one place for good.
          if (path === undefined) expect(new Set(met).size).toBe(met.length);
          await store.close();
        },
      ),
      parameters(10),
    );
  });

  test("what comes ahead is met, what comes behind is not", async () => {
    const store = await filled(ENGINES[1]?.[1] as () => Promise<Store>, 6);
    const first = await pageOf(store, undefined, { size: 3, prefix: ["t"] });
    await store.update(async (tx) => {
      const records = users.in(tx);
      await records.delete(["t", 2]); // the one that the token stands behind
      await records.insert(user(1.5));
      await records.insert(user(2.5));
      await records.insert(user(99));
      await records.delete(["t", 4]);
    });
    const { records, next } = await pageOf(store, undefined, { size: 9, prefix: ["t"], after: first.next });
    expect(records.map(({ id }) => id)).toEqual([2.5, 3, 5, 99]);
    expect(next).toBeUndefined();
  });
});

describe("a token", () => {
  const openMemory = ENGINES[1]?.[1] as () => Promise<Store>;

  test("does not show the key that it stands behind, and is another each time", async () => {
    const store = await filled(openMemory, 5);
    const tokens = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const { next } = await pageOf(store, "code", { size: 2 });
      expect(next).toMatch(/^[\w-]+$/);
      const bytes = Buffer.from(next as string, "base64url");
      for (const text of [next as string, bytes.toString("latin1"), bytes.toString("utf8")]) {
        for (const secret of ["secret", "code", user(1, "s").code]) expect(text).not.toContain(secret);
      }
      tokens.add(next as string);
    }
    expect(tokens.size).toBe(20);
  });

  test("is refused when any one character of it was changed, or some are missing or added", async () => {
    const store = await filled(openMemory, 5);
    const token = (await pageOf(store, "group", { size: 2 })).next as string;
    const forged = new Set<string>();
    for (let i = 0; i < token.length; i++) {
      for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ")
        forged.add(token.slice(0, i) + character + token.slice(i + 1));
      forged.add(token.slice(0, i));
      forged.add(token.slice(0, i) + token.slice(i + 1));
      forged.add(`${token.slice(0, i)}A${token.slice(i)}`);
    }
    for (const added of ["A", "=", "==", "\n", " ", token]) forged.add(token + added);
    forged.delete(token);
    expect(forged.size).toBeGreaterThan(5000);
    await store.view(async (tx) => {
      const accepted: string[] = [];
      for (const after of forged) {
        const page = users.in(tx).by("group").pages({ size: 2, after }).first();
        await page.then(
          () => accepted.push(after),
          (error) => expect(error.code).toBe("TOKEN_INVALID"),
        );
      }
      expect(accepted).toEqual([]);
    });
    for (const after of [5, null, {}, [], true])
      await expectRefused("TOKEN_INVALID", () => pageOf(store, "group", { size: 2, after }), "after");
    expect((await pageOf(store, "group", { size: 2, after: token })).records).toHaveLength(2);
  });

  test("is of its collection, index, order, bounds and store", async () => {
    const store = await filled(openMemory, 5);
    const other = await filled(openMemory, 5);
    const bounds = { prefix: ["t"], gte: ["t", 0] };
    const { next: after } = await pageOf(store, "group", { size: 2, ...bounds });
    const uses: [() => Promise<unknown>, string][] = [
      [() => pageOf(store, "group", { size: 2, ...bounds, after }, others as never), "another collection"],
      [() => pageOf(store, "whole", { size: 2, ...bounds, after }), "another index"],
      [() => pageOf(store, undefined, { size: 2, ...bounds, after }), "no index"],
      [() => pageOf(store, "group", { size: 2, ...bounds, reverse: true, after }), "another order"],
      [() => pageOf(store, "group", { size: 2, after }), "no bounds"],
      [() => pageOf(store, "group", { size: 2, prefix: ["s"], after }), "another tenant"],
      [() => pageOf(store, "group", { size: 2, prefix: ["t"], gte: ["t", 1], after }), "other bounds"],
      [() => pageOf(other, "group", { size: 2, ...bounds, after }), "another store"],
    ];
    for (const [use, what] of uses) {
      const code = await use().then(
        () => "none",
        (error) => error.code,
      );
      expect(code, what).toBe("TOKEN_INVALID");
    }
    expect((await pageOf(store, "group", { size: 3, ...bounds, after })).records).toHaveLength(3);
    const primary = (await pageOf(store, undefined, { size: 2 })).next;
    await expectRefused("TOKEN_INVALID", () => pageOf(store, "group", { size: 2, after: primary }));
  });

  test("outlives the store's reopening, and an index that was built anew", async () => {
    const directory = places.path("kept");
    const store = await filled(() => places.open(directory), 5);
    const expected = await walk(store, "group", { size: 100 });
    const first = await pageOf(store, "group", { size: 4 });
    await store.close();
    const again = await places.open(directory);
    const { group: _group, ...indexes } = definition.indexes;
    await collection({ ...definition, indexes }).build(again);
    expect((await users.build(again)).built).toEqual(["group"]);
    const rest = await pageOf(again, "group", { size: 100, after: first.next });
    expect([...first.records, ...rest.records].map(keyOf)).toEqual(expected);
  });

  test("stands for the same place at whatever page size", async () => {
    const store = await filled(openMemory, 8);
    const first = await pageOf(store, "tag", { size: 3 });
    const expected = (await walk(store, "tag", { size: 1000 })).slice(3);
    const next = await pageOf(store, "tag", { size: 1000, after: first.next });
    expect(next.records.map(keyOf)).toEqual(expected);
  });
});
