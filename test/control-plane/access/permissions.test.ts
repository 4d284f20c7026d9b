import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grants, permission } from "../../../src/control-plane/access/permissions.ts";
import { expectRefused } from "../../helpers/stores.ts";

/** The same rule as a regular expression. */
function model(granted: string, wanted: string): boolean {
  const words = granted.split(":");
  const patterns = words.map((word, i) => {
    if (word !== "*") return word.replaceAll(".", "\\.");
    return i === words.length - 1 ? "[^:]+(:[^:]+)*" : "[^:]+";
  });
  return new RegExp(`^${patterns.join(":")}$`).test(wanted);
}

const word = fc.constantFrom("a", "b", "A", "a.b", "a-b", "ab");
const wantedOnes = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(":"));
const grantedOnes = fc
  .array(fc.oneof(word, fc.constant("*")), { minLength: 1, maxLength: 4 })
  .map((words) => words.join(":"));

describe("permissions", () => {
  test.each([
    ["nodes:read", "nodes:read", true],
    ["nodes:read", "nodes:write", false],
    ["nodes:read", "nodes", false],
    ["nodes:read", "nodes:read:all", false],
    ["nodes", "nodes", true],
    ["nodes", "nodes:read", false],
    ["nodes:*", "nodes:read", true],
    ["nodes:*", "nodes:tags:write", true],
    ["nodes:*", "nodes", false],
    ["nodes:*", "nodesx:read", false],
    ["*", "nodes", true],
    ["*", "nodes:tags:write", true],
    ["*:read", "nodes:read", true],
    ["*:read", "nodes:tags:read", false],
    ["*:read", "read", false],
    ["nodes:*:read", "nodes:n1:read", true],
    ["nodes:*:read", "nodes:n1:tags:read", false],
    ["*:*", "nodes", false],
    ["*:*", "nodes:tags:write", true],
    ["Nodes:read", "nodes:read", false],
    ["a.b", "axb", false],
    ["constructor", "constructor", true],
  ])("%s and a wish for %s: %s", (granted, wanted, expected) => {
    expect(grants([granted], wanted)).toBe(expected);
    expect(grants(["other", granted], wanted)).toBe(expected);
    expect(model(granted, wanted)).toBe(expected);
  });

  test("that were not granted are denied", () => {
    expect(grants([], "nodes:read")).toBe(false);
    expect(grants([], "a")).toBe(false);
  });

  test("follow the same rule as a regular expression does", () => {
    fc.assert(
      fc.property(fc.array(grantedOnes, { maxLength: 4 }), wantedOnes, (granted, wanted) => {
        expect(grants(granted, wanted)).toBe(granted.some((each) => model(each, wanted)));
      }),
      { numRuns: 5000 },
    );
  });

  test("that are asked for have no wildcard, and are permissions", async () => {
    const wrong = [
      "*",
      "nodes:*",
      "*:read",
      "",
      ":",
      "nodes:",
      ":read",
      "a::b",
      "a b",
      "a\n",
      "node*",
      "x".repeat(257),
    ];
    for (const wanted of [...wrong, undefined, null, 7, ["a"]])
      await expectRefused("OPTION_INVALID", () => grants(["*"], wanted as string), "permission");
    expect(grants(["*"], "x".repeat(256))).toBe(true);
  });

  test("that can be granted are words and wildcards", () => {
    for (const text of ["a", "*", "a:*", "*:a", "a:*:b", "*:*", "a_b.c-d:E9"])
      expect(permission.safeParse(text).success, text).toBe(true);
    for (const text of ["", "a*", "**", "a:", ":a", "a::b", "a b", "a\n", "ä", "a:*b", "x".repeat(257), 7])
      expect(permission.safeParse(text).success, String(text)).toBe(false);
  });
});
