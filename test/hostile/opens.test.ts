import { type ChildProcess, spawn } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { link, mkdir, readdir, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { chdir, cwd } from "node:process";
import { fileURLToPath } from "node:url";
import type { Store } from "@meshgate/database";
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import type { Reply, Request } from "../engine/opener.ts";
import { killProcess, type Opener, openerProcess, openerThread } from "../helpers/openers.ts";
import { codeOf, usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";

const PROGRAM = fileURLToPath(new URL("../engine/opener.ts", import.meta.url));
const places = usePlaces();
let other: Opener;
let thread: Opener;

beforeAll(async () => {
  [other, thread] = await Promise.all([openerProcess(), openerThread()]);
});
afterAll(() => Promise.all([other.kill(), thread.kill()]));

/** Expects that nobody else gets the directory by that path, whatever is asked for, and that the owner goes on. */
async function expectHeld(path: string, owner: Store): Promise<void> {
  for (const options of [{}, { readOnly: true }, { createIfMissing: false }, { lockTimeout: 30 }]) {
    const code = "lockTimeout" in options ? "LOCK_TIMEOUT" : "STORE_LOCKED";
    await expectRefused(code, () => places.open(path, options));
    for (const rival of [other, thread])
      if (path.startsWith("/")) expect(await rival.ask("open", path, options), path).toBe(code);
  }
  await owner.update(async (tx) => void (await tx.createBucketIfNotExists("rows")).put("held", path));
}

describe("ways to one directory", () => {
  test("a relative path after chdir, and paths through /proc", async () => {
    const home = cwd();
    places.later(() => chdir(home));
    await mkdir(places.path("a", "b"), { recursive: true });
    chdir(places.path("a"));
    const owner = await places.open("store");
    chdir(places.path("a", "b"));
    await expectHeld("../store", owner);
    await expectHeld(".././b/../store/", owner);
    // The same words mean another directory now.
    const second = await places.open("store");
    expect(second.directory).toBe(join(places.path("a", "b"), "store"));
    if (existsSync("/proc/self/root")) await expectHeld(`/proc/self/root${owner.directory}`, owner);
    if (existsSync("/proc/self/cwd"))
      await expectRefused("STORE_LOCKED", () => places.open("/proc/self/cwd/../store"));
  });

  test("a chain of links, and a link that leads through a parent's link", async () => {
    await mkdir(places.path("real"));
    const owner = await places.open(places.path("real", "store"));
    await symlink(places.path("real"), places.path("parent"));
    await symlink(places.path("parent", "store"), places.path("one"));
    await symlink("one", places.path("two"));
    for (const path of ["one", "two", "parent/store", "parent/../real/store"])
      await expectHeld(places.path(path), owner);
  });

  test("a copy whose files are hard links to the store's", async () => {
    const owner = await places.open(places.path("store"));
    await mkdir(places.path("copy"));
    for (const name of await readdir(places.path("store")))
      await link(places.path("store", name), places.path("copy", name));
    await expectHeld(places.path("copy"), owner);
  });
});

/** Starts an opener by a command, which gets node's own as its last arguments. */
async function openerBy(command: string, args: readonly string[]): Promise<Opener | undefined> {
  const child = spawn(command, [...args, process.execPath, "--import", "tsx", PROGRAM], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const isThere = await Promise.race([
    once(child, "message").then(() => true),
    once(child, "exit").then(() => false),
    once(child, "error").then(() => false),
  ]);
  if (!isThere) return undefined;
  places.later(() => killProcess(child));
  return talk(child);
}

function talk(child: ChildProcess | Worker): Opener {
  let id = 0;
  return {
    ask: async (call, directory, options = {}) => {
      const request: Request = { id: ++id, call, directory, options };
      child.send(request);
      const [reply] = (await once(child, "message")) as [Reply];
      return reply.outcome;
    },
    kill: () => Promise.resolve(),
  };
}

describe("owners in other worlds", () => {
  test("a process that sees the directory elsewhere, by a bind mount", async (context) => {
    for (const name of ["here", "there"]) await mkdir(places.path(name));
    const mount = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
    const args = ["-m", "sh", "-c", mount, "sh", places.path("here"), places.path("there")];
    const inside = await openerBy("unshare", args);
    if (inside === undefined) return skip(context, "this machine allows no bind mounts");
    const owner = await places.open(places.path("here", "store"));
    expect(await inside.ask("open", places.path("there", "store"))).toBe("STORE_LOCKED");
    await owner.close();
    expect(await inside.ask("open", places.path("there", "store"))).toBe("done");
    await expectRefused("STORE_LOCKED", () => places.open(places.path("here", "store")));
    expect(await inside.ask("close", places.path("there", "store"))).toBe("done");
  });

  test("a process of another container, which sees none of ours", async (context) => {
    const inside = await openerBy("unshare", ["-p", "-m", "--fork", "--mount-proc", "--kill-child"]);
    if (inside === undefined) return skip(context, "this machine allows no name spaces of processes");
    const directory = places.path("store");
    const owner = await places.open(directory);
    expect(await inside.ask("open", directory)).toBe("STORE_LOCKED");
    expect(await inside.ask("open", directory, { lockTimeout: 50 })).toMatch(/^(STORE_LOCKED|LOCK_TIMEOUT)$/);
    await owner.update(async (tx) => void (await tx.createBucket("ours")));
    await owner.close();
    expect(await inside.ask("open", directory)).toBe("done");
    expect(await codeOf(() => places.open(directory))).toBe("STORE_LOCKED");
    expect(await inside.ask("put", directory)).toBe("done");
    expect(await inside.ask("close", directory)).toBe("done");
    const again = await places.open(directory);
    expect(await again.view((tx) => tx.buckets())).toEqual(["ours", "rows"]);
  });

  test("a worker of a cluster", async () => {
    cluster.setupPrimary({ exec: PROGRAM, execArgv: ["--import", "tsx"], silent: true });
    const workers = [cluster.fork(), cluster.fork()];
    for (const worker of workers) places.later(() => killProcess(worker.process));
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const [first, second] = workers.map(talk) as [Opener, Opener];
    const directory = places.path("store");
    expect(await first.ask("open", directory)).toBe("done");
    expect(await second.ask("open", directory)).toBe("STORE_LOCKED");
    await expectRefused("STORE_LOCKED", () => places.open(directory));
    workers[0]?.process.kill("SIGKILL");
    await once(workers[0] as Worker, "exit");
    // At once, without waiting: nobody is there to let go.
    expect(await second.ask("open", directory)).toBe("done");
    expect(await second.ask("put", directory)).toBe("done");
  });
});

test("an owner that was killed is followed at once, by whoever comes, in every mode", {
  timeout: 60_000,
}, async () => {
  for (const options of [{}, { readOnly: true }, { createIfMissing: false }]) {
    const doomed = await openerProcess();
    const directory = places.path(`store ${Object.keys(options).join()}`);
    expect(await doomed.ask("open", directory)).toBe("done");
    expect(await doomed.ask("put", directory)).toBe("done");
    await expectRefused("STORE_LOCKED", () => places.open(directory, options));
    await doomed.kill();
    const next = await places.open(directory, options);
    expect(await next.view(async (tx) => (await tx.bucket("rows"))?.count())).toBe(1);
    await next.close();
  }
});

describe("a directory that is renamed while it is open", () => {
  test("is held where it is now, and opens there once its owner has closed it", async () => {
    const owner = await places.open(places.path("store"));
    await owner.update(async (tx) => void (await (await tx.createBucket("rows")).put("k", 1)));
    // Not to be done, but it happens: nobody else may get in meanwhile.
    await rename(places.path("store"), places.path("moved"));
    await expectRefused("STORE_LOCKED", () => places.open(places.path("moved")));
    for (const rival of [other, thread])
      expect(await rival.ask("open", places.path("moved"))).toBe("STORE_LOCKED");
    await owner.close();
    const next = await places.open(places.path("moved"));
    expect(await next.view(async (tx) => (await tx.bucket("rows"))?.get("k"))).toBe(1);
    expect(await other.ask("open", places.path("moved"))).toBe("STORE_LOCKED");
    await next.close();
    expect(await other.ask("open", places.path("moved"))).toBe("done");
    expect(await other.ask("close", places.path("moved"))).toBe("done");
  });
});

function skip(context: TestContext, why: string): void {
  console.warn(`Skipped: ${why}.`);
  context.skip(why);
}
