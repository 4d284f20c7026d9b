/** What LevelDB makes of damages when it opens a directory by itself: without these, the pre-flight would be idle. */
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore, type Store } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { beforeEach, describe, expect, test } from "vitest";
import { readManifest } from "../../../src/engine/leveldb/manifest-file.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { randomFrom } from "./history.ts";

const places = usePlaces();
const random = randomFrom(11);
/** Text that does not compress, so that its bytes stand in the files as they are. */
const noise = (length: number) => Array.from({ length }, () => String.fromCharCode(33 + random(90))).join("");
const MARK = "MARK-that-stands-in-the-file";

const put = (store: Store, key: string, value: string) =>
  store.update(async (tx) => {
    const bucket = await tx.createBucketIfNotExists("rows", { encoding: "utf8" });
    await bucket.put(key, value);
  });

/** What a program without this library reads. */
async function rawRows(directory: string): Promise<Record<string, string>> {
  const level = new ClassicLevel<string, string>(directory);
  try {
    const rows = level.sublevel("rows");
    const keys = await rows.keys().all();
    // One by one: a walk and a point read may find different values.
    const values = await rows.getMany(keys);
    return Object.fromEntries(keys.map((key, i) => [key.slice(1), values[i] ?? "none"]));
  } finally {
    await level.close();
  }
}

const find = (directory: string, pattern: RegExp): string =>
  join(directory, readdirSync(directory).find((name) => pattern.test(name)) ?? "none");

function edit(path: string, change: (content: Buffer) => void): void {
  const content = readFileSync(path);
  change(content);
  writeFileSync(path, content);
}

/** Damages two copies: this library must refuse one, and LevelDB give these rows, or none, for the other. */
async function expectHazard(
  directory: string,
  damage: (directory: string) => void,
  rows: (found: Record<string, string>) => void,
): Promise<void> {
  const ours = places.path("ours");
  const raw = places.path("raw");
  for (const copy of [ours, raw]) {
    cpSync(directory, copy, { recursive: true });
    damage(copy);
  }
  await expectRefused("STORE_DAMAGED", () => places.open(ours));
  rows(await rawRows(raw));
}

describe("without the pre-flight, LevelDB gives wrong rows for", () => {
  let directory: string;
  let store: Store;

  beforeEach(async () => {
    directory = places.path("store");
    store = await openStore(directory);
    for (let n = 0; n < 20; n++) await put(store, `early-${n}`, noise(200));
    await put(store, "marked", MARK + noise(100));
    await put(store, "deleted", noise(50));
    await store.update(async (tx) => (await tx.bucket("rows"))?.delete("deleted"));
  });

  test("a flipped byte in a table: a false value", async () => {
    await store.compact();
    await store.close();
    const flip = (copy: string) =>
      edit(find(copy, /\.ldb$/), (content) => {
        const at = content.indexOf(MARK);
        content[at] = (content[at] as number) ^ 1;
      });
    await expectHazard(directory, flip, (rows) => expect(rows["marked"]).toMatch(/^LARK-/));
  });

  test("a flipped byte in the log: a commit is gone, later ones are there", async () => {
    for (let n = 0; n < 40; n++) await put(store, `fill-${n}`, noise(2000));
    await put(store, "doomed", `DOOMED${noise(100)}`);
    for (let n = 0; n < 40; n++) await put(store, `late-${n}`, noise(2000));
    await store.close();
    const flip = (copy: string) =>
      edit(find(copy, /\.log$/), (content) => {
        const at = content.indexOf("DOOMED");
        content[at] = (content[at] as number) ^ 1;
      });
    // LevelDB drops the rest of the block, and goes on with the next one.
    await expectHazard(directory, flip, (rows) => {
      expect(rows["doomed"]).toBeUndefined();
      expect(rows["late-39"]).toHaveLength(2000);
    });
  });

  test("a manifest that was cut: half of the data", async () => {
    // The log goes into a table, and the manifest tells so in its last edits.
    await store.compact();
    await store.close();
    const cut = (copy: string) => {
      const path = find(copy, /^MANIFEST/);
      truncateSync(path, openingEnds(path));
    };
    await expectHazard(directory, cut, (rows) => expect(rows).toEqual({}));
  });

  test("a log that is gone: its commits are gone", async () => {
    await store.close();
    const lose = (copy: string) => rmSync(find(copy, /\.log$/));
    await expectHazard(directory, lose, (rows) => expect(rows).toEqual({}));
  });

  test("a log that was cut: the last commits are gone", async () => {
    await store.close();
    const cut = (copy: string) => truncateSync(find(copy, /\.log$/), 3000);
    await expectHazard(directory, cut, (rows) => expect(rows["marked"]).toBeUndefined());
  });

  test("CURRENT that is gone: an empty store, and the data deleted", async () => {
    await store.compact();
    await store.close();
    const lose = (copy: string) => rmSync(join(copy, "CURRENT"));
    await expectHazard(directory, lose, (rows) => expect(rows).toEqual({}));
    expect(readdirSync(places.path("ours")).some((name) => name.endsWith(".ldb"))).toBe(true);
    expect(readdirSync(places.path("raw")).some((name) => name.endsWith(".ldb"))).toBe(false);
  });

  test("a log of another time: values that were overwritten", async () => {
    await put(store, "marked", "old");
    await store.close();
    const old = places.path("old.log");
    cpSync(find(directory, /\.log$/), old);
    const again = await openStore(directory);
    await put(again, "marked", "new");
    await again.compact();
    await again.close();
    const bringBack = (copy: string) => cpSync(old, join(copy, "000999.log"));
    await expectHazard(directory, bringBack, (rows) => expect(rows["marked"]).toBe("old"));
  });

  test("two tables that changed places: rows are not found, or those of the other", async () => {
    await store.compact();
    await store.close();
    const first = readFileSync(find(directory, /\.ldb$/));
    // A second store has another table of the same size.
    const other = places.path("other");
    const second = await openStore(other);
    for (let n = 0; n < 20; n++) await put(second, `later-${n}`, noise(200));
    await put(second, "marker", MARK + noise(100));
    await put(second, "deletes", noise(50));
    await second.update(async (tx) => (await tx.bucket("rows"))?.delete("deletes"));
    await second.compact();
    await second.close();
    const content = readFileSync(find(other, /\.ldb$/));
    expect(content.length).toBe(first.length);
    const swap = (copy: string) => writeFileSync(find(copy, /\.ldb$/), content);
    await expectHazard(directory, swap, (rows) => expect(rows["early-1"]).toBeUndefined());
  });
});

/** The length of a manifest that tells of its opening alone: the shortest that can be read. */
function openingEnds(path: string): number {
  const content = readFileSync(path);
  for (let end = 1; end < content.length; end++) {
    try {
      readManifest(path, content.subarray(0, end), true);
      return end;
    } catch {} // Amid an edit.
  }
  return content.length;
}

test("a damaged file that is put right opens as before", async () => {
  const directory = places.path("store");
  const store = await openStore(directory);
  await put(store, "k", "v");
  await store.compact();
  await store.close();
  const table = find(directory, /\.ldb$/);
  renameSync(table, places.path("table"));
  await expectRefused("STORE_DAMAGED", () => places.open(directory), "000005.ldb");
  renameSync(places.path("table"), table);
  expect(await rawRows(directory)).toEqual({ k: "v" });
});
