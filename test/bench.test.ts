import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "bench-test-"));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs the benchmarks on the sources, so that no build is needed; TMPDIR shows what they leave behind. */
function bench(...args: string[]): Promise<{ stdout: string }> {
  return run(process.execPath, ["--import", "tsx", "bench/main.ts", ...args], {
    cwd: root,
    env: { ...process.env, BENCH_LIBRARY: join(root, "src/index.ts"), TMPDIR: directory },
  });
}

test("a workload runs, reports and leaves nothing behind", async () => {
  const file = join(directory, "bench.json");
  const { stdout } = await bench("--quick", "--only", "put-1000", "--json", file);
  expect(stdout).toMatch(
    /put-1000: .*\n.*in a process of its own.*\n.*median.*\n.*ours: update .*\n.*raw: chained/,
  );
  expect(stdout).toMatch(/[01] of 1 targets met/);
  const report = JSON.parse(await readFile(file, "utf8"));
  const figures = {
    workload: "put-1000",
    unit: "ms",
    median: expect.any(Number),
    min: expect.any(Number),
    max: expect.any(Number),
    p99: expect.any(Number),
    rounds: expect.any(Number),
  };
  expect(report).toEqual({
    machine: expect.objectContaining({ node: process.version, cores: expect.any(Number) }),
    results: [
      { subject: "ours: update", ...figures },
      { subject: "raw: chained batch, sync", ...figures },
      { subject: "raw: keys made beforehand", ...figures },
      { subject: "ours: puts not awaited", ...figures },
    ],
    ratios: [
      {
        workload: "put-1000",
        subject: "ours: update",
        versus: "raw: chained batch, sync",
        ratio: expect.any(Number),
        target: 1 / 1.3,
        met: expect.any(Boolean),
        finding: expect.stringMatching(/x the time of/),
      },
      ...["ours: update", "ours: puts not awaited"].map((subject) => ({
        workload: "put-1000",
        subject,
        versus: "raw: keys made beforehand",
        ratio: expect.any(Number),
        finding: expect.any(String),
      })),
    ],
  });
  const [ours, raw] = report.results;
  expect(report.ratios[0].ratio).toBeCloseTo(raw.median / ours.median);
  expect(ours.min <= ours.median && ours.median <= ours.p99 && ours.p99 <= ours.max).toBe(true);
  // A loader may keep a cache in TMPDIR.
  const left = (await readdir(directory)).filter((name) => name.startsWith("meshgate-bench-"));
  expect(left).toEqual([]);
});

test("a workload that reads compares its sides in one process", async () => {
  const { stdout } = await bench("--quick", "--only", "get");
  expect(stdout).toMatch(
    /get: .*\n.*in one process.*\n.*median.*\n.*ours: bucket.get\(\) .*\n.*raw: getSync/,
  );
  expect(stdout).toMatch(/[01] of 1 targets met/);
});

test("a workload on a control plane tells how many there are in a second", async () => {
  const file = join(directory, "rates.json");
  const { stdout } = await bench("--quick", "--only", "api-key-verify", "--json", file);
  expect(stdout).toMatch(
    /api-key-verify: .*\n.*on one core.*\n.*median.*\n.*verifyApiKey\(\) .*\n.*with a permission/,
  );
  expect(stdout).toMatch(/verifyApiKey\(\): \d+ verifications\/s, target at least 40000/);
  const { results, ratios } = JSON.parse(await readFile(file, "utf8"));
  const rates = results.map(({ median }: { median: number }) => 1_000_000 / median);
  const claim = { workload: "api-key-verify", finding: expect.stringMatching(/^\d+ verifications\/s/) };
  const target = { versus: "40000 verifications/s", target: 1 };
  expect(ratios).toEqual([
    { ...claim, ...target, subject: "verifyApiKey()", ratio: rates[0] / 40_000, met: rates[0] >= 40_000 },
    { ...claim, ...target, subject: "with a permission", ratio: rates[1] / 40_000, met: rates[1] >= 40_000 },
    { ...claim, subject: "of an unknown secret", versus: "1 verifications/s", ratio: rates[2] },
  ]);
});

test("an unknown workload is refused by name", async () => {
  await expect(bench("--only", "nothing")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/No workload is named nothing(.|\n)*view-get/),
  });
});
