import { describe, expect, test } from "vitest";
import { expectRefused } from "../../helpers/stores.ts";
import { Clock, nodeOf, useDatabases, userOf } from "../databases.ts";

describe("quotas", () => {
  const databases = useDatabases();

  test("are enforced with an error that says limit and use, and free again what is deleted", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A", nodeLimit: 2 });
    const { nodes, users, quota } = db.tenant("a");
    await nodes.save(nodeOf(0));
    await nodes.save(nodeOf(1));
    const error = await nodes.save(nodeOf(2)).catch((thrown: { details: object; message: string }) => thrown);
    expect(error).toMatchObject({
      code: "QUOTA_EXCEEDED",
      details: { tenantId: "a", quota: "nodes", limit: 2, used: 2, wanted: 1 },
    });
    expect((error as { message: string }).message).toContain("2 of 2 nodes");
    // One that is there already takes no place.
    await nodes.save({ ...nodeOf(1), name: "renamed" });
    await nodes.delete("n0");
    await nodes.save(nodeOf(2));
    expect(await quota.get()).toMatchObject({ usedNodes: 2, peakNodes: 2, maxNodes: 2 });
    await db.updateTenantQuota({ tenantId: "a", maxUsers: 0 });
    await expectRefused("QUOTA_EXCEEDED", () => users.save(userOf(1, "a")), "0 of 0 users");
    // A limit below what is used takes nothing away.
    await db.updateTenantQuota({ tenantId: "a", maxNodes: 1 });
    expect(await nodes.count()).toBe(2);
    await expectRefused("QUOTA_EXCEEDED", () => nodes.save(nodeOf(3)));
  });

  test("limits are changed from outside of the tenant, and uses are not", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A" });
    expect("setLimits" in db.tenant("a").quota).toBe(false);
    const before = await db.getTenantQuota("a");
    const after = await db.updateTenantQuota({ ...before, tenantId: "a", maxApiKeys: 3, usedNodes: 99 });
    expect(after).toEqual({ ...before, maxApiKeys: 3 });
    await expectRefused("TENANT_NOT_FOUND", () => db.updateTenantQuota({ tenantId: "none", maxUsers: 1 }));
    await expectRefused(
      "RECORD_INVALID",
      () => db.updateTenantQuota({ tenantId: "a", maxUsers: -1 }),
      "maxUsers",
    );
    await expectRefused(
      "OPTION_INVALID",
      () => db.system.setLimits("a", { usedNodes: 1 } as never),
      "usedNodes",
    );
    await db.system.tenants.update("a", { nodeLimit: 7 });
    expect(await db.getTenantQuota("a")).toMatchObject({ maxNodes: 7, maxApiKeys: 3 });
  });

  test("operations of one transaction that are not awaited one by one are counted one by one", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A", nodeLimit: 5 });
    await db.update(async (tx) => {
      const { nodes } = tx.tenant("a");
      const saves = Array.from({ length: 8 }, (_, n) => nodes.save(nodeOf(n)).catch((error) => error.code));
      const outcomes = await Promise.all(saves);
      expect(outcomes.filter((each) => each === "QUOTA_EXCEEDED")).toHaveLength(3);
    });
    const concurrent = Array.from({ length: 8 }, (_, n) => db.tenant("a").users.save(userOf(n, "a")));
    await Promise.all(concurrent);
    expect(await db.getTenantQuota("a")).toMatchObject({ usedNodes: 5, usedUsers: 8 });
  });

  test("bandwidth is counted by the month, enforced, and billed when the month is over", async () => {
    const { clock } = databases;
    clock.time = new Clock("2026-01-31T23:59:59.000Z").time;
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A" });
    await db.updateTenantQuota({ tenantId: "a", maxBandwidth: 1000 });
    const { quota, nodes } = db.tenant("a");
    await nodes.save(nodeOf(0));
    await nodes.save(nodeOf(1));
    await nodes.delete("n0");
    await quota.addUsage({ bandwidth: 900 });
    await expectRefused(
      "QUOTA_EXCEEDED",
      () => quota.addUsage({ bandwidth: 101 }),
      "900 of 1000 bytes this month",
    );
    expect(await quota.get()).toMatchObject({ usedBandwidth: 900 });
    expect(await quota.addUsage({ bandwidth: 101 }, { enforce: false })).toMatchObject({
      usedBandwidth: 1001,
    });
    expect(await quota.bill()).toMatchObject({ month: "2026-01", bandwidth: 1001, peakNodes: 2 });
    await expectRefused("OPTION_INVALID", () => quota.addUsage({ bandwidth: -1 }));
    await expectRefused("OPTION_INVALID", () => quota.addUsage({ bandwidth: 1 }, { force: true } as never));

    clock.advance(1000);
    expect(await quota.addUsage({ bandwidth: 5 })).toMatchObject({
      month: "2026-02",
      usedBandwidth: 5,
      peakNodes: 1,
    });
    const { records } = await quota.bills();
    expect(records).toEqual([
      {
        tenantId: "a",
        month: "2026-01",
        bandwidth: 1001,
        peakNodes: 2,
        peakUsers: 0,
        peakApiKeys: 0,
        createdAt: clock.now(),
      },
    ]);
    // Months in which nothing was counted are billed, too, by what was there.
    clock.time = new Clock("2026-05-02T00:00:00.000Z").time;
    await quota.closeMonth();
    expect(
      (await quota.bills()).records.map(({ month, bandwidth, peakNodes }) => [month, bandwidth, peakNodes]),
    ).toEqual([
      ["2026-04", 0, 1],
      ["2026-03", 0, 1],
      ["2026-02", 5, 1],
      ["2026-01", 1001, 2],
    ]);
    expect((await db.system.listBills("2026-02")).records.map(({ tenantId }) => tenantId)).toEqual(["a"]);
    // A clock that goes back bills nothing twice.
    clock.time = new Clock("2026-04-30T00:00:00.000Z").time;
    expect(await quota.addUsage({ bandwidth: 1 })).toMatchObject({ month: "2026-05", usedBandwidth: 1 });
  });

  test("a recount proves counts, and mends those that something else has changed", async () => {
    const db = await databases.open();
    await db.saveNode({ ...nodeOf(1), tenantId: "a" });
    const { quota } = db.tenant("a").as({ userId: "root" });
    expect(await quota.recount()).toEqual({
      ok: true,
      counts: {
        nodes: { counted: 1, found: 1 },
        users: { counted: 0, found: 0 },
        apiKeys: { counted: 0, found: 0 },
      },
    });
    const { quotas } = await import("../../../src/control-plane/tenants/quota-record.ts");
    await db.update(async ({ transaction }) => {
      const records = quotas.in(transaction);
      await records.update("a", { usedNodes: 7, usedUsers: 3 });
    });
    expect(await quota.verify()).toMatchObject({ ok: false, counts: { nodes: { counted: 7, found: 1 } } });
    expect(await quota.recount()).toMatchObject({ ok: false, counts: { users: { counted: 3, found: 0 } } });
    expect(await quota.verify()).toMatchObject({ ok: true });
    expect((await db.tenant("a").audit.list()).records.map(({ action }) => action)).toEqual([
      "quota.recount",
    ]);
  });
});
