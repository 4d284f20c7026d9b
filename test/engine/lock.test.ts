import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Store } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killProcess, type Opener, openerProcess, openerThread, startProcess } from "../helpers/openers.ts";
import { codeOf, soon, usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";

const LOCK = "meshgate.lock";
const SLOW = fileURLToPath(new URL("slow-opener.ts", import.meta.url));
const WAIT = { timeout: 20_000, interval: 5 };

const places = usePlaces();
let processes: Opener[] = [];
let other: Opener;
let thread: Opener;

beforeAll(async () => {
  [processes, thread] = await Promise.all([Promise.all([openerProcess(), openerProcess()]), openerThread()]);
  other = processes[0] as Opener;
});

afterAll(async () => {
  for (const opener of [...processes, thread]) await opener.kill();
});

interface Owner {
  pid: number;
  started: string;
  token: string;
}

const readLock = async (directory: string) =>
  JSON.parse(await readFile(join(directory, LOCK), "utf8")) as Owner;

/** A store that was closed, and the lock file of an owner that is not there any more. */
async function staleStore(owner: (own: Owner) => unknown, name = "store"): Promise<string> {
  const directory = places.path(name);
  const store = await places.open(directory);
  await store.update(async (tx) => (await tx.createBucketIfNotExists("rows")).put("kept", 1));
  const own = await readLock(directory);
  await store.close();
  const stale = owner(own);
  await writeFile(join(directory, LOCK), typeof stale === "string" ? stale : JSON.stringify(stale));
  return directory;
}

/** Expects that the store is whole, and that it left nothing of a lock behind. */
async function expectTaken(directory: string, store: Store): Promise<void> {
  expect((await readLock(directory)).pid).toBe(process.pid);
  expect(await store.view(async (tx) => (await tx.bucket("rows"))?.get("kept"))).toBe(1);
  await store.close();
  expect((await readdir(directory)).filter((file) => file.startsWith(LOCK))).toEqual([]);
}

describe("one owner of a directory, in one process", () => {
  test("the same path is refused, and opens again after close", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await expectRefused("STORE_LOCKED", () => places.open(directory), "this process");
    await store.close();
    const again = await places.open(directory);
    expect(again.stats().commit).toBe(0);
  });

  test("two opens at once: one gets it", async () => {
    const directory = places.path("store");
    const outcomes = await Promise.all(
      [1, 2, 3].map(() =>
        places.open(directory).then(
          () => "open",
          (error) => error.code,
        ),
      ),
    );
    expect(outcomes.toSorted()).toEqual(["STORE_LOCKED", "STORE_LOCKED", "open"]);
  });

  test("other spellings of its path are the same", async () => {
    const directory = places.path("store");
    await places.open(directory);
    const spellings = [
      `${directory}/`,
      join(directory, "..", "store", "."),
      `${directory}//`,
      relative(process.cwd(), directory),
    ];
    for (const spelling of spellings) await expectRefused("STORE_LOCKED", () => places.open(spelling));
  });

  test("symbolic links to it, or to what it lies in, are the same", async () => {
    await mkdir(places.path("real"));
    await places.open(places.path("real", "store"));
    await symlink(places.path("real", "store"), places.path("link"));
    await symlink(places.path("real"), places.path("parent"));
    await expectRefused("STORE_LOCKED", () => places.open(places.path("link")));
    await expectRefused("STORE_LOCKED", () => places.open(places.path("parent", "store")));
    // A link to a directory in which there is no store yet.
    await symlink(places.path("real"), places.path("new"));
    const store = await places.open(places.path("new", "second"));
    await expectRefused("STORE_LOCKED", () => places.open(places.path("real", "second")));
    await store.close();
  });

  test("a read-only store holds it alone, too", async () => {
    const directory = places.path("store");
    await (await places.open(directory)).close();
    const reader = await places.open(directory, { readOnly: true });
    await expectRefused("STORE_LOCKED", () => places.open(directory, { readOnly: true }));
    expect(await other.ask("open", directory, { readOnly: true })).toBe("STORE_LOCKED");
    await reader.close();
  });

  test("it holds on though its lock file was deleted, and asks LevelDB for no second lock, which drops the first", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await symlink(directory, places.path("link"));
    await rm(join(directory, LOCK));
    for (const path of [directory, places.path("link")]) {
      await expectRefused("STORE_LOCKED", () => places.open(path));
      expect(await other.ask("open", path)).toBe("STORE_LOCKED");
    }
    await store.update((tx) => tx.createBucket("rows"));
    await store.close();
    expect(await (await places.open(directory)).view((tx) => tx.buckets())).toEqual(["rows"]);
  });

  test("a database of its directory is the same", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await expectRefused("STORE_LOCKED", () => places.open(new ClassicLevel(directory) as never));
    expect(await other.ask("open", directory)).toBe("STORE_LOCKED");
    await store.close();
    const level = new ClassicLevel(directory);
    const given = await places.open(level as never);
    await expectRefused("STORE_LOCKED", () => places.open(directory));
    expect(await other.ask("open", directory)).toBe("STORE_LOCKED");
    await given.close();
    await (await places.open(directory)).close();
  });

  test("LOCK_TIMEOUT after lockTimeout, and not before", async () => {
    const directory = places.path("store");
    await places.open(directory);
    const start = performance.now();
    await expectRefused("LOCK_TIMEOUT", () => places.open(directory, { lockTimeout: 150 }), "150 ms");
    expect(performance.now() - start).toBeGreaterThanOrEqual(145);
    expect(performance.now() - start).toBeLessThan(3000);
  });

  test("whoever waits gets it when it is released in time", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await store.update((tx) => tx.createBucket("of the first"));
    const waiting = places.open(directory, { lockTimeout: 20_000 });
    await sleep(60);
    await store.close();
    const second = await soon(() => waiting, 5000, "an open that waits for the lock");
    expect(await second.view((tx) => tx.buckets())).toEqual(["of the first"]);
  });
});

describe.each([
  ["process", () => other],
  ["thread", () => thread],
])("one owner of a directory, against another %s", (_, opener) => {
  test("it is refused, and takes its turn after close", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    expect(await opener().ask("open", directory)).toBe("STORE_LOCKED");
    expect(await opener().ask("open", directory, { lockTimeout: 100 })).toBe("LOCK_TIMEOUT");
    const waiting = opener().ask("open", directory, { lockTimeout: 20_000 });
    await sleep(60);
    await store.close();
    expect(await soon(() => waiting, 5000, "an open that waits for the lock")).toBe("done");
    await expectRefused("STORE_LOCKED", () => places.open(directory));
    await expectRefused("LOCK_TIMEOUT", () => places.open(directory, { lockTimeout: 80 }));
    const back = places.open(directory, { lockTimeout: 20_000 });
    expect(await opener().ask("close", directory)).toBe("done");
    await soon(() => back, 5000, "an open that waits for the lock");
  });

  test("a link to the directory does not help", async () => {
    const directory = places.path("store");
    await places.open(directory);
    await symlink(directory, places.path("link"));
    expect(await opener().ask("open", places.path("link"))).toBe("STORE_LOCKED");
  });

  test("a failed second open does not let it in, nor one of its own", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await store.update(async (tx) => (await tx.createBucket("rows")).put("kept", 1));
    await expectRefused("STORE_LOCKED", () => places.open(directory));
    // LevelDB itself drops its lock of this process here: only the library's own is left.
    expect(await codeOf(() => places.open(new ClassicLevel(directory) as never))).toBe("STORE_LOCKED");
    await readFile(join(directory, "LOCK"));
    for (let i = 0; i < 3; i++) expect(await opener().ask("open", directory)).toBe("STORE_LOCKED");
    await store.update(async (tx) => (await tx.bucket("rows"))?.put("later", 2));
    await store.close();
    expect(await opener().ask("open", directory)).toBe("done");
    expect(await opener().ask("put", directory)).toBe("done");
    expect(await opener().ask("close", directory)).toBe("done");
    const again = await places.open(directory);
    const rows = await again.view(async (tx) => (await tx.bucket("rows"))?.keys().toArray());
    expect(rows).toEqual([1, "kept", "later"]);
  });

  test("a copy of the store does not loosen it", async () => {
    const directory = places.path("store");
    const store = await places.open(directory);
    await store.update((tx) => tx.createBucket("rows"));
    await store.backup(places.path("copy"));
    expect(await opener().ask("open", directory)).toBe("STORE_LOCKED");
    expect(await opener().ask("open", places.path("copy"))).toBe("done");
    expect(await opener().ask("close", places.path("copy"))).toBe("done");
  });
});

describe("a lock whose owner is gone", () => {
  test("is taken over from a process that was killed", async () => {
    const doomed = await openerProcess();
    const directory = places.path("store");
    expect(await doomed.ask("open", directory)).toBe("done");
    expect(await doomed.ask("put", directory)).toBe("done");
    await expectRefused("STORE_LOCKED", () => places.open(directory), /process \d+/);
    const waiting = places.open(directory, { lockTimeout: 20_000 });
    await doomed.kill();
    const store = await soon(() => waiting, 5000, "an open that waits for a process that died");
    expect((await readLock(directory)).pid).toBe(process.pid);
    expect(await store.view(async (tx) => (await tx.bucket("rows"))?.count())).toBe(1);
    expect((await readdir(directory)).filter((file) => file.startsWith(LOCK))).toEqual([LOCK]);
  });

  test("is taken over where its number belongs to a later process", async () => {
    // This very process is alive, and so is the first of all; but neither wrote this file when it started.
    for (const pid of [process.pid, 1]) {
      const directory = await staleStore((own) => ({ ...own, pid, started: `${own.started}0` }));
      await expectTaken(directory, await places.open(directory));
    }
  });

  test("is taken over where no process has its number", async () => {
    const directory = await staleStore((own) => ({ ...own, pid: 2 ** 22 + 1, started: null }));
    await expectTaken(directory, await places.open(directory));
  });

  test("is not taken over where its process lives, though it does not tell when it started", async () => {
    const directory = await staleStore((own) => ({ ...own, started: null }));
    await expectRefused("STORE_LOCKED", () => places.open(directory));
    await expectRefused("LOCK_TIMEOUT", () => places.open(directory, { lockTimeout: 60 }));
    expect(await other.ask("open", directory)).toBe("STORE_LOCKED");
  });

  test("is taken over where its file cannot be read, but not at once: it may be being written", async () => {
    const texts = ['{"pid":1', "", "[]"];
    const directories = await Promise.all(texts.map((text, i) => staleStore(() => text, `store-${i}`)));
    for (const directory of directories) {
      await expectRefused("STORE_LOCKED", () => places.open(directory));
      await expectRefused("LOCK_TIMEOUT", () => places.open(directory, { lockTimeout: 50 }));
    }
    const stores = await Promise.all(
      directories.map((directory) => places.open(directory, { lockTimeout: 10_000 })),
    );
    for (const [i, store] of stores.entries()) await expectTaken(directories[i] as string, store);
  });

  test("is taken over at once where its file could never be read", async () => {
    const directory = await staleStore(() => '{"pid":1');
    const then = new Date(Date.now() - 60_000);
    await utimes(join(directory, LOCK), then, then);
    await expectTaken(directory, await places.open(directory));
  });

  test.each([
    ["ended by itself", "exit"],
    ["was terminated", "kill"],
  ] as const)("is taken over from a thread that %s", async (_, end) => {
    const doomed = await openerThread();
    const directory = await staleStore((own) => ({ ...own, pid: 2 ** 22 + 1 }));
    expect(await doomed.ask("open", directory)).toBe("done");
    await expectRefused("STORE_LOCKED", () => places.open(directory));
    if (end === "exit") doomed.ask("exit", directory);
    else await doomed.kill();
    await expectTaken(directory, await places.open(directory, { lockTimeout: 2000 }));
    await doomed.kill();
  });

  test("is not taken over where its file is being written", async () => {
    let complete = "";
    const directory = await staleStore((own) => {
      complete = JSON.stringify({ ...own, token: "of another" });
      return complete.slice(0, 20);
    });
    const opening = expectRefused("LOCK_TIMEOUT", () => places.open(directory, { lockTimeout: 500 }));
    await sleep(100);
    await writeFile(join(directory, LOCK), complete);
    await opening;
    expect(await readFile(join(directory, LOCK), "utf8")).toBe(complete);
  });

  test("is taken over by exactly one of those who try at once", { timeout: 30_000 }, async () => {
    for (let round = 0; round < 25; round++) {
      const directory = await staleStore((own) => ({ ...own, pid: 2 ** 22 + round }));
      // Half of the time this process races, too.
      const rivals = round % 2 === 0 ? processes : [...processes, thread];
      const at = Date.now() + 8;
      const outcomes = await Promise.all(rivals.map((rival) => rival.ask("open", directory, {}, at)));
      const losers = outcomes.filter((outcome) => outcome !== "done");
      expect(outcomes.length - losers.length, outcomes.join()).toBe(1);
      expect(new Set(losers)).toEqual(new Set(["STORE_LOCKED"]));
      const winner = rivals[outcomes.indexOf("done")];
      expect(await winner?.ask("put", directory)).toBe("done");
      await expectRefused("STORE_LOCKED", () => places.open(directory));
      expect(await winner?.ask("close", directory)).toBe("done");
      expect((await readdir(directory)).filter((file) => file.startsWith(LOCK))).toEqual([]);
    }
  });

  test("is taken over where another died amid taking it over", async () => {
    const dead = (token: string) => ({ pid: 2 ** 22 + 1, started: null, token });
    const directory = await staleStore(() => dead("first"));
    const besides = (file: string, token: string) =>
      `${file}.${createHash("sha256").update(token).digest("hex").slice(0, 16)}`;
    const second = besides(LOCK, "first");
    await writeFile(join(directory, second), JSON.stringify(dead("second")));
    await writeFile(join(directory, besides(second, "second")), JSON.stringify(dead("third")));
    await expectTaken(directory, await places.open(directory, { lockTimeout: 2000 }));
  });

  // Whoever is slow to take it over may have looked at what another has replaced since.
  test("is not taken from whoever took it over first", { timeout: 30_000 }, async () => {
    const directory = await staleStore((own) => ({ ...own, pid: 2 ** 22 + 1 }));
    const signs = places.path("signs");
    await mkdir(signs);
    const sign = (name: string) => readFile(join(signs, name), "utf8").catch(() => undefined);
    const slow = startProcess(SLOW, [directory, signs]);
    try {
      await expect.poll(() => sign("at-1"), WAIT).toBeDefined();
      const store = await places.open(directory);
      await writeFile(join(signs, "go-1"), "");
      await expect.poll(async () => (await sign("at-2")) ?? (await sign("outcome")), WAIT).toBeDefined();
      expect((await readLock(directory)).pid).toBe(process.pid);
      expect(await other.ask("open", directory)).toBe("STORE_LOCKED");
      for (let look = 2; look < 20; look++) await writeFile(join(signs, `go-${look}`), "");
      await expect.poll(() => sign("outcome"), WAIT).toBe("STORE_LOCKED");
      await expectTaken(directory, store);
    } finally {
      await killProcess(slow);
    }
  });
});
