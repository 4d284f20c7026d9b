import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseManager, openStore } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { beforeEach, describe, expect, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { run } from "./run.ts";
import { stock } from "./stock.ts";

const places = usePlaces();
let directory: string;
let backup: string;

beforeEach(async () => {
  directory = places.path("db");
  backup = places.path("backup");
  await using store = await openStore(directory);
  await stock(store);
  await store.update(async (tx) => {
    const bucket = await tx.createBucket("many");
    for (let i = 0; i < 2000; i++) await bucket.put(i, { i, noise: Math.sin(i) });
  });
  await store.compact();
});

async function flip(pattern: RegExp, at: number, path = directory): Promise<void> {
  const name = (await readdir(path)).find((each) => pattern.test(each)) as string;
  const bytes = await readFile(join(path, name));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(join(path, name), bytes);
}

const json = async (...args: string[]) => {
  const { stdout, stderr, code } = await run([...args, "--json"]);
  return { ...(JSON.parse(stdout) as Record<string, unknown>), stderr, code };
};

describe("backup, verify-backup and restore", () => {
  test("bring a store elsewhere", async () => {
    expect(await run(["backup", directory, backup])).toMatchObject({
      stdout: expect.stringMatching(/^Backed up .*: commit [\d,]+, [\d,]+ rows, .*\.\n$/),
      stderr: "",
      code: 0,
    });
    expect(await run(["verify-backup", backup])).toMatchObject({
      stdout: expect.stringMatching(/ is whole: /),
      code: 0,
    });
    const restored = places.path("restored");
    expect((await run(["restore", backup, restored])).stdout).toMatch(/^Restored /);
    expect((await run(["check", restored])).stdout).toMatch(/ is sound: [\d,]+ buckets, [\d,]+ rows\.\n$/);
  });

  test("tell the same as JSON", async () => {
    const made = await json("backup", directory, backup, "--bytes-per-second", "10000000");
    expect(made).toMatchObject({ directory, backup, rows: expect.any(Number), code: 0 });
    const { commit, rows, bytes } = made as unknown as Record<string, number>;
    expect(await json("verify-backup", backup)).toMatchObject({ commit, rows, bytes, code: 0 });
    expect(await json("restore", backup, places.path("restored"))).toMatchObject({
      commit,
      rows,
      bytes,
      code: 0,
    });
  });

  test("fail with a code", async () => {
    expect(await run(["verify-backup", directory])).toMatchObject({
      stdout: "",
      stderr: expect.stringContaining("BACKUP_INVALID"),
      code: 1,
    });
    await run(["backup", directory, backup]);
    expect(await run(["backup", directory, backup])).toMatchObject({
      stderr: expect.stringContaining("BACKUP_TARGET"),
      code: 1,
    });
    expect(await run(["restore", backup, directory])).toMatchObject({
      stderr: expect.stringContaining("BACKUP_TARGET"),
      code: 1,
    });
    await flip(/\.ldb$/, 50, backup);
    expect(await json("restore", backup, places.path("restored"))).toMatchObject({
      error: { code: "BACKUP_INVALID", details: { offset: 0 } },
      code: 1,
    });
    expect(await run(["backup", directory, places.path("b"), "--bytes-per-second", "none"])).toMatchObject({
      stderr: expect.stringContaining("no integer from 1 on"),
      code: 2,
    });
    expect(await run(["restore", backup])).toMatchObject({ code: 2 });
  });
});

describe("check", () => {
  test("finds problems, and exits with 1", async () => {
    const level = new ClassicLevel(directory);
    await level.put("stray", "1");
    await level.close();
    expect(await run(["check", directory])).toMatchObject({
      stdout: expect.stringMatching(/"stray" has a key.*\n\n.* has 1 problem in /s),
      code: 1,
    });
    expect(await json("check", directory)).toMatchObject({ ok: false, problemCount: 1, code: 1 });
  });
});

describe("repair", () => {
  test("leaves a sound store alone", async () => {
    expect(await run(["repair", directory])).toMatchObject({
      stdout: expect.stringMatching(/^No file of .* is damaged; nothing was done: /),
      code: 0,
    });
  });

  test("tells what was lost, and where the copy is", async () => {
    await flip(/\.ldb$/, 20_000);
    const copy = places.path("copy");
    const { stdout, code } = await run(["repair", directory, "--copy", copy]);
    expect(code).toBe(0);
    for (const part of [
      "Damaged files:\n",
      ".ldb at byte ",
      "Rows lost",
      "many: between ",
      `As it was, it is at ${copy}.`,
    ])
      expect(stdout).toContain(part);
    expect((await run(["check", directory])).code).toBe(0);
    await rm(directory, { recursive: true });
    expect(await json("repair", copy)).toMatchObject({
      sound: false,
      files: [{ offset: expect.any(Number) }],
      code: 0,
    });
  });

  test("knows the collections of a control plane", async () => {
    const plane = places.path("plane");
    const db = await DatabaseManager.open(plane);
    await db.saveUser({ id: "u", email: "u@example.com", tenantId: "system", role: "user" });
    await db.close();
    await rm(join(plane, "CURRENT"));
    const report = await json("repair", plane, "--control-plane");
    expect(report).toMatchObject({ sound: false, code: 0 });
    const { collections } = report as unknown as { collections: { name: string; state: string }[] };
    expect(collections.length).toBeGreaterThan(10);
    for (const { state } of collections) expect(state).toBe("rebuilt");
    await using again = await DatabaseManager.open(plane);
    expect(await again.getUsersByTenant("system")).toHaveLength(1);
  });
});
