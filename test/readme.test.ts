import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatWithOptions } from "node:util";
import { afterEach, expect, test, vi } from "vitest";

const ROOT = new URL("..", import.meta.url).pathname;
const readme = await readFile(join(ROOT, "README.md"), "utf8");
const examples = Array.from(readme.matchAll(/^```ts\n(.*?)^```$/gms), ([, code]) => code as string);

/** The bbolt files that examples read. */
const BBOLT_FILES = [
  ["bolt/fixtures/tree-1024.bolt.db", "meshgate-go.db"],
  ["control-plane/go-import/fixtures/control-plane.bolt.db", "control-plane-go.db"],
] as const;

/** What an example says that it prints: the rest of each line behind "// → ". */
function promised(code: string): string[] {
  return Array.from(code.matchAll(/\/\/ → (.*)$/gm), ([, text]) => text as string);
}

const home = process.cwd();
let directory: string | undefined;

afterEach(async () => {
  process.chdir(home);
  vi.restoreAllMocks();
  if (directory !== undefined) await rm(directory, { recursive: true });
  directory = undefined;
});

test("the README has examples, and each promises what it prints", () => {
  expect(examples.length).toBeGreaterThanOrEqual(9);
  for (const code of examples) expect(promised(code)).not.toEqual([]);
});

test.each(examples.map((code, i) => [i + 1, code] as const))(
  "README example %i runs as shown",
  async (i, code) => {
    const folder = join(ROOT, "test", ".examples");
    await mkdir(folder, { recursive: true });
    const file = join(folder, `example-${i}.ts`);
    await writeFile(file, code);
    directory = await mkdtemp(join(tmpdir(), "meshgate-readme-"));
    for (const [fixture, name] of BBOLT_FILES)
      await copyFile(join(ROOT, "test", fixture), join(directory, name));
    process.chdir(directory);
    const printed: string[] = [];
    vi.spyOn(console, "log").mockImplementation((...values) => {
      printed.push(formatWithOptions({ breakLength: Number.POSITIVE_INFINITY }, ...values));
    });
    await import(/* @vite-ignore */ file);
    expect(printed).toEqual(promised(code));
  },
);

test.each(["src/store/open-store.ts", "src/control-plane/database-options.ts"])(
  "the README names every option in %s",
  async (file) => {
    const source = await readFile(join(ROOT, file), "utf8");
    const options = /(?:STORE_OPTIONS|OWN)[^=]*= \[(.*?)\]/s.exec(source)?.[1]?.match(/\w+/g) ?? [];
    expect(options.length).toBeGreaterThan(0);
    for (const option of options) expect(readme).toContain(`\`${option}\``);
  },
);

test("the README has both commands of the front door", () => {
  expect(readme).toContain("npm ci && npm run demo\nnpm ci && npm test\n");
});
