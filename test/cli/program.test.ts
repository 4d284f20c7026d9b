import { readFile } from "node:fs/promises";
import { openStore } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { run, runOnTerminal, runProcess, TestHost } from "./run.ts";
import { stock } from "./stock.ts";

const places = usePlaces();

async function makeStore(): Promise<string> {
  const directory = places.path("db");
  await using store = await openStore(directory);
  await stock(store);
  return directory;
}

describe("help", () => {
  test("tells the commands, with examples and exit codes", async () => {
    const { stdout, stderr, code } = await run(["--help"]);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(stdout).toMatch(/^Usage: meshgate-db /);
    for (const part of ["import-bolt", "info", "Examples:", "--dry-run", "Exit codes:", "130"])
      expect(stdout).toContain(part);
    expect(await run(["help"])).toMatchObject({ stdout, code: 0 });
  });

  test.each([
    ["info", ["<directory>", "--json", "Example:"]],
    ["import-bolt", ["<file> <directory>", "--dry-run", "--tenant <id>", "--plain", "--json", "Examples:"]],
  ])("of %s tells its arguments and options", async (command, parts) => {
    const { stdout, stderr, code } = await run([command, "--help"]);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(stdout).toMatch(new RegExp(`^Usage: meshgate-db ${command} `));
    for (const part of parts) expect(stdout).toContain(part);
    expect(await run(["help", command])).toMatchObject({ stdout, code: 0 });
  });

  test("keeps to the width of a terminal", async () => {
    for (const args of [["--help"], ["info", "--help"], ["import-bolt", "--help"]])
      for (const line of (await run(args)).stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });
});

test("the version is the package's", async () => {
  const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  for (const flag of ["--version", "-V"])
    expect(await run([flag])).toEqual({ stdout: `${version}\n`, stderr: "", code: 0 });
});

describe("wrong usage exits with 2, says what is wrong, and prints no result", () => {
  test.each([
    [[], "Usage: meshgate-db"],
    [["nothing"], "unknown command 'nothing'"],
    [["inf", "x"], "Did you mean info?"],
    [["info"], "missing required argument 'directory'"],
    [["info", "a", "b"], "too many arguments"],
    [["info", "a", "--jsn"], "unknown option '--jsn'"],
    [["import-bolt", "file"], "missing required argument 'directory'"],
    [["import-bolt", "file", "directory", "--tenant"], "option '--tenant <id>' argument missing"],
    [["import-bolt", "file", "directory", "--plain", "--tenant", "t"], "cannot be used with option"],
  ])("%j", async (args, message) => {
    const { stdout, stderr, code } = await run(args);
    expect({ stdout, code }).toEqual({ stdout: "", code: 2 });
    expect(stderr).toContain(message);
  });
});

test("an error that is none of the library's is told with its stack", async () => {
  const host = new TestHost();
  host.stdout.write = () => {
    throw new TypeError("no write today");
  };
  const { code, stderr } = await run(["info", await makeStore()], host);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error UNEXPECTED: TypeError: no write today\n +at /);
});

describe("as a process", () => {
  test("it prints help and version, and tells wrong usage by its exit code", async () => {
    const [help, version, wrong] = await Promise.all([
      runProcess(["--help"]),
      runProcess(["--version"]),
      runProcess(["info", "--nothing"]),
    ]);
    expect(help).toMatchObject({ stdout: expect.stringContaining("Exit codes:"), stderr: "", code: 0 });
    expect(version).toMatchObject({
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: "",
      code: 0,
    });
    expect(wrong).toMatchObject({ stdout: "", stderr: expect.stringContaining("--nothing"), code: 2 });
  });

  test("in a pipe, it writes the result to stdout and nothing to stderr", async () => {
    const directory = await makeStore();
    const [text, json] = [
      await runProcess(["info", directory]),
      await runProcess(["info", directory, "--json"]),
    ];
    expect(text).toMatchObject({
      stderr: "",
      code: 0,
      stdout: expect.stringContaining("index email of users"),
    });
    expect(json).toMatchObject({ stderr: "", code: 0 });
    expect(JSON.parse(json.stdout)).toMatchObject({ directory, schemaVersion: null });
    expect(text.stdout + json.stdout).not.toContain("\x1b");
  });

  test("it fails with 1, and the code and message on stderr", async () => {
    const { stdout, stderr, code } = await runProcess(["info", places.path("none")]);
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toMatch(/^error STORE_NOT_FOUND: .+\n$/);
  });

  test("on a terminal, it shows how far it is, in colours only where they are wanted", async (context) => {
    const directory = await makeStore();
    const shown = await runOnTerminal(["info", directory], { NO_COLOR: "1" });
    if (shown === undefined) {
      console.warn("Skipped: there is no `script` to make a pseudo-terminal with.");
      context.skip("there is no `script` to make a pseudo-terminal with");
      return;
    }
    expect(shown.code).toBe(0);
    // A busy machine takes long enough for several drawings.
    const [before, ...drawn] = shown.stdout.split("\r\x1b[K");
    const result = drawn.pop();
    expect(before).toBe("");
    expect(drawn.length).toBeGreaterThan(0);
    for (const line of drawn) expect(line).toMatch(/^Counting {2}\d rows$/);
    expect(result).toContain("index email of users");
    expect(result).not.toContain("\x1b");
  });
});
