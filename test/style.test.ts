import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const SRC = new URL("../src", import.meta.url).pathname;
/** From the ground up: a file may import from its own layer and those below. */
const LAYERS = [
  "errors",
  "awaitable",
  "bolt",
  "keys",
  "engine",
  "store",
  "collections",
  "migrations",
  "repair",
  "bolt-import",
  "control-plane",
  "index",
  "cli",
];
const MAX_LINES = 250;

const names = (await readdir(SRC, { recursive: true })).filter((name) => name.endsWith(".ts"));
const files = await Promise.all(
  names.map(async (name) => ({ name, text: await readFile(join(SRC, name), "utf8") })),
);

function layerOf(name: string): number {
  return LAYERS.indexOf((name.split("/")[0] as string).replace(/\.ts$/, ""));
}

function importsOf(name: string, text: string): string[] {
  return Array.from(text.matchAll(/(?:from |import\()"(\.[^"]+)"/g), ([, path]) =>
    relative(SRC, join(SRC, dirname(name), path as string)),
  );
}

describe("the code keeps its habits", () => {
  test("there is code to look at", () => expect(files.length).toBeGreaterThan(30));

  test.each(files)("$name holds one concept: no more lines than can be read at once", ({ text }) => {
    expect(text.split("\n").length).toBeLessThanOrEqual(MAX_LINES);
  });

  test.each(files)(
    "$name lies in a layer, and imports only from its own and those below",
    ({ name, text }) => {
      expect(layerOf(name), "a layer of its own").toBeGreaterThanOrEqual(0);
      for (const imported of importsOf(name, text)) {
        expect(layerOf(imported), `${name} imports ${imported}`).toBeLessThanOrEqual(layerOf(name));
      }
    },
  );

  test("no file is dead: each is reached from index.ts or the command line", () => {
    const reached = new Set<string>();
    const visit = (name: string) => {
      if (reached.has(name)) return;
      reached.add(name);
      const file = files.find((candidate) => candidate.name === name);
      for (const imported of importsOf(name, file?.text ?? "")) visit(imported);
    };
    visit("index.ts");
    visit("cli/main.ts");
    const dead = files
      .map(({ name }) => name)
      .filter((name) => !reached.has(name) && !name.endsWith(".d.ts"));
    expect(dead).toEqual([]);
  });

  test("index.ts only re-exports, by name", () => {
    const index = files.find(({ name }) => name === "index.ts")?.text ?? "";
    const statements = index.split(/;\n/).filter((statement) => statement.trim() !== "");
    for (const statement of statements)
      expect(statement).toMatch(/^export (type )?\{[^}]+\} from "\.\/[^"]+"$/);
  });
});
