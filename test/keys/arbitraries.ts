import fc from "fast-check";
import type { Key } from "../../src/keys/encode.ts";

/**
 * Characters that have broken key encodings before: what separates, escapes or marks things in the encoded form,
 * the letters of its types, and the characters on both sides of every boundary between UTF-8 and UTF-16 order.
 */
export const CHARACTERS: readonly string[] = [
  ...'\0\x01\x1f !"#$?@%c~\x7f',
  ..."AGJKM0",
  ..."aé\ud7ff\ue000\uffff",
  "\u{10000}",
  "\u{10ffff}",
];

/** Short texts over {@link CHARACTERS}, so that many are prefixes of one another. */
export const text: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(...CHARACTERS),
  maxLength: 5,
});

/** Texts that charwise leaves alone inside a tuple, so that the encoding must be its very bytes. */
export const ordinaryText: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(...CHARACTERS.filter((character) => character > "#"), ..."xyz019"),
  maxLength: 12,
});

const MILESTONES = [
  0,
  1,
  9,
  10,
  0.1,
  0.1 + 0.2,
  1 / 3,
  Math.PI,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e21,
  1e22,
  1e-7,
  5e-324,
  2.2250738585072014e-308,
  Number.MAX_VALUE,
  Number.POSITIVE_INFINITY,
];

const powersOfTen = fc
  .tuple(fc.integer({ min: 0, max: 17 }), fc.integer({ min: -2, max: 2 }))
  .map(([power, offset]) => 10 ** power + offset);

const aroundSafe = fc.integer({ min: -4, max: 4 }).map((offset) => 2 ** 53 + offset);

const magnitude = fc.oneof(
  fc.constantFrom(...MILESTONES),
  powersOfTen,
  aroundSafe,
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }),
  fc.double({ noNaN: true, min: -1000, max: 1000 }),
);

/** The numbers that a key can hold: all but NaN and -0. Some are neighbours that differ in the last bit only. */
export const number: fc.Arbitrary<number> = fc
  .tuple(magnitude, fc.boolean(), fc.constantFrom(0, 0, 0, 1, -1))
  .map(([value, negative, steps]) => withoutNegativeZero(step(negative ? -value : value, steps)));

/** Moves to the next number that a double can hold, up or down. */
function step(value: number, steps: number): number {
  if (steps === 0 || value === 0 || !Number.isFinite(value)) return value;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(steps));
  return view.getFloat64(0);
}

function withoutNegativeZero(value: number): number {
  return value === 0 ? 0 : value;
}

const LAST_MILLISECOND = 8.64e15;

/** Dates, from the first that JavaScript can hold to the last. */
export const date: fc.Arbitrary<Date> = fc
  .oneof(
    fc.constantFrom(-LAST_MILLISECOND, -1, 0, 1, 999, 1000, LAST_MILLISECOND - 1, LAST_MILLISECOND),
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_020 }),
    fc.integer({ min: -LAST_MILLISECOND, max: LAST_MILLISECOND }),
  )
  .map((time) => new Date(time));

const scalar: fc.Arbitrary<Key> = fc.oneof(
  { weight: 5, arbitrary: text },
  { weight: 3, arbitrary: number },
  { weight: 1, arbitrary: date },
  { weight: 1, arbitrary: fc.constantFrom(null, false, true) },
);

const tree = fc.letrec<{ part: Key; tuple: Key[] }>((tie) => ({
  part: fc.oneof({ maxDepth: 3, depthSize: "small" }, { weight: 4, arbitrary: scalar }, tie("tuple")),
  tuple: fc.array(tie("part"), { maxLength: 3 }),
}));

/** Any key, and the empty string, which may be a part or a bound. */
export const bound: fc.Arbitrary<Key> = tree.part;

/** Any key that can be stored. */
export const key: fc.Arbitrary<Key> = bound.filter((candidate) => candidate !== "");

const ordinaryTree = fc.letrec<{ part: Key; tuple: Key[] }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    { weight: 3, arbitrary: ordinaryText },
    { weight: 3, arbitrary: number },
    { weight: 1, arbitrary: fc.constantFrom(null, false, true) },
    tie("tuple"),
  ),
  tuple: fc.array(tie("part"), { maxLength: 4 }),
}));

/** Keys of the kinds that charwise encodes without a collision: no dates, and nothing below "$" in a text. */
export const ordinaryKey: fc.Arbitrary<Key> = ordinaryTree.part.filter((candidate) => candidate !== "");

/** How many keys a {@link cluster} holds. */
export const CLUSTER_SIZE = 16;

/** Sixteen keys that are close to one another: all of one kind, or with a common beginning, or of any kind. */
export const cluster: fc.Arbitrary<Key[]> = fc.oneof(
  sixteen(key),
  sixteen(number),
  sixteen(fc.oneof(date, number)),
  fc.tuple(text, sixteen(text)).map(([stem, ends]) => ends.map((end) => `x${stem}${end}`)),
  fc.tuple(text, sixteen(text)).map(([stem, ends]) => ends.map((end) => [stem + end, end])),
  fc.tuple(tree.tuple, sixteen(tree.tuple)).map(([stem, ends]) => ends.map((end) => [...stem, ...end])),
  fc.tuple(tree.tuple, sixteen(tree.tuple)).map(([stem, ends]) => ends.map((end) => [[...stem, end], end])),
);

function sixteen<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(arbitrary, { minLength: CLUSTER_SIZE, maxLength: CLUSTER_SIZE });
}

/** Strings that look like encoded keys and mostly are none: the encoded alphabet in any order. */
export const garbage: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom(
    ...'ABCDEFGHIJKLM!"#?. -+0159',
    "FE500M",
    "DE499M",
    "FE  0M0",
    "KJ",
    "GFE",
    "#@",
    "J#",
    "00000000000000000000",
  ),
  maxLength: 12,
});

/** How the properties run: MESHGATE_SEED repeats a run, fast-check prints the seed where one fails. */
export function parameters<T>(numRuns: number): fc.Parameters<T> {
  const { MESHGATE_SEED: seed } = process.env;
  return seed === undefined ? { numRuns } : { numRuns, seed: Number(seed) };
}
