import { DatabaseManager } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import type { AlertRuleInput } from "../../../src/control-plane/alerts/alert-rules.ts";
import { auditLogs } from "../../../src/control-plane/audit/audit-record.ts";
import { durationMs } from "../../../src/control-plane/common/durations.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";

const places = usePlaces();
const START = new Date("2026-03-10T12:00:00.000Z");
const DEFAULTS = ["api-errors", "high-auth-failures", "node-down"];

async function openTenants() {
  let time = START.getTime();
  const db = await DatabaseManager.open(places.path("db"), { now: () => new Date(time) });
  places.later(() => db.close());
  for (const id of ["a", "b"]) await db.system.tenants.save({ id, name: id });
  const pass = (ms: number) => {
    time += ms;
    return new Date(time);
  };
  return {
    db,
    a: db.tenant("a").alertRules,
    b: db.tenant("b").alertRules,
    global: db.system.alertRules,
    pass,
  };
}

function rule(id: string, more: Partial<AlertRuleInput> = {}): AlertRuleInput {
  return { id, name: id, expression: "up < 1", duration: "5m", ...more };
}

const idsOf = (records: readonly { readonly id: string }[]) => records.map(({ id }) => id);

describe("alert rules of all tenants", () => {
  test("the three default ones are there after open, and count for every tenant", async () => {
    const { db, a, b, global } = await openTenants();
    const { records } = await global.list();
    expect(idsOf(records)).toEqual(DEFAULTS);
    expect(records[2]).toEqual({
      tenantId: "",
      id: "node-down",
      name: "Node Down",
      description: "Alert when a node goes offline",
      expression: "meshgate_active_nodes < 1",
      severity: "warning",
      duration: "5m",
      enabled: true,
      createdAt: START,
      updatedAt: START,
    });
    expect(records.map(({ severity, duration }) => [severity, durationMs(duration)])).toEqual([
      ["critical", 120_000],
      ["warning", 120_000],
      ["warning", 300_000],
    ]);
    for (const rules of [a, b, global, db.tenant("system").alertRules, db.tenant("none").alertRules])
      expect(await rules.effective()).toEqual(records);
    expect((await a.list()).records).toEqual([]);
    await db.close();
    const again = await DatabaseManager.open(places.path("db"));
    places.later(() => again.close());
    expect((await again.system.alertRules.list()).records).toEqual(records);
  });

  test("the system changes them; it says so in its own audit trail", async () => {
    const { db, a, global, pass } = await openTenants();
    const at = pass(10);
    const admin = db.system.as({ userId: "root" }).alertRules;
    expect(await admin.disable("node-down")).toMatchObject({
      enabled: false,
      createdAt: START,
      updatedAt: at,
    });
    await admin.update("api-errors", { severity: "info" });
    await admin.save(rule("disk", { severity: "critical" }));
    expect(await admin.delete("high-auth-failures")).toBe(true);
    expect(idsOf(await a.effective())).toEqual(["api-errors", "disk"]);
    expect(await global.get("disk")).toMatchObject({ tenantId: "", severity: "critical", description: "" });
    const told = await db.store.view((tx) => auditLogs.in(tx).range().toArray());
    expect(told.map(({ tenantId, action, resource }) => `${tenantId} ${action} ${resource}`)).toEqual([
      "system alertRule.disable alert_rules/node-down",
      "system alertRule.update alert_rules/api-errors",
      "system alertRule.create alert_rules/disk",
      "system alertRule.delete alert_rules/high-auth-failures",
    ]);
    await expectRefused("TENANT_MISMATCH", () => global.save({ ...rule("x"), tenantId: "a" }));
    expect(await global.save({ ...rule("x"), tenantId: "" })).toMatchObject({ tenantId: "" });
  });

  test("a tenant reads them, and can change none", async () => {
    const { a, global } = await openTenants();
    const before = (await global.list()).records;
    expect((await a.listGlobal()).records).toEqual(before);
    expect(await a.getGlobal("node-down")).toEqual(before[2]);
    expect(await a.getGlobal("none")).toBeUndefined();
    expect(await a.get("node-down")).toBeUndefined();
    expect(await a.delete("node-down")).toBe(false);
    expect(await a.deleteMany(DEFAULTS)).toBe(0);
    await expectRefused("RECORD_NOT_FOUND", () => a.update("node-down", { severity: "info" }));
    for (const each of before) {
      await expectRefused("TENANT_MISMATCH", () => a.save(each));
      await expectRefused("TENANT_MISMATCH", () => a.saveMany([each]));
    }
    await a.save(rule("mine"));
    await expectRefused("TENANT_MISMATCH", () => a.update("mine", { tenantId: "" }));
    await a.disable("node-down");
    expect((await global.list()).records).toEqual(before);
    const { next } = await a.listGlobal({ size: 1 });
    expect(idsOf((await a.listGlobal({ size: 1, after: next })).records)).toEqual(["high-auth-failures"]);
    await expectRefused("TOKEN_INVALID", () => a.list({ size: 1, after: next }));
  });

  test("no tenant can be the one that they belong to", async () => {
    const { db } = await openTenants();
    await expectRefused("KEY_REQUIRED", () => db.tenant(""));
    await expectRefused(["RECORD_INVALID", "KEY_REQUIRED"], () =>
      db.system.tenants.save({ id: "", name: "" }),
    );
  });
});

describe("alert rules of a tenant", () => {
  test("take the place of global ones for it alone, until they are deleted", async () => {
    const { a, b, global } = await openTenants();
    const own = await a.save(rule("high-auth-failures", { severity: "critical", duration: "1h30m" }));
    await a.save(rule("cpu"));
    await a.save(rule("off", { enabled: false }));
    const effective = await a.effective();
    expect(idsOf(effective)).toEqual([...DEFAULTS, "cpu"]);
    expect(effective[1]).toEqual(own);
    expect(durationMs(own.duration)).toBe(5_400_000);
    expect(idsOf(await b.effective())).toEqual(DEFAULTS);
    await a.update("high-auth-failures", { enabled: false });
    expect(idsOf(await a.effective())).toEqual(["api-errors", "node-down", "cpu"]);
    await a.delete("high-auth-failures");
    expect((await a.effective())[1]).toEqual(await global.get("high-auth-failures"));
    // An own one counts where the global one is off.
    await global.disable("node-down");
    expect(idsOf(await a.effective())).toEqual(["api-errors", "high-auth-failures", "cpu"]);
    await a.save(rule("node-down"));
    expect(idsOf(await a.effective())).toEqual([...DEFAULTS, "cpu"]);
    expect(idsOf(await b.effective())).toEqual(["api-errors", "high-auth-failures"]);
  });

  test("switching a global one gives the tenant its own copy", async () => {
    const { db, a, b, global, pass } = await openTenants();
    const shared = await global.get("node-down");
    const at = pass(10);
    const asAdmin = db.tenant("a").as({ userId: "admin" }).alertRules;
    const own = await asAdmin.disable("node-down");
    expect(own).toEqual({ ...shared, tenantId: "a", enabled: false, createdAt: at, updatedAt: at });
    expect(idsOf(await a.effective())).toEqual(["api-errors", "high-auth-failures"]);
    expect(idsOf(await b.effective())).toEqual(DEFAULTS);
    const later = pass(10);
    expect(await asAdmin.enable("node-down")).toEqual({ ...own, enabled: true, updatedAt: later });
    // From then on it is the tenant's, whatever becomes of the global one.
    await global.delete("node-down");
    expect(idsOf(await a.effective())).toEqual(["api-errors", "high-auth-failures", "node-down"]);
    expect(idsOf(await b.effective())).toEqual(["api-errors", "high-auth-failures"]);
    await expectRefused("RECORD_NOT_FOUND", () => b.disable("node-down"));
    await expectRefused("RECORD_NOT_FOUND", () => global.enable("node-down"));
    expect(await b.enable("api-errors")).toMatchObject({ tenantId: "b", enabled: true });
    const told = await db.store.view((tx) => auditLogs.in(tx).range().toArray());
    expect(told.map(({ tenantId, action }) => `${tenantId} ${action}`)).toEqual([
      "a alertRule.disable",
      "a alertRule.enable",
    ]);
  });

  test("are listed by id, those that are on or off, in pages", async () => {
    const { a, b } = await openTenants();
    await a.saveMany(["r3", "r1", "r2", "r4"].map((id) => rule(id, { enabled: id !== "r2" })));
    await b.save(rule("r0"));
    expect(idsOf((await a.list()).records)).toEqual(["r1", "r2", "r3", "r4"]);
    expect(idsOf((await a.list({ enabled: false })).records)).toEqual(["r2"]);
    const first = await a.list({ enabled: true, size: 2 });
    expect(idsOf(first.records)).toEqual(["r1", "r3"]);
    const second = await a.list({ enabled: true, size: 2, after: first.next });
    expect(idsOf(second.records)).toEqual(["r4"]);
    expect(second.next).toBeUndefined();
    await expectRefused("TOKEN_INVALID", () => b.list({ size: 2, after: first.next }));
    for (const options of [{ enable: true }, { enabled: 1 }, { size: -1 }, { tenantId: "b" }]) {
      await expectRefused("OPTION_INVALID", () => a.list(options as object));
      await expectRefused("OPTION_INVALID", () => a.listGlobal(options as object));
    }
  });

  test("what is no rule is refused; one keeps its duration as it is written", async () => {
    const { db, a } = await openTenants();
    for (const duration of ["1h30m", "90s", "0", "1.5d"])
      expect(await a.save(rule("r", { duration }))).toMatchObject({ duration });
    const wrong: unknown[] = [
      ...[{ duration: "5" }, { duration: "" }, { duration: undefined }, { duration: 5 }, { expression: "" }],
      ...[{ severity: "fatal" }, { enabled: 1 }, { more: 1 }, { name: undefined }],
    ];
    for (const more of wrong) await expectRefused("RECORD_INVALID", () => a.save(rule("x", more as object)));
    expect(await a.get("x")).toBeUndefined();
    await expectRefused("TENANT_NOT_FOUND", () => db.tenant("none").alertRules.disable("node-down"));
    await db.system.tenants.suspend("a");
    await expectRefused("TENANT_SUSPENDED", () => a.disable("node-down"));
    expect(idsOf(await a.effective())).toEqual([...DEFAULTS, "r"]);
  });
});
