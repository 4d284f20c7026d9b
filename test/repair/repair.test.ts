import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { collection, openStore, type RepairOptions, repair } from "@meshgate/database";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { FileReader } from "../../src/engine/leveldb/file-reader.ts";
import { recordsOf } from "../../src/engine/leveldb/log-file.ts";
import { readIndex } from "../../src/engine/leveldb/table-file.ts";
import { finishReplacing, refuseRoom } from "../../src/repair/files.ts";
import { randomBy } from "../bolt/damage.ts";
import { usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";
import { expectRepaired } from "./expect-repaired.ts";
import { notes, rowsOf, Stock, users } from "./stock.ts";

const SEED = Number(process.env["MESHGATE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const seed = `seed ${SEED}`;
const places = usePlaces();
let directory: string;
let stock: Stock;

beforeEach(async () => {
  directory = places.path("store");
  stock = new Stock(randomBy(SEED));
  await stock.make(directory, "tables");
});

const filesOf = async (path: string) =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(path)).map(async (name) => [name, await readFile(join(path, name), "hex")] as const),
    ),
  );

const tableOf = async () =>
  join(directory, (await readdir(directory)).find((name) => name.endsWith(".ldb")) as string);

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

/** Where the blocks of the table lie that hold what the store keeps for itself. */
async function systemBlocks(): Promise<number[]> {
  const reader = new FileReader();
  await reader.open(await tableOf());
  const blocks = await readIndex(reader).finally(() => reader.close());
  return blocks
    .filter(({ upTo }) => Buffer.compare(upTo, Buffer.from("!~")) >= 0)
    .map(({ offset }) => offset);
}

describe("where nothing is damaged", () => {
  test("nothing is done", async () => {
    const before = await filesOf(directory);
    const report = await repair(directory);
    expect(report).toMatchObject({ sound: true, copy: undefined, files: [], ranges: [], history: [] });
    expect(report.problems).toEqual([]);
    expect(report.rows).toBeGreaterThan(100);
    expect(Object.keys(await filesOf(directory))).toEqual(
      expect.arrayContaining(Object.keys(before).filter((name) => name.endsWith(".ldb"))),
    );
    expect(await readdir(places.path())).toEqual(["store"]);
  });

  test("or there is nothing, or another holds it, it is refused", async () => {
    await mkdir(places.path("empty"));
    await writeFile(places.path("file"), "mine");
    await expectRefused("STORE_NOT_FOUND", () => repair(places.path("empty")));
    await expectRefused("STORE_NOT_FOUND", () => repair(places.path("missing")));
    await expectRefused("PATH_INVALID", () => repair(places.path("file")));
    await expectRefused("PATH_INVALID", () => repair(""));
    for (const options of [{ copi: "x" }, { collections: users }, { collections: [5] }, { signal: 5 }])
      await expectRefused("OPTION_INVALID", () => repair(directory, options as unknown as RepairOptions));
    await places.open(directory);
    await expectRefused("STORE_LOCKED", () => repair(directory));
  });
});

describe("a damaged store", () => {
  beforeEach(async () => flip(await tableOf(), 5000));

  test("is copied as it was before anything changes", async () => {
    const before = await filesOf(directory);
    const steps: number[] = [];
    const report = await repair(directory, { onProgress: ({ done }) => steps.push(done) });
    expect(report.sound).toBe(false);
    expect(report.copy).toMatch(/store\.before-repair-\d{4}-\d\d-\d\dT/);
    const copied = await filesOf(report.copy as string);
    delete before["LOCK"];
    expect(copied).toEqual(before);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(report.files).toEqual([
      { file: expect.stringMatching(/\.ldb$/), offset: expect.any(Number), reason: expect.any(String) },
    ]);
    expect(report.collections.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "notes to build",
      "users to build",
    ]);
    // The copy can be repaired, too.
    const again = await repair(report.copy as string, { copy: places.path("second") });
    expect(again).toMatchObject({ copy: places.path("second"), rows: report.rows, ranges: report.ranges });
  });

  test("whose indexes are to be built refuses queries until then", async () => {
    const report = await repair(directory);
    const store = await places.open(directory);
    await expectRefused("COLLECTION_CHANGED", () =>
      store.update((tx) => users.in(tx).put({ id: 1, email: "e", role: "r", at: new Date(0) })),
    );
    for (const each of [users, notes]) {
      await each.build(store);
      expect(await each.verify(store)).toMatchObject({ ok: true });
    }
    await expectSound(store);
    await store.close();
    await expectRepaired(directory, report, stock.journal, seed);
  });

  test("is left as it was, without a copy, when the repair is aborted, or the place of the copy is taken", async () => {
    const before = await filesOf(directory);
    await mkdir(places.path("taken"));
    await writeFile(places.path("taken", "notes"), "mine");
    for (const after of [1, 2, 3]) {
      const controller = new AbortController();
      let steps = 0;
      const onProgress = () => {
        if (++steps === after) controller.abort();
      };
      await expectRefused("ABORTED", () => repair(directory, { signal: controller.signal, onProgress }));
    }
    await expectRefused("BACKUP_TARGET", () => repair(directory, { copy: places.path("taken") }));
    const failure = new Error("of onProgress");
    const onProgress = ({ done }: { done: number }) => {
      if (done > 0) throw failure;
    };
    await expect(repair(directory, { onProgress })).rejects.toBe(failure);
    expect(await filesOf(directory)).toEqual(before);
    expect(await readdir(places.path())).toEqual(["store", "taken"]);
  });

  test("opens as nothing amid the change of its files, which the next repair takes to its end", async () => {
    const done = places.path("done");
    await cp(directory, done, { recursive: true });
    const { rows, commit } = await repair(done, { collections: [users, notes] });
    const names = (await readdir(done)).filter((name) => /^(\d+\.|CURRENT|MANIFEST)/.test(name)).sort();
    // Cut short after each step.
    for (let moved = 0; moved < names.length; moved++) {
      const half = places.path(`half-${moved}`);
      await cp(directory, half, { recursive: true });
      await mkdir(join(half, "meshgate.repair"));
      for (const name of names) await cp(join(done, name), join(half, "meshgate.repair", name));
      await writeFile(join(half, "meshgate.repair", "ready"), JSON.stringify(names));
      await rm(join(half, "CURRENT"));
      for (const name of names.filter((each) => each !== "CURRENT").slice(0, moved)) {
        await cp(join(half, "meshgate.repair", name), join(half, name));
        await rm(join(half, "meshgate.repair", name));
      }
      await expectRefused("STORE_DAMAGED", () => openStore(half));
      expect(await repair(half)).toMatchObject({ sound: true, rows, commit, problems: [] });
      expect(await readdir(half)).not.toContain("meshgate.repair");
    }
  });

  test("that was only begun to be repaired is repaired from the beginning", async () => {
    await mkdir(join(directory, "meshgate.repair"));
    await writeFile(join(directory, "meshgate.repair", "CURRENT"), "MANIFEST-000001\n");
    await finishReplacing(directory);
    expect(await readdir(directory)).not.toContain("meshgate.repair");
    expect((await repair(directory)).sound).toBe(false);
  });

  test("is refused where the disk has no room: STORE_IO", async () => {
    await refuseRoom(directory, 1);
    await expectRefused("STORE_IO", () => refuseRoom(directory, Number.MAX_SAFE_INTEGER), "Free some");
  });
});

describe("what the store keeps for itself", () => {
  test("is made anew from the rows and the definitions", async () => {
    const blocks = await systemBlocks();
    expect(blocks.length).toBeGreaterThan(0);
    const table = await tableOf();
    for (const offset of blocks) await flip(table, offset + 3);
    const report = await repair(directory, { collections: [users, notes] });
    expect(report.ranges.some(({ bucket }) => bucket === undefined)).toBe(true);
    expect(report.recovered.map(({ bucket }) => bucket.join("/"))).toEqual(
      expect.arrayContaining(["a", "b", "b/within", "c"]),
    );
    expect(report.collections).toEqual([
      { name: "users", state: "rebuilt" },
      { name: "notes", state: "rebuilt" },
    ]);
    const { missing } = await expectRepaired(directory, report, stock.journal, seed);
    // Only what shares its block with the store's own rows is gone.
    expect(missing).toBeLessThan(100);
    const store = await places.open(directory);
    await store.update(async (tx) => {
      await (await tx.bucket("a"))?.put("new", 1);
      await tx.createBucket("another");
      await users.in(tx).put({ id: 5000, email: "new", role: "r", at: new Date(0) });
    });
    await expectSound(store);
  });

  test("of collections whose definitions are not given stays for a second repair of the copy", async () => {
    const table = await tableOf();
    for (const offset of await systemBlocks()) await flip(table, offset + 3);
    const first = await repair(directory);
    expect(first.problems).toEqual([]);
    const store = await openStore(directory);
    // Not an empty collection, as if there had never been records.
    await expectRefused("BUCKET_EXISTS", () => users.build(store));
    await store.close();
    const copy = first.copy as string;
    const report = await repair(copy, { collections: [users, notes], copy: places.path("second") });
    await expectRepaired(copy, report, stock.journal, seed);
  });
});

test("two records with one value of a unique index leave the collection to be mended", async () => {
  const strict = collection({
    name: "users",
    schema: z.object({ id: z.number(), email: z.string(), role: z.string(), at: z.date() }),
    key: "id",
    indexes: { at: { on: "role", unique: true } },
  });
  const store = await openStore(directory);
  await store.update(async (tx) => {
    for (const id of [1001, 1002])
      await users.in(tx).put({ id, email: `${id}`, role: "same", at: new Date(0) });
  });
  await store.close();
  await flip(await tableOf(), 100);
  const report = await repair(directory, { collections: [strict as never, notes] });
  expect(report.collections[0]).toMatchObject({
    name: "users",
    state: "failed",
    message: expect.stringContaining("1002"),
  });
  expect(report.problems).toEqual([]);
  const repaired = await places.open(directory);
  await users.build(repaired);
  expect(await users.verify(repaired)).toMatchObject({ ok: true });
});

test("a value that looks like a batch of the log never comes in as one", async () => {
  const log = places.path("log");
  const store = await openStore(log);
  await store.update(async (tx) =>
    (await tx.createBucket("a", { encoding: "bytes" })).put("k", new Uint8Array([1])),
  );
  // The log of a store that says something else is put as a value, fragments and all.
  const other = await openStore(places.path("other"));
  await other.update(async (tx) =>
    (await tx.createBucket("a", { encoding: "bytes" })).put("k", new Uint8Array([66])),
  );
  await other.close();
  const name = (await readdir(places.path("other"))).find((each) => each.endsWith(".log")) as string;
  const bait = await readFile(places.path("other", name));
  await store.update(async (tx) => (await tx.bucket("a", { encoding: "bytes" }))?.put("bait", bait));
  await store.update(async (tx) =>
    (await tx.bucket("a", { encoding: "bytes" }))?.put("z", new Uint8Array([2])),
  );
  await store.close();
  const path = join(log, (await readdir(log)).find((each) => each.endsWith(".log")) as string);
  const bytes = await readFile(path);
  // The length of the fragment that holds the value changes, so that a reader would look within for the next one.
  const holds = Array.from(recordsOf(bytes)).findLast(({ offset }) => offset < bytes.indexOf(bait));
  const at = (holds?.offset ?? 0) + 4;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
  const report = await repair(log);
  expect(report.history).toHaveLength(1);
  const repaired = await places.open(log);
  expect(await repaired.view(async (tx) => (await tx.bucket("a", { encoding: "bytes" }))?.get("k"))).toEqual(
    new Uint8Array([1]),
  );
  expect(await rowsOf(repaired, "users")).toBeUndefined();
});
