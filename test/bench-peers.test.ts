import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "peers-test-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs the benchmark on the sources with the peers that are there: a test installs nothing. */
function peers(...args: string[]): Promise<{ stdout: string }> {
  return run(process.execPath, ["--import", "tsx", "bench/peers/main.ts", ...args], {
    cwd: root,
    env: { ...process.env, BENCH_LIBRARY: join(root, "src/index.ts"), TMPDIR: directory },
  });
}

async function manifest(path: string) {
  return JSON.parse(await readFile(join(root, path), "utf8"));
}

/** Skips a test, and says so, where the peers are not installed: the library never installs them. */
function needPeers(context: TestContext): void {
  if (existsSync(join(root, "bench/node_modules"))) return;
  console.warn("Skipped: the peers are not installed. npm run bench:peers installs them in bench/.");
  context.skip("the peers are not installed in bench/");
}

test("durable commits are measured, compared, drawn and written, and nothing else is left", async (context) => {
  needPeers(context);
  const json = join(directory, "peers.json");
  const results = join(directory, "results");
  const arguments_ = [
    "--quick",
    "--no-install",
    "--only",
    "write-16x1",
    "--json",
    json,
    "--results",
    results,
  ];
  const { stdout } = await peers(...arguments_);
  const report = JSON.parse(await readFile(json, "utf8"));
  const figures = { median: 0, min: 0, max: 0, p99: 0, rounds: 3 };
  const subjects = report.results.map(({ subject }: { subject: string }) => subject);
  expect(subjects.slice(0, 3)).toEqual(["ours: collection", "ours: bucket", "classic-level, for await"]);
  for (const result of report.results) {
    expect(result).toMatchObject({ workload: "write-16x1", unit: "us", rounds: 3 });
    expect(Object.keys(result)).toEqual(expect.arrayContaining(Object.keys(figures)));
    expect(result.median).toBeGreaterThan(0);
  }
  for (const ratio of report.ratios) {
    const other = report.results.find(({ subject }: { subject: string }) => subject === ratio.versus);
    expect(ratio.ratio).toBeCloseTo(other.median / report.results[0].median);
  }
  expect(report.ratios).toHaveLength(subjects.length - 1);
  expect(report.machine).toMatchObject({
    node: process.version,
    versions: { "classic-level": expect.stringMatching(/^\d/) },
  });

  const absent = Object.keys(report.missing);
  for (const name of ["better-sqlite3", "lmdb"]) {
    expect(subjects.some((subject: string) => subject.startsWith(name))).toBe(!absent.includes(name));
  }
  for (const name of absent) expect(stdout).toContain(`! without ${name}: `);
  const table = await readFile(join(results, "peers.md"), "utf8");
  for (const subject of subjects) expect(table).toContain(`| ${subject} | `);
  const drawn = (await readdir(results)).filter((name) => name.endsWith(".svg"));
  if (stdout.includes("without pictures")) expect(drawn).toEqual([]);
  else expect(drawn).toEqual(["peers-writers.svg"]);

  // What was written can be drawn again.
  const again = join(directory, "again");
  await peers("--draw", json, "--results", again);
  expect(await readFile(join(again, "peers.md"), "utf8")).toBe(table);
  expect(await readdir(again)).toEqual(await readdir(results));

  const left = (await readdir(directory)).filter((name) => name.startsWith("meshgate-peers-"));
  expect(left).toEqual([]);
});

test("an unknown workload is refused by name", async () => {
  await expect(peers("--only", "nothing")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/No workload is named nothing(.|\n)*range-1000/),
  });
});

test("installing the library installs no peer", async () => {
  const [library, bench] = [await manifest("package.json"), await manifest("bench/package.json")];
  const peerNames = Object.keys(bench.dependencies);
  expect(peerNames).toContain("better-sqlite3");
  const own = { ...library.dependencies, ...library.devDependencies, ...library.optionalDependencies };
  expect(Object.keys(own).filter((name) => peerNames.includes(name))).toEqual([]);
  expect(library.workspaces).toBeUndefined();
  expect(library.files).not.toContain("bench");
});
