import { collection, type Schema, type Store, type Transaction } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";

const places = usePlaces();
const openMemory = (): Promise<Store> => places.open(new MemoryLevel<string, string>());

const schema = z.object({
  id: z.string(),
  email: z.string(),
  tags: z.array(z.string()).optional(),
  at: z.date().optional(),
});
/** Defines without the compiler's help, as JavaScript does. */
const define = (options: unknown) => collection(options as never);
const withIndex = (index: unknown, name = "x") =>
  define({ name: "users", schema, key: "id", indexes: { [name]: index } });
const withSchema = (of: unknown) => define({ name: "users", schema: of, key: "id" });

describe("collection() refuses", () => {
  test("names that no bucket can have", async () => {
    for (const name of ["", undefined, null])
      await expectRefused("BUCKET_NAME_REQUIRED", () => define({ name, schema, key: "id" }));
    for (const name of ["\ud800", "x".repeat(1025), 5, {}])
      await expectRefused("BUCKET_NAME_INVALID", () => define({ name, schema, key: "id" }));
    expect(define({ name: "ü !~%", schema, key: "id" }).name).toBe("ü !~%");
  });

  test("what is no schema", async () => {
    for (const nonsense of [undefined, null, 5, {}, { parse: () => 1 }, { "~standard": {} }, () => 1])
      await expectRefused("COLLECTION_INVALID", () => withSchema(nonsense), "Standard Schema");
  });

  test("keys that are no fields", async () => {
    for (const key of [undefined, null, 5, "", [], [""], ["id", ""], ["id", 5], ["id", "id"], {}])
      await expectRefused("COLLECTION_INVALID", () => define({ name: "users", schema, key }), /"users".*key/);
  });

  test("options by name, where it does not know them", async () => {
    const options = { name: "users", schema, key: "id" };
    for (const name of ["index", "keys", "Schema", "unique"])
      await expectRefused("OPTION_INVALID", () => define({ ...options, [name]: 1 }), JSON.stringify(name));
    for (const nonsense of [undefined, null, 5, "users"])
      await expectRefused("OPTION_INVALID", () => define(nonsense));
    for (const name of ["fields", "uniqe", "multientry", "sparse", "includes"])
      await expectRefused(
        "OPTION_INVALID",
        () => withIndex({ on: "email", [name]: true }),
        JSON.stringify(name),
      );
    await expectRefused("OPTION_INVALID", () => withIndex(null), '"x" of "users"');
    await expectRefused("OPTION_INVALID", () => withIndex("email"), '"x" of "users"');
    await expectRefused("COLLECTION_INVALID", () => define({ ...options, indexes: "email" }), "indexes");
  });

  test("indexes whose options make no sense, and names the index", async () => {
    const bad: [unknown, string][] = [
      [{}, "indexes.x.on"],
      [{ on: "" }, "indexes.x.on"],
      [{ on: [] }, "indexes.x.on"],
      [{ on: ["email", 5] }, "indexes.x.on"],
      [{ on: ["email", "email"] }, "twice"],
      [{ on: "email", multiEntry: "tags" }, "indexes.x.multiEntry"],
      [{ on: ["email", "tags"], multiEntry: true }, "indexes.x.multiEntry"],
      [{ on: "email", where: "role" }, "indexes.x.where"],
      [{ on: "email", where: true }, "indexes.x.where"],
      [{ on: "email", version: 1.5 }, "indexes.x.version"],
      [{ on: "email", version: "2" }, "indexes.x.version"],
      [{ on: "email", include: [] }, "indexes.x.include"],
      [{ on: "email", include: ["tags", "tags"] }, "twice"],
      [{ on: "email", include: [5] }, "indexes.x.include"],
      [{ on: "email", include: true }, "indexes.x.include"],
    ];
    for (const [index, message] of bad)
      await expectRefused("COLLECTION_INVALID", () => withIndex(index), message);
    await expectRefused("OPTION_INVALID", () => withIndex({ on: "email", unique: "yes" }), "unique");
    await expectRefused("COLLECTION_INVALID", () => withIndex({ on: "email" }, ""), "empty name");
    await expectRefused("BUCKET_NAME_INVALID", () => withIndex({ on: "email" }, "x".repeat(1020)));
    await expectRefused("BUCKET_NAME_INVALID", () => withIndex({ on: "email" }, "\udc00"));
  });

  test("dates that could not be told from text when they are read back", async () => {
    const id = z.string();
    const date = z.date();
    const loose = z.looseObject({ id, kind: z.literal("b") });
    const bad: [unknown, string][] = [
      [z.object({ id, at: z.union([date, z.string()]) }), "at"],
      [z.object({ id, at: z.array(z.union([z.number(), date])) }), "at[]"],
      [z.object({ id, at: z.tuple([date, z.string()]) }), "at[]"],
      [z.object({ id, at: z.tuple([z.string()]).rest(date) }), "at[]"],
      [z.object({ id }).catchall(date), "fields without names"],
      [z.union([z.object({ id, at: date }), z.object({ id, at: z.string() })]), "at"],
      [
        z.discriminatedUnion("k", [
          z.object({ k: z.literal(1), id, at: date }),
          z.object({ k: z.literal(2), id, at: z.number() }),
        ]),
        "at",
      ],
      [z.union([z.object({ id, kind: z.literal("a"), at: date }), loose]), "at"],
      [z.intersection(z.object({ id }), z.record(z.string(), date)), "intersection"],
    ];
    for (const [of, message] of bad) await expectRefused("COLLECTION_INVALID", () => withSchema(of), message);
  });

  test("dates within a schema that contains itself, but not such a schema without dates", async () => {
    const tree = z.object({
      id: z.string(),
      at: z.date().optional(),
      get within() {
        return z.array(tree).optional();
      },
    });
    const lazy: z.ZodType = z.lazy(() => z.object({ id: z.string(), at: z.date(), next: lazy.optional() }));
    for (const of of [tree, z.object({ id: z.string(), tree }), z.object({ id: z.string(), lazy })])
      await expectRefused("COLLECTION_INVALID", () => withSchema(of), "contains itself");
    const plain = z.object({
      id: z.string(),
      get within() {
        return z.array(plain).optional();
      },
      get either() {
        return z.union([plain, z.string()]).optional();
      },
      get byName() {
        return z.record(z.string(), plain).optional();
      },
    });
    const value = { id: "a", within: [{ id: "b", either: { id: "c" }, byName: { d: { id: "d" } } }] };
    const store = await openMemory();
    const trees = collection({ name: "trees", schema: plain, key: "id" });
    await store.update((tx) => trees.in(tx).put(value));
    expect(await store.view((tx) => trees.in(tx).get("a"))).toEqual(value);
  });
});

test("dates are kept wherever they can be told from text", async () => {
  const day = new Date("2024-02-29T00:00:00.000Z");
  const date = z.date();
  const dated = collection({
    name: "dated",
    schema: z.object({
      id: z.string(),
      maybe: date.nullish(),
      given: z.coerce.date().default(day),
      list: z.array(date.nullable()),
      named: z.record(z.string(), date),
      pair: z.tuple([date, date]),
      deep: z.object({ of: z.array(z.object({ at: date, text: z.string() })) }),
      either: z.discriminatedUnion("k", [
        z.object({ k: z.literal(1), at: date }),
        z.object({ k: z.literal(2), text: z.string() }),
      ]),
      both: z.intersection(z.object({ at: date }), z.object({ n: z.number() })),
      same: z.union([date, z.null(), z.undefined()]),
      frozen: date.readonly().catch(day),
    }),
    key: "id",
  });
  const text = day.toISOString();
  const record = {
    id: text,
    maybe: null,
    given: day,
    list: [day, null],
    named: { a: day, "b c": day },
    pair: [day, day] as [Date, Date],
    deep: { of: [{ at: day, text }] },
    either: { k: 2 as const, text },
    both: { at: day, n: 1 },
    same: day,
    frozen: day,
  };
  const store = await openMemory();
  await store.update((tx) => dated.in(tx).put(record));
  expect(await store.view((tx) => dated.in(tx).get(text))).toStrictEqual(record);
  await store.update((tx) => dated.in(tx).update(text, { either: { k: 1, at: day }, maybe: undefined }));
  expect(await store.view((tx) => dated.in(tx).get(text))).toMatchObject({ either: { k: 1, at: day } });
});

describe("a definition", () => {
  test("never changes, whatever becomes of what it was made from", async () => {
    const key = ["id", "email"] as ["id", "email"];
    const index = { on: ["email"] as ["email"], unique: true };
    const indexes = { email: index };
    const users = collection({ name: "users", schema, key, indexes });
    expect(Object.isFrozen(users)).toBe(true);
    expect(() => Object.assign(users, { name: "other" })).toThrow(TypeError);
    expect(() => Object.assign(users, { added: 1 })).toThrow(TypeError);
    (users.indexes as string[]).push("more");
    expect(users.indexes).toEqual(["email"]);
    key.reverse();
    index.unique = false;
    (index.on as string[])[0] = "id";
    Object.assign(indexes, { more: { on: "id" } });
    const store = await openMemory();
    await store.update(async (tx) => {
      await users.in(tx).insert({ id: "a", email: "e" });
      expect(await users.in(tx).get(["a", "e"])).toEqual({ id: "a", email: "e" });
      await expectRefused("UNIQUE_VIOLATION", () => users.in(tx).insert({ id: "b", email: "e" }));
    });
    expect(users.indexes).toEqual(["email"]);
  });

  test("may name an index as objects name their own parts, but no field that it looks up", async () => {
    const odd = collection({
      name: "odd",
      schema,
      key: "id",
      indexes: { constructor: { on: "email" }, hasOwnProperty: { on: "email", unique: true } },
    });
    const store = await openMemory();
    await store.update((tx) => odd.in(tx).insert({ id: "a", email: "v" }));
    await store.update((tx) => odd.in(tx).insert({ id: "b", email: "w" }));
    expect(await store.view((tx) => odd.in(tx).by("constructor").keys({ gt: "v" }).toArray())).toEqual(["b"]);
    expect(await odd.verify(store)).toMatchObject({ ok: true, entries: 4 });
    for (const name of ["constructor", "toString", "valueOf", "__proto__", "hasOwnProperty"]) {
      for (const index of [{ on: name }, { on: ["email", name] }, { on: "email", include: [name] }])
        await expectRefused("COLLECTION_INVALID", () => withIndex(index), name);
      await expectRefused("COLLECTION_INVALID", () => define({ name: "users", schema, key: name }), name);
    }
  });

  test("may name an index __proto__, or is refused at once", async () => {
    const make = () => withIndex({ on: "email" }, "__proto__") as unknown as ReturnType<typeof plainUsers>;
    let users: ReturnType<typeof plainUsers>;
    try {
      users = make();
    } catch (error) {
      expect(error).toMatchObject({ code: "COLLECTION_INVALID" });
      return;
    }
    const store = await openMemory();
    await store.update((tx) => users.in(tx).insert({ id: "a", email: "e" }));
    await store.update((tx) => users.in(tx).insert({ id: "b", email: "f" }));
    expect(await users.verify(store)).toMatchObject({ ok: true, entries: 2 });
  });
});

const plainUsers = () => collection({ name: "users", schema, key: "id" });

describe("schemas", () => {
  /** A Standard Schema of nobody's make: an object with a text `id` and a number `n`, which may be left out. */
  const tiny: Schema<{ id: string; n?: number }, { id: string; n: number }> = {
    "~standard": {
      version: 1,
      vendor: "nobody",
      validate: (value) => {
        const { id, n = 1 } = value as { id: unknown; n?: unknown };
        if (typeof id !== "string") return { issues: [{ message: "no text", path: ["id"] }] };
        if (typeof n !== "number") return { issues: [{ message: "no number", path: [{ key: "n" }, 0] }] };
        return { value: { id, n } };
      },
    },
  };

  test("of any make work, where they follow Standard Schema", async () => {
    const things = collection({ name: "things", schema: tiny, key: "id", indexes: { n: { on: "n" } } });
    const store = await openMemory();
    await store.update(async (tx) => {
      const records = things.in(tx);
      expect(await records.insert({ id: "a" })).toEqual({ id: "a", n: 1 });
      await records.insert({ id: "b", n: 0.5 });
      await records.update("a", { n: 3 });
      await expectRefused("RECORD_INVALID", () => records.put({ id: 5 } as never), "at id: no text");
      const error = await Promise.resolve()
        .then(() => records.put({ id: "c", n: "5" } as never))
        .catch((thrown) => thrown);
      expect(error.details).toEqual({
        collection: "things",
        key: "c",
        issues: [{ path: ["n", 0], message: "no number" }],
      });
      expect(await records.by("n").keys().toArray()).toEqual(["b", "a"]);
    });
    expect(await things.verify(store)).toMatchObject({ ok: true, records: 2 });
  });

  const answering = (validate: (value: unknown) => unknown) =>
    collection({
      name: "things",
      schema: { "~standard": { version: 1, vendor: "nobody", validate } } as never,
      key: "id" as never,
    });
  const writing = async (things: { in(tx: Transaction): { put(input: never): unknown } }) => {
    const store = await openMemory();
    return store.update((tx) => things.in(tx).put({ id: "a" } as never));
  };

  test("that answer later, or throw, are refused when they do", async () => {
    const later = z.object({ id: z.string().refine(async () => true) });
    const throwing = z.object({
      id: z.string().refine(() => {
        throw new Error("now");
      }),
    });
    for (const of of [later, throwing]) {
      const things = collection({ name: "things", schema: of, key: "id" });
      await expectRefused("COLLECTION_INVALID", () => writing(things), '"things"');
    }
    const promising = answering(async (value) => ({ value }));
    await expectRefused("COLLECTION_INVALID", () => writing(promising), "asynchronously");
    const rejecting = answering(() => Promise.reject(new Error("later")));
    await expectRefused("COLLECTION_INVALID", () => writing(rejecting), "asynchronously");
  });

  test("of another make that throw at once do not hide it", async () => {
    const boom = new Error("boom");
    const things = answering(() => {
      throw boom;
    });
    const error: unknown = await writing(things).catch((thrown) => thrown);
    expect([error, (error as Error).cause]).toContain(boom);
  });

  test("that give no object are refused", async () => {
    for (const value of [undefined, null, 5, "text", [], ["id"]])
      await expectRefused("RECORD_INVALID", () => writing(answering(() => ({ value }))), '"things"');
  });

  test("that give what JSON cannot hold are refused, and name the path", async () => {
    for (const value of [new Map(), 5n, Number.NaN, () => 1, new Date()])
      await expectRefused(
        "VALUE_INVALID",
        () => writing(answering(() => ({ value: { id: "a", deep: { value } } }))),
        "deep",
      );
  });

  test("of a partial index's where: what throws or gives no boolean is refused on write", async () => {
    const store = await openMemory();
    for (const where of [() => 1, () => undefined, async () => true]) {
      const users = withIndex({ on: "email", where }) as unknown as ReturnType<typeof plainUsers>;
      await store
        .update((tx) =>
          expectRefused("COLLECTION_INVALID", () => users.in(tx).put({ id: "a", email: "e" }), '"x"'),
        )
        .then(() => store.update((tx) => users.drop(tx)));
    }
    const throwing = () => {
      throw new Error("boom");
    };
    const users = withIndex({ on: "email", where: throwing }) as unknown as ReturnType<typeof plainUsers>;
    await store.update((tx) =>
      expectRefused("COLLECTION_INVALID", () => users.in(tx).put({ id: "a", email: "e" }), "boom"),
    );
  });
});
