import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ErrorCode } from "@meshgate/database";
import { Level } from "level";
import { beforeEach, describe, expect, test } from "vitest";
import { type Location, soon, usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";

const places = usePlaces();
const DATA = /^(\d+\.(ldb|log)|CURRENT|MANIFEST-\d+)$/;

/** The files that hold a store's data, by name, with a hash of what is in each. */
async function filesOf(directory: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of await readdir(directory)) {
    if (!DATA.test(name)) continue;
    const content = await readFile(join(directory, name));
    files[name] = createHash("sha256").update(content).digest("hex");
  }
  return files;
}

async function findFile(directory: string, pattern: RegExp): Promise<string> {
  const found = (await readdir(directory)).find((name) => pattern.test(name));
  expect(found, `a file ${pattern}`).toBeDefined();
  return join(directory, found as string);
}

/** Expects that the directory is refused in every way to open it, and is left as it was. */
async function expectDamaged(directory: string, code: ErrorCode = "STORE_DAMAGED"): Promise<void> {
  const before = await filesOf(directory);
  for (const options of [{}, { readOnly: true }, { createIfMissing: false }]) {
    await expectRefused(code, () => places.open(directory, options));
    expect(await readdir(directory)).not.toContain("meshgate.lock");
  }
  expect(await filesOf(directory)).toEqual(before);
}

describe("a damaged directory", () => {
  let directory: string;

  beforeEach(async () => {
    directory = places.path("store");
    const store = await places.open(directory, { durability: "relaxed" });
    await store.update(async (tx) => {
      const bucket = await tx.createBucket("rows");
      for (let i = 0; i < 500; i++) await bucket.put(i, `value ${i}`);
    });
    await store.compact();
    await store.update(async (tx) => (await tx.bucket("rows"))?.put("late", "in the log"));
    await store.close();
    expect(Object.keys(await filesOf(directory))).toHaveLength(4);
  });

  const expectWhole = async () => {
    const store = await places.open(directory);
    await expectSound(store);
    expect(await store.view(async (tx) => (await tx.bucket("rows"))?.count())).toBe(501);
    await store.close();
  };

  test("without CURRENT is refused, and keeps its tables", async () => {
    const current = join(directory, "CURRENT");
    await rename(current, places.path("CURRENT"));
    await expectDamaged(directory);
    await rename(places.path("CURRENT"), current);
    await expectWhole();
  });

  test("without CURRENT, and with a log only, is refused", async () => {
    await rename(join(directory, "CURRENT"), places.path("CURRENT"));
    await rm(await findFile(directory, /\.ldb$/));
    await rm(await findFile(directory, /^MANIFEST/));
    await expectDamaged(directory);
  });

  test("whose CURRENT names a manifest that is not there is refused", async () => {
    const current = await readFile(join(directory, "CURRENT"));
    for (const text of ["MANIFEST-999999\n", "", "garbage"]) {
      await writeFile(join(directory, "CURRENT"), text);
      await expectDamaged(directory);
    }
    await writeFile(join(directory, "CURRENT"), current);
    await expectWhole();
  });

  test("whose manifest is gone, empty or garbage is refused", async () => {
    const path = await findFile(directory, /^MANIFEST/);
    const manifest = await readFile(path);
    await rm(path);
    await expectDamaged(directory);
    for (const content of [Buffer.alloc(0), Buffer.alloc(manifest.length, 0xa5), manifest.subarray(0, 20)]) {
      await writeFile(path, content);
      await expectDamaged(directory);
    }
    await writeFile(path, manifest);
    await expectWhole();
  });

  test("whose table is gone is refused", async () => {
    await rename(await findFile(directory, /\.ldb$/), places.path("table"));
    await expectDamaged(directory);
  });

  test("whose table is garbage is refused with a code of the library", async () => {
    const path = await findFile(directory, /\.ldb$/);
    const garbage = Buffer.alloc((await readFile(path)).length, 0xa5);
    await writeFile(path, garbage);
    await expectRefused("STORE_DAMAGED", () => places.open(directory));
    await expectRefused("STORE_DAMAGED", () => places.open(directory, { readOnly: true }));
    expect(await readFile(path)).toEqual(garbage);
    expect(await readdir(directory)).not.toContain("meshgate.lock");
  });

  test("whose table is cut is refused with a code of the library", async () => {
    await truncate(await findFile(directory, /\.ldb$/), 30);
    await expectRefused(["STORE_DAMAGED", "STORE_IO"], () => places.open(directory));
  });

  test("can be opened once it is mended, and by the same process", async () => {
    const path = await findFile(directory, /^MANIFEST/);
    await rename(path, places.path("manifest"));
    await expectRefused("STORE_DAMAGED", () => places.open(directory));
    await rename(places.path("manifest"), path);
    await expectWhole();
  });
});

test("a log that was cut holds whole commits from the first on", async () => {
  const directory = places.path("store");
  const store = await places.open(directory);
  const batches = 60;
  for (let n = 1; n <= batches; n++) {
    await store.update(async (tx) => {
      for (const name of ["a", "b"]) {
        const bucket = await tx.createBucketIfNotExists(name);
        await bucket.put(n, "x".repeat(n * 20));
      }
    });
  }
  await store.close();
  const log = await findFile(directory, /\.log$/);
  const whole = await readFile(log);
  const current = await readFile(join(directory, "CURRENT"));
  const manifest = await findFile(directory, /^MANIFEST/);
  const manifestBytes = await readFile(manifest);
  const seen = new Set<number>();
  for (let cut = 1; cut <= 16; cut++) {
    const copy = places.path(`copy-${cut}`);
    await mkdir(copy);
    await writeFile(join(copy, "CURRENT"), current);
    await writeFile(join(copy, manifest.slice(directory.length + 1)), manifestBytes);
    const part = whole.subarray(0, Math.floor((whole.length * cut) / 16) - (cut === 16 ? 3 : 0));
    await writeFile(join(copy, log.slice(directory.length + 1)), part);
    const reopened = await places.open(copy);
    const { commit } = reopened.stats();
    seen.add(commit);
    const expected = Array.from({ length: commit }, (_, i) => i + 1);
    for (const name of ["a", "b"])
      expect(await reopened.view(async (tx) => (await tx.bucket(name))?.keys().toArray())).toEqual(expected);
    await expectSound(reopened);
    await reopened.close();
  }
  expect(seen.size).toBeGreaterThan(10);
  expect([...seen].at(-1)).toBe(batches - 1);
});

describe("a directory of another program", () => {
  test("is refused as STORE_INVALID, and left as it was", async () => {
    const directory = places.path("foreign");
    const level = new Level(directory);
    await level.batch([
      { type: "put", key: "their key", value: "their value" },
      { type: "put", key: "!users!their key", value: "in a sublevel" },
    ]);
    await level.close();
    for (const options of [{}, { readOnly: true }, { createIfMissing: false }])
      await expectRefused("STORE_INVALID", () => places.open(directory, options));
    const given = new Level(directory);
    await expectRefused("STORE_INVALID", () => places.open(given as unknown as Location));
    expect(await readdir(directory)).not.toContain("meshgate.lock");
    const again = new Level(directory);
    expect(await again.iterator().all()).toEqual([
      ["!users!their key", "in a sublevel"],
      ["their key", "their value"],
    ]);
    await again.close();
  });

  test("that is no database is used, and its files are left alone", async () => {
    const directory = places.path("notes");
    await mkdir(directory);
    await writeFile(join(directory, "README.txt"), "mine");
    await expectRefused("STORE_NOT_FOUND", () => places.open(directory, { createIfMissing: false }));
    const store = await places.open(directory);
    await store.update((tx) => tx.createBucket("rows"));
    await store.close();
    expect(await readFile(join(directory, "README.txt"), "utf8")).toBe("mine");
  });
});

describe("a store whose own rows", () => {
  const write = async (rows: Record<string, string | null>) => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await store.update((tx) => tx.createBucket("rows"));
    await store.close();
    const level = new Level(directory);
    for (const [key, value] of Object.entries(rows)) {
      if (value === null) await level.del(key);
      else await level.put(key, value);
    }
    await level.close();
    return directory;
  };

  test.each(["2", "999", "x", "-1", ""])(
    "tell of the format %j is refused: STORE_VERSION",
    async (format) => {
      const directory = await write({ "!~store!Jformat": format });
      await expectRefused("STORE_VERSION", () => places.open(directory));
      await expectRefused("STORE_VERSION", () => places.open(directory, { readOnly: true }));
    },
  );

  test("do not tell the last commit is refused: STORE_DAMAGED", async () => {
    for (const commit of [null, "x", "1.5"]) {
      await rm(places.path("store"), { recursive: true, force: true });
      const directory = await write({ "!~store!Jcommit": commit });
      await expectRefused("STORE_DAMAGED", () => places.open(directory));
    }
  });

  test("do not tell the format is refused as another program's: STORE_INVALID", async () => {
    const directory = await write({ "!~store!Jformat": null });
    await expectRefused("STORE_INVALID", () => places.open(directory));
  });
});

describe("a place where no directory can be made", () => {
  test.each(["/proc/x", "/proc/x/y/z", "/sys/x", "/proc/self/fd/x"])(
    "such as %s is refused",
    async (path) => {
      const codes: ErrorCode[] = ["STORE_NOT_FOUND", "STORE_IO"];
      await soon(() => expectRefused(codes, () => places.open(path)), 5000, "openStore");
      // A failed attempt leaves nothing behind that would make the next one wait, or a close.
      await soon(() => expectRefused(codes, () => places.open(path)), 5000, "openStore");
    },
  );

  test("parents that are missing are made, and a missing store makes none", async () => {
    const path = places.path("a", "b", "c");
    await mkdir(places.path("a"));
    await expectRefused("STORE_NOT_FOUND", () => places.open(path, { createIfMissing: false }));
    await expectRefused("STORE_NOT_FOUND", () => places.open(path, { readOnly: true }));
    expect(await readdir(places.path("a"))).toEqual([]);
    const store = await places.open(path);
    await expectSound(store);
  });
});
