import {
  type AlertRule,
  type AuditLog,
  type Database,
  DatabaseManager,
  type DatabaseTransaction,
  type MetricsSnapshot,
  type NetworkPolicy,
  type NewApiKey,
  type Node,
  type Page,
  type Store,
  type TenantHandle,
  type TenantOperations,
  type TenantQuota,
  type Transaction,
  type User,
} from "@meshgate/database";
import { describe, expectTypeOf, test } from "vitest";

declare const db: Database;
declare const tenant: TenantHandle;
const now = new Date();

describe("DatabaseManager", () => {
  test("opens a database, and is the type of one", () => {
    expectTypeOf(DatabaseManager.open).returns.resolves.toEqualTypeOf<Database>();
    expectTypeOf<DatabaseManager>().toEqualTypeOf<Database>();
    expectTypeOf(db.store).toEqualTypeOf<Store>();
    void DatabaseManager.open("x", {
      durability: "relaxed",
      retention: { audit: 30, every: 1000 },
      now: () => now,
    });
    void DatabaseManager.open("x", { retention: false });
    // @ts-expect-error No such option.
    void DatabaseManager.open("x", { retain: 5 });
    // @ts-expect-error No such kind.
    void DatabaseManager.open("x", { retention: { audits: 30 } });
  });

  test("has the operations of the Go package, and hands out the same over one transaction", () => {
    expectTypeOf(db.getUsersByTenant).returns.resolves.toEqualTypeOf<User[]>();
    expectTypeOf(db.getTenantQuota).returns.resolves.toEqualTypeOf<TenantQuota | undefined>();
    expectTypeOf(db.getMetricsSnapshots).returns.resolves.toEqualTypeOf<MetricsSnapshot[]>();
    void db.update((tx) => {
      expectTypeOf(tx).toEqualTypeOf<DatabaseTransaction>();
      expectTypeOf(tx.transaction).toEqualTypeOf<Transaction>();
      expectTypeOf(tx.saveUser).returns.resolves.toEqualTypeOf<User>();
      expectTypeOf(tx.tenant("a")).toEqualTypeOf<TenantOperations>();
      // @ts-expect-error What takes many transactions cannot be had within one.
      void tx.tenant("a").wipe();
    });
    // @ts-expect-error A user is a tenant's.
    void db.saveUser({ id: "u", email: "a@b.io" });
    // @ts-expect-error No such role.
    void db.saveUser({ id: "u", email: "a@b.io", tenantId: "t", role: "root" });
  });
});

describe("records", () => {
  test("are what the schemas say", () => {
    expectTypeOf<User>().toEqualTypeOf<{
      tenantId: string;
      id: string;
      email: string;
      passwordHash?: string | undefined;
      role: "admin" | "user" | "viewer";
      createdAt: Date;
      lastLogin?: Date | undefined;
    }>();
    expectTypeOf<Node["status"]>().toEqualTypeOf<"online" | "offline" | "maintenance" | "unknown">();
    expectTypeOf<AlertRule["severity"]>().toEqualTypeOf<"info" | "warning" | "critical">();
    expectTypeOf<AuditLog["timestamp"]>().toEqualTypeOf<Date>();
    expectTypeOf<NetworkPolicy["rules"][number]["action"]>().toEqualTypeOf<"allow" | "deny" | "log">();
  });

  test("of a tenant's handle need no tenant, nor what is made up", () => {
    expectTypeOf(tenant.users.save({ id: "u", email: "a@b.io" })).resolves.toEqualTypeOf<User>();
    expectTypeOf(tenant.users.list({ role: "admin" })).resolves.toEqualTypeOf<Page<User>>();
    expectTypeOf(tenant.nodes.get("n")).resolves.toEqualTypeOf<Node | undefined>();
    void tenant.nodes.save({ id: "n", publicKey: "…" });
    const any = { type: "any" } as const;
    const rules = [{ action: "allow", ports: ["80"], source: any, destination: any }] as const;
    void tenant.policies.save({ id: "p", name: "p", appliedTo: any, rules });
    const pass = [{ action: "pass", source: any, destination: any }] as const;
    // @ts-expect-error No such action.
    void tenant.policies.save({ id: "p", name: "p", appliedTo: any, rules: pass });
    void tenant.channels.save({ id: "c", name: "c", type: "slack", config: { deep: [{ a: [1] }] } });
    // @ts-expect-error A node has a key.
    void tenant.nodes.save({ id: "n" });
    // @ts-expect-error No such field.
    void tenant.users.update("u", { mail: "a@b.io" });
    // @ts-expect-error Times are dates.
    void tenant.metrics.save({ timestamp: 5, granularity: "minute", metrics: {} });
    expectTypeOf(tenant.apiKeys.create).returns.resolves.toEqualTypeOf<NewApiKey>();
    // @ts-expect-error What is kept of a secret is not shown.
    void tenant.apiKeys.get("k").then((key) => key?.secrets);
  });

  test("of a verification tell the reason, or the identity", async () => {
    const result = await db.verifyApiKey("secret", { permission: "nodes:read" });
    if (result.ok) expectTypeOf(result.key.tenantId).toEqualTypeOf<string>();
    else
      expectTypeOf(result.reason).toEqualTypeOf<
        "malformed" | "unknown" | "revoked" | "expired" | "suspended" | "denied"
      >();
  });
});
