import { copyFile, cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  DatabaseError,
  openStore,
  type Progress,
  restore,
  type Store,
  verifyBackup,
} from "@meshgate/database";
import { beforeEach, describe, expect, test } from "vitest";
import { randomBy } from "../../bolt/damage.ts";
import { usePlaces } from "../../helpers/places.ts";
import { dump, expectRefused, expectSound } from "../../helpers/stores.ts";

const DAMAGES = Number(process.env["MESHGATE_BACKUP_DAMAGES"] ?? 60);
const SEED = Number(process.env["MESHGATE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const places = usePlaces();

let store: Store;
let backup: string;

beforeEach(async () => {
  store = await places.open(places.path("store"), { durability: "relaxed" });
  await store.update(async (tx) => {
    const rows = await tx.createBucket("rows");
    const random = randomBy(7);
    for (let i = 0; i < 3000; i++) await rows.put(["t", i], { i, noise: random() });
    await rows.put("long", "a long text, ".repeat(20_000));
    const nested = await rows.createBucket("bytes", { encoding: "bytes" });
    await nested.put("k", new Uint8Array([0, 255, 0xc3]));
  });
  backup = places.path("backup");
});

const filesOf = async (directory: string) =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(directory)).map(async (name) => [name, await readFile(join(directory, name), "hex")]),
    ),
  );

describe("verifyBackup()", () => {
  test("tells what a backup holds, and changes nothing", async () => {
    const report = await store.backup(backup);
    const before = await filesOf(backup);
    const steps: Progress[] = [];
    const verified = await verifyBackup(backup, { onProgress: (step) => steps.push(step) });
    expect(verified).toEqual({ ...report, made: expect.any(Date) });
    expect(Math.abs(verified.made.getTime() - Date.now())).toBeLessThan(60_000);
    expect(steps.length).toBeGreaterThan(3);
    expect(steps.at(-1)).toEqual({ done: report.rows, total: report.rows });
    expect(await filesOf(backup)).toEqual(before);
  });

  test("ends when its signal aborts, and passes on what onProgress throws", async () => {
    await store.backup(backup);
    await expectRefused("ABORTED", () => verifyBackup(backup, { signal: AbortSignal.abort() }));
    const failure = new Error("of onProgress");
    const onProgress = () => {
      throw failure;
    };
    await expect(verifyBackup(backup, { onProgress })).rejects.toBe(failure);
  });

  test("takes a backup that was opened and not changed", async () => {
    await store.backup(backup);
    for (const readOnly of [true, false]) {
      const copy = await openStore(backup, { readOnly });
      await copy.view((tx) => tx.buckets());
      await copy.close();
      await verifyBackup(backup);
    }
  });

  test("refuses one that was written to: BACKUP_INVALID", async () => {
    await store.backup(backup);
    const copy = await openStore(backup);
    await copy.update(async (tx) => (await tx.bucket("rows"))?.put("k", 1));
    await copy.close();
    await expectRefused("BACKUP_INVALID", () => verifyBackup(backup), /has commit 2, and had 1/);
  });

  test("refuses a directory that is no backup, and what is no path", async () => {
    await mkdir(places.path("empty"));
    for (const name of ["store", "empty", "missing"])
      await expectRefused("BACKUP_INVALID", () => verifyBackup(places.path(name)), "is no backup");
    for (const path of ["", "\0", 5, undefined])
      await expectRefused("PATH_INVALID", () => verifyBackup(path as string));
    await expectRefused("OPTION_INVALID", () => verifyBackup(backup, { quick: true } as never), "quick");
  });

  test("refuses files of another backup of the same store", async () => {
    await store.backup(backup);
    await store.update(async (tx) => (await tx.bucket("rows"))?.put(["t", 5], { i: 5, noise: 0 }));
    await store.backup(places.path("later"));
    await copyFile(places.path("later", "meshgate.backup"), join(backup, "meshgate.backup"));
    await expectRefused("BACKUP_INVALID", () => verifyBackup(backup), "has commit 1, and had 2");
  });

  test(`notices each of ${DAMAGES} damages, and names the file`, {
    timeout: 20_000 + DAMAGES * 1000,
  }, async () => {
    const random = randomBy(SEED);
    await store.backup(backup);
    const names = (await readdir(backup)).filter((name) => !/^LO(CK|G)/.test(name));
    let harmless = 0;
    for (let i = 0; i < DAMAGES; i++) {
      const damaged = places.path("damaged");
      await cp(backup, damaged, { recursive: true });
      const name = names[Math.floor(random() * names.length)] as string;
      const path = join(damaged, name);
      const bytes = await readFile(path);
      const at = Math.floor(random() * bytes.length);
      const kind = Math.floor(random() * 3);
      if (kind === 0) await rm(path);
      else if (kind === 1) await truncate(path, at);
      else {
        bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
        await writeFile(path, bytes);
      }
      const outcome = await verifyBackup(damaged).catch((error) => error);
      if (outcome instanceof DatabaseError) {
        expect(outcome.code, `seed ${SEED}, damage ${i} to ${name}`).toBe("BACKUP_INVALID");
        expect(outcome.details, outcome.message).toMatchObject({ directory: damaged, reason: /./ });
      } else {
        // An empty log may be missing, or cut: nothing is lost.
        harmless++;
        expect([name, bytes.length], `seed ${SEED}, damage ${i}, ${kind}`).toEqual([
          expect.stringMatching(/\.log$/),
          0,
        ]);
      }
      await rm(damaged, { recursive: true });
    }
    expect(harmless).toBeLessThan(DAMAGES / 2);
  });
});

describe("restore()", () => {
  test("makes a store of a backup, which is none itself", async () => {
    const report = await store.backup(backup);
    const steps: Progress[] = [];
    const path = places.path("restored");
    expect(await restore(backup, path, { onProgress: (step) => steps.push(step) })).toMatchObject(report);
    expect(steps.at(-1)).toEqual({ done: report.rows, total: report.rows });
    await verifyBackup(backup);
    await expectRefused("BACKUP_INVALID", () => verifyBackup(path), "is no backup");
    const restored = await places.open(path);
    await expectSound(restored);
    expect(await dump(restored)).toEqual(await dump(store));
    expect(restored.stats().commit).toBe(report.commit);
    await restored.update(async (tx) => (await tx.bucket("rows"))?.put("k", 1));
    await restored.backup(places.path("second"));
    await verifyBackup(places.path("second"));
  });

  test("takes an empty directory, and refuses any other: BACKUP_TARGET", async () => {
    await store.backup(backup);
    await mkdir(places.path("empty"));
    await restore(backup, places.path("empty"));
    await expectRefused("BACKUP_TARGET", () => restore(backup, places.path("empty")));
    await expectRefused("BACKUP_TARGET", () => restore(backup, places.path("store")));
    await expectRefused("PATH_INVALID", () => restore(backup, ""));
    await expectRefused("PATH_INVALID", () => restore("", places.path("new")));
    await expectRefused("BACKUP_INVALID", () => restore(places.path("store"), places.path("new")));
    expect(await dump(store)).toEqual(await dump(await places.open(places.path("empty"))));
  });

  test("of a damaged backup, or aborted, leaves nothing behind", async () => {
    await store.backup(backup);
    const before = await readdir(places.path());
    let steps = 0;
    const controller = new AbortController();
    const onProgress = () => {
      if (++steps === 7) controller.abort();
    };
    const path = places.path("deep", "restored");
    await expectRefused("ABORTED", () => restore(backup, path, { onProgress, signal: controller.signal }));
    const table = join(backup, (await readdir(backup)).find((name) => name.endsWith(".ldb")) as string);
    const bytes = await readFile(table);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(table, bytes);
    const outcome = await restore(backup, places.path("restored")).catch((error) => error);
    expect(outcome).toMatchObject({ code: "BACKUP_INVALID", details: { directory: backup, offset: 0 } });
    await rename(table, places.path("aside"));
    await expectRefused("BACKUP_INVALID", () => restore(backup, places.path("restored")), "is gone");
    await rename(places.path("aside"), table);
    expect((await readdir(places.path())).filter((name) => name !== "deep")).toEqual(before);
    expect(await readdir(places.path("deep"))).toEqual([]);
  });
});
