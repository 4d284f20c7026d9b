import charwise from "charwise";
import { describe, expect, test } from "vitest";
import { ALL_KEYS, successor, toInterval } from "../../src/keys/bounds.ts";
import { decodeKey } from "../../src/keys/decode.ts";
import { encodeBound, encodeKey, type Key, MAX_KEY_BYTES } from "../../src/keys/encode.ts";
import { compareKeys } from "../../src/keys/order.ts";

/** What a caller without types can pass. */
const untyped = (value: unknown): Key => value as Key;

const thrown = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};

const refusal = (code: string, message: string | RegExp = "") =>
  expect.objectContaining({
    name: "DatabaseError",
    code,
    message: typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message),
  });

describe("ordinary keys", () => {
  test.each<[Key]>([
    ["user-123"],
    ["naïve ☃ \u{1f600}"],
    ['a!b"c#d?e%f'],
    [0],
    [1],
    [42],
    [-42],
    [1.5],
    [-0.001],
    [1e21],
    [Number.MAX_SAFE_INTEGER],
    [Number.MIN_SAFE_INTEGER],
    [2 ** 53],
    [Number.MAX_VALUE],
    [Number.MIN_VALUE],
    [Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY],
    [1_700_000_000_000],
    [null],
    [true],
    [false],
    [[]],
    [["tenant-456", "user-123"]],
    [["tenant-456", 1_700_000_000_000, "m-1"]],
    [["tenant-456", null, true, false, -1, ""]],
    [["why?", "50%", "~"]],
    [["a", ["b", ["c", 1]], []]],
    [[[[]]]],
  ])("%j has charwise's bytes and reads back", (key) => {
    expect(encodeKey(key)).toBe(charwise.encode(key));
    expect(decodeKey(encodeKey(key))).toStrictEqual(key);
  });

  test("a number written by charwise reads back, with or without the fast path", () => {
    for (const value of [7, 70, 123_456_789, 2 ** 53 - 1, 2 ** 53, 0.1, -123.456, 1e300, 5e-324]) {
      expect(decodeKey(charwise.encode(value))).toBe(value);
      expect(decodeKey(charwise.encode(["t", value]))).toStrictEqual(["t", value]);
    }
  });
});

describe("keys that charwise alone confuses", () => {
  test.each<[Key, Key]>([
    [["a!"], ["a??"]],
    [['a"'], ["a?%"]],
    ["\x01", "\0\0"],
    [["?@"], ["?"]],
    [["??"], ["!"]],
    [["#"], ["#c"]],
    [["\0"], ["#@"]],
    [["a", "b"], ['a"Jb']],
    [["a"], [["a"]]],
    [[["a"], "b"], [["a", "b"]]],
    [[[]], []],
    [[""], []],
    [["", ""], [""]],
    [[null], null],
    [new Date(0), 0],
    [["2024"], [2024]],
  ])("%j and %j stay apart and read back", (a, b) => {
    expect(encodeKey(a)).not.toBe(encodeKey(b));
    expect(decodeKey(encodeKey(a))).toStrictEqual(a);
    expect(decodeKey(encodeKey(b))).toStrictEqual(b);
  });

  test("a shorter text sorts first in a tuple, whatever follows it", () => {
    const sorted = [
      ["a", "z"],
      ["a\0", "a"],
      ["a b", "a"],
      ["a!", "a"],
      ['a"', "a"],
      ["a#", "a"],
      ["a$", "a"],
    ];
    const encoded = sorted.map((key) => encodeKey(key));
    expect(encoded.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))).toStrictEqual(encoded);
  });
});

describe("dates", () => {
  test.each([0, 1, -1, 951_782_400_000, 1_700_000_000_000, 8.64e15, -8.64e15])("%d ms reads back", (time) => {
    const date = new Date(time);
    const alone = decodeKey(encodeKey(date));
    expect(alone).toBeInstanceOf(Date);
    expect(alone).toStrictEqual(date);
    expect(decodeKey(encodeKey(["t", date, [date]]))).toStrictEqual(["t", date, [date]]);
  });

  test("sort by time, above numbers and below texts", () => {
    const keys = [1e300, new Date(-8.64e15), new Date(-1), new Date(0), new Date(1), new Date(8.64e15), "\0"];
    const encoded = keys.map((key) => encodeKey(key));
    expect(encoded.toSorted()).toStrictEqual(encoded);
  });
});

describe("refused keys", () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const advice = /Use|Pass|Flatten|Well-formed/;

  test.each([
    ["the empty string", ""],
    ["undefined", undefined],
  ])("%s: KEY_REQUIRED", (_, key) => {
    expect(thrown(() => encodeKey(untyped(key)))).toEqual(refusal("KEY_REQUIRED"));
  });

  test.each<[string, unknown, string]>([
    ["NaN", Number.NaN, "key is NaN"],
    ["-0", -0, "key is -0"],
    ["a bigint", 1n, "key is bigint"],
    ["a symbol", Symbol("s"), "key is symbol"],
    ["a function", () => 1, "key is function"],
    ["an object", { id: 1 }, "key is an object"],
    ["an object without a prototype", Object.create(null), "key is an object"],
    ["a Map", new Map(), "(Map)"],
    ["a RegExp", /x/, "(RegExp)"],
    ["bytes", new Uint8Array([1]), "(Uint8Array)"],
    ["a boxed string", new String("s"), "(String)"],
    ["an invalid date", new Date(Number.NaN), "key is an invalid Date"],
    ["half of a character", "\ud800", "lone surrogate"],
    ["the other half", "a\udc00b", "lone surrogate"],
    ["halves in the wrong order", "\udc00\ud800", "lone surrogate"],
    ["undefined in a tuple", ["a", undefined], "key[1] is undefined"],
    ["a hole", new Array(1), "key[0] is undefined"],
    ["NaN in a tuple", ["a", 1, Number.NaN], "key[2] is NaN"],
    ["-0 in a tuple", [-0], "key[0] is -0"],
    ["an object deep inside", ["a", [1, [2, {}]]], "key[1][1][1] is an object"],
    ["an invalid date in a tuple", [new Date("no")], "key[0] is an invalid Date"],
    ["half of a character in a tuple", ["a", "\ud83d"], "key[1] is a string with a lone surrogate"],
    ["half of a character beside an escape", ["\0\ud83d"], "key[0] is a string with a lone surrogate"],
    ["a cycle", cyclic, "cyclic"],
  ])("%s: KEY_INVALID, with its path and advice", (_, key, message) => {
    for (const encode of [encodeKey, encodeBound]) {
      const error = thrown(() => encode(untyped(key)));
      expect(error).toEqual(refusal("KEY_INVALID", message));
      expect(error).toEqual(refusal("KEY_INVALID", advice));
    }
  });

  test("tuples nest 64 levels deep and no deeper", () => {
    const nest = (levels: number): Key => (levels === 0 ? "x" : [nest(levels - 1)]);
    expect(decodeKey(encodeKey(nest(64)))).toStrictEqual(nest(64));
    expect(thrown(() => encodeKey(nest(65)))).toEqual(refusal("KEY_INVALID", "64 levels"));
  });

  test("the empty string is a part and a bound all the same", () => {
    expect(decodeKey(encodeKey(["", "a", ""]))).toStrictEqual(["", "a", ""]);
    expect(encodeBound("")).toBe("J");
  });
});

describe("the size limit", () => {
  // One byte of an encoded tuple is not counted; "J" and "!" are.
  test.each<[string, (bytes: number) => Key]>([
    ["plain text", (bytes) => "k".repeat(bytes)],
    ["text of two-byte characters", (bytes) => "é".repeat(bytes >> 1) + "k".repeat(bytes & 1)],
    ["text of four-byte characters", (bytes) => "\u{1f600}".repeat(bytes >> 2) + "k".repeat(bytes & 3)],
    ["a tuple", (bytes) => ["k".repeat(bytes - 2)]],
    ["a tuple of escaped text", (bytes) => ["\0".repeat((bytes - 2) >> 1) + "k".repeat(bytes & 1)]],
    ["a tuple of two parts", (bytes) => ["k".repeat(100), "k".repeat(bytes - 104)]],
  ])("%s: 32768 bytes fit, 32769 do not", (_, key) => {
    expect(MAX_KEY_BYTES).toBe(32768);
    const largest = key(32768);
    expect(Buffer.byteLength(encodeKey(largest)) - 1).toBe(32768);
    expect(decodeKey(encodeKey(largest))).toStrictEqual(largest);
    for (const encode of [encodeKey, encodeBound]) {
      expect(thrown(() => encode(key(32769)))).toEqual(refusal("KEY_TOO_LARGE", "32769 bytes"));
    }
    expect(thrown(() => toInterval({ gte: key(32769) }))).toEqual(refusal("KEY_TOO_LARGE"));
  });
});

describe("decoding what is no key", () => {
  const nothing = [
    ...["", "!", "!users!", "Z", "E", "H", "I", "L", "L0", "a", "\0", "{}"],
    ...["A1", "AA", "BC", "CJ", "B!"],
    ...["D", "F", "FE", "FE5", "FE500", "FE500M", "FE500Mx", "FE50", "DaN", "FD", "DE", "D5", "FExxxM1.0"],
    ...["G", "GA", "GJ", "GDaN", "Gx", "GG"],
    ...[
      "K",
      "KJ",
      "KJa",
      'KJa"',
      "K!!",
      "KJa!x",
      'K"!',
      'KJa""!',
      "KKJa!",
      "KKJa!!!",
      "KA",
      'KA"',
      "KL!",
      "KZ!",
    ],
    ...["KD!", "KF!", "KG!", "KAB!", "KJa!Jb!", 'K!"Ja', "KK", "K\0!"],
  ];

  test.each(nothing)("%j: DATA_CORRUPT", (encoded) => {
    expect(thrown(() => decodeKey(encoded))).toEqual(refusal("DATA_CORRUPT", "check()"));
  });

  test.each([
    ["a date that is none", "GFF"],
    ["a date beyond the last", `GFE517M1.${"0".repeat(20)}`],
    ["a date between milliseconds", `GFE500M1.5${"0".repeat(20)}`],
    ["a number without its zeros", "FE500M1."],
    ["a number with a letter for its digit", `FE500Mx.${"0".repeat(20)}`],
    ["a number with a letter for its point", `FE500M1x${"0".repeat(20)}`],
    ["a number with a letter in its exponent", `FE50:M1.${"0".repeat(20)}`],
    ["an escape without its character", "KJ#!"],
    ["an escape of what needs none", "KJ#d!"],
    ["an escape below the first", "KJ#0!"],
  ])("%s is refused, not read as another key: DATA_CORRUPT", (_, encoded) => {
    expect(thrown(() => decodeKey(encoded))).toEqual(refusal("DATA_CORRUPT"));
  });

  test.each([
    ["open tuples", "K".repeat(32768)],
    ["open tuples with parts", 'KJa"'.repeat(8192)],
    ["closed tuples", "K".repeat(16384) + "!".repeat(16384)],
    ["separators", `K${'"'.repeat(32766)}`],
    ["escapes", `KJ${"#".repeat(32766)}`],
    ["digits", `FE500M${"9".repeat(32762)}x`],
    ["digits of a negative number", `DE499M${"9".repeat(32762)}x`],
  ])("a key's length of %s is refused at once: DATA_CORRUPT", (_, encoded) => {
    const start = performance.now();
    expect(thrown(() => decodeKey(encoded))).toEqual(refusal("DATA_CORRUPT"));
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test("the message shows a long key's beginning only", () => {
    expect(String(thrown(() => decodeKey(`Z${"z".repeat(30_000)}`))).length).toBeLessThan(400);
  });
});

describe("intervals", () => {
  test("without bounds, or with undefined ones, it is every key", () => {
    expect(toInterval({})).toStrictEqual(ALL_KEYS);
    expect(
      toInterval({ prefix: undefined, gt: undefined, gte: undefined, lt: undefined, lte: undefined }),
    ).toStrictEqual(ALL_KEYS);
    for (const key of [null, "\u{10ffff}".repeat(8), [], [[["\u{10ffff}"]]], Number.NEGATIVE_INFINITY]) {
      expect(compareKeys(ALL_KEYS.from, encodeKey(key))).toBeLessThan(0);
      expect(compareKeys(encodeKey(key), ALL_KEYS.to)).toBeLessThan(0);
    }
  });

  test.each<[string, Parameters<typeof toInterval>[0], string, string]>([
    ["a text", { prefix: "ab" }, "Jab", "Jac"],
    ["no text", { prefix: "" }, "J", "K"],
    ["text at the end of a plane", { prefix: "a\ud7ff" }, "Ja\ud7ff", "Ja\ue000"],
    ["text at the end of two-byte units", { prefix: "a\uffff" }, "Ja\uffff", "Ja\u{10000}"],
    ["the last character", { prefix: "a\u{10ffff}" }, "Ja\u{10ffff}", "Jb"],
    ["last characters only", { prefix: "\u{10ffff}\u{10ffff}" }, "J\u{10ffff}\u{10ffff}", "K"],
    ["a tuple", { prefix: ["t"] }, "KJt!", "KJt#"],
    ["the empty tuple", { prefix: [] }, "K", "L"],
    ["a number", { prefix: Number.POSITIVE_INFINITY }, "FF", "FF\0"],
    ["null", { prefix: null }, "A", "A\0"],
  ])("of the prefix %s", (_, bounds, from, to) => {
    expect(toInterval(bounds)).toStrictEqual({ from, to });
  });

  test("the narrower of two bounds wins, and bounds that exclude one another select nothing", () => {
    expect(toInterval({ gt: "a", gte: "a" }).from).toBe(successor("Ja"));
    expect(toInterval({ lt: "a", lte: "a" }).to).toBe("Ja");
    expect(toInterval({ prefix: "b", gte: "a", lte: "z" })).toStrictEqual(toInterval({ prefix: "b" }));
    const { from, to } = toInterval({ gte: "b", lt: "a" });
    expect(compareKeys(from, to)).toBeGreaterThanOrEqual(0);
  });

  test.each(["prefix", "gt", "gte", "lt", "lte"] as const)("%s refuses what is no key", (name) => {
    expect(thrown(() => toInterval({ [name]: untyped({}) }))).toEqual(refusal("KEY_INVALID"));
    expect(thrown(() => toInterval({ [name]: untyped(Number.NaN) }))).toEqual(refusal("KEY_INVALID"));
    expect(thrown(() => toInterval({ [name]: untyped(["a", undefined]) }))).toEqual(
      refusal("KEY_INVALID", "key[1]"),
    );
  });
});
