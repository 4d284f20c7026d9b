import type { Database } from "@meshgate/database";
import { describe, expect, test, vi } from "vitest";
import { type ApiKeyRecord, apiKeys } from "../../../src/control-plane/access/api-key-record.ts";
import { createSecret } from "../../../src/control-plane/access/secrets.ts";
import { verifyApiKey } from "../../../src/control-plane/access/verify-key.ts";
import { storeRunner } from "../../../src/control-plane/common/scope.ts";
import type { Settings } from "../../../src/control-plane/common/settings.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, HOUR, useDatabases, userOf } from "../databases.ts";

const databases = useDatabases();
const { clock } = databases;
const READ = { name: "reader", permissions: ["nodes:read"] };

async function opened(): Promise<Database> {
  const db = await databases.open();
  for (const id of ["a", "b"]) {
    await db.saveTenant({ id, name: id });
    await db.tenant(id).users.save(userOf(1, id));
  }
  return db;
}

/** Verification across tenants, as the system does it. */
function system(db: Database) {
  const lastUsed = { note: () => undefined };
  const settings = { now: clock.now, lastUsed, importedKeys: { mayBe: false } } as unknown as Settings;
  return (secret: string, ...more: [] | [{ permission?: string }]) =>
    verifyApiKey(storeRunner(db.store), settings, secret, ...more);
}

const refused = (reason: string) => ({ ok: false, reason });
const kept = (db: Database, id: string, tenantId = "a") =>
  db.store.view((tx) => apiKeys.in(tx).get([tenantId, id])) as Promise<ApiKeyRecord>;

describe("API keys", () => {
  test("are made with a secret that is shown once, and verified by it", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const { secret, key } = await keys.create({
      ...READ,
      userId: "u1",
      expiresAt: new Date(clock.time + DAY),
    });
    expect(secret).toMatch(new RegExp(`^mgk_${key.id}`));
    expect(key).toEqual({
      ...READ,
      tenantId: "a",
      id: key.id,
      userId: "u1",
      createdAt: clock.now(),
      expiresAt: new Date(clock.time + DAY),
      isActive: true,
    });
    expect(await keys.get(key.id)).toEqual(key);
    const identity = { tenantId: "a", id: key.id, name: "reader", userId: "u1", permissions: ["nodes:read"] };
    expect(await keys.verify(secret)).toEqual({ ok: true, key: identity });
    expect(await keys.verify(secret, { permission: "nodes:read" })).toEqual({ ok: true, key: identity });
    expect(await keys.verify(secret, { permission: "nodes:write" })).toEqual(refused("denied"));
    expect(await system(db)(secret, { permission: "nodes:read" })).toEqual({ ok: true, key: identity });
    expect(await keys.get("none")).toBeUndefined();
  });

  test("grant nothing that was not asked for by its name", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const { secret } = await keys.create({ name: "none", permissions: [] });
    expect(await keys.verify(secret)).toMatchObject({ ok: true, key: { permissions: [] } });
    expect(await keys.verify(secret, { permission: "a" })).toEqual(refused("denied"));
    const all = await keys.create({ name: "all", permissions: ["*"] });
    for (const permission of [undefined, "", "*", "nodes:*", 7])
      await expectRefused("OPTION_INVALID", async () => keys.verify(all.secret, { permission } as never));
    await expectRefused("OPTION_INVALID", async () => keys.verify(all.secret, { permision: "a" } as never));
    await expectRefused("OPTION_INVALID", async () => keys.verify(all.secret, null as never));
  });

  test("refuse every altered secret, and read nothing for one that is malformed", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const { secret, key } = await keys.create(READ);
    const view = vi.spyOn(db.store, "view");
    for (let i = 0; i < secret.length; i++) {
      for (const other of "0aZ_*")
        if (other !== secret[i]) {
          const altered = secret.slice(0, i) + other + secret.slice(i + 1);
          expect(await keys.verify(altered), altered).toEqual(refused("malformed"));
          expect(await system(db)(altered), altered).toEqual(refused("malformed"));
        }
    }
    for (const other of ["", secret.slice(1), `${secret}a`, undefined, null, 7, {}, [secret]])
      expect(await keys.verify(other as string)).toEqual(refused("malformed"));
    expect(view).not.toHaveBeenCalled();
    // Well-formed ones: another secret of the same key, and of a key that there is not.
    for (const other of [createSecret("mgk", key.id), createSecret("mgk", "0000000000000000")]) {
      expect(await keys.verify(other)).toEqual(refused("unknown"));
      expect(await system(db)(other)).toEqual(refused("unknown"));
    }
    expect(view).toHaveBeenCalledTimes(4);
    view.mockRestore();
    // To who has a wrong secret, a key that is revoked is as unknown as any.
    await keys.revoke(key.id);
    expect(await keys.verify(createSecret("mgk", key.id))).toEqual(refused("unknown"));
    expect(await keys.verify(secret)).toEqual(refused("revoked"));
  });

  test("expire to the millisecond, and until then can be given longer", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const { secret, key } = await keys.create({ ...READ, expiresAt: new Date(clock.time + HOUR) });
    clock.advance(HOUR - 1);
    expect(await keys.verify(secret)).toMatchObject({ ok: true });
    clock.advance(1);
    expect(await keys.verify(secret)).toEqual(refused("expired"));
    expect(await system(db)(secret)).toEqual(refused("expired"));
    await keys.update(key.id, { expiresAt: new Date(clock.time + 1) });
    expect(await keys.verify(secret)).toMatchObject({ ok: true });
    expect(await keys.update(key.id, { expiresAt: undefined })).not.toHaveProperty("expiresAt");
    clock.advance(1000 * DAY);
    expect(await keys.verify(secret)).toMatchObject({ ok: true });
  });

  test("are revoked for good, and then stay as they were", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const { secret, key } = await keys.create(READ);
    expect(await keys.revoke(key.id)).toBe(true);
    expect(await keys.revoke(key.id)).toBe(false);
    expect(await keys.get(key.id)).toEqual({ ...key, isActive: false, revokedAt: clock.now() });
    expect(await keys.verify(secret)).toEqual(refused("revoked"));
    await expectRefused("RECORD_INVALID", () => keys.update(key.id, { name: "again" }), "revoked");
    await expectRefused("RECORD_INVALID", () => keys.rotate(key.id), "revoked");
    for (const act of [() => keys.revoke("none"), () => keys.update("none", {}), () => keys.rotate("none")])
      await expectRefused("RECORD_NOT_FOUND", act, '"none"');
    expect(await keys.delete(key.id)).toBe(true);
    expect(await keys.delete(key.id)).toBe(false);
    expect(await keys.verify(secret)).toEqual(refused("unknown"));
  });

  test("rotate: both secrets are good for the grace, then the new one alone", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const first = await keys.create(READ);
    const second = await keys.rotate(first.key.id);
    expect(second.key).toEqual({ ...first.key, previousExpiresAt: new Date(clock.time + DAY) });
    expect(second.secret).not.toBe(first.secret);
    clock.advance(DAY - 1);
    expect(await keys.verify(first.secret)).toMatchObject({ ok: true });
    expect(await keys.verify(second.secret)).toMatchObject({ ok: true });
    clock.advance(1);
    expect(await keys.verify(first.secret)).toEqual(refused("expired"));
    expect(await keys.verify(second.secret)).toMatchObject({ ok: true });
    const third = await keys.rotate(first.key.id, { grace: new Date(clock.time + 5) });
    const fourth = await keys.rotate(first.key.id, { grace: HOUR });
    // Two live at the most: the first of three ends although its grace does not.
    expect(await keys.verify(second.secret)).toEqual(refused("unknown"));
    expect(await keys.verify(third.secret)).toMatchObject({ ok: true });
    expect((await kept(db, first.key.id)).secrets).toHaveLength(2);
    const fifth = await keys.rotate(first.key.id, { grace: 0 });
    expect(await keys.verify(fourth.secret)).toEqual(refused("expired"));
    expect(await keys.verify(fifth.secret)).toMatchObject({ ok: true });
    for (const grace of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e300, new Date(Number.NaN), "1d"])
      await expectRefused("OPTION_INVALID", () => keys.rotate(first.key.id, { grace } as never), "grace");
    await expectRefused("OPTION_INVALID", async () => keys.rotate(first.key.id, { gracious: 1 } as never));
    expect(await keys.verify(fifth.secret)).toMatchObject({ ok: true });
  });

  test("outlive no expiry by a rotation", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const first = await keys.create({ ...READ, expiresAt: new Date(clock.time + HOUR) });
    const second = await keys.rotate(first.key.id);
    clock.advance(HOUR);
    for (const { secret } of [first, second]) expect(await keys.verify(secret)).toEqual(refused("expired"));
  });

  test("are changed in name, permissions and expiry, and in nothing else", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const { secret, key } = await keys.create({ ...READ, userId: "u1" });
    const changed = await keys.update(key.id, { name: "writer", permissions: ["nodes:*"] });
    expect(changed).toEqual({ ...key, name: "writer", permissions: ["nodes:*"] });
    expect(await keys.verify(secret, { permission: "nodes:write" })).toMatchObject({ ok: true });
    const wrong = [
      { name: undefined },
      { permissions: ["a*"] },
      { userId: "u2" },
      { isActive: false },
      { id: "x" },
    ];
    for (const patch of [...wrong, { secrets: [] }, { tenantId: "b" }, undefined, null, 7])
      await expectRefused("RECORD_INVALID", () => keys.update(key.id, patch as never));
    expect(await keys.get(key.id)).toEqual(changed);
  });

  test("are made of what fits, for users that are there", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const wrong: object[] = [
      { name: "no permissions" },
      { ...READ, permissions: ["nodes:**"] },
      { ...READ, permissions: Array.from({ length: 257 }, () => "a") },
      { ...READ, expiresAt: new Date(Number.NaN) },
      { ...READ, expiresAt: "2030-01-01" },
      { ...READ, id: "mine" },
      { ...READ, tenantId: "b" },
      { ...READ, secrets: [] },
    ];
    for (const input of wrong) await expectRefused("RECORD_INVALID", () => keys.create(input as never));
    await expectRefused("RECORD_INVALID", () => keys.create(undefined as never));
    await db.tenant("b").users.save({ id: "only-b", email: "only@b.example" });
    for (const userId of ["none", "only-b"])
      await expectRefused("REFERENCE_INVALID", () => keys.create({ ...READ, userId }), userId);
    expect((await keys.list()).records).toEqual([]);
    expect(await db.getTenantQuota("a")).toMatchObject({ usedApiKeys: 0 });
  });

  test("are listed in pages, by user, and by whether they are good", async () => {
    const db = await opened();
    const keys = db.tenant("a").apiKeys;
    const made = await keys.createMany(
      Array.from({ length: 9 }, (_, i) => ({
        ...READ,
        ...(i % 3 === 0 ? { userId: "u1" } : {}),
        ...(i === 4 ? { expiresAt: new Date(clock.time + HOUR) } : {}),
      })),
    );
    const idOf = (i: number) => made[i]?.key.id as string;
    await db.tenant("b").apiKeys.create({ ...READ, userId: "u1" });
    await keys.revoke(idOf(0));
    clock.advance(HOUR);
    const listed = async (options: Parameters<typeof keys.list>[0]) =>
      (await keys.list(options)).records.map(({ id }) => id).sort();
    const ids = (...places: number[]) => places.map(idOf).sort();
    expect(await listed({})).toEqual(ids(0, 1, 2, 3, 4, 5, 6, 7, 8));
    expect(await listed({ userId: "u1" })).toEqual(ids(0, 3, 6));
    expect(await listed({ active: false })).toEqual(ids(0, 4));
    expect(await listed({ active: true })).toEqual(ids(1, 2, 3, 5, 6, 7, 8));
    expect(await listed({ active: true, userId: "u1" })).toEqual(ids(3, 6));
    const first = await keys.list({ size: 5 });
    const rest = await keys.list({ size: 5, after: first.next });
    expect([...first.records, ...rest.records].map(({ id }) => id)).toEqual(ids(0, 1, 2, 3, 4, 5, 6, 7, 8));
    expect(rest.next).toBeUndefined();
    await expectRefused("TOKEN_INVALID", () => db.tenant("b").apiKeys.list({ size: 5, after: first.next }));
    await expectRefused("OPTION_INVALID", async () => keys.list({ user: "u1" } as never), "user");
    await expectRefused("OPTION_INVALID", async () => keys.list({ active: 1 } as never), "active");
  });

  test("count for the quota until they are revoked or deleted", async () => {
    const db = await opened();
    await db.updateTenantQuota({ tenantId: "a", maxApiKeys: 3 });
    const keys = db.tenant("a").apiKeys;
    const used = async () => (await db.getTenantQuota("a"))?.usedApiKeys;
    await expectRefused("QUOTA_EXCEEDED", () => keys.createMany([READ, READ, READ, READ]), "3 of 3");
    expect(await used()).toBe(0);
    expect((await keys.list()).records).toEqual([]);
    const [first, second] = await keys.createMany([READ, READ, { ...READ, expiresAt: clock.now() }]);
    await expectRefused("QUOTA_EXCEEDED", () => keys.create(READ));
    expect(await used()).toBe(3);
    await keys.revoke(first?.key.id as string);
    expect(await used()).toBe(2);
    await keys.delete(first?.key.id as string);
    expect(await used()).toBe(2);
    await keys.delete(second?.key.id as string);
    expect(await used()).toBe(1);
    // Within a transaction that goes on, a refused key has counted nothing.
    await db.update(async (tx) => {
      const made = await tx.tenant("a").apiKeys.createMany([READ, READ]);
      await expectRefused("QUOTA_EXCEEDED", () => tx.tenant("a").apiKeys.create(READ));
      expect(await tx.tenant("a").apiKeys.verify(made[0]?.secret as string)).toMatchObject({ ok: true });
    });
    expect(await used()).toBe(3);
  });

  test("of a user go with the user, and stay to be seen", async () => {
    const db = await opened();
    const { apiKeys: keys, users } = db.tenant("a");
    const [own, other] = await keys.createMany([{ ...READ, userId: "u1" }, READ]);
    await users.delete("u1");
    expect(await keys.verify(own?.secret as string)).toEqual(refused("revoked"));
    expect(await keys.get(own?.key.id as string)).toMatchObject({ isActive: false, revokedAt: clock.now() });
    expect(await keys.verify(other?.secret as string)).toMatchObject({ ok: true });
    expect(await db.getTenantQuota("a")).toMatchObject({ usedApiKeys: 1 });
  });

  test("are out of reach for another tenant", async () => {
    const db = await opened();
    const { secret, key } = await db.tenant("a").apiKeys.create({ ...READ, userId: "u1" });
    const foreign = db.tenant("b").apiKeys;
    expect(await foreign.verify(secret)).toEqual(refused("unknown"));
    expect(await foreign.get(key.id)).toBeUndefined();
    expect((await foreign.list({ userId: "u1" })).records).toEqual([]);
    expect(await foreign.delete(key.id)).toBe(false);
    for (const act of [
      () => foreign.revoke(key.id),
      () => foreign.rotate(key.id),
      () => foreign.update(key.id, {}),
    ])
      await expectRefused("RECORD_NOT_FOUND", act);
    expect(await db.tenant("a").apiKeys.verify(secret)).toMatchObject({ ok: true });
  });

  test("of a tenant that is suspended, busy or gone are good for nothing", async () => {
    const db = await opened();
    const { secret, key } = await db.tenant("a").apiKeys.create(READ);
    const wrong = createSecret("mgk", key.id);
    const both = async () => [await db.tenant("a").apiKeys.verify(secret), await system(db)(secret)];
    await db.system.tenants.suspend("a");
    expect(await both()).toEqual([refused("suspended"), refused("suspended")]);
    expect(await system(db)(wrong)).toEqual(refused("unknown"));
    await db.system.tenants.resume("a");
    expect(await both()).toMatchObject([{ ok: true }, { ok: true }]);
    await expectRefused("TENANT_NOT_FOUND", () => db.tenant("none").apiKeys.create(READ));
    await db.wipeTenant("a");
    expect(await both()).toEqual([refused("unknown"), refused("unknown")]);
  });

  test("are verified at the same time, while others are made and revoked", async () => {
    const db = await opened();
    await db.updateTenantQuota({ tenantId: "a", maxApiKeys: 1000 });
    const keys = db.tenant("a").apiKeys;
    const stays = await keys.create(READ);
    const turns = Array.from({ length: 40 }, async (_, i) => {
      const { secret, key } = await keys.create({ ...READ, name: `k${i}` });
      expect(await keys.verify(secret)).toMatchObject({ ok: true, key: { name: `k${i}` } });
      await keys.revoke(key.id);
      expect(await keys.verify(secret)).toEqual(refused("revoked"));
      expect(await keys.verify(stays.secret)).toMatchObject({ ok: true });
    });
    await Promise.all(turns);
    expect(await db.getTenantQuota("a")).toMatchObject({ usedApiKeys: 1 });
  });

  test("tell the audit trail what is done with them, and no secret", async () => {
    const db = await opened();
    const keys = db.tenant("a").as({ userId: "u1" }).apiKeys;
    const { secret, key } = await keys.create(READ);
    await keys.update(key.id, { name: "again" });
    const { secret: next } = await keys.rotate(key.id);
    await keys.verify(secret);
    await keys.revoke(key.id);
    await keys.revoke(key.id);
    await keys.delete(key.id);
    await keys.createMany([READ, READ]);
    const entries = (await db.tenant("a").audit.list()).records;
    const verbs = ["create", "update", "rotate", "revoke", "delete", "createMany"];
    expect(entries.map(({ action }) => action).reverse()).toEqual(verbs.map((verb) => `apiKey.${verb}`));
    expect(entries.at(-1)).toMatchObject({ resource: `api_keys/${key.id}`, userId: "u1" });
    for (const text of [secret, next]) expect(JSON.stringify(entries)).not.toContain(text.slice(20, 47));
  });
});
