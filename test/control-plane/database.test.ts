import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { collection, DatabaseManager, migrations, openStore } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { expectRefused } from "../helpers/stores.ts";
import { Clock, nodeOf, useDatabases, userOf } from "./databases.ts";

describe("DatabaseManager", () => {
  const databases = useDatabases();

  test("does what the Go package did, in camel case", async () => {
    const db = await databases.open();
    await db.saveUser({ id: "user-123", email: "user@example.com", tenantId: "tenant-456", role: "user" });
    const users = await db.getUsersByTenant("tenant-456");
    expect(users).toMatchObject([{ id: "user-123", email: "user@example.com" }]);
    const { clock } = databases;
    const log = {
      id: "log-789",
      tenantId: "tenant-456",
      userId: "user-123",
      action: "login",
      resource: "auth",
      timestamp: clock.now(),
      success: true,
    };
    expect(await db.saveAuditLog(log)).toMatchObject(log);
    expect((await db.getAuditLogs("tenant-456")).records).toMatchObject([log]);
    const snapshot = {
      id: "m-1",
      tenantId: "tenant-456",
      timestamp: clock.now(),
      granularity: "minute",
      metrics: { cpu: 0.5 },
      labels: { node: "n1" },
    } as const;
    await db.saveMetricsSnapshot(snapshot);
    const [from, to] = [clock.now(), new Date(clock.time + 1)];
    expect(await db.getMetricsSnapshots("tenant-456", "minute", from, to)).toMatchObject([snapshot]);
    expect(await db.getMetricsSnapshots("tenant-456", "minute", new Date(0), from)).toEqual([]);
    await db.saveNode({ ...nodeOf(1), tenantId: "tenant-456" });
    expect(await db.getNode("n1")).toMatchObject(nodeOf(1));
    await db.saveNodeGroup({ id: "g", name: "g", tenantId: "tenant-456", nodeIds: ["n1"] });
    expect(await db.getNodeGroups("tenant-456")).toMatchObject([{ id: "g" }]);
    const any = { type: "any" } as const;
    const rules = [{ action: "deny", source: any, destination: any }] as const;
    await db.saveNetworkPolicy({
      id: "p",
      name: "p",
      tenantId: "tenant-456",
      rules: [...rules],
      appliedTo: any,
    });
    expect(await db.getNetworkPolicies("tenant-456")).toHaveLength(1);
    expect(await db.getPoliciesForNode("tenant-456", "n1")).toMatchObject([{ id: "p" }]);
    await db.saveAlertRule({
      id: "own",
      name: "Own",
      tenantId: "tenant-456",
      expression: "x > 1",
      duration: "1m",
    });
    await db.saveAlertRule({ id: "all", name: "All", expression: "x > 2", duration: "1m" });
    const names = async (tenantId?: string) => (await db.getAlertRules(tenantId)).map(({ id }) => id).sort();
    expect(await names()).toEqual(["all", "api-errors", "high-auth-failures", "node-down"]);
    expect(await names("tenant-456")).toEqual([
      "all",
      "api-errors",
      "high-auth-failures",
      "node-down",
      "own",
    ]);
    await db.saveNotificationChannel({ id: "c", name: "C", type: "email" });
    await db.saveNotificationChannel({ id: "d", name: "D", type: "slack", tenantId: "tenant-456" });
    expect(await db.getNotificationChannels()).toHaveLength(1);
    expect(await db.getNotificationChannels("tenant-456")).toHaveLength(2);
    const { secret, key } = await db.createApiKey({
      tenantId: "tenant-456",
      name: "k",
      permissions: ["a:b"],
    });
    expect(await db.verifyApiKey(secret, { permission: "a:b" })).toMatchObject({
      ok: true,
      key: { id: key.id },
    });
    const { token } = await db.tenant("tenant-456").sessions.create({ userId: "user-123", ttl: 1000 });
    expect(await db.verifySession(token)).toMatchObject({ ok: true });
    await db.cleanupOldData(30);
    await db.close();
    await db.close();
    await expectRefused("STORE_CLOSED", () => db.getUser("user-123"));
  });

  test("finds records of each kind by their id alone, and says so where several tenants have one", async () => {
    const db = await databases.open();
    const any = { type: "any" } as const;
    for (const tenantId of ["a", "b"]) {
      await db.saveUser({ id: `user-${tenantId}`, email: `u@${tenantId}.example`, tenantId });
      for (const id of ["same", `own-${tenantId}`]) {
        await db.saveNodeGroup({ id, name: id, tenantId });
        await db.saveNetworkPolicy({ id, name: id, tenantId, rules: [], appliedTo: any });
        await db.saveAlertRule({ id, name: id, tenantId, expression: "x", duration: "1m" });
        await db.saveNotificationChannel({ id, name: id, tenantId, type: "email" });
      }
    }
    const readers = [
      (id: string) => db.getNodeGroup(id),
      (id: string) => db.getNetworkPolicy(id),
      (id: string) => db.getAlertRule(id),
      (id: string) => db.getNotificationChannel(id),
    ];
    for (const read of readers) {
      expect(await read("own-b")).toMatchObject({ tenantId: "b", id: "own-b" });
      expect(await read("own")).toBeUndefined();
      await expectRefused("ID_AMBIGUOUS", () => read("same"), '"a", "b"');
    }
    expect(await db.getAlertRule("node-down")).toMatchObject({ tenantId: "" });
    await db.saveAlertRule({ id: "node-down", name: "Own", tenantId: "a", expression: "x", duration: "1m" });
    await expectRefused("ID_AMBIGUOUS", () => db.getAlertRule("node-down"), 'all (global), "a"');
    const { key } = await db.createApiKey({ tenantId: "a", name: "k", permissions: [] });
    expect(await db.getApiKey(key.id)).toEqual(key);
    expect(await db.getApiKey("none")).toBeUndefined();
    const { session } = await db.tenant("a").sessions.create({ userId: "user-a", ttl: 1000 });
    expect(await db.getSession(session.id)).toEqual(session);
    expect(await db.getSession("none")).toBeUndefined();
  });

  test("brings a new store to schema version 2, with the defaults", async () => {
    const lines: string[] = [];
    const logger = { info: (line: unknown) => lines.push(String(line)), error: () => undefined };
    const db = await databases.open({ logger });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain("Initial schema with multi-tenancy support");
    expect(await db.getTenant("system")).toEqual({
      id: "system",
      name: "System Tenant",
      domain: "system.local",
      settings: { subnetCidr: "10.10.10.0/24", maxNodes: 1000, policyMode: "strict", heartbeatInterval: 30 },
      createdAt: databases.clock.now(),
      isActive: true,
      nodeLimit: 1000,
    });
    expect(await db.getTenantQuota("system")).toMatchObject({
      maxNodes: 1000,
      maxUsers: 50,
      maxApiKeys: 10,
      maxBandwidth: 1_000_000_000,
      usedNodes: 0,
    });
    expect((await db.getAlertRules()).map(({ id, severity, duration }) => [id, severity, duration])).toEqual([
      ["api-errors", "critical", "2m"],
      ["high-auth-failures", "warning", "2m"],
      ["node-down", "warning", "5m"],
    ]);
    const history = await db.store.view(async (tx) => (await tx.bucket("migrations"))?.range().toArray());
    expect(history).toMatchObject([
      ["migration_001", { version: 1, description: "Initial schema with multi-tenancy support" }],
      ["migration_002", { version: 2, description: "Add enhanced monitoring and audit features" }],
      ["schema_version", 2],
    ]);
    // What was deleted stays so.
    await db.system.alertRules.delete("node-down");
    await db.close();
    const again = await databases.open({ logger });
    expect(lines).toHaveLength(2);
    expect(await again.getAlertRules()).toHaveLength(2);
  });

  test("migrates a store of version 1 with a quota for each tenant, after a backup", async () => {
    const path = databases.path("db");
    const { controlPlaneSchema } = await import("../../src/control-plane/schema.ts");
    const { tenants } = await import("../../src/control-plane/tenants/tenant-record.ts");
    const store = await openStore(path);
    await controlPlaneSchema(new Clock().now).migrate(store, { to: 1, backup: false });
    const tenant = { id: "old", name: "Old", nodeLimit: 3, createdAt: new Date() };
    await store.update((tx) => tenants.in(tx).insert(tenant));
    await store.close();
    const db = await databases.open();
    expect(await db.getTenantQuota("old")).toMatchObject({ maxNodes: 3, usedNodes: 0 });
    const siblings = await readdir(databases.path("."));
    expect(siblings.filter((name) => name.includes("backup-v1"))).toHaveLength(1);
  });

  test("refuses a store of a later release, and closes it again", async () => {
    const path = databases.path("db");
    const store = await openStore(path);
    const released = [
      "Initial schema with multi-tenancy support",
      "Add enhanced monitoring and audit features",
    ];
    const steps = [...released, "What comes later"].map((description, i) => ({
      version: i + 1,
      description,
      up: () => undefined,
    }));
    await migrations(steps).migrate(store, { backup: false });
    await store.close();
    await expectRefused("MIGRATION_NEWER", () => DatabaseManager.open(path));
    await (await openStore(path)).close();
  });

  test("runs several operations in one commit, with buckets and collections of one's own", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A" });
    const own = collection({
      name: "notes",
      schema: z.object({ id: z.string(), text: z.string() }),
      key: "id",
    });
    const before = db.store.stats().commit;
    await db.update(async (tx) => {
      await tx.tenant("a").users.save(userOf(1, "a"));
      await tx.saveUser({ ...userOf(1, "b"), tenantId: "b" });
      await tx.system.setLimits("b", { maxUsers: 1 });
      await own.in(tx.transaction).insert({ id: "n", text: "one commit" });
      // What was written before in the same transaction counts.
      await expectRefused("QUOTA_EXCEEDED", () => tx.tenant("b").users.save(userOf(2, "b")));
      expect(await tx.getUserByEmail("u1@b.example")).toMatchObject({ tenantId: "b" });
    });
    expect(db.store.stats().commit).toBe(before + 1);
    const failing = db.update(async (tx) => {
      await tx.tenant("a").users.delete("u1");
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    const seen = await db.view(async (tx) => {
      await expectRefused("TX_NOT_WRITABLE", () => tx.tenant("a").users.delete("u1"));
      const first = await tx.tenant("a").users.get("u1");
      await db.tenant("a").users.update("u1", { role: "admin" });
      return [first, await tx.tenant("a").users.get("u1")];
    });
    expect(seen[1]).toEqual(seen[0]);
    let late: { users: { get(id: string): Promise<unknown> } } | undefined;
    await db.view((tx) => {
      late = tx.tenant("a");
    });
    await expectRefused("TX_CLOSED", () => late?.users.get("u1"));
    await expectRefused("TX_NESTED", () => db.update(() => db.saveTenant({ id: "x", name: "x" })));
    await expectRefused("TX_NESTED", () => db.update(() => db.close()));
    await db.saveTenant({ id: "still", name: "open" });
    await expectRefused("OPTION_INVALID", () => db.update(undefined as never));
    await expectRefused("OPTION_INVALID", () => db.view(5 as never));
  });

  test("opens read-only, and then writes nothing", async () => {
    const db = await databases.open();
    const { secret } = await db.createApiKey({ tenantId: "a", name: "k", permissions: [] });
    await db.close();
    const reader = await databases.open({ readOnly: true, retention: { every: 1 } });
    expect(await reader.listTenants()).toHaveLength(2);
    expect(await reader.verifyApiKey(secret)).toMatchObject({ ok: true });
    await expectRefused("STORE_READ_ONLY", () => reader.saveTenant({ id: "b", name: "B" }));
    await expectRefused("STORE_READ_ONLY", () => reader.cleanupOldData(1));
    await reader.close();
  });

  test("takes an abstract-level database, and checks its options", async () => {
    const db = await DatabaseManager.open(new MemoryLevel());
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    expect(await db.getUsersByTenant("a")).toHaveLength(1);
    await db[Symbol.asyncDispose]();
    const wrong = [
      { nowe: 1 },
      { now: 5 },
      { maxSeries: -1 },
      { rollUpDelay: 0.5 },
      { lastUsedEvery: "1" },
      { keyPrefix: "a_b" },
      { retention: true },
      { retention: { every: 0 } },
      { retention: { audits: 1 } },
      { retention: { audit: "1" } },
      { durability: "sometimes" },
    ];
    for (const options of wrong)
      await expectRefused("OPTION_INVALID", () =>
        DatabaseManager.open(databases.path("x"), options as never),
      );
    expect(await readdir(databases.path("."))).toEqual([]);
  });

  test("keeps no process alive", () => {
    const { stdout, status, stderr } = run(`
      const { DatabaseManager } = await import(${JSON.stringify(ENTRY)});
      const db = await DatabaseManager.open(${JSON.stringify(databases.path("alone"))});
      await db.saveUser({ id: "u", email: "u@example.com", tenantId: "t" });
      console.log("left open");
    `);
    expect([stdout.trim(), status], stderr).toEqual(["left open", 0]);
  });

  test("is loaded when it is opened, and not by those who use a store alone", () => {
    const { stdout, status, stderr } = run(`
      const { Session } = await import("node:inspector");
      const scripts = [];
      const session = new Session();
      session.connect();
      session.on("Debugger.scriptParsed", ({ params }) => scripts.push(params.url));
      session.post("Debugger.enable");
      const { DatabaseManager, openStore } = await import(${JSON.stringify(ENTRY)});
      const loaded = () => scripts.some((url) => url.includes("/zod/"));
      const store = await openStore(${JSON.stringify(databases.path("store"))});
      await store.close();
      const before = loaded();
      const db = await DatabaseManager.open(${JSON.stringify(databases.path("alone"))});
      await db.close();
      console.log(before, loaded());
    `);
    expect([stdout.trim(), status], stderr).toEqual(["false true", 0]);
  });
});

const ENTRY = new URL("../../src/index.ts", import.meta.url).href;

/** Runs a program in a process of its own. */
function run(program: string) {
  const options = ["--import", "tsx", "--input-type=module", "--eval", program];
  return spawnSync(process.execPath, options, { encoding: "utf8", timeout: 50_000 });
}
