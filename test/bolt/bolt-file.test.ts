import { execFileSync, spawn } from "node:child_process";
import { appendFile, mkdir, open, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, type TestContext, test } from "vitest";
import { type BoltElement, openBolt } from "../../src/bolt/bolt-file.ts";
import { usePlaces } from "../helpers/places.ts";
import { bucketValue, fileOf, leaf, sample, sign } from "./edits.ts";
import { useGenerator } from "./generator.ts";
import { lineOf, linesOf, splitLines } from "./lines.ts";
import { findRealFile } from "./real-file.ts";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const NAMES = ["tree-1024.bolt.db", "tree-4096.bolt.db"];
const places = usePlaces();
const generator = useGenerator();

async function copyOfSample(): Promise<string> {
  await writeFile(places.path("file.db"), await sample());
  return places.path("file.db");
}

async function all<T>(walk: AsyncIterable<T>): Promise<T[]> {
  const elements: T[] = [];
  for await (const element of walk) elements.push(element);
  return elements;
}

/** Makes a commit in a file: nothing but its number changes. */
async function commitIn(path: string): Promise<void> {
  const bytes = await readFile(path);
  const [older] = bytes.readBigUInt64LE(64) < bytes.readBigUInt64LE(1024 + 64) ? [0] : [1024];
  const newer = older === 0 ? 1024 : 0;
  bytes.copy(bytes, (older as number) + 16, newer + 16, newer + 80);
  bytes.writeBigUInt64LE(bytes.readBigUInt64LE(newer + 64) + 1n, (older as number) + 64);
  const handle = await open(path, "r+");
  await handle.write(sign(bytes).subarray(0, 2048), 0, 2048, 0);
  await handle.close();
}

describe("a bbolt file is read", () => {
  test.for(NAMES)("%s holds what bbolt finds in it", async (name) => {
    await using file = await openBolt(fixture(name));
    expect(await linesOf(file)).toEqual(splitLines(await readFile(`${fixture(name)}.txt`, "utf8")));
    expect(file).toMatchObject({ pageSize: Number(/\d+/.exec(name)), damagedMeta: undefined, lostPages: 0 });
  });

  test("a walk goes into those buckets at the top that are asked for, and gives the others by name", async () => {
    for (const name of NAMES) {
      await using file = await openBolt(fixture(name));
      const whole = await all(file.walk());
      const tops = whole.filter(({ kind, path }) => kind === "bucket" && path.length === 1);
      expect(tops.length).toBe(name === "tree-4096.bolt.db" ? 3 : 1);
      for (const { path } of tops) {
        const top = Buffer.from(path[0] as Uint8Array);
        const expected = whole.filter(
          (element) => top.equals(element.path[0] as Uint8Array) || tops.includes(element),
        );
        const found = await all(file.walk((each) => top.equals(each)));
        expect(found.map(lineOf)).toEqual(expected.map(lineOf));
      }
    }
  });

  test("the commit before the last is read, and it is said, where the last one's meta is damaged", async () => {
    for (const name of NAMES) {
      const bytes = await readFile(fixture(name));
      const size = bytes.readUInt32LE(24);
      const newer = bytes.readBigUInt64LE(64) > bytes.readBigUInt64LE(size + 64) ? 0 : size;
      bytes.writeUInt8((bytes.readUInt8(newer + 70) + 1) % 256, newer + 70);
      await writeFile(places.path("file.db"), bytes);
      await using file = await openBolt(places.path("file.db"));
      expect(file.damagedMeta).toBe(newer / size);
      expect(await linesOf(file)).toEqual(splitLines(await readFile(`${fixture(name)}.before.txt`, "utf8")));
    }
  });

  test("the file that a Go control plane wrote in July 2025", async (context: TestContext) => {
    await using file = await openBolt(findRealFile(context));
    expect(file).toMatchObject({ pageSize: 4096, txid: 8n, size: 32768, damagedMeta: undefined });
    const names: string[] = [];
    const keys: string[] = [];
    const values = new Map<string, string>();
    for await (const element of file.walk()) {
      const path = element.path.map((name) => Buffer.from(name).toString()).join("/");
      if (element.kind === "bucket") {
        names.push(path);
        expect(element.sequence).toBe(0n);
      } else {
        keys.push(`${path}/${Buffer.from(element.key)}`);
        values.set(keys.at(-1) as string, Buffer.from(element.value).toString());
      }
    }
    const expected =
      "alert_rules api_keys audit_logs billing_records idx_nodes_by_status idx_nodes_by_tenant idx_sessions_by_user idx_users_by_email idx_users_by_tenant metrics_snapshots migrations network_policies node_groups node_metrics nodes notification_channels policies sessions tenant_quotas tenants users";
    expect(names).toEqual(expected.split(" "));
    expect(keys).toEqual([
      "alert_rules/api-errors",
      "alert_rules/high-auth-failures",
      "alert_rules/node-down",
      "migrations/schema_version",
      "nodes/056f68b5-4522-483f-9245-c0821e8538d7",
      "nodes/75bb688a-fb93-4e1f-b767-770299a753c4",
      "nodes/f9b31d92-8353-495c-8313-ba33409ef98c",
      "tenant_quotas/system",
      "tenants/system",
    ]);
    expect(values.get("migrations/schema_version")).toBe("2");
    for (const [key, value] of values) expect(() => JSON.parse(value), key).not.toThrow();
  });

  test("the same file as bbolt itself reads it", async (context) => {
    const path = findRealFile(context);
    await using file = await openBolt(path);
    expect(await linesOf(file)).toEqual(await generator.dump(context, path));
  });

  test("buckets() gives those at the top alone", async () => {
    await using file = await openBolt(fixture("tree-4096.bolt.db"));
    const tops: string[] = [];
    for await (const bucket of file.buckets()) {
      expect(bucket.path).toHaveLength(1);
      tops.push(lineOf(bucket));
    }
    expect(tops).toEqual((await linesOf(file)).filter((line) => line.startsWith("B 0 ")));
  });

  test("bytes are the caller's: to keep, and to change", async () => {
    await using file = await openBolt(fixture("tree-1024.bolt.db"));
    const lines = await linesOf(file);
    const kept: BoltElement[] = [];
    for await (const element of file.walk()) kept.push(element);
    expect(kept.map(lineOf)).toEqual(lines);
    for (const element of kept) if (element.kind === "row") element.key.fill(0) && element.value.fill(0);
    expect(await linesOf(file)).toEqual(lines);
    const bytes = kept.flatMap((element) => (element.kind === "row" ? [element.key, element.value] : []));
    // Small ones share memory, of which one that is kept keeps no more than this.
    const MAX_SHARED = 8192;
    const isSmall = ({ buffer, byteLength }: Uint8Array) =>
      buffer.byteLength <= Math.max(byteLength, MAX_SHARED);
    expect(bytes.every(isSmall)).toBe(true);
  });

  test("several walks go on at once, and one that is left early is over", async () => {
    await using file = await openBolt(fixture("tree-1024.bolt.db"));
    const lines = await linesOf(file);
    for await (const element of file.walk()) if (element.kind === "row") break;
    expect(await Promise.all([linesOf(file), linesOf(file), linesOf(file)])).toEqual([lines, lines, lines]);
  });

  test("its values may be empty, and of many pages", async () => {
    const long = Buffer.alloc(3_000_000, "long ");
    const pages = [
      leaf(2, [{ key: "a", value: bucketValue(3, 2n ** 64n - 1n), isBucket: true }]),
      leaf(3, [
        { key: "empty", value: Buffer.alloc(0) },
        { key: "long", value: long },
        { key: "long as well", value: long },
        { key: "short", value: Buffer.from("end") },
      ]),
    ];
    await writeFile(places.path("file.db"), fileOf(pages));
    await using file = await openBolt(places.path("file.db"));
    const rows = await all(file.walk());
    expect(rows[0]).toMatchObject({ kind: "bucket", sequence: 2n ** 64n - 1n });
    expect(rows.slice(1).map((found) => (found.kind === "row" ? found.value.length : -1))).toEqual([
      0, 3_000_000, 3_000_000, 3,
    ]);
  });
});

describe("a path that is no file is refused", () => {
  test("one where there is nothing, a directory, a pipe, or that cannot be a path", async () => {
    await mkdir(places.path("directory"));
    execFileSync("mkfifo", [places.path("pipe")]);
    const paths = [places.path("nothing"), places.path("directory"), places.path("pipe"), "", "a\0b"];
    for (const path of paths)
      await expect(openBolt(path)).rejects.toMatchObject({ name: "DatabaseError", code: "BOLT_INVALID" });
  });
});

describe("a file that was closed", () => {
  test("is not read any more, and may be closed again", async () => {
    const file = await openBolt(fixture("tree-1024.bolt.db"));
    const walk = file.walk();
    expect((await walk.next()).done).toBe(false);
    await file.close();
    await file.close();
    await file[Symbol.asyncDispose]();
    await expect(all(walk)).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(linesOf(file)).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(all(file.buckets())).rejects.toMatchObject({ code: "STORE_CLOSED" });
  });
});

describe("a file that is written to while it is read is refused in the end", () => {
  test("by a commit, before, during and after which nothing else is changed", async () => {
    const path = await copyOfSample();
    for (const steps of [0, 1, 30]) {
      await using file = await openBolt(path);
      const walk = file.walk();
      for (let i = 0; i < steps; i++) expect((await walk.next()).done).toBe(false);
      await commitIn(path);
      await expect(all(walk)).rejects.toMatchObject({
        code: "BOLT_BUSY",
        message: expect.stringMatching(/page 0 or 1/),
      });
      await expect(all(file.buckets())).rejects.toMatchObject({ code: "BOLT_BUSY" });
    }
    await using file = await openBolt(path);
    expect(await linesOf(file)).toHaveLength(61);
  });

  test("by a size that changed", async () => {
    const path = await copyOfSample();
    const { size } = await stat(path);
    for (const change of [
      () => appendFile(path, "more"),
      () => truncate(path, size - 1024),
      () => truncate(path, 0),
    ]) {
      await using file = await openBolt(path);
      const walk = file.walk();
      await walk.next();
      await change();
      await expect(all(walk)).rejects.toMatchObject({ code: "BOLT_BUSY" });
      await copyOfSample();
    }
  });

  test("by bbolt itself: what is read at any moment is one commit, or refused", async (context) => {
    const path = places.path("written.db");
    const writer = spawn(generator.program(context), ["write", path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    places.later(() => writer.kill("SIGKILL"));
    await new Promise((ready) => writer.stdout.once("data", ready));
    const counts = { read: 0, busy: 0 };
    for (let i = 0; i < 300; i++) {
      try {
        await using file = await openBolt(path);
        const rows = (await linesOf(file)).length;
        // Commit 2 makes the first row, and each one more till there are 500.
        expect(rows).toBe(file.txid < 2n ? 0 : Math.min(Number(file.txid) - 1, 500) + 1);
        counts.read += 1;
      } catch (error) {
        expect(error).toMatchObject({ name: "DatabaseError", code: "BOLT_BUSY" });
        counts.busy += 1;
      }
    }
    console.log("While bbolt wrote:", counts);
  });
});
