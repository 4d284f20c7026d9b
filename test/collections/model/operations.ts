import type { Key, RangeOptions } from "@meshgate/database";
import fc from "fast-check";
import { keyOf } from "./expected.ts";
import { fieldsOf, INDEXES, type Input, type Item, type Spec } from "./specs.ts";
import type { Change, Outcome, Subject } from "./subject.ts";
import { outcomeOf } from "./subject.ts";

/** Which record a call is about: one that is there, or that of a record's key, which may be. */
export interface Target {
  readonly nth: number;
  readonly there: boolean;
  readonly record: Input;
}

/** Bounds, each as the first parts of the values of a record. */
export interface BoundsPlan {
  readonly bounds: Readonly<Partial<Record<"prefix" | "gt" | "gte" | "lt" | "lte", BoundPlan>>>;
  readonly options: { readonly reverse?: boolean; readonly limit?: number };
}

interface BoundPlan {
  readonly record: Item;
  readonly parts: number;
}

export type Write =
  | { readonly kind: "insert" | "put"; readonly record: Input }
  | {
      readonly kind: "update";
      readonly target: Target;
      readonly patch: Input;
      readonly how: "patch" | "function" | "throw" | "move";
    }
  | { readonly kind: "delete"; readonly target: Target }
  | { readonly kind: "deleteRange"; readonly plan: BoundsPlan }
  | { readonly kind: "insertMany" | "putMany"; readonly records: readonly Input[] }
  | { readonly kind: "deleteMany"; readonly targets: readonly Target[] };

export type Operation =
  | Write
  | {
      readonly kind: "read";
      readonly by: string | undefined;
      readonly plan: BoundsPlan;
      readonly size: number;
    }
  | {
      readonly kind: "walk" | "turnPages";
      readonly by: string | undefined;
      readonly plan: BoundsPlan;
      readonly size: number;
      readonly writes: readonly Write[];
    };

/** Texts that collide, change or sort wrongly where keys are encoded carelessly. */
const TEXTS = ["a", "a!", 'a"', "a#", "a??", "?@", "\0", "\x01", "!", "#", "a b", "é", "\uffff", "\u{10000}"];
const MORE_TEXTS = [...TEXTS, "", 'a"Ja', "a!b", '"', "##", "#@", "?", "~", "K", "Ja", "\0\0", " "];
const DATES = [0, -1, 1, 8.64e15, -8.64e15, 1.7e12, 1.7e12 + 1, -62198755200001, 86400000].map(
  (time) => new Date(time),
);
const NUMBERS = [0, 1, 2, 10, -1, -10, 0.5, -0.5, 1e21, 5e-324, -1e-7, 2 ** 53];

const text = fc.constantFrom(...MORE_TEXTS);
const date = fc.oneof(
  fc.constantFrom(...DATES),
  fc.integer({ min: 0, max: 40 }).map((n) => new Date(n * 1e6)),
);
const number = fc.oneof(fc.constantFrom(...NUMBERS), fc.nat(60));
const unique = fc.oneof(
  text,
  fc.nat(250).map((n) => `u${n}`),
);
const role = fc.constantFrom("admin", "user", "guest");
const few = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 });

const always = {
  tenant: fc.constantFrom("a", "a!", 'a"Ja', "#", "\0", ""),
  id: fc.oneof(fc.constantFrom(...TEXTS, ""), fc.nat(12), fc.constantFrom(-1.5, 1e21)),
  day: date,
  role,
};
const optional = {
  email: unique,
  handle: unique,
  nick: fc.option(text, { nil: null }),
  score: number,
  active: fc.boolean(),
  tags: few(text),
  codes: few(fc.integer({ min: -50, max: 400 })),
  days: few(date),
  seen: date,
  more: fc.record({ at: date, note: text }, { requiredKeys: ["note"] }),
  size: fc.nat(3),
};
/** What no record may have: the schema refuses it, or a key cannot be made of it. */
const flaw = fc.constantFrom<Input>(
  { role: "nobody" },
  { score: Number.NaN },
  { email: "\ud800" },
  { tags: ["a", "\udc00"] },
  { nick: "x".repeat(40_000), role: "admin" },
  { tenant: undefined },
);

const sound: fc.Arbitrary<Input> = fc.record(
  { ...always, ...optional },
  { requiredKeys: Object.keys(always) as never },
);
const full = fc.record({ ...always, ...optional }) as unknown as fc.Arbitrary<Item>;
const record: fc.Arbitrary<Input> = fc.oneof(
  { weight: 30, arbitrary: sound },
  { weight: 1, arbitrary: fc.tuple(sound, flaw).map(([whole, part]) => ({ ...whole, ...part })) },
);
/** Some fields; those that are there and undefined remove what the record has. */
const absent = fc.constantFrom("email", "handle", "nick", "score", "tags", "codes", "seen", "more");
const patch: fc.Arbitrary<Input> = fc
  .tuple(
    fc.record({ role, ...optional }, { requiredKeys: [] }),
    fc.array(absent, { maxLength: 2 }),
    fc.option(flaw, { freq: 30 }),
  )
  .map(([set, removed, part]) => ({
    ...set,
    ...Object.fromEntries(removed.map((field) => [field, undefined])),
    ...part,
  }));
const target: fc.Arbitrary<Target> = fc.record({
  nth: fc.nat(1000),
  there: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  record: sound,
});

const bound: fc.Arbitrary<BoundPlan> = fc.record({ record: full, parts: fc.nat(3) });
const boundsPlan: fc.Arbitrary<BoundsPlan> = fc.record({
  bounds: fc.oneof(
    fc.constant({}),
    fc.record({ prefix: bound }),
    fc.record({ prefix: bound, gt: bound, gte: bound, lt: bound, lte: bound }, { requiredKeys: [] }),
    fc.record({ gt: bound, lt: bound }, { requiredKeys: [] }),
    fc.record({ gte: bound, lte: bound }, { requiredKeys: [] }),
  ),
  options: fc.record({ reverse: fc.boolean(), limit: fc.nat(8) }, { requiredKeys: [] }),
}) as fc.Arbitrary<BoundsPlan>;
const narrow: fc.Arbitrary<BoundsPlan> = fc.record({
  bounds: fc.oneof(fc.record({ prefix: bound }), fc.record({ gte: bound, lt: bound })),
  options: fc.record({ reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 8 }) }),
}) as fc.Arbitrary<BoundsPlan>;

/** Any write. */
export const write: fc.Arbitrary<Write> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom("insert", "put", "put"), record }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("update"),
      target,
      patch,
      how: fc.constantFrom("patch", "patch", "patch", "function", "function", "throw", "move"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete"), target }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("deleteRange"), plan: narrow }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("insertMany", "putMany"),
      records: fc.array(record, { maxLength: 6 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("deleteMany"), targets: fc.array(target, { maxLength: 4 }) }),
  },
) as fc.Arbitrary<Write>;

/** Records to begin with: few transactions are long enough to bring many together. */
export const beginning: fc.Arbitrary<Write[]> = fc.array(
  fc.record({ kind: fc.constant("put" as const), record: sound }),
  { maxLength: 40, size: "max" },
);

const by = fc.constantFrom(undefined, undefined, ...Object.keys(INDEXES));
const size = fc.integer({ min: 1, max: 5 });

/** Any write or read. */
export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: write },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("read"), by, plan: boundsPlan, size }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("walk", "turnPages"),
      by,
      plan: boundsPlan,
      size,
      writes: fc.array(write, { maxLength: 8 }),
    }),
  },
) as fc.Arbitrary<Operation>;

/** The bounds that a plan stands for, on one path. */
export function boundsOf(spec: Spec, by: string | undefined, { bounds, options }: BoundsPlan): RangeOptions {
  const index = by === undefined ? undefined : spec.indexes[by];
  const on = index?.on ?? spec.key;
  const resolve = ({ record, parts }: BoundPlan): Key => {
    const values = fieldsOf(on).map((field) => {
      const value = record[field as keyof Item];
      return (field === index?.multiEntry ? (value as Key[])[0] : value) as Key;
    });
    if (typeof on !== "string") return values.slice(0, parts);
    const [value] = values as [Key];
    return typeof value === "string" ? Array.from(value).slice(0, parts).join("") : value;
  };
  const entries = Object.entries(bounds).map(([kind, plan]) => [kind, resolve(plan)]);
  return { ...Object.fromEntries(entries), ...options } as RangeOptions;
}

/** Does a write, in the store or in the model: both must come to the same. */
export function runWrite(spec: Spec, subject: Subject, operation: Write): Promise<Outcome> {
  switch (operation.kind) {
    case "insert":
    case "put":
      return outcomeOf(() => subject[operation.kind](operation.record));
    case "insertMany":
    case "putMany":
      return outcomeOf(() => subject[operation.kind](operation.records));
    case "delete":
      return outcomeOf(async () => subject.delete(await keyFor(spec, subject, operation.target)));
    case "deleteRange":
      return outcomeOf(() => subject.deleteRange(boundsOf(spec, undefined, operation.plan)));
    case "deleteMany":
      return outcomeOf(async () => {
        const keys: Key[] = [];
        for (const each of operation.targets) keys.push(await keyFor(spec, subject, each));
        return subject.deleteMany(keys);
      });
    case "update":
      return outcomeOf(async () => {
        const change = changeOf(operation);
        return subject.update(await keyFor(spec, subject, operation.target), change);
      });
  }
}

/** How many records a write is about at the most. */
export function countOf(operation: Write): number {
  if ("records" in operation) return operation.records.length;
  return "targets" in operation ? operation.targets.length : 1;
}

function changeOf({ how, patch: set }: Extract<Write, { kind: "update" }>): Change {
  switch (how) {
    case "patch":
      return set;
    case "function":
      return (old) => ({ ...old, ...set });
    case "move":
      return (old) => ({ ...old, tenant: "elsewhere", id: "elsewhere", day: new Date(77) });
    case "throw":
      return () => {
        throw new Error("the function threw");
      };
  }
}

async function keyFor(spec: Spec, subject: Subject, { nth, there, record: stray }: Target): Promise<Key> {
  const keys = there ? await subject.by(undefined).keys({}) : [];
  return keys.length > 0 ? (keys[nth % keys.length] as Key) : keyOf(spec, stray);
}
