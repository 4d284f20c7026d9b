/** Logs with a hole, as a power cut may leave them of a relaxed store: refused, or gone back before if asked to. */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { StoreOptions } from "@meshgate/database";
import { beforeEach, describe, expect, test } from "vitest";
import { crc32c } from "../../../src/engine/leveldb/crc32c.ts";
import { LogScan } from "../../../src/engine/leveldb/log-file.ts";
import { readManifest } from "../../../src/engine/leveldb/manifest-file.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused, expectSound } from "../../helpers/stores.ts";

const places = usePlaces();
const COMMITS = 30;
/** Commits whose batches lie in the first and the second of three logs. */
const FIRST = 10;
const SECOND = 20;
const PREFIX = { recovery: "prefix", durability: "relaxed" } as const;

let directory: string;
let logs: [string, string, string];
/** Of each log, its batches' bytes. */
let batches: Buffer[];

const path = (name: string) => join(directory, name);
const names = () => readdirSync(directory).sort();
const contents = () =>
  Object.fromEntries(names().map((name) => [name, readFileSync(path(name)).toString("base64")]));

/** Copies an open store as it would be if its process died now: what tells of the owner stays behind. */
function copyAsCrashed(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (name) => !/LOCK$|\.lock$/.test(name) });
}

/** A store whose process has died, its log parted into three as LevelDB parts them: at the end of a batch. */
beforeEach(async () => {
  directory = places.path("crashed");
  const store = await places.open(places.path("store"), { durability: "relaxed" });
  await store.update((tx) => tx.createBucket("rows"));
  for (let n = 2; n <= COMMITS; n++)
    await store.update(async (tx) => (await tx.bucket("rows"))?.put(n, `commit ${n}`));
  copyAsCrashed(places.path("store"), directory);
  const log = names().find((name) => name.endsWith(".log")) as string;
  const bytes = readFileSync(path(log));
  const offsets: number[] = [];
  const scan = new LogScan((_, offset) => offsets.push(offset));
  scan.push(bytes);
  expect(scan.end()).toEqual([]);
  batches = offsets.map((offset, i) => bytes.subarray(offset, offsets[i + 1]));
  const later = (by: number) => `${String(Number.parseInt(log, 10) + by).padStart(6, "0")}.log`;
  logs = [log, later(100), later(101)];
  // What makes the store may take a batch of its own.
  const own = batches.length - COMMITS;
  const ends = [own + FIRST, own + SECOND, batches.length];
  logs.forEach((name, i) => {
    writeFileSync(path(name), Buffer.concat(batches.slice(ends[i - 1] ?? 0, ends[i])));
  });
});

/** Which commits a store has, in order. */
async function commitsIn(options: StoreOptions): Promise<{ commits: number[]; recovered: unknown }> {
  const store = await places.open(directory, options);
  const rows = await store.view(async (tx) => (await tx.bucket<string, number>("rows"))?.range().toArray());
  expect(rows?.every(([n, text]) => text === `commit ${n}`)).toBe(true);
  const { commit, recovered } = store.stats();
  expect(commit).toBe(1 + (rows?.length ?? 0));
  await expectSound(store);
  await store.close();
  return { commits: rows?.map(([n]) => n) ?? [], recovered };
}

const upTo = (last: number) => Array.from({ length: Math.max(0, last - 1) }, (_, i) => i + 2);

const cutBy = (name: string, bytes: number) => {
  const content = readFileSync(path(name));
  writeFileSync(path(name), content.subarray(0, Math.max(0, content.length - bytes)));
};
const lastOf = (name: string) => {
  const content = readFileSync(path(name));
  const last = batches.find((batch) => content.subarray(-batch.length).equals(batch)) as Buffer;
  return last.length;
};

const HOLES: readonly [what: string, make: () => void, last: number, file: () => string][] = [
  ["its end torn off", () => cutBy(logs[0], 5), FIRST - 1, () => logs[0]],
  ["the second one's end torn off", () => cutBy(logs[1], 5), SECOND - 1, () => logs[1]],
  ["its last batch gone", () => cutBy(logs[0], lastOf(logs[0])), FIRST - 1, () => logs[1]],
  ["nothing left of the second", () => writeFileSync(path(logs[1]), ""), FIRST, () => logs[2]],
  [
    "zeros at its end",
    () => {
      const content = readFileSync(path(logs[0]));
      writeFileSync(path(logs[0]), content.fill(0, content.length - lastOf(logs[0])));
    },
    FIRST - 1,
    () => logs[0],
  ],
  [
    "a sector of zeros amid the last one",
    () => {
      const content = readFileSync(path(logs[2]));
      const at = (batches.at(-COMMITS + SECOND) as Buffer).length;
      writeFileSync(path(logs[2]), content.fill(0, at, at + 10));
    },
    SECOND + 1,
    () => logs[2],
  ],
];

test("three logs without a hole are one history", async () => {
  const { commits, recovered } = await commitsIn(PREFIX);
  expect(commits).toEqual(upTo(COMMITS));
  expect(recovered).toBeUndefined();
  expect(names().filter((name) => name.includes(".lost"))).toEqual([]);
});

describe.each(HOLES)("a log with %s", (_, make, last, file) => {
  beforeEach(make);

  test("is refused, and nothing is changed", async () => {
    const before = contents();
    await expectRefused("STORE_DAMAGED", () => places.open(directory), file());
    await expectRefused("STORE_DAMAGED", () => places.open(directory, { ...PREFIX, readOnly: true }), file());
    expect(contents()).toEqual(before);
  });

  test("is gone back before, once, where that is asked for", async () => {
    const before = contents();
    const { commits, recovered } = await commitsIn(PREFIX);
    expect(commits).toEqual(upTo(last));
    expect(recovered).toMatchObject({ file: file(), offset: expect.any(Number), reason: expect.any(String) });
    // All logs from the one with the hole on are kept as they were.
    const { kept } = recovered as { kept: string[] };
    const from = logs.indexOf(file());
    expect([...kept].sort()).toEqual(logs.slice(from).map((name) => `${name}.lost`));
    for (const name of kept) expect(contents()[name]).toBe(before[name.replace(".lost", "")]);
    expect(await commitsIn({})).toEqual({ commits, recovered: undefined });
  });

  test("is gone back before to the same commit after a crash amid that", async () => {
    const from = logs.indexOf(file());
    const later = logs.slice(from + 1).reverse();
    for (let step = 0; step <= later.length; step++) {
      const crashed = places.path(`crashed-${step}`);
      cpSync(directory, crashed, { recursive: true });
      copyFileSync(join(crashed, file()), join(crashed, `${file()}.lost`));
      for (const name of later.slice(0, step)) renameSync(join(crashed, name), join(crashed, `${name}.lost`));
      const original = directory;
      directory = crashed;
      expect((await commitsIn(PREFIX)).commits).toEqual(upTo(last));
      directory = original;
    }
  });
});

test("a hole in what was closed in good order is no power cut's", async () => {
  const store = await places.open(directory, PREFIX);
  await store.update(async (tx) => (await tx.bucket("rows"))?.put(COMMITS + 1, `commit ${COMMITS + 1}`));
  await store.update(async (tx) => (await tx.bucket("rows"))?.put(COMMITS + 2, `commit ${COMMITS + 2}`));
  await store.close();
  const log = names().find((name) => name.endsWith(".log")) as string;
  const content = readFileSync(path(log));
  content[10] = (content[10] as number) ^ 1;
  writeFileSync(path(log), content);
  await expectRefused("STORE_DAMAGED", () => places.open(directory, PREFIX), log);
});

test("a store goes on after it went back, and may go back once more", async () => {
  cutBy(logs[0], 5);
  expect((await commitsIn(PREFIX)).commits).toEqual(upTo(FIRST - 1));
  const store = await places.open(directory, PREFIX);
  await store.update(async (tx) => (await tx.bucket("rows"))?.put(FIRST, `commit ${FIRST}`));
  await store.close();
  expect((await commitsIn(PREFIX)).commits).toEqual(upTo(FIRST));
});

test("a database that is damaged besides is refused, and keeps its logs", async () => {
  // A second life, so that the first one's rows are in a table.
  const store = await places.open(directory, PREFIX);
  await store.compact();
  for (let n = 1; n <= 3; n++)
    await store.update(async (tx) => (await tx.bucket("rows"))?.put(COMMITS + n, `commit ${COMMITS + n}`));
  const crashed = places.path("crashed-again");
  copyAsCrashed(directory, crashed);
  await store.close();
  directory = crashed;
  const log = names().findLast((name) => name.endsWith(".log")) as string;
  const content = readFileSync(path(log));
  writeFileSync(path(log), content.fill(0, 20, 30));
  const table = names().find((name) => name.endsWith(".ldb")) as string;
  const rows = readFileSync(path(table));
  rows[20] = (rows[20] as number) ^ 1;
  writeFileSync(path(table), rows);
  const before = contents();
  await expectRefused("STORE_DAMAGED", () => places.open(directory, PREFIX), table);
  expect({ ...contents(), [table]: "" }).toEqual({ ...before, [table]: "" });
});

test("nobody goes back without looking: recovery and verify that contradict each other are refused", async () => {
  await expectRefused("OPTION_INVALID", () => places.open(directory, { ...PREFIX, verify: "never" }));
});

describe("a hole behind a log that is gone as a whole", () => {
  const frame = (data: Buffer): Buffer => {
    const record = Buffer.concat([Buffer.alloc(7), data]);
    record.writeUInt16LE(data.length, 4);
    record[6] = 1;
    const crc = crc32c(record, 6, record.length);
    record.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 0);
    return record;
  };
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
  /** A batch that puts one row. */
  const batch = (sequence: number, key: string): Buffer => {
    const head = Buffer.alloc(12);
    head.writeUInt32LE(sequence, 0);
    head.writeUInt32LE(1, 8);
    return frame(Buffer.concat([head, Buffer.from([1, key.length, ...Buffer.from(key), 1, 118])]));
  };

  const [FIRST_LOG, SECOND_LOG] = ["000900.log", "000901.log"];

  /** Makes what a power cut leaves where five or more writes of the first log were in no table yet. */
  async function cutOff(later: (lastSequence: number) => Buffer[]): Promise<void> {
    const store = await places.open(directory, PREFIX);
    await store.compact();
    const crashed = places.path("crashed-again");
    copyAsCrashed(directory, crashed);
    await store.close();
    directory = crashed;
    const current = path(readFileSync(path("CURRENT"), "latin1").trim());
    const { lastSequence } = readManifest(current, readFileSync(current), false);
    // As LevelDB tells of a new log.
    const edit = [2, ...varint(900), 3, ...varint(902), 4, ...varint(lastSequence + 5)];
    appendFileSync(current, frame(Buffer.from(edit)));
    writeFileSync(path(FIRST_LOG), "");
    writeFileSync(path(SECOND_LOG), Buffer.concat(later(lastSequence)));
  }

  test("is not where it ends: both are found in one opening", async () => {
    await cutOff((last) => [batch(last + 6, "zzz1"), Buffer.alloc(60), batch(last + 9, "zzz3")]);
    const { commits, recovered } = await commitsIn(PREFIX);
    expect(commits).toEqual(upTo(COMMITS));
    expect(recovered).toMatchObject({ file: FIRST_LOG, offset: 0 });
    expect((recovered as { kept: string[] }).kept).toHaveLength(3);
    expect((await commitsIn({})).commits).toEqual(commits);
  });

  test("is gone back before, however much of that log is missing", async () => {
    await cutOff((last) => [batch(last + 40, "zzz1")]);
    await expectRefused("STORE_DAMAGED", () => places.open(directory), SECOND_LOG);
    const { commits, recovered } = await commitsIn(PREFIX);
    expect(commits).toEqual(upTo(COMMITS));
    expect(recovered).toMatchObject({ file: SECOND_LOG, offset: 0 });
  });

  test("is none where an older log was put in its place", async () => {
    await cutOff((last) => [batch(last - 20, "zzz1")]);
    await expectRefused("STORE_DAMAGED", () => places.open(directory, PREFIX), SECOND_LOG);
  });
});
