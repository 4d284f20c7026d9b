import { DatabaseManager } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import type { NotificationChannelInput } from "../../../src/control-plane/alerts/channels.ts";
import { auditLogs } from "../../../src/control-plane/audit/audit-record.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";

const places = usePlaces();
const SECRET = "https://hooks.example.com/T0/secret";

async function openTenants() {
  const db = await DatabaseManager.open(places.path("db"));
  places.later(() => db.close());
  for (const id of ["a", "b"]) await db.system.tenants.save({ id, name: id });
  return { db, a: db.tenant("a").channels, b: db.tenant("b").channels, global: db.system.channels };
}

function channel(id: string, more: Partial<NotificationChannelInput> = {}): NotificationChannelInput {
  return { id, name: id, type: "slack", config: { url: SECRET }, ...more };
}

const idsOf = (records: readonly { readonly id: string }[]) => records.map(({ id }) => id);

describe("notification channels", () => {
  test("keep a JSON object of any shape", async () => {
    const { a } = await openTenants();
    const config = {
      to: ["ops@example.com", null],
      retry: { times: 3, after: "5m", jitter: 0.5 },
      "": true,
      constructor: {},
    };
    const saved = await a.save(channel("mail", { type: "email", config }));
    expect(saved).toEqual({ tenantId: "a", id: "mail", name: "mail", type: "email", config, enabled: true });
    expect(await a.get("mail")).toEqual(saved);
    config.to.push("later@example.com");
    expect((await a.get("mail"))?.config).toEqual(saved.config);
    expect(await a.save({ id: "bare", name: "", type: "webhook" })).toMatchObject({
      config: {},
      enabled: true,
    });
    let deep: unknown = 1;
    for (let i = 0; i < 50_000; i++) deep = [deep];
    const wrong = [
      null,
      [],
      "text",
      { a: Number.NaN },
      { a: undefined },
      { a: new Date() },
      { a: { b: () => 1 } },
      { deep },
    ];
    for (const each of [...wrong, JSON.parse('{ "a": { "__proto__": 1 } }')])
      await expectRefused("RECORD_INVALID", () => a.save(channel("x", { config: each })));
    await expectRefused("RECORD_INVALID", () => a.save(channel("x", { type: "sms" as "email" })));
    expect(idsOf((await a.list()).records)).toEqual(["bare", "mail"]);
  });

  test("the global ones count for all, a tenant's own take their place for itself", async () => {
    const { a, b, global } = await openTenants();
    expect(await a.effective()).toEqual([]);
    await global.saveMany([channel("ops"), channel("all"), channel("off", { enabled: false })]);
    await a.save(channel("team"));
    expect(idsOf(await a.effective())).toEqual(["all", "ops", "team"]);
    const own = await a.save(channel("ops", { type: "webhook", config: {} }));
    expect((await a.effective())[1]).toEqual(own);
    expect((await b.effective())[1]).toMatchObject({ tenantId: "", type: "slack" });
    expect(await a.disable("all")).toEqual({ ...(await global.get("all")), tenantId: "a", enabled: false });
    expect(await b.enable("off")).toMatchObject({ tenantId: "b", enabled: true });
    expect(idsOf(await a.effective())).toEqual(["ops", "team"]);
    expect(idsOf(await b.effective())).toEqual(["all", "off", "ops"]);
    await a.deleteMany(["all", "ops"]);
    expect(idsOf(await a.effective())).toEqual(["all", "ops", "team"]);
    expect(idsOf(await global.effective())).toEqual(["all", "ops"]);
  });

  test("a tenant reaches neither the global ones nor another's", async () => {
    const { a, b, global } = await openTenants();
    const shared = await global.save(channel("ops"));
    const theirs = await b.save(channel("theirs"));
    expect(await a.getGlobal("ops")).toEqual(shared);
    expect((await a.listGlobal({ enabled: true })).records).toEqual([shared]);
    for (const id of ["ops", "theirs"]) {
      expect(await a.get(id)).toBeUndefined();
      expect(await a.getMany([id])).toEqual([undefined]);
      expect(await a.delete(id)).toBe(false);
      await expectRefused("RECORD_NOT_FOUND", () => a.update(id, { enabled: false }));
    }
    expect(await a.getGlobal("theirs")).toBeUndefined();
    await expectRefused("RECORD_NOT_FOUND", () => a.disable("theirs"));
    await expectRefused("TENANT_MISMATCH", () => a.save(shared));
    await expectRefused("TENANT_MISMATCH", () => a.save(theirs));
    expect(await a.count()).toBe(0);
    expect(await global.get("ops")).toEqual(shared);
    expect(await b.get("theirs")).toEqual(theirs);
  });

  test("the audit trail is told that a config changed, not what it is", async () => {
    const { db } = await openTenants();
    const { channels } = db.tenant("a").as({ userId: "admin" });
    await channels.save(channel("hook"));
    await channels.update("hook", { config: { url: `${SECRET}2` } });
    await channels.disable("hook");
    await channels.delete("hook");
    const told = await db.store.view((tx) => auditLogs.in(tx).range().toArray());
    expect(told.map(({ action }) => action)).toEqual([
      "channel.create",
      "channel.update",
      "channel.disable",
      "channel.delete",
    ]);
    expect(told[1]?.details).toEqual({ fields: ["config"] });
    expect(JSON.stringify(told)).not.toContain("hooks.example.com");
  });
});
