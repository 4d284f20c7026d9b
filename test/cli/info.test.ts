import { existsSync } from "node:fs";
import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeKey, openStore } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import type { StoreInfo } from "../../src/cli/info.ts";
import { usePlaces } from "../helpers/places.ts";
import { run, TestHost } from "./run.ts";
import { migrate, stock } from "./stock.ts";

const places = usePlaces();

/** Makes a store, and closes it. */
async function makeStore(fill: (store: Awaited<ReturnType<typeof openStore>>) => Promise<void>) {
  const directory = places.path("db");
  await using store = await openStore(directory);
  await fill(store);
  return directory;
}

async function infoOf(directory: string): Promise<StoreInfo> {
  const { stdout, stderr, code } = await run(["info", directory, "--json"]);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  return JSON.parse(stdout) as StoreInfo;
}

test("info tells each bucket's rows, exact bytes, encoding and sequence, in order", async () => {
  const directory = await makeStore(async (store) => {
    await stock(store);
    await migrate(store);
  });
  const info = await infoOf(directory);
  const size = (key: Parameters<typeof encodeKey>[0], value: string) =>
    Buffer.byteLength(encodeKey(key)) + Buffer.byteLength(value);
  const plain = { encoding: "json", sequence: 0, kind: "rows" };
  expect(info.buckets.filter(({ path }) => path[0] === "plain")).toEqual([
    {
      ...plain,
      path: ["plain"],
      rows: 2,
      bytes: size("a", "1") + size(["ä", 2], '{"b":"ü"}'),
      sequence: 41,
    },
    { ...plain, path: ["plain", "after"], rows: 0, bytes: 0 },
    { ...plain, path: ["plain", "inner"], rows: 1, bytes: size("x", "") + 100, encoding: "bytes" },
    { ...plain, path: ["plain", "inner", "deep"], rows: 0, bytes: 0, encoding: "utf8" },
  ]);
  expect(info.buckets.filter(({ collection }) => collection === "users")).toEqual([
    expect.objectContaining({
      path: ["idx_users_by_email"],
      kind: "index",
      index: "email",
      ready: true,
      rows: 2,
      encoding: "utf8",
    }),
    expect.objectContaining({ path: ["users"], kind: "records", rows: 2 }),
  ]);
  expect(info.buckets.map(({ path }) => path.join("/"))).toEqual([
    "idx_users_by_email",
    "migrations",
    "plain",
    "plain/after",
    "plain/inner",
    "plain/inner/deep",
    "users",
    "zero",
  ]);
  const sum = (field: "rows" | "bytes", kinds: readonly string[]) =>
    info.buckets.filter(({ kind }) => kinds.includes(kind)).reduce((total, each) => total + each[field], 0);
  expect(info).toMatchObject({
    directory,
    schemaVersion: 2,
    rows: sum("rows", ["rows", "records"]),
    bytes: sum("bytes", ["rows", "records"]),
    indexRows: 2,
    indexBytes: sum("bytes", ["index"]),
  });
  await using store = await openStore(directory, { readOnly: true });
  expect(info.commit).toBe(store.stats().commit);
});

test("info counts as many rows as there are, and the bytes of the directory's files", async () => {
  const rows = 12_345;
  const directory = await makeStore((store) =>
    store.update(async (tx) => {
      const bucket = await tx.createBucket("many", { encoding: "utf8" });
      for (let i = 0; i < rows; i++) await bucket.put(i, "x".repeat(i % 50));
      await (await bucket.createBucket("in")).put("k", 1);
    }),
  );
  const info = await infoOf(directory);
  let bytes = 0;
  for (let i = 0; i < rows; i++) bytes += encodeKey(i).length + (i % 50);
  expect(info.buckets).toMatchObject([
    { path: ["many"], rows, bytes },
    { path: ["many", "in"], rows: 1, bytes: encodeKey("k").length + 1 },
  ]);
  expect(info.rows).toBe(rows + 1);
  const files = await readdir(directory);
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(directory, name))).size));
  expect(info.diskBytes).toBe(sizes.reduce((total, size) => total + size, 0));
  expect(files).not.toContain("meshgate.lock");
});

test("info shows people a table, nested buckets indented, figures to the right", async () => {
  const directory = await makeStore(async (store) => {
    await stock(store);
    await migrate(store);
  });
  const { stdout, stderr, code } = await run(["info", directory]);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  const lines = stdout.split("\n");
  expect(lines[0]).toBe(directory);
  expect(stdout).toMatch(/^ {2}last commit {5}\d+$/m);
  expect(stdout).toMatch(/^ {2}schema version {2}2$/m);
  expect(stdout).toMatch(/^ {2}on disk {9}[\d.]+ k?B$/m);
  expect(lines[5]).toBe("bucket              rows  bytes  encoding  sequence  holds");
  expect(stdout).toMatch(/^idx_users_by_email {5}2 +\d+ {2}utf8 +index email of users$/m);
  expect(stdout).toMatch(/^plain {18}2 +\d+ {2}json {12}41$/m);
  expect(stdout).toMatch(/^ {2}inner {16}1 +\d+ {2}bytes$/m);
  expect(stdout).toMatch(/^ {4}deep {15}0 {6}0 {2}utf8$/m);
  expect(stdout).toMatch(/^users {18}2 +\d+ {2}json +records$/m);
  expect(stdout).toMatch(/^8 buckets, 8 rows, [\d.]+ B, and 2 index rows, \d+ B\n$/m);
});

test("info of a store without buckets says so, and that there is no schema version", async () => {
  const directory = await makeStore(async () => undefined);
  expect(await infoOf(directory)).toMatchObject({ commit: 0, schemaVersion: null, rows: 0, buckets: [] });
  const { stdout } = await run(["info", directory]);
  expect(stdout).toMatch(/^ {2}schema version {2}none$/m);
  expect(stdout).toMatch(/^0 buckets, 0 rows, 0 B\n$/m);
});

test("info shows names that would move the cursor as escapes, and keeps them in JSON", async () => {
  const name = "\x1b[2Jred\n\u202e";
  const directory = await makeStore((store) =>
    store.update(async (tx) => void (await tx.createBucket(name))),
  );
  const { stdout } = await run(["info", directory]);
  expect(stdout).toContain("\\x1b[2Jred\\x0a\\u{202e}");
  expect(stdout).not.toContain("\x1b");
  expect((await infoOf(directory)).buckets).toMatchObject([{ path: [name] }]);
});

test("info goes on where the bucket of migrations is another program's", async () => {
  const directory = await makeStore((store) =>
    store.update(async (tx) => {
      const bucket = await tx.createBucket("migrations", { encoding: "utf8" });
      await bucket.put("schema_version", "two");
    }),
  );
  expect(await infoOf(directory)).toMatchObject({
    schemaVersion: null,
    schemaProblem: expect.stringContaining("schema_version"),
    rows: 1,
  });
  expect((await run(["info", directory])).stdout).toContain("schema version  cannot be read: The row");
});

test("info tells how far it is, and takes the line away", async () => {
  const directory = await makeStore(stock);
  const host = new TestHost({ isTTY: true, columns: 60 });
  const { stdout, stderr, code } = await run(["info", directory], host);
  expect(code).toBe(0);
  const [before, line, after] = stderr.split("\r\x1b[K");
  expect({ before, line, after }).toEqual({
    before: "",
    line: expect.stringMatching(/^Counting {2}\d rows$/),
    after: "",
  });
  expect(stdout).not.toContain("\x1b");
  expect(host.listening).toBe(0);
});

describe("info fails with 1, a code and what to do", () => {
  async function refused(directory: string, code: string): Promise<void> {
    const text = await run(["info", directory]);
    expect(text).toMatchObject({ code: 1, stdout: "" });
    expect(text.stderr).toMatch(new RegExp(`^error ${code}: .+\\n$`));
    const json = await run(["info", directory, "--json"]);
    expect(json).toMatchObject({ code: 1, stderr: text.stderr });
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code, message: expect.any(String) } });
  }

  test("where there is no directory, and makes none", async () => {
    await refused(places.path("none", "db"), "STORE_NOT_FOUND");
    expect(existsSync(places.path("none"))).toBe(false);
  });

  test("where the directory is empty, and leaves it empty", async () => {
    await mkdir(places.path("empty"));
    await refused(places.path("empty"), "STORE_NOT_FOUND");
    expect(await readdir(places.path("empty"))).toEqual([]);
  });

  test("where it is a file", async () => {
    await writeFile(places.path("file"), "text");
    await refused(places.path("file"), "PATH_INVALID");
  });

  test("where another holds the store", async () => {
    await places.open(places.path("db"));
    await refused(places.path("db"), "STORE_LOCKED");
  });

  test("where the store is damaged", async () => {
    const directory = await makeStore(stock);
    await rm(join(directory, "CURRENT"));
    await refused(directory, "STORE_DAMAGED");
  });

  test("where a bucket lies in none that is there", async () => {
    const directory = await makeStore(stock);
    const level = new ClassicLevel(directory);
    const key = `!~buckets!${encodeKey([0, "plain"])}`;
    expect(await level.get(key)).toContain("!plain!");
    await level.del(key);
    await level.close();
    await refused(directory, "DATA_CORRUPT");
  });
});

test("a signal stops info, which exits with 130 or 143 when the store is closed", async () => {
  const directory = await makeStore(stock);
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    const host = new TestHost();
    const running = run(["info", directory, "--json"], host);
    while (host.listening === 0) await new Promise(setImmediate);
    host.send(signal);
    const result = await running;
    expect(result).toMatchObject({ code, stderr: `Stopped by ${signal}. Nothing was changed.\n` });
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { code: "ABORTED" } });
    expect(host.exits).toEqual([]);
    await (await openStore(directory)).close();
  }
});

test("a second signal ends the process at once", async () => {
  const directory = await makeStore(stock);
  const host = new TestHost();
  const running = run(["info", directory], host);
  while (host.listening === 0) await new Promise(setImmediate);
  host.send("SIGINT");
  host.send("SIGINT");
  expect(host.exits).toEqual([130]);
  await running;
});
