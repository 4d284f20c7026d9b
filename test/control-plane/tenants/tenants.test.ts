import { describe, expect, test } from "vitest";
import { expectRefused } from "../../helpers/stores.ts";
import { nodeOf, useDatabases, userOf } from "../databases.ts";

describe("tenants", () => {
  const databases = useDatabases();

  test("are saved with a quota, found by domain, listed and changed", async () => {
    const db = await databases.open();
    const saved = await db.saveTenant({ id: "a", name: "Acme", domain: "Acme.Example", nodeLimit: 7 });
    expect(saved).toEqual({
      id: "a",
      name: "Acme",
      domain: "acme.example",
      settings: { subnetCidr: "10.10.10.0/24", maxNodes: 1000, policyMode: "strict", heartbeatInterval: 30 },
      createdAt: databases.clock.now(),
      isActive: true,
      nodeLimit: 7,
    });
    expect(await db.getTenantQuota("a")).toMatchObject({ maxNodes: 7, maxUsers: 50, maxApiKeys: 10 });
    expect(await db.system.tenants.getByDomain("ACME.example")).toEqual(saved);
    expect(await db.tenant("a").get()).toEqual(saved);
    databases.clock.advance(1000);
    const again = await db.saveTenant({ ...saved, name: "Acme Inc." });
    expect(again).toEqual({ ...saved, name: "Acme Inc." });
    const updated = await db.system.tenants.update("a", { settings: { policyMode: "permissive" } });
    expect(updated.settings).toEqual({ ...saved.settings, policyMode: "permissive" });
    expect((await db.listTenants()).map(({ id }) => id)).toEqual(["a", "system"]);
    expect((await db.system.tenants.list({ size: 1 })).records.map(({ id }) => id)).toEqual(["a"]);
    await expectRefused("UNIQUE_VIOLATION", () =>
      db.saveTenant({ id: "b", name: "B", domain: "acme.example" }),
    );
    await expectRefused("RECORD_INVALID", () =>
      db.saveTenant({ id: "b", name: "B", settings: { subnetCidr: "10.0.0.0/33" } }),
    );
    await expectRefused("RECORD_INVALID", () => db.saveTenant({ id: "b", name: "B", busy: "wipe" } as never));
    await expectRefused(
      "RECORD_INVALID",
      () => db.system.tenants.update("a", { busy: "wipe" } as never),
      "busy",
    );
    await expectRefused("TENANT_NOT_FOUND", () => db.system.tenants.update("b", { name: "B" }));
    expect(await db.getTenant("b")).toBeUndefined();
  });

  test("that are suspended can be read, and refuse all writes through their handles", async () => {
    const db = await databases.open();
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    const system = db.system.as({ userId: "root" });
    await system.tenants.suspend("a");
    const tenant = db.tenant("a");
    expect(await tenant.users.all()).toHaveLength(1);
    const writes = [
      () => tenant.users.save(userOf(2, "a")),
      () => tenant.users.update("u1", { role: "admin" }),
      () => tenant.users.delete("u1"),
      () => tenant.nodes.save(nodeOf(1)),
      () => tenant.quota.addUsage({ bandwidth: 1 }),
      () => tenant.audit.append({ userId: "u1", action: "x", resource: "y" }),
      () =>
        tenant.metrics.save({ timestamp: databases.clock.now(), granularity: "minute", metrics: { a: 1 } }),
      () => tenant.apiKeys.create({ name: "k", permissions: [] }),
      () => tenant.wipe(),
      () => tenant.import([]),
      () => db.saveUser({ ...userOf(2, "a"), tenantId: "a" }),
      () => db.update((tx) => tx.tenant("a").users.save(userOf(2, "a"))),
    ];
    for (const write of writes) await expectRefused("TENANT_SUSPENDED", write, /resume/i);
    await system.tenants.resume("a");
    await tenant.users.save(userOf(2, "a"));
    const { records } = await tenant.audit.list();
    expect(records.map(({ action, userId }) => [action, userId])).toEqual([
      ["tenant.resume", "root"],
      ["tenant.suspend", "root"],
    ]);
  });

  test("that are not there can be read, and written to by the names of the Go package alone", async () => {
    const db = await databases.open();
    const { users } = db.tenant("new");
    expect(await users.get("u1")).toBeUndefined();
    expect((await users.list()).records).toEqual([]);
    await expectRefused("TENANT_NOT_FOUND", () => users.save(userOf(1, "new")), "system.tenants.save");
    await db.saveUser({ ...userOf(1, "new"), tenantId: "new" });
    expect(await db.getTenant("new")).toMatchObject({ name: "new", isActive: true });
    await users.save(userOf(2, "new"));
    expect(await db.getTenantQuota("new")).toMatchObject({ usedUsers: 2 });
    for (const id of ["", undefined, 5]) await expectRefused("KEY_REQUIRED", () => db.tenant(id as never));
    await expectRefused("KEY_REQUIRED", () => db.saveUser(userOf(1, "x") as never));
    await expectRefused("KEY_REQUIRED", () => db.saveUser(undefined as never));
  });

  test("are deleted when they have no rows left, and else wiped", async () => {
    const db = await databases.open();
    await db.saveNode({ ...nodeOf(1), tenantId: "a" });
    await expectRefused("TENANT_NOT_EMPTY", () => db.system.tenants.delete("a"), '"nodes"');
    await db.tenant("a").nodes.delete("n1");
    expect(await db.system.tenants.delete("a")).toBe(true);
    expect(await db.system.tenants.delete("a")).toBe(false);
    expect(await db.getTenantQuota("a")).toBeUndefined();
  });

  test("tell how many rows they have", async () => {
    const db = await databases.open();
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    await db.saveUser({ ...userOf(1, "b"), tenantId: "b" });
    expect(await db.tenant("a").usage()).toMatchObject({ users: 1, nodes: 0, audit_logs: 0 });
  });

  test("actors are checked, and told to the trail in the same commit", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A" });
    for (const actor of [undefined, {}, { userId: 5 }, { userId: "u", role: "x" }])
      await expectRefused("OPTION_INVALID", () => db.tenant("a").as(actor as never));
    const tenant = db.tenant("a").as({ userId: "u1", ipAddress: "10.0.0.1", userAgent: "test" });
    await tenant.users.save(userOf(1, "a"));
    await db
      .update(async (tx) => {
        await tx.tenant("a").as({ userId: "u1" }).users.save(userOf(2, "a"));
        throw new Error("no");
      })
      .catch(() => undefined);
    const { records } = await tenant.audit.list();
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({
      action: "user.create",
      resource: "users/u1",
      userId: "u1",
      ipAddress: "10.0.0.1",
      userAgent: "test",
      success: true,
      timestamp: databases.clock.now(),
    });
  });
});
