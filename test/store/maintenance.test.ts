import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import {
  type Bucket,
  type CheckReport,
  encodeKey,
  type Progress,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { Level } from "level";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { type Location, settles, soon, usePlaces } from "../helpers/places.ts";
import { dump, expectRefused, expectSound } from "../helpers/stores.ts";

const MS = 10_000;
const places = usePlaces();
type Raw = Level<string, string>;

const bucketIn = async (tx: Transaction, name: string) => (await tx.bucket(name)) as Bucket;

async function fill(store: Store, name: string, rows: number, value: unknown = "v"): Promise<void> {
  await store.update(async (tx) => {
    const bucket = await tx.createBucketIfNotExists(name);
    for (let i = 0; i < rows; i++) await bucket.put(i, value);
  });
}

/** A store with some buckets, which another program then changed. */
async function meddledWith(meddle: (level: Raw) => unknown): Promise<CheckReport> {
  const directory = places.path("store");
  const store = await places.open(directory);
  await store.update(async (tx) => {
    const users = await tx.createBucket("users");
    for (let i = 0; i < 1500; i++) await users.put(i, { i });
    await (await users.createBucket("within")).put("k", 1);
    await (await (await users.bucket("within"))?.createBucket("deep"))?.put("k", 1);
    await (await tx.createBucket("texts", { encoding: "utf8" })).put("k", "text");
    await (await tx.createBucket("data", { encoding: "bytes" })).put("k", new Uint8Array([255, 0]));
    await users.nextSequence();
  });
  await expectSound(store);
  await store.close();
  const level: Raw = new Level(directory);
  await level.open();
  await meddle(level);
  await level.close();
  const again = await places.open(directory);
  const report = await again.check();
  await again.close();
  return report;
}

/** Expects that check() found exactly these rows at fault. */
function expectProblems(report: CheckReport, rows: readonly (string | RegExp)[]): void {
  expect(report.ok).toBe(false);
  expect(report.problemCount).toBe(rows.length);
  expect(report.problems.map(({ row }) => row)).toEqual(
    rows.map((row) => (typeof row === "string" ? row : expect.stringMatching(row))),
  );
  for (const { row, message } of report.problems) expect(message).toContain(JSON.stringify(row));
}

describe("check() finds", () => {
  test("nothing wrong in a store that nobody meddled with, and counts it", async () => {
    const report = await meddledWith(() => undefined);
    expect(report).toEqual({ ok: true, rows: 1504, buckets: 5, problems: [], problemCount: 0 });
  });

  test("rows that another program wrote into a bucket", async () => {
    const report = await meddledWith(async (level) => {
      const users = level.sublevel("users");
      await users.put("a plain key", '"v"');
      await users.put("K1", '"v"');
      await users.put("", '"v"');
      await users.put("FE501M1.50", '"v"');
      // Reads as [":"], which is written otherwise.
      await users.put("KJ#z!", '"v"');
    });
    const keys = ["", "FE501M1.50", "K1", "KJ#z!", "a plain key"];
    expectProblems(
      report,
      keys.map((key) => `!users!${key}`),
    );
  });

  test("rows in sublevels of no bucket, and outside of all", async () => {
    const report = await meddledWith(async (level) => {
      await level.sublevel("strangers").put("Jk", "1");
      await level.sublevel("users").sublevel("strangers").put("Jk", "1");
      await level.put("plain", "1");
      await level.put("Jk", "1");
    });
    expectProblems(report, ["!strangers!Jk", "!users!!strangers!Jk", "Jk", "plain"]);
  });

  test("values that are not of their bucket's encoding", async () => {
    const report = await meddledWith(async (level) => {
      const users = level.sublevel("users");
      await users.put(encodeKey(3), "{ broken");
      await users.put(encodeKey("new"), "");
      await users.put(encodeKey("fine"), "[1]");
      const view = { valueEncoding: "view" } as const;
      await level.sublevel("texts").put<string, Uint8Array>("Jk", new Uint8Array([0xc3, 0x28]), view);
      await level.sublevel("data").put<string, Uint8Array>("Jk", new Uint8Array([0xc3, 0x28]), view);
    });
    expectProblems(report, [/^!texts!/, `!users!${encodeKey(3)}`, "!users!Jnew"]);
  });

  test.each([
    ["garbage", "garbage"],
    ["JSON of something else", "[]"],
    ["empty", ""],
    ["without an id", '{"prefix":"!texts!"}'],
  ])("a bucket's record that is %s, and the rows that nobody owns then", async (_, text) => {
    const report = await meddledWith((level) => level.put(`!~buckets!${encodeKey([0, "texts"])}`, text));
    expect(report.ok).toBe(false);
    const rows = report.problems.map(({ row }) => row);
    expect(rows).toContain(`!~buckets!${encodeKey([0, "texts"])}`);
    expect(rows).toContain("!texts!Jk");
    expect(report.problemCount).toBe(2);
  });

  test("a record whose key is none", async () => {
    const report = await meddledWith((level) => level.put("!~buckets!nonsense", "{}"));
    expect(report.ok).toBe(false);
    expect(report.problems.map(({ row }) => row)).toContain("!~buckets!nonsense");
  });

  test("buckets whose parent is gone", async () => {
    const report = await meddledWith((level) => level.del(`!~buckets!${encodeKey([0, "users"])}`));
    const rows = report.problems.map(({ row }) => row);
    expect(rows).toContainEqual(expect.stringMatching(/^!~buckets!K.*"Jwithin!$/));
    expect(rows).toContain(`!users!${encodeKey(0)}`);
    // The bucket within, the rows, and the sequence.
    expect(report.problemCount).toBe(1 + 1500 + 1);
    // Only the first hundred are told one by one.
    expect(report.problems).toHaveLength(100);
  });

  test("two buckets that share their rows", async () => {
    const report = await meddledWith(async (level) => {
      const record = await level.get(`!~buckets!${encodeKey([0, "texts"])}`);
      await level.put(`!~buckets!${encodeKey([0, "twin"])}`, String(record));
    });
    expect(report.ok).toBe(false);
    expect(new Set(report.problems.map(({ row }) => row))).toEqual(
      new Set([`!~buckets!${encodeKey([0, "twin"])}`]),
    );
  });

  test("nothing wrong while a bucket is reclaimed, and while others write", async () => {
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    await fill(store, "doomed", 30_000);
    await fill(store, "kept", 10_000);
    await store.update((tx) => tx.deleteBucket("doomed"));
    let done = false;
    const writing = (async () => {
      for (let i = 0; !done; i++) {
        await store.update(async (tx) => {
          const bucket = await tx.createBucketIfNotExists(`made ${i % 7}`);
          await bucket.put(i, i);
          await (await bucketIn(tx, "kept")).delete(i);
          if (i % 5 === 4) await tx.deleteBucket(`made ${i % 7}`);
        });
        await turn();
      }
    })();
    for (let i = 0; i < 4; i++) {
      const report = await store.check();
      expect(report.problems).toEqual([]);
      expect(report.rows).toBeGreaterThan(5000);
    }
    done = true;
    await writing;
  });
});

describe("progress and signals", () => {
  test("check() tells how far it is, and ends when its signal aborts: ABORTED", async () => {
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    await fill(store, "rows", 8000);
    const steps: Progress[] = [];
    const report = await store.check({ onProgress: (progress) => steps.push(progress) });
    const done = steps.map((step) => step.done);
    expect(steps.length).toBeGreaterThanOrEqual(8);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(report.rows);
    await expectAborts((options) => store.check(options), 3);
    await expectPassesOn((options) => store.check(options));
    expect(store.stats()).toMatchObject({ open: 0 });
  });

  test("compact() goes bucket by bucket, tells how far it is, and ends when its signal aborts", async () => {
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    for (const name of ["a", "b", "c", "d"]) await fill(store, name, 100);
    const steps: Progress[] = [];
    await store.compact({ onProgress: (progress) => steps.push(progress) });
    expect(steps).toEqual([0, 1, 2, 3, 4, 5].map((done) => ({ done, total: 5 })));
    const some: Progress[] = [];
    await store.compact({ buckets: ["b", "d", "none"], onProgress: (progress) => some.push(progress) });
    expect(some).toEqual([0, 1, 2].map((done) => ({ done, total: 2 })));
    await expectRefused("OPTION_INVALID", () => store.compact({ buckets: "b" as never }), "buckets");
    await expectAborts((options) => store.compact(options), 2);
    await expectPassesOn((options) => store.compact(options));
    await expectSound(store);
  });

  test("backup() tells how far it is; aborted, or failing, it leaves nothing behind", async () => {
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    await fill(store, "rows", 8000);
    const steps: Progress[] = [];
    const report = await store.backup(places.path("copy"), { onProgress: (step) => steps.push(step) });
    const done = steps.map((step) => step.done);
    expect(steps.length).toBeGreaterThanOrEqual(8);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(report.rows);
    expect(await readdir(places.path())).toEqual(["copy", "store"]);
    await expectAborts((options) => store.backup(places.path("aborted"), options), 3);
    await soon(
      () =>
        expectRefused("ABORTED", () => store.backup(places.path("aborted"), { signal: AbortSignal.abort() })),
      MS,
      "a backup that is aborted already",
    );
    await expectPassesOn((options) => store.backup(places.path("failing"), options));
    expect(await readdir(places.path())).toEqual(["copy", "store"]);
    expect(store.stats()).toMatchObject({ open: 0 });
    // It let go of its snapshot, too.
    await store.update(async (tx) => (await bucketIn(tx, "rows")).put("later", 1));
    expect(store.stats().snapshots).toBeLessThanOrEqual(1);
  });
});

interface Work {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** Expects that the work stops, some steps after it began, once its signal aborts. */
async function expectAborts(work: (options: Work) => Promise<unknown>, after: number): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("no longer wanted");
  let steps = 0;
  const onProgress = () => {
    if (++steps === after) controller.abort(reason);
  };
  const outcome = await work({ signal: controller.signal, onProgress }).catch((error) => error);
  expect(outcome).toMatchObject({ code: "ABORTED", cause: reason });
  expect(steps).toBe(after);
}

/** Expects that an error which onProgress throws ends the work and is the one received. */
async function expectPassesOn(work: (options: Work) => Promise<unknown>): Promise<void> {
  const failure = new Error("of onProgress");
  const onProgress = () => {
    throw failure;
  };
  await expect(work({ onProgress })).rejects.toBe(failure);
}

describe("backup()", () => {
  test("while writers go on is the store exactly at its commit", async () => {
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    const names = ["a", "b", "c"];
    // What the store holds at each commit, as its own transaction saw it.
    const dumps = new Map<number, unknown>();
    const write = (n: number) =>
      store.update(async (tx) => {
        for (const name of names) {
          const bucket = await tx.createBucketIfNotExists<number>(name);
          await bucket.put(n % 150, n);
          await bucket.put("commit", tx.id);
          if ((await bucket.nextSequence()) % 40 === 39) await tx.deleteBucket(name);
        }
        dumps.set(tx.id, await dump(tx));
      });
    for (let n = 0; n < 30; n++) await write(n);
    let done = false;
    const writers = [0, 1, 2].map(async (writer) => {
      for (let n = 0; !done; n++) await write(n * 3 + writer);
    });
    const commits = new Set<number>();
    for (let i = 0; i < 6; i++) {
      const { commit } = await store.backup(places.path(`copy-${i}`));
      commits.add(commit);
      // Opened to write, it would reclaim what is left of deleted buckets, and commit that.
      const copy = await places.open(places.path(`copy-${i}`), { readOnly: true });
      await expectSound(copy);
      expect(copy.stats().commit).toBe(commit);
      expect(await dump(copy)).toEqual(dumps.get(commit));
      await copy.close();
    }
    done = true;
    await Promise.all(writers);
    expect(commits.size).toBe(6);
  });

  test("is a store of its own, with all that the first has", async () => {
    const store = await places.open(places.path("store"));
    await store.update(async (tx) => {
      const bucket = await tx.createBucket("rows");
      for (let i = 0; i < 100; i++) await bucket.put(["t", i], { i });
      await bucket.setSequence(5);
      const nested = await bucket.createBucket("nested", { encoding: "bytes" });
      await nested.put("k", new Uint8Array([0, 255, 0xc3]));
      await tx.moveBucket("nested", bucket, undefined);
    });
    const report = await store.backup(places.path("copy"));
    const before = await dump(store);
    const copy = await places.open(places.path("copy"));
    expect(await dump(copy)).toEqual(before);
    expect(report.commit).toBe(store.stats().commit);
    await copy.update((tx) => tx.deleteBucket("rows"));
    await soon(() => copy.compact(), MS, "compact()");
    expect(await dump(store)).toEqual(before);
    await expectSound(copy);
    // A copy of the copy.
    await copy.backup(places.path("second"));
    await expectSound(await places.open(places.path("second")));
  });

  test("of a bucket that is being reclaimed has it gone, and reclaims it, too", async () => {
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    await fill(store, "doomed", 20_000);
    await fill(store, "kept", 10);
    await store.update((tx) => tx.deleteBucket("doomed"));
    await store.backup(places.path("copy"));
    const copy = await places.open(places.path("copy"));
    expect(await copy.view((tx) => tx.buckets())).toEqual(["kept"]);
    await soon(() => copy.compact(), MS, "reclaiming");
    expect(await copy.check()).toMatchObject({ ok: true, rows: 10, buckets: 1 });
  });

  test("to a place that is taken is refused, and leaves it alone: BACKUP_TARGET", async () => {
    const store = await places.open(places.path("store"));
    await fill(store, "rows", 10);
    await mkdir(places.path("full"));
    await writeFile(places.path("full", "notes.txt"), "mine");
    await writeFile(places.path("file"), "mine");
    await symlink(places.path("full"), places.path("link"));
    for (const name of ["full", "file", "link", "store"])
      await expectRefused("BACKUP_TARGET", () => store.backup(places.path(name)));
    expect(await readFile(places.path("full", "notes.txt"), "utf8")).toBe("mine");
    expect(await readFile(places.path("file"), "utf8")).toBe("mine");
    expect(await readdir(places.path("full"))).toEqual(["notes.txt"]);
    expect((await readdir(places.path())).toSorted()).toEqual(["file", "full", "link", "store"]);
    // An empty directory is free.
    await mkdir(places.path("empty"));
    await store.backup(places.path("empty"));
    expect((await readdir(places.path("empty"))).length).toBeGreaterThan(2);
  });

  test("to a place that cannot be written is refused with a code of the library", async () => {
    const store = await places.open(places.path("store"));
    await writeFile(places.path("file"), "mine");
    await soon(
      () => expectRefused(["STORE_IO", "STORE_NOT_FOUND"], () => store.backup("/proc/copy")),
      MS,
      "backup()",
    );
    const belowFile = ["PATH_INVALID", "BACKUP_TARGET", "STORE_IO"] as const;
    await expectRefused(belowFile, () => store.backup(places.path("file", "copy")));
    await expectRefused("PATH_INVALID", () => store.backup(""));
    expect((await readdir(places.path())).toSorted()).toEqual(["file", "store"]);
    expect(store.stats().open).toBe(0);
  });

  test("of a store in memory is a directory that opens as a store", async () => {
    const store = await places.open(new MemoryLevel() as unknown as Location);
    await fill(store, "rows", 3000, "in memory");
    const { rows, commit } = await store.backup(places.path("copy"));
    expect(rows).toBeGreaterThan(3000);
    const copy = await places.open(places.path("copy"));
    expect(copy.stats().commit).toBe(commit);
    await expectSound(copy);
    expect(await dump(copy)).toEqual(await dump(store));
    await copy.update(async (tx) => (await bucketIn(tx, "rows")).put("more", 1));
  });

  test("makes its parents, and two at once to one place leave one copy", async () => {
    const store = await places.open(places.path("store"));
    await fill(store, "rows", 2000);
    const path = places.path("deep", "er", "copy");
    const outcomes = await Promise.allSettled([store.backup(path), store.backup(path)]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await readdir(places.path("deep", "er"))).toEqual(["copy"]);
    const copy = await places.open(path);
    expect(await dump(copy)).toEqual(await dump(store));
  });

  test("is waited for by close()", async () => {
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    await fill(store, "rows", 5000);
    const work = [store.backup(places.path("copy")), store.check(), store.compact()];
    const closed = store.close();
    expect(await settles(closed, 1)).toBe(false);
    await soon(() => Promise.all(work), MS, "what was under way");
    await soon(() => closed, MS, "close()");
    await expectSound(await places.open(places.path("copy")));
  });
});

describe("compact()", () => {
  test("waits until all rows of deleted buckets are reclaimed, also right after opening", async () => {
    const directory = places.path("store");
    const store = await places.open(directory, { durability: "relaxed" });
    await fill(store, "doomed", 20_000);
    await store.update((tx) => tx.deleteBucket("doomed"));
    await store.close();
    const again = await places.open(directory);
    await again.compact();
    expect(await again.check()).toMatchObject({ ok: true, rows: 0 });
  });

  const bytesIn = async (directory: string) => {
    let bytes = 0;
    for (const name of await readdir(directory)) bytes += (await stat(join(directory, name))).size;
    return bytes;
  };

  test("gives the space of deleted rows back, beside readers and writers", async () => {
    const directory = places.path("store");
    const store = await places.open(directory, { durability: "relaxed" });
    const noise = () => Array.from({ length: 40 }, () => Math.random()).join();
    await store.update(async (tx) => {
      const bucket = await tx.createBucket("rows");
      for (let i = 0; i < 15_000; i++) await bucket.put(i, noise());
    });
    await store.compact();
    const full = await bytesIn(directory);
    await store.update(async (tx) => {
      const bucket = await bucketIn(tx, "rows");
      for (let i = 0; i < 14_000; i++) await bucket.delete(i);
    });
    const compacting = store.compact();
    const writes = Array.from({ length: 20 }, (_, i) =>
      store.update(async (tx) => (await bucketIn(tx, "rows")).put(`w${i}`, i)),
    );
    await soon(() => Promise.all(writes), MS, "writers beside compact()");
    expect(await store.view(async (tx) => (await bucketIn(tx, "rows")).count())).toBe(1020);
    await soon(() => compacting, MS, "compact()");
    expect(await bytesIn(directory)).toBeLessThan(full);
    await store.close();
    const again = await places.open(directory);
    await again.compact();
    await again.close();
    expect(await bytesIn(directory)).toBeLessThan(full / 4);
    expect(await (await places.open(directory)).check()).toMatchObject({ ok: true, rows: 1020 });
  });

  test("within an update does not wait for itself, though rows are being reclaimed", async () => {
    const store = await places.open(places.path("store"), { durability: "relaxed" });
    await fill(store, "doomed", 3000);
    await fill(store, "rows", 10);
    await store.update((tx) => tx.deleteBucket("doomed"));
    const outcome = store
      .update(async (tx) => {
        await (await bucketIn(tx, "rows")).put("k", 1);
        // Refused or done, but not a deadlock.
        await store.compact().catch((error) => expect(error.code).toBe("TX_NESTED"));
      })
      .then(() => "done");
    expect(await soon(() => outcome, 4000, "compact() within an update")).toBe("done");
  });
});
