import { describe, expect, test } from "vitest";
import { ApiKeys } from "../../../src/control-plane/access/api-keys.ts";
import { ImportedKeys } from "../../../src/control-plane/access/imported-keys.ts";
import { LastUsed } from "../../../src/control-plane/access/last-used.ts";
import { Scope, storeRunner } from "../../../src/control-plane/common/scope.ts";
import type { Settings } from "../../../src/control-plane/common/settings.ts";
import { tenants } from "../../../src/control-plane/tenants/tenant-record.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { HOUR, MINUTE, useDatabases } from "../databases.ts";

const databases = useDatabases();
const { clock } = databases;
const EVERY = 5 * MINUTE;
const READ = { name: "reader", permissions: ["nodes:read"] };

/** A database with a tenant, and keys whose uses are written when the test says so. */
async function opened() {
  const db = await databases.open();
  await db.saveTenant({ id: "a", name: "a" });
  await db.updateTenantQuota({ tenantId: "a", maxApiKeys: 1000 });
  const lastUsed = new LastUsed({ every: EVERY });
  const settings = {
    now: clock.now,
    keyPrefix: "mgk",
    lastUsed,
    importedKeys: new ImportedKeys(false),
  } as Settings;
  const keys = new ApiKeys(new Scope(storeRunner(db.store), settings, "a"));
  const commits = async (act: () => unknown) => {
    const { commit } = db.store.stats();
    await act();
    return db.store.stats().commit - commit;
  };
  return { db, keys, lastUsed, commits, flush: () => lastUsed.flush(db.store) };
}

describe("the last use of API keys", () => {
  test("is written once in its time, however often they are used", async () => {
    const { keys, commits, flush, lastUsed } = await opened();
    const { secret, key } = await keys.create(READ);
    const uses = async () => {
      for (let i = 0; i < 100; i++) {
        await keys.verify(secret);
        clock.advance(1000);
        if (i % 10 === 9) await flush();
      }
    };
    expect(await commits(uses)).toBe(1);
    expect((await keys.get(key.id))?.lastUsed).toEqual(new Date(clock.time - 91_000));
    expect(lastUsed.pending).toBe(0);
    // 100 further seconds twice: only then 5 minutes have gone by since the one that was written.
    expect(await commits(uses)).toBe(0);
    expect(await commits(uses)).toBe(0);
    expect(await commits(uses)).toBe(1);
    expect(await commits(flush)).toBe(0);
    expect(await keys.get(key.id)).toEqual({ ...key, lastUsed: expect.any(Date) });
  });

  test("is that of a verification that succeeded", async () => {
    const { db, keys, lastUsed } = await opened();
    const { secret, key } = await keys.create(READ);
    await keys.verify(secret, { permission: "nodes:write" });
    await keys.verify(`${secret.slice(0, -1)}-`);
    await db.system.tenants.suspend("a");
    await keys.verify(secret);
    await db.system.tenants.resume("a");
    await keys.revoke(key.id);
    await keys.verify(secret);
    expect(lastUsed.pending).toBe(0);
  });

  test("of many keys is written in one commit, of very many in a few", async () => {
    const { keys, commits, flush, lastUsed } = await opened();
    const made = await keys.createMany(Array.from({ length: 300 }, () => READ));
    for (const { secret } of made.slice(0, 200)) await keys.verify(secret);
    expect(await commits(flush)).toBe(1);
    clock.advance(HOUR);
    for (const { secret } of made) await keys.verify(secret);
    expect(lastUsed.pending).toBe(300);
    expect(await commits(flush)).toBe(2);
    const { records } = await keys.list({ size: 300 });
    expect(records.every((key) => key.lastUsed?.getTime() === clock.time)).toBe(true);
  });

  test("brings no key back, and changes nothing else of one", async () => {
    const { keys, flush } = await opened();
    const [deleted, renamed, revoked] = await keys.createMany([READ, READ, READ]);
    for (const each of [deleted, renamed, revoked]) await keys.verify(each?.secret as string);
    await keys.delete(deleted?.key.id as string);
    const now = await keys.update(renamed?.key.id as string, { name: "other", permissions: [] });
    await keys.revoke(revoked?.key.id as string);
    await flush();
    expect(await keys.get(deleted?.key.id as string)).toBeUndefined();
    expect(await keys.get(now.id)).toEqual({ ...now, lastUsed: clock.now() });
    const gone = { isActive: false, revokedAt: clock.now(), lastUsed: clock.now() };
    expect(await keys.get(revoked?.key.id as string)).toEqual({ ...revoked?.key, ...gone });
  });

  test("is not written for a tenant that is suspended, busy or gone", async () => {
    const { db, keys, flush, lastUsed } = await opened();
    const { secret, key } = await keys.create(READ);
    for (const change of [{ busy: "wipe" }, { busy: "import" }, { isActive: false }]) {
      await keys.verify(secret);
      await db.store.update(async (tx) => tenants.in(tx).update("a", change as never));
      await flush();
      expect(await keys.get(key.id)).toEqual(key);
      expect(lastUsed.pending).toBe(0);
      const undone = { busy: undefined, isActive: true };
      await db.store.update(async (tx) => tenants.in(tx).update("a", undone as never));
    }
    await keys.verify(secret);
    await db.wipeTenant("a");
    await flush();
    expect(await keys.get(key.id)).toBeUndefined();
    expect(await db.getTenant("a")).toBeUndefined();
  });

  test("stays pending where the write fails, and the latest is the one that counts", async () => {
    const { db, keys, flush, lastUsed } = await opened();
    const made = await keys.createMany([READ, READ]);
    for (const { secret } of made) await keys.verify(secret);
    const failing = {
      update: async () => {
        clock.advance(1);
        await keys.verify(made[1]?.secret as string);
        throw new Error("the disk is full");
      },
    };
    await expect(lastUsed.flush(failing)).rejects.toThrow("disk is full");
    expect(lastUsed.pending).toBe(2);
    await Promise.all([flush(), flush()]);
    const times = await Promise.all(
      made.map(async ({ key }) => (await keys.get(key.id))?.lastUsed?.getTime()),
    );
    expect(times).toEqual([clock.time - 1, clock.time]);
    await keys.verify(made[0]?.secret as string);
    clock.advance(HOUR);
    await keys.verify(made[0]?.secret as string);
    await db.close();
    await expectRefused("STORE_CLOSED", flush);
    expect(lastUsed.pending).toBe(1);
  });

  test("is written when the database closes, and not at all by one that only reads", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "a" });
    const { secret, key } = await db.tenant("a").apiKeys.create(READ);
    await db.tenant("a").apiKeys.verify(secret);
    expect(await db.tenant("a").apiKeys.get(key.id)).toEqual(key);
    await db.close();
    clock.advance(HOUR);
    const reader = await databases.open({ readOnly: true });
    const used = { ...key, lastUsed: new Date(clock.time - HOUR) };
    expect(await reader.tenant("a").apiKeys.verify(secret)).toMatchObject({ ok: true });
    await reader.close();
    const again = await databases.open();
    expect(await again.tenant("a").apiKeys.get(key.id)).toEqual(used);
    const lastUsed = new LastUsed({ every: 0, readOnly: true });
    lastUsed.note("a", key.id, clock.now());
    expect(lastUsed.pending).toBe(0);
  });
});
