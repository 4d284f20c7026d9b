import type { Key, RangeOptions } from "@meshgate/database";
import fc from "fast-check";

/** One call within a transaction. Paths lead from the top level to the bucket it is made on. */
export type Operation =
  | { kind: "put" | "get" | "delete"; path: string[]; key: Key; value: unknown }
  | { kind: "fill"; path: string[]; from: number; count: number; remove: boolean }
  | { kind: "create" | "createIfNotExists" | "deleteBucket"; path: string[]; name: string }
  | { kind: "move"; path: string[]; name: string; to: string[] }
  | { kind: "sequence"; path: string[]; set: number | undefined }
  | { kind: "range"; path: string[]; options: RangeOptions; writes: boolean }
  | { kind: "cursor"; path: string[]; moves: Move[] };

/** One move of a cursor, or a write made between two moves. */
export type Move =
  | { move: "first" | "last" | "next" | "prev" | "delete" }
  | { move: "seek" | "put" | "remove"; key: Key };

export interface TransactionPlan {
  operations: Operation[];
  ending: "commit" | "throw" | "manual" | "rollback";
  /** What happens to the store after it. */
  next: "go on" | "reopen" | "check";
}

const NAMES = ["a", "b", "é!"];
const KEYS: Key[] = [
  "a",
  "b",
  "c",
  "a b",
  "é",
  "\u{10000}",
  "\uffff",
  ["a"],
  ["a", 1],
  ["a", 2],
  ["a", 10],
  ["a!", "b"],
  ["b", ["c"]],
  0,
  1,
  2,
  10,
  -1,
  1.5,
  null,
  true,
  false,
  new Date(5),
  new Date(500),
  [new Date(5)],
  [],
];

const name = fc.constantFrom(...NAMES);
const path = fc.oneof(
  { weight: 6, arbitrary: fc.array(name, { minLength: 1, maxLength: 1 }) },
  { weight: 3, arbitrary: fc.array(name, { minLength: 2, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant<string[]>([]) },
);
const key = fc.oneof(fc.constantFrom(...KEYS), fc.nat(40));
const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant(""), fc.constant(-0));
const options: fc.Arbitrary<RangeOptions> = fc.record(
  {
    prefix: fc.constantFrom<Key>("a", "", ["a"], [], ["b", ["c"]], 1, ["a!"]),
    gt: key,
    gte: key,
    lt: key,
    lte: key,
    reverse: fc.boolean(),
    limit: fc.nat(6),
  },
  { requiredKeys: [] },
);
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      move: fc.constantFrom("first", "last", "next", "prev", "next", "prev", "delete"),
    }),
  },
  { weight: 5, arbitrary: fc.record({ move: fc.constantFrom("seek", "put", "remove"), key }) },
) as fc.Arbitrary<Move>;

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("put", "get", "delete"), path, key, value }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fill"),
      path,
      from: fc.nat(60),
      count: fc.nat(80),
      remove: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("create", "createIfNotExists", "createIfNotExists", "deleteBucket"),
      path,
      name,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("move"), path, name, to: path }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("sequence"),
      path,
      set: fc.option(fc.nat(), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("range"), path, options, writes: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("cursor"), path, moves: fc.array(move, { maxLength: 25 }) }),
  },
) as fc.Arbitrary<Operation>;

export const plans: fc.Arbitrary<TransactionPlan[]> = fc.array(
  fc.record({
    operations: fc.array(operation, { maxLength: 14 }),
    ending: fc.constantFrom("commit", "commit", "commit", "throw", "manual", "rollback"),
    next: fc.constantFrom("go on", "go on", "go on", "reopen", "check"),
  }),
  { minLength: 1, maxLength: 10 },
) as fc.Arbitrary<TransactionPlan[]>;
