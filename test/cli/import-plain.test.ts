import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openStore } from "@meshgate/database";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bucketValue, fileOf, leaf, sample } from "../bolt/edits.ts";
import { splitLines } from "../bolt/lines.ts";
import { usePlaces } from "../helpers/places.ts";
import { run, runProcess, TestHost } from "./run.ts";

const places = usePlaces();
const fixture = (name: string) => fileURLToPath(new URL(`../bolt/fixtures/${name}`, import.meta.url));
const TREE = fixture("tree-1024.bolt.db");
/** A bucket of it has a sequence that no store can keep. */
const REFUSED = fixture("tree-4096.bolt.db");
const LARGE_BUCKETS = 2;
/** As many as a page can hold. */
const LARGE_ROWS = 60_000;

// Dry runs work in the temporary directory, which is to be as they found it.
const { TMPDIR } = process.env;
let temporary: string;
beforeEach(async () => {
  temporary = places.path("tmp");
  await mkdir(temporary);
  process.env["TMPDIR"] = temporary;
});
afterEach(() => {
  if (TMPDIR === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = TMPDIR;
});

/** What bbolt itself found in the file. */
async function expected(): Promise<{ buckets: number; rows: number; sequences: string[] }> {
  const lines = splitLines(await readFile(`${TREE}.txt`, "utf8"));
  const buckets = lines.filter((line) => line.startsWith("B"));
  const sequences = buckets.map((line) => line.split(" ")[3] as string).filter((each) => each !== "0");
  return { buckets: buckets.length, rows: lines.length - buckets.length, sequences: sequences.sort() };
}

/** Writes a file whose import takes a while. */
async function writeLarge(): Promise<string> {
  const path = places.path("large.bolt.db");
  const pages: Buffer[] = [];
  const value = Buffer.alloc(100, 0x61);
  let next = 3;
  const tops = Array.from({ length: LARGE_BUCKETS }, (_, i) => {
    const rows = Array.from({ length: LARGE_ROWS }, (_row, at) => ({
      key: String(at).padStart(6, "0"),
      value,
    }));
    const page = leaf(next, rows);
    const top = { key: `b${i}`, value: bucketValue(next), isBucket: true };
    pages.push(page);
    next += Math.ceil(page.length / 1024);
    return top;
  });
  await writeFile(path, fileOf([leaf(2, tops), ...pages]));
  return path;
}

/** Waits until so many bytes were written to a directory. */
async function written(directory: string, bytes: number): Promise<void> {
  for (let size = 0; size < bytes; await sleep(2)) {
    const names = await readdir(directory).catch(() => []);
    const sizes = names.map((name) => stat(join(directory, name)).catch(() => undefined));
    size = (await Promise.all(sizes)).reduce((sum, each) => sum + (each?.size ?? 0), 0);
  }
}

test("a file is imported as bbolt has it, and info tells so", async () => {
  const directory = places.path("db");
  const { buckets, rows, sequences } = await expected();
  expect(sequences.length).toBeGreaterThan(0);
  const imported = await run(["import-bolt", TREE, directory, "--plain"]);
  expect(imported).toMatchObject({ stderr: "", code: 0 });
  const [last] = imported.stdout.split("\n").slice(-2);
  expect(last).toContain(`Imported ${TREE} into ${directory}: ${buckets} buckets with ${rows} rows, `);
  const info = JSON.parse((await run(["info", directory, "--json"])).stdout);
  expect(info).toMatchObject({ rows, indexRows: 0 });
  expect(info.buckets).toHaveLength(buckets);
  const found = info.buckets.map(({ sequence }: { sequence: number }) => String(sequence));
  expect(found.filter((each: string) => each !== "0").sort()).toEqual(sequences);
  await using store = await openStore(directory);
  expect(await store.check()).toMatchObject({ ok: true });
});

test("the JSON report names the buckets at the top", async () => {
  const { buckets, rows } = await expected();
  const directory = places.path("db");
  const { stdout, stderr, code } = await run(["import-bolt", TREE, directory, "--plain", "--json"]);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ file: TREE, directory, dryRun: false, buckets, rows, leftOut: [] });
  const sum = report.tops.reduce((total: number, top: { rows: number }) => total + top.rows, 0);
  expect(sum).toBe(rows);
});

describe("a dry run", () => {
  test("tells the same, makes nothing, and cleans up", async () => {
    const args = ["import-bolt", TREE, places.path("db"), "--plain", "--json"];
    const { stdout, code } = await run([...args, "--dry-run"]);
    expect(code).toBe(0);
    expect(existsSync(places.path("db"))).toBe(false);
    expect(await readdir(temporary)).toEqual([]);
    const real = JSON.parse((await run(args)).stdout);
    expect(JSON.parse(stdout)).toEqual({ ...real, dryRun: true });
    const text = await run([...args.slice(0, -1), "--dry-run"]);
    expect(text.stdout).toMatch(/\nDry run, nothing was kept: .* can be imported, \d+ buckets with/);
  });

  test("leaves a store alone that is there", async () => {
    const directory = places.path("db");
    await (await openStore(directory)).close();
    const args = ["import-bolt", TREE, directory, "--plain", "--dry-run"];
    expect(await run(args)).toMatchObject({ code: 0 });
    await using store = await openStore(directory);
    expect(store.stats().commit).toBe(0);
  });
});

describe("it fails with 1, the code and the reason", () => {
  async function refused(file: string, code: string, reason: RegExp): Promise<void> {
    const result = await run(["import-bolt", file, places.path("db"), "--plain"]);
    expect(result).toMatchObject({ stdout: "", code: 1 });
    expect(result.stderr).toMatch(new RegExp(`^error ${code}: `));
    expect(result.stderr).toMatch(reason);
  }

  test("for a file that is not there, or not bbolt's, and makes no store", async () => {
    await refused(places.path("none"), "BOLT_INVALID", /cannot be opened/);
    await writeFile(places.path("text"), "no database ".repeat(1000));
    await refused(places.path("text"), "BOLT_(INVALID|DAMAGED)", /text: /);
    expect(existsSync(places.path("db"))).toBe(false);
  });

  test("for a damaged file, and imports nothing of it", async () => {
    const bytes = await sample();
    bytes.fill(0xff, 1024 * 6, 1024 * 7);
    await writeFile(places.path("damaged"), bytes);
    await refused(places.path("damaged"), "BOLT_DAMAGED", /page \d+/);
    await using store = await openStore(places.path("db"));
    expect(await store.view((tx) => tx.buckets())).toEqual([]);
  });

  test("for what a store cannot keep, and imports nothing of it", async () => {
    await refused(REFUSED, "BOLT_REFUSED", /the sequence 8185092612876307422, above 2\^53-1/);
    await using store = await openStore(places.path("db"));
    expect(await store.view((tx) => tx.buckets())).toEqual([]);
  });

  test("where the buckets are there already, with details in JSON", async () => {
    const args = ["import-bolt", TREE, places.path("db"), "--plain"];
    expect(await run(args)).toMatchObject({ code: 0 });
    await refused(TREE, "BUCKET_EXISTS", /bucket/);
    const { stdout, code } = await run([...args, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({ code: "BUCKET_EXISTS", message: expect.any(String) });
  });
});

test("it tells how far it is, with a bar once the rows are known", async () => {
  const host = new TestHost({ isTTY: true, columns: 100 }, { NO_COLOR: "1" });
  const { code } = await run(["import-bolt", await writeLarge(), places.path("db"), "--plain"], host);
  expect(code).toBe(0);
  expect(host.err).toMatch(/Importing {2}[\d,]+ rows/);
  expect(host.err).toMatch(/Importing {2}━*─+ +\d+ % {2}[\d,]+ of 120,000 rows/);
  expect(host.err.endsWith("\r\x1b[K")).toBe(true);
});

test("Ctrl-C amid a long import exits with 130, and leaves a store without a trace of it", async () => {
  const directory = places.path("db");
  const file = await writeLarge();
  const interrupt = { after: () => written(directory, 200_000), signal: "SIGINT" } as const;
  const result = await runProcess(["import-bolt", file, directory, "--plain"], interrupt);
  expect(result).toEqual({ stdout: "", stderr: "Stopped by SIGINT. Nothing was imported.\n", code: 130 });
  await using store = await openStore(directory);
  expect(store.stats().commit).toBeGreaterThan(1);
  expect(await store.view((tx) => tx.buckets())).toEqual([]);
  expect(await store.check()).toMatchObject({ ok: true });
});

test("a signal amid a dry run leaves nothing behind", async () => {
  const host = new TestHost();
  const running = run(["import-bolt", await writeLarge(), places.path("db"), "--plain", "--dry-run"], host);
  await written(temporary, 1);
  host.send("SIGTERM");
  expect(await running).toMatchObject({
    code: 143,
    stdout: "",
    stderr: expect.stringMatching(/^Stopped by SIGTERM/),
  });
  expect(await readdir(temporary)).toEqual([]);
});
