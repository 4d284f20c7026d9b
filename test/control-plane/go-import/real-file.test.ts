import { describe, expect, test } from "vitest";
import { findRealFile } from "../../bolt/real-file.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { keyOf, useDatabases } from "../databases.ts";
import { allHeld } from "./compare.ts";

const IMPORTED = "056f68b5";
const WITHOUT_KEY = "75bb688a";
const SECOND = "f9b31d92";

describe("the file that a Go control plane wrote in July 2025", () => {
  const databases = useDatabases();

  test("is imported: 8 of its 8 records are readable, or held with a reason; and those are mended", async (context) => {
    const file = findRealFile(context);
    const db = await databases.open();
    const report = await db.importGoFile(file);
    expect(report).toMatchObject({ schemaVersion: 2, repeated: false, quarantinedCount: 2, tenantsMade: [] });
    const rows = new Map(report.buckets.map((each) => [each.bucket, each]));
    const records = report.buckets.filter(({ kind }) => kind === "records");
    expect(records.reduce((sum, each) => sum + each.rows, 0)).toBe(8);
    expect(rows.get("tenants")).toMatchObject({ rows: 1, imported: 1 });
    expect(rows.get("tenant_quotas")).toMatchObject({ rows: 1, imported: 1 });
    expect(rows.get("alert_rules")).toMatchObject({ rows: 3, imported: 3 });
    expect(rows.get("nodes")).toMatchObject({ rows: 3, imported: 1, quarantined: 2 });

    const system = db.tenant("system");
    expect(await system.get()).toMatchObject({
      id: "system",
      name: "System Tenant",
      domain: "system.local",
      settings: { subnetCidr: "10.10.10.0/24", maxNodes: 1000, policyMode: "strict", heartbeatInterval: 30 },
      isActive: true,
      nodeLimit: 1000,
    });
    expect((await system.get())?.createdAt.getUTCFullYear()).toBe(2025);
    expect(await system.quota.get()).toMatchObject({
      ...{ maxNodes: 1000, maxUsers: 50, maxApiKeys: 10, maxBandwidth: 1_000_000_000 },
      ...{ usedNodes: 1, usedUsers: 0, usedApiKeys: 0, usedBandwidth: 0 },
    });
    const rules = await db.system.alertRules.all();
    expect(rules.map(({ id, severity, duration, enabled }) => ({ id, severity, duration, enabled }))).toEqual(
      [
        { id: "api-errors", severity: "critical", duration: "2m", enabled: true },
        { id: "high-auth-failures", severity: "warning", duration: "2m", enabled: true },
        { id: "node-down", severity: "warning", duration: "5m", enabled: true },
      ],
    );
    for (const { createdAt } of rules) expect(createdAt.getUTCFullYear()).toBe(2025);

    const nodes = await system.nodes.all();
    const seen = new Date("2025-06-25T13:13:39Z");
    expect(nodes).toHaveLength(1);
    const [node] = nodes as [(typeof nodes)[number]];
    expect(node.id.startsWith(IMPORTED)).toBe(true);
    expect(node).toMatchObject({
      tenantId: "system",
      name: node.id,
      ipAddress: "10.42.0.3",
      status: "unknown",
    });
    expect(node).toMatchObject({ lastSeen: seen, createdAt: seen, metadata: {} });

    const held = await allHeld(db);
    expect(held.map(({ id, code }) => `${id.slice(0, 14)} ${code}`)).toEqual([
      `nodes/${WITHOUT_KEY} RECORD_INVALID`,
      `nodes/${SECOND} UNIQUE_VIOLATION`,
    ]);
    const [first, second] = held as [(typeof held)[number], (typeof held)[number]];
    expect(first.message).toMatch(/publicKey.*WireGuard/s);
    expect(second.message).toMatch(/public_key/);
    expect(JSON.parse(first.value)).toMatchObject({ publicKey: "test" });

    await expectRefused("RECORD_INVALID", () => db.system.quarantine.release(first.id));
    await expectRefused("UNIQUE_VIOLATION", () => db.system.quarantine.release(second.id));
    await db.system.quarantine.release(first.id, { publicKey: keyOf(1) });
    await db.system.quarantine.release(second.id, { publicKey: keyOf(2) });
    expect(await system.quota.get()).toMatchObject({ usedNodes: 3 });
    expect((await system.nodes.all()).map(({ publicKey }) => publicKey)).toContain(keyOf(1));
    expect(await db.system.quarantine.count("held")).toBe(0);
    expect(await db.importGoFile(file)).toMatchObject({ repeated: true });
    expect(await system.nodes.count()).toBe(3);
  });
});
