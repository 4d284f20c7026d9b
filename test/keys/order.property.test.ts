import charwise from "charwise";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DatabaseError } from "../../src/errors.ts";
import { type KeyBounds, toInterval } from "../../src/keys/bounds.ts";
import { decodeKey } from "../../src/keys/decode.ts";
import { encodeBound, encodeKey, type Key } from "../../src/keys/encode.ts";
import { compareKeys } from "../../src/keys/order.ts";
import * as arbitraries from "./arbitraries.ts";

const { MESHGATE_KEY_PAIRS = "100000" } = process.env;
const PAIRS = Number(MESHGATE_KEY_PAIRS);
const PAIRS_IN_CLUSTER = (arbitraries.CLUSTER_SIZE * (arbitraries.CLUSTER_SIZE - 1)) / 2;
const CLUSTERS = Math.ceil(PAIRS / PAIRS_IN_CLUSTER);

/*
 * The reference: what the order of keys is, component by component, without a look at the encoding.
 */

function kind(key: Key): number {
  if (key === null) return 0;
  if (key === false) return 1;
  if (key === true) return 2;
  if (typeof key === "number") return 3;
  if (key instanceof Date) return 4;
  return typeof key === "string" ? 5 : 6;
}

function compareTexts(a: string, b: string): number {
  // Code points sort as UTF-8 bytes do.
  const left = Array.from(a, (character) => character.codePointAt(0)!);
  const right = Array.from(b, (character) => character.codePointAt(0)!);
  const different = left.findIndex((point, i) => point !== right[i]);
  if (different === -1) return left.length - right.length;
  return different < right.length ? left[different]! - right[different]! : 1;
}

function compareTuples(a: readonly Key[], b: readonly Key[]): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const order = compareReference(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareReference(a: Key, b: Key): number {
  if (kind(a) !== kind(b)) return kind(a) - kind(b);
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a < b ? -1 : 1;
  if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime();
  if (typeof a === "string" && typeof b === "string") return compareTexts(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return compareTuples(a, b);
  return 0;
}

function beginsWith(key: Key, prefix: Key): boolean {
  if (typeof prefix === "string") return typeof key === "string" && key.startsWith(prefix);
  if (!Array.isArray(prefix)) return compareReference(key, prefix) === 0;
  return Array.isArray(key) && compareReference(key.slice(0, prefix.length), prefix) === 0;
}

function satisfies(key: Key, { prefix, gt, gte, lt, lte }: KeyBounds): boolean {
  return (
    (prefix === undefined || beginsWith(key, prefix)) &&
    (gt === undefined || compareReference(key, gt) > 0) &&
    (gte === undefined || compareReference(key, gte) >= 0) &&
    (lt === undefined || compareReference(key, lt) < 0) &&
    (lte === undefined || compareReference(key, lte) <= 0)
  );
}

/*
 * What the properties ask. Each gives a description of what is wrong, or undefined.
 */

function show(value: unknown): string {
  return fc.stringify(value);
}

function misencoded(key: Key): string | undefined {
  const encoded = encodeKey(key);
  if (Buffer.from(encoded).toString() !== encoded) return `${show(encoded)} does not survive UTF-8`;
  if (encoded.startsWith("!")) return `${show(encoded)} looks like a sublevel`;
  const decoded = decodeKey(encoded);
  const behind = decodeKey(`!Kusers!${encoded}`, 8);
  if (show(behind) !== show(key)) return `${show(key)} behind a prefix reads back as ${show(behind)}`;
  // fc.stringify tells -0 from 0 and a Date from its text.
  if (show(decoded) !== show(key)) return `${show(key)} reads back as ${show(decoded)}`;
  return undefined;
}

type Compare = (encodedA: string, encodedB: string) => number;

const byBytes: Compare = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Compares every two of the keys with the reference, and their encodings with `compare`. */
function misordered(keys: readonly Key[], compare: Compare): string | undefined {
  const encoded = keys.map((key) => encodeKey(key));
  for (let i = 1; i < keys.length; i++) {
    for (let j = 0; j < i; j++) {
      const expected = Math.sign(compareReference(keys[i]!, keys[j]!));
      const actual = Math.sign(compare(encoded[i]!, encoded[j]!));
      if (actual !== expected) return `${show(keys[i])} against ${show(keys[j])}: ${actual}, not ${expected}`;
    }
  }
  return undefined;
}

function misselected(keys: readonly Key[], bounds: KeyBounds): string | undefined {
  const interval = toInterval(bounds);
  const from = Buffer.from(interval.from);
  const to = Buffer.from(interval.to);
  for (const key of keys) {
    const bytes = Buffer.from(encodeKey(key));
    const selected = Buffer.compare(from, bytes) <= 0 && Buffer.compare(bytes, to) < 0;
    if (selected !== satisfies(key, bounds)) {
      return `${show(key)} is ${selected ? "in" : "not in"} the interval of ${show(bounds)}`;
    }
  }
  return undefined;
}

/** Says how to make a bound that lies close to one of the keys it selects from. */
interface Pick {
  readonly index: number;
  readonly length: number;
  readonly other: Key;
  readonly from: "key" | "beginning" | "shortened" | "elsewhere";
}

const pick: fc.Arbitrary<Pick> = fc.record({
  index: fc.nat(arbitraries.CLUSTER_SIZE - 1),
  length: fc.nat(4),
  other: arbitraries.bound,
  from: fc.constantFrom("key", "beginning", "shortened", "elsewhere"),
});

function picked(keys: readonly Key[], { index, length, other, from }: Pick): Key {
  const key = keys[index]!;
  if (from === "elsewhere") return other;
  if (from === "beginning") return beginning(key, length);
  return from === "shortened" ? shortened(key, length) : key;
}

function beginning(key: Key, length: number): Key {
  // Cut between code points: half a character is no bound.
  if (typeof key === "string") return Array.from(key).slice(0, length).join("");
  return Array.isArray(key) ? key.slice(0, length) : key;
}

/** The beginning of a tuple, and of it the last part's beginning: [["ab"], 1] gives [["a"]]. */
function shortened(key: Key, length: number): Key {
  if (!Array.isArray(key) || key.length === 0) return beginning(key, length);
  const parts: Key[] = key.slice(0, length + 1);
  return [...parts.slice(0, -1), shortened(parts.at(-1)!, Math.max(0, length - 1))];
}

type Picks = { [name in keyof KeyBounds]?: Pick };

function boundsOf(keys: readonly Key[], picks: Picks): KeyBounds {
  return Object.fromEntries(Object.entries(picks).map(([name, choice]) => [name, picked(keys, choice)]));
}

function expectAll<T>(
  arbitrary: fc.Arbitrary<T>,
  wrong: (value: T) => string | undefined,
  runs: number,
): void {
  const property = fc.property(arbitrary, (value) => {
    const problem = wrong(value);
    if (problem !== undefined) throw new Error(problem);
  });
  fc.assert(property, arbitraries.parameters(runs));
}

describe("encoded keys", () => {
  test("read back as they were written, and never look like a sublevel", () => {
    expectAll(arbitraries.key, misencoded, CLUSTERS * 12);
  });

  const comparisons: [string, Compare][] = [
    ["by the bytes that an engine compares", byBytes],
    ["by compareKeys", compareKeys],
  ];

  describe.each(comparisons)("%s", (_, compare) => {
    test(`sort as the keys do, and are equal only for equal keys (${PAIRS} pairs)`, () => {
      let pairs = 0;
      const wrong = (cluster: Key[]) => {
        const keys = cluster.filter(isStorable);
        pairs += (keys.length * (keys.length - 1)) / 2;
        return misordered(keys, compare);
      };
      // A tenth more, since a cluster may hold an empty string, which is no key.
      expectAll(arbitraries.cluster, wrong, Math.ceil(CLUSTERS * 1.1));
      expect(pairs).toBeGreaterThanOrEqual(PAIRS);
    });

    test("sort as the keys do where text meets text", () => {
      const characters = arbitraries.CHARACTERS;
      const doubles = characters.flatMap((a) => characters.map((b) => a + b));
      const texts = ["", ...characters, ...doubles];
      expect(misordered(texts.slice(1), compare)).toBeUndefined();
      expect(
        misordered(
          texts.map((text) => [text]),
          compare,
        ),
      ).toBeUndefined();
      expect(
        misordered(
          characters.flatMap((a) => characters.map((b) => [a, b])),
          compare,
        ),
      ).toBeUndefined();
      const nested = ["", ...characters].flatMap((text) => [
        [[text]],
        [[text], ""],
        [[text, ""]],
        [[[text]]],
      ]);
      expect(misordered(nested, compare)).toBeUndefined();
    });
  });

  test("are charwise's very bytes for ordinary keys", () => {
    const different = (key: Key) =>
      encodeKey(key) === charwise.encode(key) ? undefined : `${show(key)}: charwise gives other bytes`;
    expectAll(arbitraries.ordinaryKey, different, CLUSTERS * 12);
  });
});

describe("intervals", () => {
  const some = { requiredKeys: [] };

  test("of a prefix hold the keys that begin with it", () => {
    const cases = fc.record({ keys: arbitraries.cluster, prefix: pick });
    expectAll(
      cases,
      ({ keys, prefix }) => misselected(keys.filter(isStorable), boundsOf(keys, { prefix })),
      CLUSTERS,
    );
  });

  test.each(["gt", "gte", "lt", "lte"] as const)("of %s hold the keys on their side", (name) => {
    const cases = fc.record({ keys: arbitraries.cluster, choice: pick });
    expectAll(
      cases,
      ({ keys, choice }) => misselected(keys.filter(isStorable), boundsOf(keys, { [name]: choice })),
      Math.ceil(CLUSTERS / 2),
    );
  });

  test("of several bounds hold the keys that satisfy all of them", () => {
    const picks: fc.Arbitrary<Picks> = fc.record(
      { prefix: pick, gt: pick, gte: pick, lt: pick, lte: pick },
      some,
    );
    const cases = fc.record({ keys: arbitraries.cluster, picks });
    expectAll(
      cases,
      ({ keys, picks }) => misselected(keys.filter(isStorable), boundsOf(keys, picks)),
      CLUSTERS * 2,
    );
  });
});

describe("decoding what no key encodes to", () => {
  test("gives DATA_CORRUPT, never another key's reading", () => {
    const misread = (encoded: string) => {
      try {
        const key = decodeKey(encoded);
        return encodeBound(key) === encoded ? undefined : `${show(encoded)} was read as ${show(key)}`;
      } catch (error) {
        if (error instanceof DatabaseError && error.code === "DATA_CORRUPT") return undefined;
        return `${show(encoded)} gives ${String(error)}`;
      }
    };
    expectAll(arbitraries.garbage, misread, CLUSTERS * 6);
  });
});

function isStorable(key: Key): boolean {
  return key !== "";
}
