import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { DatabaseError, DatabaseManager, openStore, type Store } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { audit } from "../bench/demo/agent/audit.ts";
import { deleteBefore, readSeries, writeSample } from "../bench/demo/agent/series.ts";
import { Checks } from "../bench/demo/control-plane/checks.ts";
import { Clock } from "../bench/demo/control-plane/clock.ts";
import { drawHours } from "../bench/demo/control-plane/hours-chart.ts";
import { openSources, type Sample, type Source } from "../bench/demo/sampler.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Result {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** Runs the demo as `npm run demo` does, and interrupts it (Ctrl-C) once it has printed a text. */
async function demo(args: readonly string[], interruptAt?: string): Promise<Result> {
  const child = spawn(process.execPath, ["--import", "tsx", "bench/demo/main.ts", ...args], { cwd: root });
  let stdout = "";
  let interrupted = false;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    if (interrupted || interruptAt === undefined || !stdout.includes(interruptAt)) return;
    interrupted = child.kill("SIGINT");
  });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  return { stdout, stderr, code };
}

/** The numbers in a line of the summary. */
function facts(stdout: string, name: string): number[] {
  const line = stdout.split("\n").find((candidate) => candidate.startsWith(`  ${name} `)) ?? "";
  return Array.from(line.slice(name.length).matchAll(/\d[\d,]*(\.\d+)?/g), ([digits]) =>
    Number(digits.replaceAll(",", "")),
  );
}

/** What the second part must have shown. */
function expectControlPlane(stdout: string): void {
  const [held = 0, made] = facts(stdout, "checks");
  expect(held).toBe(made);
  expect(held).toBeGreaterThan(80);
  for (const line of [
    /refused with QUOTA_EXCEEDED: The tenant "demo-harbour" uses 4 of 4 nodes/,
    /Asked for nodes:read: good\. For nodes:delete: denied\./,
    /8 nodes: [\d,]+ heartbeats in/,
    /tcp 22 from 192\.0\.2\.7 to node-1: allow by ssh, rule 2, and logged\./,
    /The day is SIMULATED/,
    /11,520 minutes to 48 hours and 2 days/,
    /its hour is made anew, of 61 snapshots/,
    /██/,
    /is edited past the library: Entry \d+ is not as it was written/,
    /only the checkpoint tells: The chain ends with entry \d+/,
    /deletes 11,521 minute/,
    /the same counts, and its trail verifies/,
  ]) {
    expect(stdout).toMatch(line);
  }
  for (const name of ["key checks", "heartbeats", "decisions", "snapshots", "roll-up", "tenant's rows"]) {
    expect(facts(stdout, name)[0], name).toBeGreaterThan(0);
  }
  expect(stdout).not.toContain("FAILED");
}

describe("the demo", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "meshgate-test-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it("loses no acknowledged commit to kill -9, runs a control plane, and says what it did", async () => {
    const { stdout, stderr, code } = await demo(["--seconds", "3"]);
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    const [rows = 0] = facts(stdout, "rows written");
    expect(rows).toBeGreaterThan(1000);
    const [acknowledged = 0] = facts(stdout, "acknowledged");
    expect(acknowledged).toBeGreaterThan(0);
    expect(facts(stdout, "found")).toEqual([acknowledged, 0, 0]);
    const [commits = 0, groups = 0] = facts(stdout, "durable commits");
    expect(groups).toBeGreaterThan(0);
    expect(commits).toBeGreaterThan(groups);
    expect(facts(stdout, "retention")[0]).toBeGreaterThan(0);
    expect(facts(stdout, "window query")[0]).toBeGreaterThan(0);
    expect(facts(stdout, "check()")).toEqual([0]);
    expect(stdout).toContain("▲"); // the chart
    expect(stdout).not.toContain("\x1b"); // plain lines, as this is a pipe
    expectControlPlane(stdout);
  });

  it("stops in good order when interrupted, and keeps the store that it was given", async () => {
    const { stdout, code } = await demo(["--seconds", "4", "--dir", directory], "3. The agent");
    expect(code).toBe(0);
    expect(stdout).toContain("Stopped early.");
    expect(facts(stdout, "found")).toEqual([facts(stdout, "acknowledged")[0], 0, 0]);
    expect(stdout).not.toContain("The control plane");
    await using store = await openStore(directory);
    expect(await store.check()).toMatchObject({ ok: true });
  });

  it("stops the control plane in good order, too, and begins anew where one was kept", async () => {
    const args = ["--seconds", "1", "--dir", directory];
    const first = await demo(args, "9. A day");
    expect({ stderr: first.stderr, code: first.code }).toEqual({ stderr: "", code: 0 });
    expect(first.stdout).toContain("Stopped early.");
    expect(first.stdout).not.toContain("10. The day");
    expect(facts(first.stdout, "checks")[0]).toBeGreaterThan(20);

    const second = await demo(args, "5. Two tenants");
    expect({ stderr: second.stderr, code: second.code }).toEqual({ stderr: "", code: 0 });
    expect(second.stdout).toContain("demo-harbour is there from an earlier run: wiped");
    await using db = await DatabaseManager.open(join(directory, "control-plane"));
    expect(await db.store.check()).toMatchObject({ ok: true });
  });

  it.each([
    [["--sconds", "1"], "--sconds"],
    [["--seconds", "soon"], "--seconds soon"],
  ])("refuses %j", async (args, named) => {
    const { stderr, code } = await demo(args);
    expect(code).toBe(1);
    expect(stderr).toContain(named);
    expect(stderr).toContain("Usage:");
  });
});

describe("its audit", () => {
  const source: Source = {
    name: "cpu",
    origin: "a test",
    metrics: ["cpu.busy", "cpu.user"],
    read: (at) => ({ source: "cpu", at, figures: { "cpu.busy": at, "cpu.user": 2 * at } }),
  };
  const samples: Sample[] = [1000, 1002, 1004].map((at) => source.read(at));
  let store: Store;

  beforeEach(async () => {
    store = await openStore(new MemoryLevel());
    for (const sample of samples) await store.update((tx) => writeSample(tx, sample));
  });
  afterEach(() => store.close());

  it("finds what is there", async () => {
    const whole = { found: 3, missing: [], unacknowledged: 0, torn: 0, expired: 0 };
    expect(await audit(store, [source], samples)).toEqual(whole);
  });

  it("tells a commit that was not acknowledged", async () => {
    expect(await audit(store, [source], samples.slice(0, 2))).toMatchObject({ found: 2, unacknowledged: 1 });
  });

  it("tells an acknowledged commit that is missing", async () => {
    const lost = source.read(1006);
    expect(await audit(store, [source], [...samples, lost])).toMatchObject({ found: 3, missing: [lost] });
  });

  it("tells a commit that is there in part, or with another figure", async () => {
    await store.update(async (tx) => {
      const rows = await tx.bucket("samples");
      await rows?.delete(["cpu.user", 1000]);
      await rows?.put(["cpu.user", 1002], 0);
    });
    expect(await audit(store, [source], samples)).toMatchObject({
      found: 1,
      missing: samples.slice(0, 2),
      torn: 1,
    });
  });

  it("excuses what retention deleted", async () => {
    for (const metric of source.metrics) {
      expect(await store.update((tx) => deleteBefore(tx, "samples", metric, 1002))).toBe(1);
    }
    expect(await audit(store, [source], samples)).toMatchObject({
      found: 3,
      missing: [],
      torn: 0,
      expired: 2,
    });
    const rows = await store.view((tx) => readSeries(tx, "samples", "cpu.busy", 0, 1004));
    expect(rows).toEqual([[["cpu.busy", 1002], 1002]]);
  });
});

describe("its sampler", () => {
  it.each([["/proc"], ["/there/is/none"]])("gives a number for every metric with %s", (proc) => {
    const sources = openSources(proc);
    expect(sources.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["cpu", "memory", "load", "agent"]),
    );
    for (const source of sources) {
      const { figures } = source.read(Date.now());
      expect(Object.keys(figures)).toEqual(source.metrics);
      expect(Object.values(figures).every((figure) => Number.isFinite(figure) && figure >= 0)).toBe(true);
    }
  });
});

describe("its control plane", () => {
  it("counts and prints the checks that fail", async () => {
    const printed: string[] = [];
    const checks = new Checks((line) => printed.push(line));
    checks.holds("water is wet", true);
    checks.equal("sums", { sum: 1 + 1 }, { sum: 2 });
    const refuse = async () => {
      throw new DatabaseError("ABORTED", "stopped");
    };
    expect(await checks.refused("work", "ABORTED", refuse)).toMatchObject({ message: "stopped" });
    expect([checks.held, checks.made, printed]).toEqual([3, 3, []]);

    checks.holds("water is dry", false);
    checks.equal("sums", { sum: 1 + 1 }, { sum: 3 });
    expect(await checks.refused("work", "QUOTA_EXCEEDED", refuse)).toBeUndefined();
    expect(await checks.refused("rest", "ABORTED", async () => "done")).toBeUndefined();
    expect([checks.held, checks.made]).toEqual([3, 7]);
    expect(printed).toEqual([
      "FAILED water is dry",
      "FAILED sums: { sum: 2 } is not { sum: 3 }",
      "FAILED work: DatabaseError: stopped is not QUOTA_EXCEEDED",
      "FAILED rest: nothing is not ABORTED",
    ]);
  });

  it("has a clock that is set forward, never back", () => {
    const start = Date.UTC(2026, 0, 1);
    const clock = new Clock(start);
    clock.setTo(start + 3_600_000);
    const hourLater = clock.now().getTime();
    expect(hourLater).toBeGreaterThanOrEqual(start + 3_600_000);
    clock.setTo(start);
    expect(clock.now().getTime()).toBeGreaterThanOrEqual(hourLater);
    clock.advance(60_000);
    expect(clock.now().getTime()).toBeGreaterThanOrEqual(hourLater + 60_000);
  });

  it("draws hours up to their averages, and to their maxima above", () => {
    const lines = drawHours([0.5, 0.2], [0.6, 1]).split("\n");
    expect(lines).toHaveLength(12);
    const cells = (percent: number) =>
      lines.find((line) => line.startsWith(`${percent} %`.padStart(6)))?.slice(8);
    expect(cells(100)?.trimEnd()).toBe("   ░░");
    expect(cells(60)?.trimEnd()).toBe("░░ ░░");
    expect(cells(50)?.trimEnd()).toBe("██ ░░");
    expect(cells(20)?.trimEnd()).toBe("██ ██");
    expect(lines.at(-1)?.trim()).toBe("00 01");
  });
});
