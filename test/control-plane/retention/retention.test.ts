import { describe, expect, test } from "vitest";
import { auditLogs } from "../../../src/control-plane/audit/audit-record.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, HOUR, MINUTE, nodeOf, useDatabases, userOf } from "../databases.ts";

describe("retention", () => {
  const databases = useDatabases();

  test("deletes what is older than its days, of every kind, and keeps the rest", async () => {
    const { clock } = databases;
    const db = await databases.open({ retention: { sessions: 2, every: HOUR } });
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    await db.saveNode({ ...nodeOf(1), tenantId: "a" });
    const tenant = db.tenant("a");
    const expiring = await tenant.apiKeys.create({
      name: "old",
      permissions: [],
      expiresAt: new Date(clock.time + HOUR),
    });
    const revoked = await tenant.apiKeys.create({ name: "revoked", permissions: [] });
    const kept = await tenant.apiKeys.create({ name: "kept", permissions: [] });
    await tenant.apiKeys.revoke(revoked.key.id);
    for (let n = 0; n < 30; n++) {
      await tenant.metrics.save({ timestamp: clock.now(), granularity: "minute", metrics: { cpu: n } });
      await tenant.nodeMetrics.save({ nodeId: "n1", cpuPercent: n });
      await tenant.audit.append({ userId: "u1", action: "tick", resource: "clock" });
      await tenant.sessions.create({ userId: "u1", ttl: HOUR });
      clock.advance(DAY);
    }
    expect(await db.getTenantQuota("a")).toMatchObject({ usedApiKeys: 2 });
    const report = await db.cleanupOldData(10);
    expect(report).toEqual({
      minute: 20,
      hour: 20,
      day: 20,
      nodeMetrics: 20,
      audit: 20,
      sessions: 20,
      apiKeys: 2,
    });
    expect((await tenant.audit.list({ size: 50 })).records).toHaveLength(10);
    expect((await tenant.sessions.list({ size: 50 })).records).toHaveLength(10);
    expect(await tenant.metrics.range("minute", new Date(0), clock.now())).toHaveLength(10);
    expect(await tenant.nodeMetrics.range("n1", new Date(0), clock.now())).toHaveLength(10);
    expect((await tenant.apiKeys.list()).records.map(({ id }) => id)).toEqual([kept.key.id]);
    expect(await tenant.apiKeys.get(expiring.key.id)).toBeUndefined();
    expect(await db.getTenantQuota("a")).toMatchObject({ usedApiKeys: 1 });
    expect(await db.cleanupOldData(10)).toMatchObject({ audit: 0, sessions: 0 });
    // By itself it goes by its own days.
    expect(await db.retention.run()).toMatchObject({ sessions: 8, minute: 3, audit: 0 });
    const { kinds, days, running } = (await db.stats()).retention;
    expect(days).toMatchObject({ sessions: 2, audit: 365 });
    expect(running).toBe(false);
    expect(kinds.audit).toEqual({
      kind: "audit",
      deleted: 20,
      deletedLast: 0,
      before: new Date(clock.time - 365 * DAY),
      lastSuccess: clock.now(),
    });
    expect(kinds.sessions).toMatchObject({ deleted: 28, deletedLast: 8 });
  });

  test("rolls up before it deletes, draws bills, and goes on for suspended tenants", async () => {
    const { clock } = databases;
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A" });
    const { metrics, quota } = db.tenant("a");
    for (let n = 0; n < 120; n++)
      await metrics.save({
        timestamp: new Date(clock.time + n * MINUTE),
        granularity: "minute",
        metrics: { cpu: n },
      });
    await quota.addUsage({ bandwidth: 7 });
    await db.system.tenants.suspend("a");
    clock.advance(30 * DAY);
    expect(await db.retention.run()).toMatchObject({ minute: 120, hour: 0 });
    const hours = await metrics.range("hour", new Date(0), clock.now());
    expect(hours.map(({ rollUp }) => rollUp?.["cpu"]?.count)).toEqual([60, 60]);
    expect((await quota.bills()).records).toMatchObject([{ month: "2026-03", bandwidth: 7 }]);
  });

  test("leaves out tenants that are half through other work", async () => {
    const db = await databases.open();
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    await db.tenant("a").sessions.create({ userId: "u1", ttl: 1 });
    const controller = new AbortController();
    const stop = { signal: controller.signal, onProgress: () => controller.abort() };
    await expectRefused("ABORTED", () => db.tenant("a").wipe(stop));
    databases.clock.advance(DAY);
    await db.retention.run();
    await db.tenant("a").wipe();
  });

  test("tells what failed, does the rest, and keeps the error until it has gone well", async () => {
    databases.unchecked();
    const { clock } = databases;
    const db = await databases.open();
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    const tenant = db.tenant("a");
    for (let n = 0; n < 3; n++)
      await tenant.audit.append({ userId: "u1", action: "tick", resource: "clock" });
    await tenant.sessions.create({ userId: "u1", ttl: 1 });
    const entry = await db.update(async ({ transaction }) => {
      const found = await auditLogs.in(transaction).get(["a", 2]);
      await auditLogs.in(transaction).update(["a", 2], { userId: "forged" });
      return found;
    });
    clock.advance(20 * DAY);
    await expectRefused("RETENTION_FAILED", () => db.cleanupOldData(10), "audit");
    expect((await tenant.sessions.list()).records).toEqual([]);
    const { kinds } = await db.retention.stats();
    expect(kinds.audit?.lastError).toMatchObject({ at: clock.now(), code: "DATA_CORRUPT" });
    expect(kinds.audit?.lastSuccess).toBeUndefined();
    expect(kinds.sessions?.lastError).toBeUndefined();
    await db.update(({ transaction }) => auditLogs.in(transaction).put(entry as never));
    clock.advance(DAY);
    await db.cleanupOldData(10);
    expect((await db.retention.stats()).kinds.audit).toMatchObject({ deleted: 3, lastSuccess: clock.now() });
  });

  test("runs one at a time, can be stopped, and is stopped when the database closes", async () => {
    const { clock } = databases;
    const db = await databases.open();
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    await db.tenant("a").sessions.create({ userId: "u1", ttl: 1 });
    clock.advance(30 * DAY);
    const [first, second] = await Promise.all([db.cleanupOldData(1), db.cleanupOldData(1)]);
    expect([first.sessions, second.sessions]).toEqual([1, 0]);
    await expectRefused("ABORTED", () => db.cleanupOldData(1, { signal: AbortSignal.abort() }));
    expect((await db.retention.stats()).running).toBe(false);
    await expectRefused("OPTION_INVALID", () => db.cleanupOldData(-1), "minute");
    await expectRefused("OPTION_INVALID", () => db.retention.clean({ audits: 1 } as never), "audits");
    // So many days are before all time.
    expect(await db.cleanupOldData(1e12)).toEqual({});
    const running = db.cleanupOldData(0).catch((error: { code: string }) => error.code);
    await db.close();
    expect(["ABORTED", "STORE_CLOSED"]).toContain(await running);
  });

  test("gives space back after much was deleted", async () => {
    const { clock } = databases;
    const db = await databases.open({ durability: "relaxed" });
    await db.saveTenant({ id: "a", name: "A" });
    const { metrics } = db.tenant("a");
    const start = clock.time;
    const many = Array.from({ length: 10_000 }, (_, n) => ({
      id: `m${n}`,
      timestamp: new Date(start + n),
      granularity: "day" as const,
      metrics: { cpu: n },
      labels: { text: "x".repeat(100) },
    }));
    await metrics.saveMany(many);
    clock.advance(30 * DAY);
    const sizes = () =>
      db.view(
        async ({ transaction }) => (await (await transaction.bucket("metrics_snapshots"))?.stats())?.bytes,
      );
    await db.store.compact();
    const before = (await sizes()) ?? 0;
    expect(await db.retention.clean({ day: 1 })).toEqual({ day: 10_000 });
    expect(await sizes()).toBeLessThan(before / 10);
  });

  test("runs by itself while the database is open, and keeps no process alive", async () => {
    const { clock } = databases;
    const lines: string[] = [];
    const logger = { info: () => undefined, error: (line: unknown) => lines.push(String(line)) };
    const db = await databases.open({ retention: { every: 5, sessions: 0 }, logger });
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    await db.tenant("a").sessions.create({ userId: "u1", ttl: 1 });
    clock.advance(2 * DAY);
    const isGone = async () => (await db.tenant("a").sessions.list()).records.length === 0;
    await expect.poll(isGone, { timeout: 20_000 }).toBe(true);
    expect(lines).toEqual([]);
  });
});
