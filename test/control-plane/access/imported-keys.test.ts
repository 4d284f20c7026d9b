import { createHash } from "node:crypto";
import type { Database } from "@meshgate/database";
import { describe, expect, test, vi } from "vitest";
import { apiKeys } from "../../../src/control-plane/access/api-key-record.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, useDatabases } from "../databases.ts";

const databases = useDatabases();
const { clock } = databases;
const SECRET = "sk-live-0123456789abcdef0123456789abcdef";

/** Puts a key there as an import does. */
async function withKey(db: Database, tenantId = "a", secret = SECRET): Promise<void> {
  await db.update(async (tx) => {
    await tx.system.tenants.save({ id: tenantId, name: tenantId });
    const hash = createHash("sha256").update(secret).digest("hex");
    await apiKeys.in(tx.transaction).insert({
      tenantId,
      id: `key of ${tenantId}`,
      name: "from elsewhere",
      permissions: ["nodes:read"],
      secrets: [{ algorithm: "sha256", hash }],
      importedHash: hash,
      createdAt: clock.now(),
      isActive: true,
    });
  });
  await db.tenant(tenantId).quota.recount();
}

/** A database that was closed and opened since it got the key. */
async function reopened(): Promise<Database> {
  const db = await databases.open();
  await withKey(db);
  await db.close();
  return databases.open();
}

describe("an API key that was made elsewhere", () => {
  test("is known by its secret, to its tenant and to the system, and to nobody else", async () => {
    const db = await reopened();
    await db.saveTenant({ id: "b", name: "b" });
    const verified = await db.verifyApiKey(SECRET, { permission: "nodes:read" });
    expect(verified).toMatchObject({ ok: true, key: { tenantId: "a", id: "key of a" } });
    expect(await db.tenant("a").apiKeys.verify(SECRET)).toEqual(verified);
    expect(await db.verifyApiKey(SECRET, { permission: "nodes:write" })).toEqual({
      ok: false,
      reason: "denied",
    });
    const malformed = { ok: false, reason: "malformed" };
    expect(await db.tenant("b").apiKeys.verify(SECRET)).toEqual(malformed);
    for (const other of [
      `${SECRET}0`,
      SECRET.slice(1),
      SECRET.toUpperCase(),
      "",
      "short",
      "x".repeat(5000),
      undefined,
    ])
      expect(await db.verifyApiKey(other as string)).toEqual(malformed);
  });

  test("expires, is suspended with its tenant, and is revoked as any", async () => {
    const db = await reopened();
    const keys = db.tenant("a").apiKeys;
    await db.system.tenants.suspend("a");
    expect(await db.verifyApiKey(SECRET)).toEqual({ ok: false, reason: "suspended" });
    await db.system.tenants.resume("a");
    await keys.update("key of a", { expiresAt: new Date(clock.time + DAY) });
    clock.advance(DAY);
    expect(await db.verifyApiKey(SECRET)).toEqual({ ok: false, reason: "expired" });
    expect(await keys.revoke("key of a")).toBe(true);
    expect(await db.verifyApiKey(SECRET)).toEqual({ ok: false, reason: "revoked" });
  });

  test("shows nothing of its secret, and cannot be rotated", async () => {
    const db = await reopened();
    const key = await db.tenant("a").apiKeys.get("key of a");
    expect(Object.keys(key ?? {})).not.toContain("importedHash");
    expect(Object.keys(key ?? {})).not.toContain("secrets");
    await expectRefused("RECORD_INVALID", () => db.tenant("a").apiKeys.rotate("key of a"));
    expect((await db.verifyApiKey(SECRET)).ok).toBe(true);
  });

  test("goes on to be valid where its tenant is exported to", async () => {
    const from = await reopened();
    const to = await databases.open({}, "other");
    expect(await to.verifyApiKey(SECRET)).toEqual({ ok: false, reason: "malformed" });
    await to.importTenant("a", from.tenant("a").export());
    expect((await to.verifyApiKey(SECRET)).ok).toBe(true);
  });

  test("is not looked for where there is none", async () => {
    const db = await databases.open();
    const view = vi.spyOn(db.store, "view");
    expect(await db.verifyApiKey(SECRET)).toEqual({ ok: false, reason: "malformed" });
    expect(view).not.toHaveBeenCalled();
    view.mockRestore();
  });
});
