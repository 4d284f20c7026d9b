import { describe, expect, test } from "vitest";
import { drawLine, ProgressBar } from "../../src/cli/progress-bar.ts";
import {
  formatBytes,
  formatCount,
  formatFacts,
  formatMany,
  formatTable,
  printable,
} from "../../src/cli/text.ts";
import { TestHost } from "./run.ts";

const CLEAR = "\r\x1b[K";

describe("figures", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [1949, "1.9 kB"],
    [999_949, "999.9 kB"],
    [999_950, "1.0 MB"],
    [1_234_567, "1.2 MB"],
    [5e9, "5.0 GB"],
    [7.25e15, "7250.0 TB"],
  ])("%d bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test("counts have commas, and nouns their number", () => {
    expect(formatCount(1234567)).toBe("1,234,567");
    expect([0, 1, 2000].map((count) => formatMany(count, "row"))).toEqual(["0 rows", "1 row", "2,000 rows"]);
  });
});

describe("tables", () => {
  const columns = [{ title: "name" }, { title: "n", right: true }, { title: "note" }] as const;

  test("are aligned, without blanks at the ends of lines, and without empty columns", () => {
    expect(formatTable(columns, [["a", "1", ""]])).toEqual(["name  n", "a     1"]);
    expect(
      formatTable(columns, [
        ["long name", "1", "x"],
        ["b", "1,000", ""],
      ]),
    ).toEqual(["name           n  note", "long name      1  x", "b          1,000"]);
  });

  test("count wide characters as two, and combining ones as none", () => {
    expect(
      formatTable(columns, [
        ["名前", "1", ""],
        ["e\u0301e", "2", ""],
      ]),
    ).toEqual(["name  n", "名前  1", "e\u0301e    2"]);
  });

  test("keep a very long cell whole, and do not push the other rows aside", () => {
    const [, long, short] = formatTable(columns, [
      ["x".repeat(300), "1", ""],
      ["y", "2", ""],
    ]) as [string, string, string];
    expect(long).toBe(`${"x".repeat(300)}  1`);
    expect(short.length).toBeLessThan(60);
  });

  test("facts have their names to the left", () => {
    expect(
      formatFacts([
        ["a", "1"],
        ["long", "2"],
      ]),
    ).toEqual(["a     1", "long  2"]);
  });
});

test("text is safe on a terminal: no control characters, no marks that turn the direction, nothing else changed", () => {
  expect(printable("a\x1b[31m\r\n\t\x7f\x9b\u2028\u200b\u202e\ud800")).toBe(
    "a\\x1b[31m\\x0d\\x0a\\x09\\x7f\\x9b\\u{2028}\\u{200b}\\u{202e}\\u{d800}",
  );
  expect(printable("käse 名前 👍🏽 a\\b")).toBe("käse 名前 👍🏽 a\\b");
});

describe("the progress line", () => {
  test("has a bar, per cent and rows where the total is known", () => {
    expect(drawLine("Importing", { done: 50, total: 200 }, 79, false)).toBe(
      `Importing  ${"━".repeat(10)}${"─".repeat(30)}  25 %  50 of 200 rows`,
    );
    expect(drawLine("Counting", { done: 1234, total: undefined }, 79, false)).toBe("Counting  1,234 rows");
    expect(drawLine("Counting", { done: 0, total: 0 }, 79, false)).toBe("Counting  0 rows");
  });

  test("is never wider than the terminal, and full at the end only", () => {
    for (let width = 0; width < 130; width++)
      for (const done of [0, 1, 49_999, 99_999, 100_000, 100_001]) {
        const line = drawLine("Importing", { done, total: 100_000 }, width, false);
        expect(line.length).toBeLessThanOrEqual(width);
        if (width < 60) continue;
        expect(line.includes("100 %")).toBe(done >= 100_000);
        expect(line.includes("─")).toBe(done < 100_000);
      }
  });

  test("is drawn ten times a second at the most, and taken away in the end", () => {
    let now = 1000;
    const host = new TestHost({ isTTY: true, columns: 80 });
    const bar = new ProgressBar(host, "Importing", () => now);
    for (let done = 1; done <= 1000; done++) {
      bar.show({ done, total: 1000 });
      now++;
    }
    expect(host.err.split(CLEAR)).toHaveLength(11);
    bar.clear();
    bar.clear();
    expect(host.err.split(CLEAR)).toHaveLength(12);
    expect(host.err.endsWith(CLEAR)).toBe(true);
    expect(host.out).toBe("");
  });

  test("has no colours with NO_COLOR, and is not there in a pipe or on a dumb terminal", () => {
    const shown = (terminal: object, env: Record<string, string>) => {
      const host = new TestHost(terminal, env);
      const bar = new ProgressBar(host, "Importing");
      bar.show({ done: 1, total: 2 });
      bar.clear();
      return host.err;
    };
    expect(shown({ isTTY: true, columns: 80 }, {})).toContain("\x1b[32m");
    expect(shown({ isTTY: true, columns: 80 }, { NO_COLOR: "" })).toContain("\x1b[32m");
    const plain = shown({ isTTY: true, columns: 80 }, { NO_COLOR: "1" });
    expect(plain).toContain("━");
    expect(plain.replaceAll(CLEAR, "")).not.toContain("\x1b");
    expect(shown({ isTTY: true, columns: 0 }, { NO_COLOR: "1" })).toBe(plain);
    expect(shown({}, {})).toBe("");
    expect(shown({ isTTY: false }, {})).toBe("");
    expect(shown({ isTTY: true }, { TERM: "dumb" })).toBe("");
  });
});
