import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openStore, type Store, type StoreOptions } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { beforeEach, describe, expect, test } from "vitest";
import { openEngine } from "../../../src/engine/engine.ts";
import { readSeal, type Seal, stampOf, writeSeal } from "../../../src/engine/leveldb/seal.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused, expectSound } from "../../helpers/stores.ts";

const places = usePlaces();
const ROWS = 300;
let directory: string;

const seal = () => readSeal(directory) as Seal;
const put = (store: Store, key: string) =>
  store.update(async (tx) => (await tx.createBucketIfNotExists("rows")).put(key, `value of ${key}`));
const countIn = (store: Store) => store.view(async (tx) => (await tx.bucket("rows"))?.count());

const find = (pattern: RegExp): string =>
  join(directory, readdirSync(directory).find((name) => pattern.test(name)) ?? "none");

function flip(path: string, at = Math.floor(statSync(path).size / 2)): void {
  const content = readFileSync(path);
  content[at] = (content[at] as number) ^ 4;
  writeFileSync(path, content);
}

/** Makes the seal tell what the files are like now. */
function forge(): void {
  const { files, ...rest } = seal();
  const names = Object.keys(files);
  writeSeal(directory, {
    ...rest,
    files: Object.fromEntries(names.map((n) => [n, stampOf(join(directory, n))])),
  });
}

async function expectRows(rows: number, options?: StoreOptions): Promise<void> {
  const store = await places.open(directory, options);
  expect(await countIn(store)).toBe(rows);
  await store.close();
}

/** Expects that the error names the file that the path is of. */
async function expectDamaged(path: string, options?: StoreOptions): Promise<void> {
  const name = path.slice(directory.length + 1);
  await expectRefused("STORE_DAMAGED", () => places.open(directory, options), name);
  await places.open(directory, options).catch((error) => expect(error.details.file).toBe(name));
}

beforeEach(async () => {
  directory = places.path("store");
  const store = await openStore(directory);
  await store.update(async (tx) => {
    const bucket = await tx.createBucket("rows");
    for (let n = 0; n < ROWS; n++) await bucket.put(`k${n}`, `value ${n}`);
  });
  await store.compact();
  await put(store, "late");
  await store.close();
});

describe("the seal", () => {
  test("tells after close() all files of the store, and that it is closed", () => {
    const names = readdirSync(directory).filter((name) => /^(MANIFEST-\d+|\d+\.(ldb|log))$/.test(name));
    expect(seal()).toMatchObject({ clean: true, current: find(/^MANIFEST/).slice(directory.length + 1) });
    expect(Object.keys(seal().files).sort()).toEqual(names.sort());
  });

  test("is not written by read-only opens, nor by one whose writes failed", async () => {
    const before = seal();
    await expectRows(ROWS + 1, { readOnly: true });
    expect(seal()).toEqual(before);
    const engine = await openEngine(directory, { createIfMissing: false, lockTimeout: 0 });
    await engine.close();
    // Whatever the opening wrote of tables, it does not say that the store was closed in good order.
    const after = seal();
    expect(after.clean && after.current === readFileSync(join(directory, "CURRENT"), "latin1").trim()).toBe(
      false,
    );
    await expectRows(ROWS + 1);
    expect(seal().clean).toBe(true);
  });

  test("that is gone, torn or of another release makes the opening verify everything", async () => {
    const path = join(directory, "meshgate.seal");
    const whole = readFileSync(path, "utf8");
    for (const text of [undefined, "", whole.slice(0, 50), whole.replace("true", "false"), "null"]) {
      rmSync(path, { force: true });
      if (text !== undefined) writeFileSync(path, text);
      await expectRows(ROWS + 1);
    }
    const table = find(/\.ldb$/);
    const content = readFileSync(table);
    flip(table);
    forge();
    rmSync(path);
    await expectDamaged(table);
    writeFileSync(table, content);
    await expectRows(ROWS + 1);
  });

  test("that is all there is left tells of a store that is gone", async () => {
    for (const name of readdirSync(directory)) if (name !== "meshgate.seal") rmSync(join(directory, name));
    await expectDamaged(join(directory, "CURRENT"));
    rmSync(join(directory, "meshgate.seal"));
    await (await places.open(directory)).close();
  });

  test("does not vouch for a table that changed while the store was open", async () => {
    const table = find(/\.ldb$/);
    const store = await places.open(directory);
    flip(table);
    await store.close();
    await expectDamaged(table);
  });

  test("does not vouch for what verify: 'never' left unverified", async () => {
    const table = find(/\.ldb$/);
    flip(table, 20);
    const store = await places.open(directory, { verify: "never" });
    await store.close();
    await expectDamaged(table);
  });
});

describe("the option verify", () => {
  test("'always' finds what changed without a trace, which 'changed' and 'never' cannot", async () => {
    const table = find(/\.ldb$/);
    flip(table, 20);
    forge();
    await expectDamaged(table, { verify: "always" });
    for (const verify of ["changed", "never"] as const) {
      const store = await places.open(directory, { verify });
      // check() reads everything.
      const report = await store.check();
      expect(report.ok).toBe(false);
      expect(report.problems[0]).toMatchObject({ row: "", file: table.slice(directory.length + 1) });
      await store.close();
      forge();
    }
  });

  test("'never' still sees what needs no checksum", async () => {
    const table = find(/\.ldb$/);
    truncateSync(table, 100);
    await expectDamaged(table, { verify: "never" });
  });

  test("anything else is refused", async () => {
    await expectRefused(
      "OPTION_INVALID",
      () => openStore(directory, { verify: "sometimes" as "never" }),
      "verify",
    );
  });
});

describe("a store opens with all its rows", () => {
  test("where it was copied, or its times changed", async () => {
    const copy = places.path("copy");
    cpSync(directory, copy, { recursive: true });
    const store = await places.open(copy);
    expect(await countIn(store)).toBe(ROWS + 1);
    for (const name of readdirSync(directory)) utimesSync(join(directory, name), 1, 1);
    await expectRows(ROWS + 1);
  });

  test("where another program wrote to it in between", async () => {
    const level = new ClassicLevel<string, string>(directory);
    await level.sublevel("rows").put("Jother", '"value"');
    await level.compactRange("!", "~");
    await level.sublevel("rows").put("Jagain", '"value"');
    await level.close();
    await expectRows(ROWS + 3);
  });

  test("where the other program was killed, or LevelDB repaired it", async () => {
    const level = new ClassicLevel<string, string>(directory);
    await level.sublevel("rows").put("Jother", '"value"');
    const copy = places.path("copy");
    cpSync(directory, copy, { recursive: true });
    await level.close();
    const store = await places.open(copy);
    expect(await countIn(store)).toBe(ROWS + 2);
    await ClassicLevel.repair(directory);
    await expectRows(ROWS + 2);
  });

  test("after a crash, and then verifies only what is new", async () => {
    const store = await places.open(directory);
    for (let n = 0; n < 50; n++) await put(store, `more-${n}`);
    const crashed = places.path("crashed");
    cpSync(directory, crashed, { recursive: true, filter: (path) => !path.endsWith(".lock") });
    await store.close();
    directory = crashed;
    await expectRows(ROWS + 51);
  });

  test("after a crash that tore the end of the log, without that commit", async () => {
    const store = await places.open(directory);
    await put(store, "whole");
    await put(store, "torn");
    const crashed = places.path("crashed");
    cpSync(directory, crashed, { recursive: true, filter: (path) => !path.endsWith(".lock") });
    await store.close();
    directory = crashed;
    const log = find(/\.log$/);
    truncateSync(log, statSync(log).size - 3);
    await expectRows(ROWS + 2);
  });
});

describe("a store is refused", () => {
  test("where CURRENT was set back to a manifest of before", async () => {
    const old = find(/^MANIFEST/);
    const kept = places.path("old");
    cpSync(old, kept);
    await expectRows(ROWS + 1);
    cpSync(kept, old);
    writeFileSync(join(directory, "CURRENT"), `${old.slice(directory.length + 1)}\n`);
    await expectDamaged(join(directory, "CURRENT"));
  });

  test("where CURRENT names the first manifest of all, which knows of no tables", async () => {
    const first = places.path("first");
    mkdirSync(first);
    const level = new ClassicLevel(first);
    await level.open();
    await level.close();
    // Made as LevelDB makes a new database: nothing but the comparator and numbers.
    const edit = Buffer.from([1, 26, ...Buffer.from("leveldb.BytewiseComparator"), 2, 0, 3, 2, 4, 0]);
    const { crc32c } = await import("../../../src/engine/leveldb/crc32c.ts");
    const crc = crc32c(edit, 0, edit.length, crc32c(Uint8Array.of(1)));
    const header = Buffer.from([0, 0, 0, 0, edit.length, 0, 1]);
    header.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 0);
    const name = "MANIFEST-000999";
    writeFileSync(join(directory, name), Buffer.concat([header, edit]));
    writeFileSync(join(directory, "CURRENT"), `${name}\n`);
    rmSync(find(/\.log$/));
    await expectDamaged(find(/\.ldb$/));
  });

  test("where a log is gone that it had when it was closed", async () => {
    const log = find(/\.log$/);
    renameSync(log, places.path("log"));
    await expectDamaged(log);
    await expectDamaged(log, { verify: "never" });
    renameSync(places.path("log"), log);
    await expectRows(ROWS + 1);
  });
});

describe("check()", () => {
  test("names each damaged file, and goes on with the rest", async () => {
    const store = await places.open(directory);
    await put(store, "more");
    await store.compact();
    await put(store, "last");
    await put(store, "very last");
    await expectSound(store);
    const table = find(/\.ldb$/);
    const log = find(/\.log$/);
    flip(table, 20);
    flip(log, 20);
    const report = await store.check();
    expect(report.ok).toBe(false);
    const files = report.problems.map(({ file }) => file);
    expect(files).toEqual(
      expect.arrayContaining([table, log].map((path) => path.slice(directory.length + 1))),
    );
    for (const { message } of report.problems) expect(message).toMatch(/is damaged: \d+\.(ldb|log) at byte/);
    rmSync(table);
    const gone = await store.check();
    expect(gone.problems.map(({ message }) => message)).toEqual(
      expect.arrayContaining([expect.stringContaining("and it is gone")]),
    );
  });

  test("finds nothing wrong while files come and go", async () => {
    const store = await places.open(directory, { durability: "relaxed" });
    let isOver = false;
    const write = async () => {
      for (let n = 0; !isOver; n++) {
        await store.update(async (tx) => {
          const bucket = await tx.createBucketIfNotExists("rows");
          for (let i = 0; i < 200; i++) await bucket.put(`w${(n * 7 + i) % 900}`, "x".repeat(500) + n);
        });
        if (n % 10 === 0) await store.compact();
      }
    };
    const writing = write();
    try {
      for (let n = 0; n < 10; n++) await expectSound(store);
    } finally {
      isOver = true;
      await writing;
    }
  });
});
