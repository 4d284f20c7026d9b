import type { Database, GoImportReport } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { keyOf, useDatabases } from "../databases.ts";
import { allHeld, heldId } from "./compare.ts";
import { apiKey, byId, log, node, policy, SOME, snapshot, target, tenant, user, ZERO } from "./go-rows.ts";
import { type MadeRows, makeFile } from "./made-file.ts";

type Buckets = Readonly<Record<string, MadeRows>>;

describe("the import of a Go file, rules 1 to 4", () => {
  const databases = useDatabases();
  let files = 0;

  const bring = async (db: Database, buckets: Buckets): Promise<GoImportReport> =>
    db.importGoFile(await makeFile(databases.path(`made-${files++}.db`), buckets));
  const open = () => databases.open({ durability: "relaxed" });
  const held = async (db: Database) =>
    Object.fromEntries((await allHeld(db)).map(({ id, code }) => [id, code]));

  describe("1: what is known is taken over, indexes are made anew, all else is kept", () => {
    test("stale indexes are passed over, and those of the records are right", async () => {
      const db = await open();
      const report = await bring(db, {
        idx_users_by_email: { "old@example.com": "u1", "u1@example.com": "somebody" },
        users: byId(user("u1")),
      });
      expect(report.buckets.map(({ bucket, kind }) => [bucket, kind])).toEqual([
        ["idx_users_by_email", "index"],
        ["users", "records"],
      ]);
      expect(await db.system.getUserByEmail("old@example.com")).toBeUndefined();
      expect(await db.system.getUserByEmail("u1@example.com")).toMatchObject({ id: "u1" });
      expect(await db.store.view((tx) => tx.bucket("idx_users_by_email.go"))).toBeUndefined();
    });

    test("names that the database has a use for get another", async () => {
      const db = await open();
      const rows = { a: { one: 1 } };
      const taken = [
        "sessions",
        "billing_records",
        "node_metrics",
        "quarantine",
        "go_imports",
        "metric_states",
      ];
      const report = await bring(db, {
        ...Object.fromEntries(taken.map((name) => [name, rows])),
        ...{
          users: {},
          "sessions.go": { b: "text" },
          policies: {},
          mine: { c: "text" },
          migrations: { schema_version: "2" },
        },
      });
      const names = await db.store.view((tx) => tx.buckets());
      for (const name of taken.slice(1)) expect(names).toContain(`${name}.go`);
      expect(names).toEqual(expect.arrayContaining(["mine", "migrations.go", "sessions.go"]));
      expect(names).not.toContain("policies");
      const kept = new Map(report.buckets.map((each) => [each.bucket, each]));
      const [one, other] = [
        kept.get("sessions")?.keptAs as string,
        kept.get("sessions.go")?.keptAs as string,
      ];
      expect(one).not.toBe(other);
      await db.store.view(async (tx) => {
        expect(await (await tx.bucket(one))?.get("a")).toEqual({ one: 1 });
        expect(await (await tx.bucket(other, { encoding: "utf8" }))?.get("b")).toBe("text");
      });
    });

    test("what a store cannot keep is held, and the run goes on", async () => {
      const db = await open();
      const long = Buffer.alloc(20_000, 0xe9);
      await bring(db, { users: new Map([[long, "x"]]), zz: new Map([[long, "y"]]), mine: { a: "b" } });
      const codes = (await allHeld(db)).map(({ bucket, code, key, keyEncoding }) => {
        expect(Buffer.from(key, keyEncoding).equals(long)).toBe(true);
        return [bucket, code];
      });
      expect(codes).toEqual([
        ["users", "RECORD_INVALID"],
        ["zz", "KEY_TOO_LARGE"],
      ]);
    });
  });

  describe("2: Go's fields become ours", () => {
    test("names within maps and objects stay", async () => {
      const db = await open();
      const object = { user_name: "x", list_of: [{ in_ner: null }], big: 1e21 };
      await bring(db, {
        nodes: byId(node("n1", 1, { metadata: { host_name: "a", tenant_id: "b" } })),
        audit_logs: { k: log("l1", { details: object }) },
        metrics_snapshots: { k: snapshot("m1", { metrics: { cpu_load: 1 }, labels: { node_id: "n" } }) },
        notification_channels: byId({
          ...{ id: "c1", name: "c", type: "slack", tenant_id: "t1", enabled: true },
          config: object,
        } as { id: string }),
      });
      const t1 = db.tenant("t1");
      expect(await t1.nodes.get("n1")).toMatchObject({ metadata: { host_name: "a", tenant_id: "b" } });
      expect((await t1.audit.get("l1"))?.details).toEqual(object);
      expect((await t1.channels.get("c1"))?.config).toEqual(object);
      const [found] = (await t1.metrics.list({ granularity: "minute" })).records;
      expect(found).toMatchObject({ metrics: { cpu_load: 1 }, labels: { node_id: "n" } });
    });

    test("a field that is not the model's is refused, also one that only the database writes", async () => {
      const db = await open();
      const wrong = {
        users: byId(
          user("a", { favourite: 1 }),
          user("b", { tenantId: "t2" }),
          user("c", { passwordHash: "x" }),
        ),
        tenants: byId(tenant("a", { busy: "wipe" })),
        tenant_quotas: { a: { tenant_id: "a", peak_nodes: 9 }, b: { tenant_id: "b", month: "2026-03" } },
        audit_logs: { a: log("a", { sequence: 7 }), b: log("b", { hash: "0".repeat(64) }) },
        api_keys: byId(apiKey("a", { revoked_at: SOME }), apiKey("b", { secrets: [] })),
        metrics_snapshots: {
          a: snapshot("a", { series: "{}" }),
          b: snapshot("b", { roll_up: {} }),
          c: snapshot("rollup:x"),
        },
        nodes: { a: `{"id":"a","public_key":"${keyOf(1)}","__proto__":{"status":"online"}}` },
      };
      await bring(db, wrong);
      const ids = Object.entries(wrong).flatMap(([bucket, rows]) =>
        Object.keys(rows).map((key) => heldId(bucket, Buffer.from(key))),
      );
      expect(await held(db)).toEqual(Object.fromEntries(ids.map((id) => [id, "RECORD_INVALID"])));
    });

    test("null, empty text, zero times and zero limits are no values", async () => {
      const db = await open();
      databases.clock.advance(1);
      await bring(db, {
        tenants: byId(tenant("t1")),
        tenant_quotas: {
          t1: {
            tenant_id: "t1",
            max_nodes: 0,
            max_users: 0,
            max_api_keys: 0,
            max_bandwidth: 0,
            updated_at: ZERO,
          },
        },
        users: byId(user("u1", { role: "", created_at: null, last_login: "0001-01-01T05:30:00+05:30" })),
        api_keys: byId(apiKey("k1", { expires_at: ZERO, permissions: null })),
        audit_logs: { k: log("l1") },
        nodes: byId(node("n1", 1, { name: "", status: "", created_at: "0000-12-31T16:00:00-08:00" })),
      });
      const t1 = db.tenant("t1");
      expect(await t1.get()).toMatchObject({
        nodeLimit: 1000,
        settings: { maxNodes: 1000, heartbeatInterval: 30 },
      });
      expect(await t1.get()).not.toHaveProperty("domain");
      const limits = { maxNodes: 1000, maxUsers: 50, maxApiKeys: 10, maxBandwidth: 1_000_000_000 };
      expect(await t1.quota.get()).toMatchObject(limits);
      const now = databases.clock.now();
      const email = "u1@example.com";
      expect(await t1.users.get("u1")).toEqual({
        id: "u1",
        tenantId: "t1",
        email,
        role: "viewer",
        createdAt: now,
      });
      expect(await t1.apiKeys.get("k1")).toEqual({
        ...{ id: "k1", tenantId: "t1", name: "k1", permissions: [] },
        ...{ createdAt: new Date(SOME), isActive: true },
      });
      const entry = await t1.audit.get("l1");
      for (const name of ["details", "ipAddress", "userAgent"]) expect(entry).not.toHaveProperty(name);
      expect(await t1.nodes.get("n1")).toMatchObject({ name: "n1", status: "unknown", createdAt: now });
    });

    test("times of any zone are instants, cut to milliseconds", async () => {
      const db = await open();
      const times = {
        a: ["2025-07-01T00:30:00.123999999+05:30", "2025-06-30T19:00:00.123Z"],
        b: ["2025-07-01T00:00:00.9-08:00", "2025-07-01T08:00:00.900Z"],
        c: ["2024-02-29T23:59:59.000000001Z", "2024-02-29T23:59:59.000Z"],
        d: ["1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"],
      };
      await bring(db, {
        users: byId(...Object.entries(times).map(([id, [written]]) => user(id, { created_at: written }))),
      });
      for (const [id, [, instant]] of Object.entries(times))
        expect((await db.tenant("t1").users.get(id))?.createdAt.toISOString()).toBe(instant);
    });

    test("what is no time is refused", async () => {
      const db = await open();
      const wrong = [
        "2025-02-30T00:00:00Z",
        "2025-01-01",
        "2025-01-01 00:00:00Z",
        0,
        "",
        "2025-01-01T24:01:00Z",
      ];
      await bring(db, { users: byId(...wrong.map((created_at, i) => user(`u${i}`, { created_at }))) });
      expect(Object.keys(await held(db))).toEqual(wrong.map((_, i) => `users/u${i}`));
    });
  });

  describe("3: what is missing is made up only where that is safe", () => {
    test("a record that says the least that it can", async () => {
      const db = await open();
      await bring(db, {
        nodes: { n1: { public_key: keyOf(1), last_seen: SOME } },
        users: { u1: { email: "u1@example.com" } },
        node_groups: { g1: { name: "g", updated_at: SOME } },
        alert_rules: { r1: { name: "r", expression: "x", enabled: true } },
        notification_channels: { c1: { name: "c", type: "email", enabled: false } },
        network_policies: {
          p1: { name: "p", rules: null, applied_to: { type: "any" }, priority: 0, enabled: false },
        },
      });
      expect(await held(db)).toEqual({});
      const system = db.tenant("system");
      const [at, now] = [new Date(SOME), databases.clock.now()];
      expect(await system.nodes.get("n1")).toMatchObject({
        name: "n1",
        createdAt: at,
        status: "unknown",
        metadata: {},
      });
      expect(await system.users.get("u1")).toMatchObject({ role: "viewer", createdAt: now });
      const g1 = { description: "", nodeIds: [], labels: {}, createdAt: at, updatedAt: at };
      expect(await system.groups.get("g1")).toMatchObject(g1);
      const r1 = { tenantId: "", severity: "warning", duration: "0s", createdAt: now, updatedAt: now };
      expect(await db.system.alertRules.get("r1")).toMatchObject(r1);
      expect(await system.channels.get("c1")).toMatchObject({ tenantId: "system", config: {} });
      expect(await system.policies.get("p1")).toMatchObject({ rules: [] });
    });

    test("what a policy lets pass is not guessed", async () => {
      const db = await open();
      await bring(db, {
        network_policies: byId(
          policy("a", { action: null }),
          policy("b", { action: "" }),
          policy("c", { protocol: null }),
          policy("d", { protocol: "" }),
          policy("e", { source: { type: "", values: null } }),
          policy("f", { destination: null }),
          policy("g", {}, { applied_to: { values: null } }),
          policy("h", { ports: ["any", "80"] }),
          policy("i", { source: target({ type: "cidr" }) }),
          policy("j", { extra: 1 }),
          policy("k", { source: target({ type: "node" }) }),
        ),
      });
      expect(
        Object.keys(await held(db))
          .map((id) => id.at(-1))
          .join(""),
      ).toBe("abcdefghijk");
    });

    test("ports and ranges are read as they were meant", async () => {
      const db = await open();
      const values = ["10.0.0.1", "fd00::5", "10.2.0.0/16"];
      await bring(db, {
        network_policies: byId(
          policy("a", { ports: ["any"], source: target({ type: "cidr", values }) }),
          policy("b", { ports: ["*"] }),
          policy("c", { ports: ["all"] }),
          policy("d", { protocol: "icmp", ports: ["any"] }),
          policy("e", { ports: ["80", "90-99"] }),
        ),
      });
      expect(await held(db)).toEqual({});
      const rules = (await db.tenant("t1").policies.all()).flatMap((each) => each.rules);
      expect(rules.map(({ ports }) => ports)).toEqual([[], [], [], [], ["80", "90-99"]]);
      expect(rules[0]?.source.values).toEqual(["10.0.0.1/32", "fd00::5/128", "10.2.0.0/16"]);
    });

    test("an entry says whether it was a success, and may have an address with a port", async () => {
      const db = await open();
      const addresses = ["192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", "2001:db8::1"];
      const { success: _, ...unsaid } = log("x");
      await bring(db, {
        audit_logs: {
          ...Object.fromEntries(addresses.map((ip_address, i) => [`${i}`, log(`l${i}`, { ip_address })])),
          ...{ a: unsaid, b: log("y", { success: null }), c: log("z", { ip_address: "somewhere" }) },
        },
      });
      const found = await Promise.all(addresses.map((_, i) => db.tenant("t1").audit.get(`l${i}`)));
      expect(found.map((entry) => entry?.ipAddress)).toEqual([
        ...["192.0.2.1", "192.0.2.1"],
        ...["2001:db8::1", "2001:db8::1"],
      ]);
      expect(Object.keys(await held(db))).toEqual(["audit_logs/a", "audit_logs/b", "audit_logs/c"]);
    });
  });

  test("4: a row lies under its record's id", async () => {
    const db = await open();
    const { id: _, ...nameless } = user("u9");
    await bring(db, {
      users: { u1: user("u2"), u3: nameless, u4: user("U4") },
      tenant_quotas: { t1: { tenant_id: "t2" } },
      audit_logs: { "anything:l2": log("l1") },
      metrics_snapshots: { anything: snapshot("m1") },
    });
    expect(await held(db)).toEqual({
      ...{ "users/u1": "RECORD_INVALID", "users/u4": "RECORD_INVALID", "tenant_quotas/t1": "RECORD_INVALID" },
    });
    expect(await db.tenant("t1").users.get("u3")).toMatchObject({ id: "u3" });
    expect(await db.tenant("t1").audit.get("l1")).toBeDefined();
  });
});
