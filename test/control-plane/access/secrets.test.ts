import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  createSecret,
  createSecretId,
  hashSecret,
  isOver,
  matches,
  parseSecret,
} from "../../../src/control-plane/access/secrets.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID = "0123456789abcDEF";

/** CRC-32 bit by bit, as its definition has it. */
function crcOf(text: string): number {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function base62Of(number: number): string {
  const digits = Array.from({ length: 6 }, (_, i) => Math.floor(number / 62 ** (5 - i)) % 62);
  return digits.map((digit) => BASE62[digit]).join("");
}

describe("secrets", () => {
  test("are a prefix, the public id, 27 random characters, and the CRC-32 of all that", () => {
    expect(crcOf("123456789")).toBe(0xcbf43926);
    for (let i = 0; i < 100; i++) {
      const secret = createSecret("mgk", ID);
      expect(secret).toMatch(/^mgk_0123456789abcDEF[0-9A-Za-z]{33}$/);
      expect(secret.slice(-6)).toBe(base62Of(crcOf(secret.slice(0, -6))));
      expect(parseSecret(secret)).toEqual({ prefix: "mgk", id: ID });
    }
    expect(27 * Math.log2(62)).toBeGreaterThanOrEqual(160);
    expect(createSecretId()).toMatch(/^[0-9A-Za-z]{16}$/);
  });

  test("never come twice, and each character is as likely as any other", () => {
    const secrets = Array.from({ length: 2000 }, () => createSecret("m", createSecretId()).slice(2, -6));
    expect(new Set(secrets).size).toBe(2000);
    const counts = new Map<string, number>();
    for (const character of secrets.join("")) counts.set(character, (counts.get(character) ?? 0) + 1);
    expect(Array.from(counts.keys()).sort().join("")).toBe(BASE62);
    // 1387 of each are expected, and 8 standard deviations are 296.
    for (const [character, count] of counts) expect(Math.abs(count - 1387), character).toBeLessThan(296);
  });

  test("are malformed where one character is another, is missing, is twice there, or has changed places", () => {
    const secret = createSecret("mgk", createSecretId());
    const refused = (text: string) => expect(parseSecret(text), text).toBeUndefined();
    for (let i = 0; i < secret.length; i++) {
      const [before, after] = [secret.slice(0, i), secret.slice(i + 1)];
      for (const other of `${BASE62}_-. \n\0\u00e9\u{1f511}`)
        if (other !== secret[i]) refused(before + other + after);
      refused(before + after);
      refused(before + secret[i] + secret[i] + after);
      const swapped = before + after.slice(0, 1) + secret[i] + after.slice(1);
      if (swapped !== secret) refused(swapped);
    }
    expect(parseSecret(secret)?.prefix).toBe("mgk");
  });

  test("are malformed where they are something else", () => {
    const secret = createSecret("mgk", ID);
    const withPrefix = (prefix: string) => {
      const body = `${prefix}_${secret.slice(4, -6)}`;
      return body + base62Of(crcOf(body));
    };
    expect(parseSecret(withPrefix("a123456789012345"))?.prefix).toBe("a123456789012345");
    for (const prefix of ["", "1a", "a-b", "a_b", "a1234567890123456", " mgk"])
      expect(parseSecret(withPrefix(prefix)), prefix).toBeUndefined();
    const others = [
      "",
      "mgk_",
      `${secret}\n`,
      ` ${secret}`,
      undefined,
      null,
      7,
      {},
      [secret],
      Buffer.from(secret),
    ];
    for (const other of others) expect(parseSecret(other)).toBeUndefined();
    expect(parseSecret("a".repeat(1e6))).toBeUndefined();
  });

  test("are kept as the SHA-256 of their text", () => {
    const secret = createSecret("mgk", ID);
    const kept = hashSecret(secret);
    expect(kept).toEqual({ algorithm: "sha256", hash: createHash("sha256").update(secret).digest("hex") });
    expect(matches(kept, hashSecret(secret))).toBe(true);
    expect(matches(kept, hashSecret(createSecret("mgk", ID)))).toBe(false);
    expect(matches(undefined, hashSecret(secret))).toBe(false);
    // What is compared in the place of nothing is no secret either.
    expect(matches(undefined, { algorithm: "sha256", hash: "0".repeat(64) })).toBe(false);
    expect(matches({ ...kept, algorithm: "other" as never }, kept)).toBe(false);
  });

  test("end with the millisecond that they expire at", () => {
    const end = new Date("2026-03-10T12:00:00.000Z");
    expect(isOver(end, new Date(end.getTime() - 1))).toBe(false);
    expect(isOver(end, new Date(end.getTime()))).toBe(true);
    expect(isOver(undefined, end)).toBe(false);
  });
});
