import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, type TestContext } from "vitest";
import { splitLines } from "./lines.ts";

const run = promisify(execFile);
const INSTALL = fileURLToPath(new URL("go/install.sh", import.meta.url));
const INSTALL_MS = 300_000;

/** What a file of the generator is to be like. Its flags: nofreelist, map, copy, shrink, large, short, dense, small. */
export interface FileSpec {
  readonly seed: number;
  readonly pageSize: number;
  readonly operations: number;
  readonly flags?: string;
}

export interface GeneratedFile {
  readonly path: string;
  /** What bbolt itself finds in the file, and what it found before the last commit. */
  readonly lines: readonly string[];
  readonly before: readonly string[];
  /** Pages that bbolt's check finds to be leaked. */
  readonly lost: number;
}

export interface Generator {
  readonly directory: string;
  /** The program; skips the test, and says why, where there is none. */
  program(context: TestContext): string;
  make(context: TestContext, spec: FileSpec): Promise<GeneratedFile>;
  dump(context: TestContext, path: string): Promise<string[]>;
  /** @returns the path of a copy without leaked pages, made by bbolt */
  compact(context: TestContext, path: string): Promise<string>;
}

/** Builds the program that writes files with bbolt, once for the tests of a file. */
export function useGenerator(): Generator {
  let directory = "";
  let missing: string | undefined = "it was not built";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "meshgate-bolt-"));
    missing = await build(join(directory, "generator"));
    if (missing !== undefined) console.warn(`Tests with files of the real bbolt are skipped: ${missing}.`);
  }, INSTALL_MS + 10_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const program = (context: TestContext) => {
    if (missing !== undefined) context.skip(`no bbolt: ${missing}`);
    return join(directory, "generator");
  };
  return {
    get directory() {
      return directory;
    },
    program,
    make: async (context, { seed, pageSize, operations, flags = "-" }) => {
      const path = join(directory, `${seed}-${pageSize}-${operations}-${flags}.db`);
      const args = ["make", path, seed, pageSize, operations, flags].map(String);
      const { stdout } = await run(program(context), args);
      const read = async (end: string) => splitLines(await readFile(path + end, "utf8"));
      const [lines, before] = [await read(".txt"), await read(".before.txt")];
      return { path, lines, before, lost: Number(stdout) };
    },
    compact: async (context, path) => {
      await run(program(context), ["compact", path, `${path}.compact`]);
      return `${path}.compact`;
    },
    dump: async (context, path) => {
      const { stdout } = await run(program(context), ["dump", path], { maxBuffer: 2 ** 30 });
      return splitLines(stdout);
    },
  };
}

/** @returns why there is no program, if there is none */
async function build(target: string): Promise<string | undefined> {
  try {
    await run(INSTALL, [target], { timeout: INSTALL_MS });
    return undefined;
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    return stdout?.trim().split("\n").at(-1) || String(error);
  }
}
