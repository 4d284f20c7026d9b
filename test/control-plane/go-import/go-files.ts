/** Files of a Go control plane, written by the real bbolt and by Go's own encoding/json. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, type TestContext } from "vitest";

const run = promisify(execFile);
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const INSTALL_MS = 300_000;

/** A row of a file, or a bucket where it has no key. */
export interface GoLine {
  readonly path: readonly Buffer[];
  readonly key: Buffer | undefined;
  readonly value: Buffer;
  readonly sequence: number;
  /** What is wrong with the row, as the program says that made it so. */
  readonly fault: string | undefined;
  /** What an API key's hash was made of. */
  readonly secret: string | undefined;
}

export interface GoFile {
  readonly path: string;
  readonly lines: readonly GoLine[];
}

/** What a random file is to be like. */
export interface GoFileSpec {
  readonly seed: number;
  readonly pageSize: number;
  /** About how many audit entries, and snapshots; the rest follows from it. */
  readonly scale: number;
  /** Of a thousand records. */
  readonly faults: number;
}

export interface GoFiles {
  /** Skips the test, and says why, where there is no Go. */
  make(context: TestContext, spec: GoFileSpec): Promise<GoFile>;
  /** Writes these lines, and no others, after {@link make} gave them. */
  write(lines: readonly GoLine[], pageSize: number): GoFile;
}

/** Builds the program that writes the files, once for the tests of a file. */
export function useGoFiles(): GoFiles {
  let directory = "";
  let missing: string | undefined = "it was not built";
  let written = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "meshgate-go-"));
    missing = await build(join(directory, "writer"));
    if (missing !== undefined)
      console.warn(`Tests with files of a Go control plane are skipped: ${missing}.`);
  }, INSTALL_MS + 10_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));
  return {
    make: async (context, { seed, pageSize, scale, faults }) => {
      if (missing !== undefined) return context.skip(`no bbolt: ${missing}`);
      const path = join(directory, `${seed}-${pageSize}-${scale}-${faults}.db`);
      const args = ["make", path, seed, pageSize, scale, faults].map(String);
      const { stdout } = await run(join(directory, "writer"), args, { maxBuffer: 2 ** 30 });
      return { path, lines: parseLines(stdout) };
    },
    write: (lines, pageSize) => {
      const path = join(directory, `written-${written++}.db`);
      const input = lines.map(({ path: names, key, value, sequence }) => ({
        path: names.map((name) => name.toString("base64")),
        ...(key === undefined
          ? { sequence }
          : { key: key.toString("base64"), value: value.toString("base64") }),
      }));
      const text = input.map((line) => JSON.stringify(line)).join("\n");
      execFileSync(join(directory, "writer"), ["rows", path, String(pageSize)], { input: text });
      return { path, lines };
    },
  };
}

/** A committed file, which `make … 7 1024 3 250` of `go` wrote. */
export async function fixture(): Promise<GoFile> {
  const lines = await readFile(at("fixtures/control-plane.bolt.db.jsonl"), "utf8");
  return { path: at("fixtures/control-plane.bolt.db"), lines: parseLines(lines) };
}

function parseLines(text: string): GoLine[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { path, key, value = "", sequence = 0, fault, secret } = JSON.parse(line) as Written;
      return {
        path: path.map((name) => Buffer.from(name, "base64")),
        key: key === undefined ? undefined : Buffer.from(key, "base64"),
        value: Buffer.from(value, "base64"),
        ...{ sequence, fault, secret },
      };
    });
}

interface Written {
  readonly path: readonly string[];
  readonly key?: string;
  readonly value?: string;
  readonly sequence?: number;
  readonly fault?: string;
  readonly secret?: string;
}

/** @returns why there is no program, if there is none */
async function build(target: string): Promise<string | undefined> {
  try {
    await run(at("../../bolt/go/install.sh"), [target, at("go")], { timeout: INSTALL_MS });
    return undefined;
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    return stdout?.trim().split("\n").at(-1) || String(error);
  }
}
