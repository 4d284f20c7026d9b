import fc from "fast-check";
import { expect, test } from "vitest";
import { readDate } from "../../src/collections/iso-date.ts";

function same(text: string): void {
  expect(readDate(text).getTime(), text).toBe(new Date(text).getTime());
}

test("a date is read as Date reads it", () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => same(date.toISOString())),
    { numRuns: 20_000 },
  );
});

test("each day from 1000 to 2999, the leap days among them", () => {
  for (let at = Date.UTC(1000, 0, 1); at < Date.UTC(3000, 0, 1); at += 86_400_000)
    same(new Date(at + (at % 86_399_989)).toISOString());
});

test.each([
  "2026-02-31T00:00:00.000Z",
  "2026-13-01T00:00:00.000Z",
  "2026-01-01T24:00:00.000Z",
  "2026-01-01T00:00:00Z",
  "2026-01-01T00:00:00.000+01:00",
  "0099-01-01T00:00:00.000Z",
  "+012026-01-01T00:00:00.000Z",
  "2026-01-01",
  "no date",
  "",
])("%j is left to Date", same);
