import {
  type Awaitable,
  type BuildReport,
  type Collection,
  type CollectionTypes,
  collection,
  type Explanation,
  type KeyOf,
  type Page,
  type Range,
  type RangeOptions,
  type RecordOf,
  type Records,
  type Schema,
  type Store,
  type Transaction,
  type VerifyReport,
} from "@meshgate/database";
import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";

declare const tx: Transaction;
declare const store: Store;

const schema = z.object({
  tenantId: z.string(),
  id: z.number(),
  email: z.string(),
  role: z.enum(["user", "admin"]).default("user"),
  createdAt: z.date(),
  nick: z.string().optional(),
  score: z.number().nullable(),
  tags: z.array(z.string()),
  marks: z.array(z.union([z.number(), z.date()])).optional(),
  profile: z.object({ city: z.string() }),
});

interface User {
  tenantId: string;
  id: number;
  email: string;
  role: "user" | "admin";
  createdAt: Date;
  nick?: string | undefined;
  score: number | null;
  tags: string[];
  marks?: (number | Date)[] | undefined;
  profile: { city: string };
}

const users = collection({
  name: "users",
  schema,
  key: ["tenantId", "id"],
  indexes: {
    email: { on: "email", unique: true },
    mail: { on: ["email"], unique: true, include: ["nick", "profile"] },
    role: { on: ["tenantId", "role", "createdAt"], include: ["score"] },
    tag: { on: ["tenantId", "tags"], multiEntry: "tags" },
    tags: { on: "tags", multiEntry: "tags", include: ["tags", "email"] },
    mark: { on: "marks", multiEntry: "marks" },
    created: { on: "createdAt", include: "record" },
    nick: { on: "nick", where: (user) => user.role === "admin" && user.nick !== "x", version: 2 },
    score: { on: ["score", "nick"] },
  },
});
const notes = collection({ name: "notes", schema: z.object({ id: z.string(), at: z.date() }), key: "id" });

const records = users.in(tx);
const input = {
  tenantId: "t",
  id: 1,
  email: "e",
  createdAt: new Date(),
  score: null,
  tags: [],
  profile: { city: "Bern" },
};

describe("a collection's types", () => {
  test("of records, inputs and keys follow from its schema", () => {
    expectTypeOf<RecordOf<typeof users>>().toEqualTypeOf<User>();
    expectTypeOf<KeyOf<typeof users>>().toEqualTypeOf<[string, number]>();
    expectTypeOf<RecordOf<typeof notes>>().toEqualTypeOf<{ id: string; at: Date }>();
    expectTypeOf<KeyOf<typeof notes>>().toEqualTypeOf<string>();
    expectTypeOf<RecordOf<string>>().toBeNever();
    expectTypeOf<KeyOf<string>>().toBeNever();
    expectTypeOf(users.name).toEqualTypeOf<string>();
    expectTypeOf<(typeof users.indexes)[number]>().toEqualTypeOf<
      "email" | "mail" | "role" | "tag" | "tags" | "mark" | "created" | "nick" | "score"
    >();
    expectTypeOf<(typeof notes.indexes)[number]>().toBeNever();
  });

  test("fit where any collection is taken", () => {
    const name = (any: Collection): string => any.name;
    expectTypeOf(name(users)).toBeString();
    expectTypeOf(name(notes)).toBeString();
    const many: readonly Collection[] = [users, notes];
    expectTypeOf(many[0]?.build(store)).toEqualTypeOf<Promise<BuildReport> | undefined>();
  });

  test("are those of its binding, which takes a transaction and one option", () => {
    expectTypeOf(users.in(tx)).toExtend<Pick<Records<CollectionTypes>, "count" | "explain">>();
    users.in(tx, { validate: true });
    // @ts-expect-error Misspelled.
    users.in(tx, { validated: true });
    // @ts-expect-error A boolean.
    users.in(tx, { validate: 1 });
    // @ts-expect-error A transaction, not the store.
    users.in(store);
    // @ts-expect-error A transaction is needed.
    users.in();
    // @ts-expect-error It does not change.
    users.name = "others";
    // @ts-expect-error Nor does the list of its indexes.
    users.indexes.push("email");
  });
});

describe("writes", () => {
  test("take what the schema takes, and give what it gives", () => {
    expectTypeOf(records.insert(input)).toEqualTypeOf<Awaitable<User>>();
    expectTypeOf(records.put({ ...input, role: "admin" })).toEqualTypeOf<Awaitable<User>>();
    // @ts-expect-error No such role.
    records.put({ ...input, role: "root" });
    // @ts-expect-error The email is missing.
    records.insert({
      tenantId: "t",
      id: 1,
      createdAt: new Date(),
      score: 1,
      tags: [],
      profile: { city: "" },
    });
    // @ts-expect-error A number.
    records.insert({ ...input, id: "1" });
    // @ts-expect-error A date, not its text.
    records.insert({ ...input, createdAt: "2024-01-01" });
    // @ts-expect-error Misspelled.
    records.put({ ...input, nik: "n" });
    // @ts-expect-error Not null, where the schema does not say so.
    records.put({ ...input, nick: null });
    // @ts-expect-error A record is needed.
    records.put();
  });

  test("change records by a patch or a function", () => {
    expectTypeOf(records.update(["t", 1], { nick: undefined, role: "admin" })).toEqualTypeOf<
      Awaitable<User>
    >();
    records.update(["t", 1], (user) => {
      expectTypeOf(user).toEqualTypeOf<User>();
      return { ...user, tags: [...user.tags, "x"] };
    });
    records.update(["t", 1], ({ role: _role, ...user }) => user);
    // @ts-expect-error Misspelled.
    records.update(["t", 1], { nik: "n" });
    // @ts-expect-error Of a wrong type.
    records.update(["t", 1], { email: 5 });
    // @ts-expect-error Not a record any more.
    records.update(["t", 1], (user) => ({ ...user, tags: "x" }));
    // @ts-expect-error It cannot wait.
    records.update(["t", 1], async (user) => user);
    // @ts-expect-error A key is whole.
    records.update(["t"], {});
  });

  test("delete by whole keys, or by bounds", () => {
    expectTypeOf(records.delete(["t", 1])).toEqualTypeOf<Awaitable<boolean>>();
    expectTypeOf(records.deleteRange({ prefix: ["t"] })).toEqualTypeOf<Promise<number>>();
    // @ts-expect-error The second part is a number.
    records.delete(["t", "1"]);
    // @ts-expect-error One part is missing.
    records.delete(["t"]);
    // @ts-expect-error A tuple.
    records.delete("t");
    // @ts-expect-error Misspelled.
    records.deleteRange({ prefx: ["t"] });
    // @ts-expect-error The first part is text.
    records.deleteRange({ prefix: [1] });
  });

  test("take many from whatever can be iterated, with progress and a signal", () => {
    const { signal } = new AbortController();
    const onProgress = ({ done, total }: { done: number; total: number | undefined }) => done / (total ?? 1);
    expectTypeOf(records.insertMany([input])).toEqualTypeOf<Promise<number>>();
    records.putMany(new Set([input]), { signal, onProgress });
    records.insertMany(records.range());
    records.deleteMany(records.keys());
    records.deleteMany(records.by("created").keys({ lt: new Date() }), { signal });
    records.deleteMany([["t", 1]]);
    // @ts-expect-error Not records.
    records.insertMany([{ id: 1 }]);
    // @ts-expect-error Not an iterable.
    records.insertMany(input);
    // @ts-expect-error Not keys.
    records.deleteMany(["t"]);
    // @ts-expect-error Records are no keys.
    records.deleteMany(records.range());
    // @ts-expect-error Misspelled.
    records.putMany([input], { onprogress: onProgress });
  });
});

describe("reads by primary key", () => {
  test("give records and keys", () => {
    expectTypeOf(records.get(["t", 1])).toEqualTypeOf<Awaitable<User | undefined>>();
    expectTypeOf(records.has(["t", 1])).toEqualTypeOf<Awaitable<boolean>>();
    expectTypeOf(records.getMany([["t", 1]])).toEqualTypeOf<Promise<(User | undefined)[]>>();
    expectTypeOf(records.range()).toEqualTypeOf<Range<User>>();
    expectTypeOf(records.keys()).toEqualTypeOf<Range<[string, number]>>();
    expectTypeOf(records.first()).toEqualTypeOf<Promise<User | undefined>>();
    expectTypeOf(records.count()).toEqualTypeOf<Promise<number>>();
    expectTypeOf(records.explain()).toEqualTypeOf<Promise<Explanation>>();
    expectTypeOf(notes.in(tx).get("n")).toEqualTypeOf<Awaitable<{ id: string; at: Date } | undefined>>();
    expectTypeOf(notes.in(tx).range({ prefix: "n", lt: "o" }).toArray()).resolves.toEqualTypeOf<
      { id: string; at: Date }[]
    >();
    // @ts-expect-error A whole key.
    records.get(["t"]);
    // @ts-expect-error Not a tuple.
    notes.in(tx).get(["n"]);
    // @ts-expect-error Not a number.
    notes.in(tx).range({ gt: 5 });
  });

  test("take keys and their beginnings as bounds", () => {
    expectTypeOf(records.range).parameter(0).toEqualTypeOf<RangeOptions<[string, number]> | undefined>();
    const tenant = ["t"] as const;
    records.range({ prefix: tenant, gte: ["t", 1], reverse: true, limit: 5 });
    records.keys({ prefix: undefined });
    // @ts-expect-error The first part is text.
    records.range({ prefix: [1] });
    // @ts-expect-error There is no third part.
    records.count({ gt: ["t", 1, 2] });
    // @ts-expect-error Not a tuple.
    records.first({ gte: "t" });
    // @ts-expect-error Misspelled.
    records.keys({ revers: true });
    // @ts-expect-error A number.
    records.explain({ limit: "5" });
  });

  test("come in pages", () => {
    expectTypeOf(records.pages({ size: 5 }).first()).resolves.toEqualTypeOf<Page<User>>();
    expectTypeOf<Page<User>["next"]>().toEqualTypeOf<string | undefined>();
    records.pages({ size: 5, after: undefined, prefix: ["t"], reverse: true });
    records.by("created").pages({ size: 5, after: "token", gte: new Date() });
    // @ts-expect-error The size is needed.
    records.pages({});
    // @ts-expect-error The size is the limit.
    records.pages({ size: 5, limit: 5 });
    // @ts-expect-error Text.
    records.pages({ size: 5, after: 1 });
    // @ts-expect-error Bounds are checked here, too.
    records.pages({ size: 5, prefix: [1] });
  });
});

describe("reads by an index", () => {
  test("are of the definition's names", () => {
    expectTypeOf(records.by("email").range).parameter(0).toEqualTypeOf<RangeOptions<string> | undefined>();
    // @ts-expect-error Misspelled.
    records.by("emial");
    // @ts-expect-error It has none.
    notes.in(tx).by("id");
  });

  test("give records, and primary keys, whatever the index", () => {
    expectTypeOf(records.by("email").get("e")).toEqualTypeOf<Awaitable<User | undefined>>();
    expectTypeOf(records.by("role").range()).toEqualTypeOf<Range<User>>();
    expectTypeOf(records.by("tag").keys()).toEqualTypeOf<Range<[string, number]>>();
    expectTypeOf(records.by("created").first()).toEqualTypeOf<Promise<User | undefined>>();
  });

  test("take the index's keys and their beginnings as bounds", () => {
    type Bounds<N extends (typeof users.indexes)[number]> = Parameters<
      ReturnType<typeof records.by<N>>["range"]
    >[0];
    expectTypeOf<Bounds<"email">>().toEqualTypeOf<RangeOptions<string> | undefined>();
    expectTypeOf<Bounds<"mail">>().toEqualTypeOf<RangeOptions<[string]> | undefined>();
    expectTypeOf<Bounds<"role">>().toEqualTypeOf<
      RangeOptions<[string, "user" | "admin", Date]> | undefined
    >();
    expectTypeOf<Bounds<"tag">>().toEqualTypeOf<RangeOptions<[string, string]> | undefined>();
    expectTypeOf<Bounds<"tags">>().toEqualTypeOf<RangeOptions<string> | undefined>();
    expectTypeOf<Bounds<"mark">>().toEqualTypeOf<RangeOptions<number | Date> | undefined>();
    expectTypeOf<Bounds<"created">>().toEqualTypeOf<RangeOptions<Date> | undefined>();
    expectTypeOf<Bounds<"nick">>().toEqualTypeOf<RangeOptions<string> | undefined>();
    expectTypeOf<Bounds<"score">>().toEqualTypeOf<RangeOptions<[number | null, string]> | undefined>();
    records.by("role").range({ prefix: ["t", "admin"], gte: ["t", "admin", new Date()] });
    // @ts-expect-error No such role.
    records.by("role").range({ prefix: ["t", "root"] });
    // @ts-expect-error A date, not its text.
    records.by("created").range({ gte: "2024-01-01" });
    // @ts-expect-error An item, not the array.
    records.by("tag").range({ prefix: ["t", ["x"]] });
    // @ts-expect-error One field is no tuple.
    records.by("email").range({ prefix: ["e"] });
    // @ts-expect-error A tuple of one field is one.
    records.by("mail").range({ prefix: "e" });
    // @ts-expect-error Misspelled.
    records.by("nick").count({ prefx: "n" });
    // @ts-expect-error A whole key.
    records.by("role").get(["t", "admin"]);
    // @ts-expect-error The primary key is no part of it.
    records.by("tag").range({ gt: ["t", "x", "t"] });
  });

  test("give what entries carry", () => {
    type Entry<N extends (typeof users.indexes)[number]> = Awaited<
      ReturnType<ReturnType<ReturnType<typeof records.by<N>>["entries"]>["toArray"]>
    >[number];
    expectTypeOf<Entry<"email">>().toEqualTypeOf<{ tenantId: string; id: number; email: string }>();
    expectTypeOf<Entry<"mail">>().toEqualTypeOf<{
      tenantId: string;
      id: number;
      email: string;
      nick?: string | undefined;
      profile: { city: string };
    }>();
    expectTypeOf<Entry<"role">>().toEqualTypeOf<{
      tenantId: string;
      id: number;
      role: "user" | "admin";
      createdAt: Date;
      score: number | null;
    }>();
    expectTypeOf<Entry<"tag">>().toEqualTypeOf<{ tenantId: string; id: number; tags: string }>();
    expectTypeOf<Entry<"tags">>().toEqualTypeOf<{
      tenantId: string;
      id: number;
      tags: string[];
      email: string;
    }>();
    expectTypeOf<Entry<"mark">>().toEqualTypeOf<{ tenantId: string; id: number; marks: number | Date }>();
    expectTypeOf<Entry<"created">>().toEqualTypeOf<User>();
    expectTypeOf<Entry<"nick">>().toEqualTypeOf<{ tenantId: string; id: number; nick: string }>();
    expectTypeOf<Entry<"score">>().toEqualTypeOf<{
      tenantId: string;
      id: number;
      score: number | null;
      nick: string;
    }>();
    // @ts-expect-error Only indexes have them.
    records.entries();
  });
});

describe("definitions", () => {
  const base = { name: "users", schema, key: "id" } as const;

  test("refuse keys that are no fields, may be absent, or are no scalars", () => {
    collection({ name: "users", schema, key: ["createdAt", "score"] });
    // @ts-expect-error Misspelled.
    collection({ name: "users", schema, key: "ide" });
    // @ts-expect-error Misspelled.
    collection({ name: "users", schema, key: ["tenantId", "ide"] });
    // @ts-expect-error It may be absent.
    collection({ name: "users", schema, key: ["tenantId", "nick"] });
    // @ts-expect-error An array.
    collection({ name: "users", schema, key: "tags" });
    // @ts-expect-error An object.
    collection({ name: "users", schema, key: "profile" });
    // @ts-expect-error No field at all.
    collection({ name: "users", schema, key: [] });
    // @ts-expect-error A key is needed.
    collection({ name: "users", schema });
  });

  test("refuse indexes on what is no field, or no scalar", () => {
    // @ts-expect-error Misspelled.
    collection({ ...base, indexes: { email: { on: "emial" } } });
    // @ts-expect-error Misspelled.
    collection({ ...base, indexes: { email: { on: ["tenantId", "emial"] } } });
    // @ts-expect-error An object.
    collection({ ...base, indexes: { profile: { on: "profile" } } });
    // @ts-expect-error Not an array of scalars.
    collection({ ...base, indexes: { email: { on: "email", multiEntry: "email" } } });
    // @ts-expect-error No such field to carry.
    collection({ ...base, indexes: { email: { on: "email", include: ["nik"] } } });
    // @ts-expect-error An array of fields, or "record".
    collection({ ...base, indexes: { email: { on: "email", include: "nick" } } });
    // @ts-expect-error Fields are needed.
    collection({ ...base, indexes: { email: { unique: true } } });
  });

  test("refuse misspelled options, and values of a wrong type", () => {
    // @ts-expect-error Misspelled.
    collection({ ...base, index: {} });
    // @ts-expect-error Misspelled.
    collection({ ...base, indexes: { email: { on: "email", uniqe: true } } });
    // @ts-expect-error Misspelled, beside one that is right.
    collection({ ...base, indexes: { id: { on: "id" }, email: { on: "email", multientry: "tags" } } });
    // @ts-expect-error A boolean.
    collection({ ...base, indexes: { email: { on: "email", unique: "yes" } } });
    // @ts-expect-error A number.
    collection({ ...base, indexes: { email: { on: "email", where: () => true, version: "2" } } });
    // @ts-expect-error It gives a boolean.
    collection({ ...base, indexes: { email: { on: "email", where: (user) => user.nick } } });
    // @ts-expect-error No such field.
    collection({ ...base, indexes: { email: { on: "email", where: (user) => user.nik === "n" } } });
    // @ts-expect-error Text.
    collection({ ...base, name: 5 });
    // @ts-expect-error A schema.
    collection({ ...base, schema: {} });
  });

  test("refuse a schema that does not take what it gives: an update could not be checked", () => {
    const changing = z.object({ id: z.string(), length: z.string().transform((text) => text.length) });
    // @ts-expect-error It takes text and gives a number.
    collection({ name: "texts", schema: changing, key: "id" });
    const fine = z.object({ id: z.string().trim(), n: z.coerce.number(), d: z.date().default(new Date()) });
    const texts = collection({ name: "texts", schema: fine, key: "id" });
    expectTypeOf<RecordOf<typeof texts>>().toEqualTypeOf<{ id: string; n: number; d: Date }>();
    texts.in(tx).insert({ id: "a", n: "5" });
  });

  test("take unions of objects, and any Standard Schema", () => {
    const shapes = collection({
      name: "shapes",
      schema: z.discriminatedUnion("kind", [
        z.object({ kind: z.literal("circle"), id: z.string(), radius: z.number() }),
        z.object({ kind: z.literal("square"), id: z.string(), side: z.number() }),
      ]),
      key: "id",
      indexes: { kind: { on: ["kind", "id"] } },
    });
    expectTypeOf<KeyOf<typeof shapes>>().toEqualTypeOf<string>();
    shapes.in(tx).put({ kind: "circle", id: "a", radius: 5 });
    // @ts-expect-error A circle has no side.
    shapes.in(tx).put({ kind: "circle", id: "a", side: 5 });
    const kinds = shapes.in(tx).by("kind");
    kinds.range({ prefix: ["square"] });
    // @ts-expect-error No such kind.
    kinds.range({ prefix: ["triangle"] });
    const standard = {} as Schema<{ id: string; n?: number }, { id: string; n: number }>;
    const others = collection({ name: "others", schema: standard, key: "id", indexes: { n: { on: "n" } } });
    expectTypeOf<RecordOf<typeof others>>().toEqualTypeOf<{ id: string; n: number }>();
    others.in(tx).put({ id: "a" });
    // @ts-expect-error A number.
    others.in(tx).by("n").range({ gt: "5" });
  });
});

describe("maintenance", () => {
  test("takes a store, progress and a signal, and gives reports", () => {
    const { signal } = new AbortController();
    expectTypeOf(users.build(store, { signal })).toEqualTypeOf<Promise<BuildReport>>();
    expectTypeOf(users.verify(store)).toEqualTypeOf<Promise<VerifyReport>>();
    expectTypeOf(users.reindex(store, { onProgress: ({ done }) => done })).toEqualTypeOf<
      Promise<VerifyReport>
    >();
    expectTypeOf(users.drop(tx)).toEqualTypeOf<Promise<boolean>>();
    // @ts-expect-error A store.
    users.build(tx);
    // @ts-expect-error A transaction.
    users.drop(store);
    // @ts-expect-error Misspelled.
    users.verify(store, { onprogress: () => undefined });
    // @ts-expect-error Reports do not change.
    users.verify(store).then((report) => report.problems.push());
  });
});
