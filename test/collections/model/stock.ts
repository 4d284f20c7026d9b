/** A collection with thousands of records, whose definition changes twice, and random transactions over it. */
import type { Key } from "@meshgate/database";
import fc from "fast-check";
import { keyOf } from "./expected.ts";
import { INDEXES, type Input, type Spec } from "./specs.ts";
import { type Outcome, outcomeOf, type Subject } from "./subject.ts";

export const RECORDS = 5000;

const { email, handle, role, tag, day, days, score, flags } = INDEXES as Required<typeof INDEXES>;
const stock = (indexes: object): Spec => ({
  name: "stock",
  key: ["tenant", "id"],
  indexes: indexes as Spec["indexes"],
});

/** The definitions, one after another: each gains, changes and drops indexes. */
export const VERSIONS: readonly Spec[] = [
  stock({ email, role, tag, day }),
  stock({ email, handle, role: { ...role, include: ["size"] }, day, days, score }),
  stock({
    email,
    handle,
    role: { ...role, include: ["size"] },
    day,
    tag: { ...tag, include: ["email"] },
    score: { ...score, where: (record: { size: number }) => record.size > 1, version: 2 },
    flags,
  }),
];

const TENANTS = ["a", "a!", 'a"Ja', "#", "\0"];

/** A record. Values of unique indexes are never given twice: `fresh` tells them apart. */
export function itemOf(n: number, fresh: number | string = ""): Input {
  return {
    tenant: TENANTS[n % TENANTS.length],
    id: n,
    day: new Date(n * 1000),
    role: n % 3 === 0 ? "admin" : "user",
    email: `e${n} ${fresh}`,
    handle: `h${n} ${fresh}`,
    tags: [`tag ${n % 17}`, `tag ${n % 5}`, "all"],
    days: [new Date(n % 100), new Date(-n)],
    active: n % 2 === 0,
    score: n % 50,
    size: n % 4,
  };
}

interface StockStep {
  readonly kind: "insert" | "put" | "patch" | "delete" | "handOver";
  readonly n: number;
  readonly other: number;
  readonly fresh: number;
  readonly patch: Input;
}

const n = fc.nat(RECORDS + 1000);
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom("insert", "put", "put", "patch", "patch", "patch", "delete", "handOver"),
    n,
    other: n,
    fresh: fc.integer({ min: 0, max: 2 ** 31 }),
    patch: fc.record(
      {
        role: fc.constantFrom("admin", "guest"),
        tags: fc.array(fc.constantFrom("all", "some", "few"), { maxLength: 2 }),
        days: fc.constantFrom([new Date(7)], undefined),
        score: fc.option(fc.nat(100), { nil: undefined }),
        active: fc.boolean(),
        size: fc.nat(3),
      },
      { requiredKeys: [] },
    ),
  }),
  { minLength: 1, maxLength: 6, size: "max" },
) as fc.Arbitrary<StockStep[]>;

/** The calls of a transaction, which follow from a number. */
function stepsOf(seed: number): StockStep[] {
  return fc.sample(steps, { seed, numRuns: 1 })[0] as StockStep[];
}

/** Does the calls that a number stands for one after another, in the store or in the model. */
export async function runSteps(spec: Spec, subject: Subject, seed: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of stepsOf(seed)) outcomes.push(await runStep(spec, subject, step));
  return outcomes;
}

function runStep(spec: Spec, subject: Subject, step: StockStep): Promise<Outcome> {
  const item = itemOf(step.n, step.fresh);
  const key = keyOf(spec, item);
  switch (step.kind) {
    case "insert":
    case "put":
      return outcomeOf(() => subject[step.kind as "put"](item));
    case "patch":
      return outcomeOf(() => subject.update(key, step.patch));
    case "delete":
      return outcomeOf(() => subject.delete(key));
    case "handOver":
      return outcomeOf(() => handOver(subject, key, keyOf(spec, itemOf(step.other)), `${step.fresh}`));
  }
}

/** Gives one record's unique value to another: the first may be one that a build has not reached yet. */
async function handOver(subject: Subject, from: Key, to: Key, instead: string): Promise<unknown> {
  const [giver] = (await subject.getMany([from])) as [{ handle?: string } | undefined];
  await subject.update(from, { handle: `given ${instead}` });
  return subject.update(to, { handle: giver?.handle });
}
