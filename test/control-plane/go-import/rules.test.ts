import { createHash, randomBytes } from "node:crypto";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import type { Database, GoImportReport } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, keyOf, useDatabases } from "../databases.ts";
import { allHeld } from "./compare.ts";
import {
  apiKey,
  byId,
  group,
  hashOf,
  log,
  node,
  policy,
  SOME,
  secretOf,
  snapshot,
  tenant,
  user,
} from "./go-rows.ts";
import { type MadeRows, makeFile } from "./made-file.ts";
import { rowsOf } from "./rows.ts";

type Buckets = Readonly<Record<string, MadeRows>>;

describe("the import of a Go file, rules 5 to 14", () => {
  const databases = useDatabases();
  let files = 0;

  const make = (buckets: Buckets) => makeFile(databases.path(`made-${files++}.db`), buckets);
  const bring = async (db: Database, buckets: Buckets) => db.importGoFile(await make(buckets));
  const open = () => databases.open({ durability: "relaxed" });
  const held = async (db: Database) =>
    Object.fromEntries((await allHeld(db)).map(({ id, code }) => [id, code]));
  const countsOf = ({ buckets }: GoImportReport, name: string) => {
    const found = buckets.find(({ bucket }) => bucket === name);
    return [found?.imported, found?.present, found?.quarantined, found?.expired];
  };

  test("5: what names no tenant becomes that of the option, and a rule that of all", async () => {
    const db = await open();
    const file = await make({
      users: byId(user("u1", { tenant_id: "" }), user("u2")),
      alert_rules: {
        r1: { id: "r1", name: "r", expression: "x", enabled: true, tenant_id: "" },
        r2: { id: "r2", name: "r", expression: "x", enabled: true, tenant_id: "t1" },
      },
      notification_channels: { c1: { id: "c1", name: "c", type: "slack", enabled: true, tenant_id: "" } },
    });
    await db.importGoFile(file, { tenantId: "main" });
    expect((await db.tenant("main").users.all()).map(({ id }) => id)).toEqual(["u1"]);
    expect((await db.tenant("t1").users.all()).map(({ id }) => id)).toEqual(["u2"]);
    expect(await db.system.alertRules.get("r1")).toBeDefined();
    expect(await db.system.alertRules.get("r2")).toBeUndefined();
    expect(await db.tenant("t1").alertRules.get("r2")).toBeDefined();
    expect(await db.tenant("main").channels.get("c1")).toBeDefined();
    expect(await db.system.channels.all()).toEqual([]);
  });

  test("6: a tenant that nobody has is made, bare, and told of", async () => {
    const db = await open();
    await db.system.tenants.save({ id: "there", name: "There" });
    const report = await bring(db, {
      tenants: byId(tenant("t1")),
      users: byId(user("a"), user("b", { tenant_id: "t2" }), user("c", { tenant_id: "there" })),
      audit_logs: { a: log("a", { tenant_id: "t3" }), b: log("b", { tenant_id: "t4", success: null }) },
    });
    expect(report.tenantsMade).toEqual(["t2", "t3"]);
    expect((await db.listTenants()).map(({ id }) => id)).toEqual(["system", "t1", "t2", "t3", "there"]);
    expect(await db.tenant("t2").get()).toMatchObject({ name: "t2", isActive: true, nodeLimit: 1000 });
    expect(await db.tenant("t2").quota.get()).toMatchObject({ usedUsers: 1 });
    expect(await db.tenant("there").get()).toMatchObject({ name: "There" });
  });

  test("7: older nodes, and addresses with the length of one", async () => {
    const db = await open();
    const older = (id: string, n: number, ip: string, lastSeen: number) => ({
      ...{ id, ip, lastSeen },
      publicKey: keyOf(n),
    });
    await bring(db, {
      tenants: byId(tenant("t1")),
      nodes: byId(
        older("a", 1, "10.42.0.3/32", 1_750_857_219),
        older("b", 2, "10.42.0.4", 0),
        older("c", 3, "fd00::7/128", 1),
        older("d", 4, "10.42.0.5/24", 1),
        older("e", 5, "fd00::8/32", 1),
        older("f", 6, "", 1.5),
        node("g", 7, { ip_address: "192.0.2.1/32" }),
        node("h", 8, { ip_address: "192.0.2.2/31" }),
        // A bit of each: nobody wrote that.
        Object.assign(older("i", 9, "10.42.0.9", 0), { tenant_id: "t1" }),
      ),
    });
    const nodes = await db.tenant("system").nodes.all();
    expect(nodes.map(({ id, ipAddress }) => [id, ipAddress]).slice(0, 3)).toEqual([
      ["a", "10.42.0.3"],
      ["b", "10.42.0.4"],
      ["c", "fd00::7"],
    ]);
    const seen = new Date("2025-06-25T13:13:39Z");
    expect(nodes[0]).toMatchObject({ name: "a", lastSeen: seen, createdAt: seen, status: "unknown" });
    expect(nodes[1]).not.toHaveProperty("lastSeen");
    expect(nodes[1]?.createdAt).toEqual(databases.clock.now());
    // Outside of the tenant's subnet, and taken over as it is.
    expect(await db.tenant("t1").nodes.get("g")).toMatchObject({ ipAddress: "192.0.2.1" });
    const codes = await held(db);
    for (const id of ["d", "e", "h"]) expect(codes[`nodes/${id}`], id).toBe("RECORD_INVALID");
    for (const id of ["f", "i"])
      expect(codes[`nodes/${id}`] === undefined, id).toBe(
        [...nodes, ...(await db.tenant("t1").nodes.all())].some((each) => each.id === id),
      );
  });

  test("8: the first has what is unique, and what is named must be there", async () => {
    const db = await open();
    const address = "10.0.0.1";
    await bring(db, {
      tenants: byId(
        tenant("a", { domain: "Mesh.example" }),
        tenant("b", { domain: "mesh.example" }),
        tenant("c", { domain: "system.local" }),
      ),
      users: byId(
        user("a", { email: "Ann@Example.com" }),
        user("b", { email: " ann@example.COM ", tenant_id: "t2" }),
        user("c", { email: "bob@example.com" }),
      ),
      nodes: byId(
        node("a", 1, { ip_address: address }),
        node("b", 1),
        node("c", 2, { ip_address: `${address}/32` }),
        node("d", 1, { ip_address: address, tenant_id: "t2" }),
        node("e", 2),
        node("f", 3, { public_key: "test" }),
      ),
      node_groups: byId(
        group("a", { node_ids: ["a", "e"] }),
        group("b", { node_ids: ["a", "d"] }),
        group("c", { node_ids: ["f"] }),
        group("d", { node_ids: ["d"], tenant_id: "t2" }),
      ),
      api_keys: byId(
        apiKey("a", { user_id: "a" }),
        apiKey("b", { user_id: "b" }),
        apiKey("c", { user_id: "c", tenant_id: "t2" }),
      ),
      audit_logs: { 1: log("a"), 2: log("a", { action: "else" }), 3: log("a", { tenant_id: "t2" }) },
    });
    const [unique, reference] = ["UNIQUE_VIOLATION", "REFERENCE_INVALID"];
    expect(await held(db)).toEqual({
      ...{ "tenants/b": unique, "tenants/c": unique, "users/b": unique, "audit_logs/2": unique },
      ...{ "nodes/b": unique, "nodes/c": unique, "nodes/f": "RECORD_INVALID" },
      ...{ "node_groups/b": reference, "node_groups/c": reference },
      ...{ "api_keys/b": reference, "api_keys/c": reference },
    });
    expect((await db.tenant("t1").nodes.all()).map(({ id }) => id)).toEqual(["a", "e"]);
    expect((await db.tenant("t1").users.get("a"))?.email).toBe("ann@example.com");
  });

  test("8: two entries with one id are told apart by all that they say", async () => {
    const db = await open();
    const report = await bring(db, {
      audit_logs: {
        ...{ 1: log("a"), 2: log("a", { success: false }), 3: log("a", { details: { by: "x" } }) },
        ...{ 4: log("a", { user_agent: "curl" }), 5: log("a", { ip_address: "192.0.2.1" }) },
      },
    });
    expect(countsOf(report, "audit_logs")).toEqual([1, 0, 4, 0]);
  });

  test("9: a key that was hashed with SHA-256 goes on to be valid", async () => {
    const db = await open();
    const secrets = [
      "an old secret",
      randomBytes(16).toString("hex"),
      "with-dashes_and.dots~",
      "ünïcode is text, too",
    ];
    await bring(db, {
      users: byId(user("u1")),
      api_keys: byId(
        ...secrets.map((secret, i) => apiKey(`k${i}`, { key: hashOf(secret), user_id: "u1" })),
        apiKey("off", { is_active: false, last_used: SOME }),
        apiKey("over", { expires_at: SOME }),
        apiKey("w1", { key: "$2a$10$abcdefghijklmnopqrstuv" }),
        apiKey("w2", { key: createHash("sha1").update("x").digest("hex") }),
        apiKey("w3", { key: "" }),
      ),
    });
    for (const [i, secret] of secrets.entries()) {
      const key = { tenantId: "t1", id: `k${i}`, name: `k${i}`, userId: "u1", permissions: ["*"] };
      expect(await db.verifyApiKey(secret), secret).toEqual({ ok: true, key });
      expect(await db.verifyApiKey(secret, { permission: "nodes:read" })).toMatchObject({ ok: true });
      expect(await db.tenant("t1").apiKeys.verify(secret)).toMatchObject({ ok: true });
      expect(await db.tenant("system").apiKeys.verify(secret)).toMatchObject({ ok: false });
      for (const other of [`${secret} `, hashOf(secret), secret.slice(1)])
        expect(await db.verifyApiKey(other)).toMatchObject({ ok: false });
    }
    expect(await db.verifyApiKey(secretOf("off"))).toEqual({ ok: false, reason: "revoked" });
    expect(await db.verifyApiKey(secretOf("over"))).toEqual({ ok: false, reason: "expired" });
    // As every key that was revoked: retention finds it by that.
    expect((await db.tenant("t1").apiKeys.get("off"))?.revokedAt).toBeInstanceOf(Date);
    expect(Object.keys(await held(db))).toEqual(["api_keys/w1", "api_keys/w2", "api_keys/w3"]);
    expect(await db.tenant("t1").quota.get()).toMatchObject({ usedApiKeys: 5 });
    await db.close();
    const again = await open();
    expect(await again.verifyApiKey(secrets[0] as string)).toMatchObject({ ok: true });
    expect(await again.tenant("t1").apiKeys.revoke("k0")).toBe(true);
    expect(await again.verifyApiKey(secrets[0] as string)).toEqual({ ok: false, reason: "revoked" });
    // It has the one secret that it came with.
    await expectRefused("RECORD_INVALID", () => again.tenant("t1").apiKeys.rotate("k1"));
  });

  describe("10: what is there stays", () => {
    test("records that a database has already are not touched", async () => {
      const db = await open();
      await db.system.tenants.save({ id: "t1", name: "Mine" });
      const t1 = db.tenant("t1");
      await t1.users.save({ id: "u1", email: "mine@example.com" });
      await t1.nodes.save({ id: "n1", name: "mine", publicKey: keyOf(1), ipAddress: "10.0.0.1" });
      await t1.audit.append({ id: "l1", userId: "me", action: "did", resource: "it" });
      await db.system.alertRules.update("node-down", { expression: "mine" });
      await db.system.tenants.update("system", { name: "Mine" });
      await db.system.setLimits("t1", { maxUsers: 7 });
      await t1.quota.addUsage({ bandwidth: 500 });
      const aside = ["go_imports", "quarantine", "idx_quarantine_by_owner", "idx_quarantine_by_status"];
      const before = await rowsOf(db, aside);
      const report = await bring(db, {
        tenants: byId(tenant("t1"), tenant("system")),
        tenant_quotas: {
          t1: { tenant_id: "t1", max_users: 9, used_bandwidth: 7, updated_at: "2026-03-02T00:00:00Z" },
        },
        users: byId(user("u1"), user("u2", { email: "mine@example.com" })),
        nodes: byId(node("n1", 2), node("n2", 1), node("n3", 3, { ip_address: "10.0.0.1" })),
        alert_rules: { "node-down": { id: "node-down", name: "n", expression: "theirs", enabled: true } },
        audit_logs: { 1: log("l1") },
      });
      expect(countsOf(report, "tenants")).toEqual([0, 2, 0, 0]);
      expect(countsOf(report, "tenant_quotas")).toEqual([0, 1, 0, 0]);
      expect(countsOf(report, "users")).toEqual([0, 1, 1, 0]);
      expect(countsOf(report, "nodes")).toEqual([0, 1, 2, 0]);
      expect(countsOf(report, "alert_rules")).toEqual([0, 1, 0, 0]);
      expect(await rowsOf(db, aside)).toEqual(before);
      const names = ["audit_logs/1", "nodes/n2", "nodes/n3", "users/u2"];
      expect(Object.keys(await held(db)).sort()).toEqual(names);
    });

    test("defaults that nobody changed give way", async () => {
      const db = await open();
      const rule = { id: "node-down", name: "Mine", expression: "x", duration: "9m", enabled: false };
      const report = await bring(db, {
        tenants: byId(tenant("system", { name: "Theirs", created_at: SOME, node_limit: 5 })),
        tenant_quotas: { system: { tenant_id: "system", max_users: 9 } },
        alert_rules: { "node-down": { ...rule, created_at: SOME, updated_at: SOME } },
      });
      expect(countsOf(report, "tenants")).toEqual([1, 0, 0, 0]);
      expect(await db.tenant("system").get()).toMatchObject({ name: "Theirs", createdAt: new Date(SOME) });
      expect(await db.tenant("system").quota.get()).toMatchObject({
        maxUsers: 9,
        maxNodes: 5,
        maxApiKeys: 10,
      });
      const { expression, duration, enabled } = rule;
      expect(await db.system.alertRules.get("node-down")).toMatchObject({ expression, duration, enabled });
      expect(await db.system.alertRules.all()).toHaveLength(3);
    });

    test("bytes that were counted here stay counted", async () => {
      const db = await open();
      await db.tenant("system").quota.addUsage({ bandwidth: 500 });
      await bring(db, {
        tenant_quotas: {
          system: { tenant_id: "system", used_bandwidth: 7, updated_at: "2026-03-02T00:00:00Z" },
        },
      });
      expect((await db.tenant("system").quota.get())?.usedBandwidth).toBeGreaterThanOrEqual(500);
    });

    test("snapshots that retention would have taken away have expired", async () => {
      const db = await open();
      const now = databases.clock.time;
      const rows = (days: number[]) =>
        Object.fromEntries(
          days.map((age) => {
            const timestamp = new Date(now - age * DAY).toISOString();
            return [`m${age}`, snapshot(`m${age}`, { timestamp, tenant_id: "system" })];
          }),
        );
      await bring(db, { metrics_snapshots: rows([40, 1]) });
      await db.cleanupOldData(30);
      const report = await bring(db, { metrics_snapshots: rows([41, 2, 1]) });
      expect(countsOf(report, "metrics_snapshots")).toEqual([1, 1, 0, 1]);
      expect((await db.tenant("system").metrics.list({ granularity: "minute" })).records).toHaveLength(2);
    });

    test("a file that grew brings what is new, and nothing twice", async () => {
      const db = await open();
      const first = {
        users: byId(user("a"), user("b")),
        audit_logs: { 1: log("a") },
        nodes: byId(node("a", 1), node("b", 1)),
        mine: { a: { n: 1 } },
      };
      await bring(db, first);
      databases.clock.advance(DAY);
      const report = await bring(db, {
        ...first,
        users: { ...first.users, ...byId(user("c")) },
        audit_logs: { ...first.audit_logs, 2: log("b") },
        mine: { ...first.mine, b: "2" },
      });
      expect(report.repeated).toBe(false);
      expect(countsOf(report, "users")).toEqual([1, 2, 0, 0]);
      expect(countsOf(report, "audit_logs")).toEqual([1, 1, 0, 0]);
      expect(countsOf(report, "nodes")).toEqual([0, 1, 1, 0]);
      expect(countsOf(report, "mine")).toEqual([1, 1, 0, 0]);
      expect(await db.tenant("t1").quota.get()).toMatchObject({ usedUsers: 3, usedNodes: 1 });
      expect(await db.tenant("t1").audit.count()).toBe(2);
      expect(await db.system.quarantine.count()).toBe(1);
    });
  });

  test("11: uses are counted, limits are not asked, and bytes are billed where they belong", async () => {
    const db = await open();
    const used = { used_nodes: 9, used_users: 9, used_api_keys: 9 };
    const quota = (id: string, fields: object) => ({ tenant_id: id, ...used, max_nodes: 1, ...fields });
    await bring(db, {
      tenants: byId(tenant("t1", { used_nodes: 55 }), tenant("t2"), tenant("t3")),
      tenant_quotas: {
        t1: quota("t1", { used_bandwidth: 77, updated_at: "2026-03-01T00:30:00+01:00" }),
        t2: quota("t2", { used_bandwidth: 78, updated_at: "2026-02-28T23:30:00-01:00" }),
        t3: quota("t3", { used_bandwidth: 0, updated_at: "2025-07-01T00:00:00Z" }),
      },
      nodes: byId(node("a", 1), node("b", 2), node("c", 3, { public_key: "test" })),
      api_keys: byId(apiKey("a"), apiKey("b", { is_active: false })),
    });
    const [t1, t2, t3] = ["t1", "t2", "t3"].map((id) => db.tenant(id).quota) as never as [
      ReturnType<Database["tenant"]>["quota"],
      ReturnType<Database["tenant"]>["quota"],
      ReturnType<Database["tenant"]>["quota"],
    ];
    const counts = { maxNodes: 1, usedNodes: 2, usedUsers: 0, usedApiKeys: 1 };
    expect(await t1.get()).toMatchObject({ ...counts, usedBandwidth: 0, month: "2026-03" });
    expect((await t1.bills()).records).toMatchObject([{ month: "2026-02", bandwidth: 77 }]);
    expect(await t2.get()).toMatchObject({ usedNodes: 0, usedBandwidth: 78, month: "2026-03" });
    expect((await t2.bills()).records).toEqual([]);
    expect((await t3.bills()).records).toEqual([]);
    await expectRefused("QUOTA_EXCEEDED", () =>
      db.tenant("t1").nodes.save({ id: "d", name: "d", publicKey: keyOf(9) }),
    );
  });

  test("12: what is no JSON object in UTF-8 is held as it was", async () => {
    const db = await open();
    const whole = JSON.stringify(user("u"));
    const values: Record<string, Buffer | string> = {
      ...{ a: whole.slice(0, -1), b: `${whole}x`, c: "[]", d: "null", e: "7", f: '"x"', g: "" },
      h: Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(JSON.stringify(user("h")))]),
      i: Buffer.from(JSON.stringify(user("i", { email: "X@example.com" })).replace("X", "\xff"), "latin1"),
      j: Buffer.from([0, 1, 2, 255]),
      k: `${"[".repeat(50_000)}`,
    };
    await bring(db, { users: values });
    const entries = await allHeld(db);
    expect(entries.map(({ id }) => id)).toEqual(Object.keys(values).map((key) => `users/${key}`));
    for (const { key, value, valueEncoding, code } of entries) {
      expect(code).toBe("RECORD_INVALID");
      expect(Buffer.from(value, valueEncoding).equals(Buffer.from(values[key] as string))).toBe(true);
    }
  });

  test("12: records that no store could keep as a draft are held, too", async () => {
    const db = await open();
    const text = (record: object, from: string, to: string) => JSON.stringify(record).replace(from, to);
    const deep = `${'{"a":'.repeat(600)}1${"}".repeat(600)}`;
    await bring(db, {
      network_policies: { p: text(policy("p"), '"priority":0', '"priority":1e999') },
      audit_logs: {
        a: text(log("a"), '"details":null', `"details":${deep}`),
        b: text(log("b"), '"details":null', '"details":{"x":1e999}'),
        c: text(log("c"), '"details":null', '"details":{"__proto__":{}}'),
      },
      nodes: {
        n: text(node("n", 1), '"name":"n"', '"name":"\\ud800"'),
        m: node("m", 2, { metadata: { x: 1 } }),
      },
      users: {
        u: text(user("u"), '"tenant_id":"t1"', '"tenant_id":"\\ud800"'),
        v: user("v", { tenant_id: "t".repeat(40_000) }),
        w: user("w", { tenant_id: 7 }),
      },
    });
    const codes = await held(db);
    const sure = [
      "network_policies/p",
      "audit_logs/a",
      "audit_logs/b",
      "audit_logs/c",
      "nodes/m",
      "users/u",
      "users/v",
      "users/w",
    ];
    for (const id of sure) expect(codes[id], id).toBe("RECORD_INVALID");
    expect("nodes/n" in codes || (await db.tenant("t1").nodes.get("n")) !== undefined).toBe(true);
    for (const id of Object.keys(codes))
      await expectRefused("RECORD_INVALID", () => db.system.quarantine.release(id));
  });

  test("13: a damaged file, a newer one, or another's changes nothing", async () => {
    const db = await open();
    const before = await rowsOf(db);
    const path = await make({ users: byId(user("a")), zz: { a: "b" } });
    const damaged = await readFile(path);
    // The page of the last bucket: users would have been written by then.
    damaged.writeUInt16LE(0xffff, 4 * 65_536 + 10);
    await writeFile(path, damaged);
    await expectRefused("BOLT_DAMAGED", () => db.importGoFile(path));
    const newer = { users: byId(user("a")), migrations: { schema_version: "3" } };
    await expectRefused("MIGRATION_NEWER", () => bring(db, newer));
    await expectRefused("BOLT_INVALID", () => bring(db, { others: { a: "b" } }));
    await expectRefused("BOLT_INVALID", () => db.importGoFile(databases.path("absent.db")));
    expect(await rowsOf(db)).toEqual(before);
  });

  test("13: options that nobody knows are refused", async () => {
    const db = await open();
    const path = await make({ users: byId(user("a")) });
    const wrong = [
      { tenant: "x" },
      { dryRun: 1 },
      { tenantId: "" },
      { tenantId: 7 },
      { signal: 1 },
      { onProgress: 1 },
    ];
    for (const options of wrong)
      await expectRefused(["OPTION_INVALID", "KEY_REQUIRED"], () => db.importGoFile(path, options as never));
    expect(await db.importGoFile(path)).toMatchObject({ repeated: false });
  });

  test("13: progress is told up to all rows", async () => {
    const db = await open();
    const path = await make({
      users: byId(user("a"), user("b")),
      mine: { a: "b" },
      idx_users_by_email: { x: "y" },
    });
    const told: { done: number; total: number | undefined }[] = [];
    await db.importGoFile(path, { onProgress: (progress) => told.push(progress) });
    expect(told.at(-1)).toEqual({ done: 4, total: 4 });
    expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).sort((a, b) => a - b));
  });

  test("14: a row is not looked at again while its bytes are the same", async () => {
    const db = await open();
    const rows = byId(
      node("a", 1, { public_key: "x" }),
      node("b", 2, { public_key: "x" }),
      node("c", 3, { public_key: "x" }),
    );
    await bring(db, { nodes: rows });
    await db.system.quarantine.release("nodes/a", { publicKey: keyOf(1) });
    await db.system.quarantine.discard("nodes/b");
    await db.tenant("t1").nodes.delete("a");
    databases.clock.advance(DAY);
    const again = await bring(db, { nodes: { ...rows, d: node("d", 4) } });
    expect(countsOf(again, "nodes")).toEqual([1, 2, 1, 0]);
    expect((await db.tenant("t1").nodes.all()).map(({ id }) => id)).toEqual(["d"]);
    expect(await db.system.quarantine.get("nodes/c")).toMatchObject({ status: "held" });

    const mended = await bring(db, { nodes: byId(node("b", 5), node("c", 6), node("d", 4)) });
    expect(countsOf(mended, "nodes")).toEqual([2, 1, 0, 0]);
    // The file itself has mended it: there is nothing left to do.
    expect(await db.system.quarantine.count()).toBe(0);
  });

  test("a copy under another name is the same file", async () => {
    const db = await open();
    const path = await make({ users: byId(user("a")) });
    await db.importGoFile(path);
    await copyFile(path, databases.path("copy.db"));
    expect(await db.importGoFile(databases.path("copy.db"))).toMatchObject({ repeated: true });
  });

  test("a tenant that is half wiped gets nothing, and a wipe takes what is held of it along", async () => {
    const db = await open();
    const rows = { users: byId(user("a"), user("b", { email: "none" })), nodes: byId(node("n", 1)) };
    await bring(db, rows);
    expect(await db.system.quarantine.count()).toBe(1);
    const controller = new AbortController();
    const stop = () => controller.abort();
    const wiping = db.tenant("t1").wipe({ signal: controller.signal, onProgress: stop });
    await expectRefused("ABORTED", () => wiping);
    await expectRefused("TENANT_BUSY", () => bring(db, { ...rows, users: byId(user("c")) }));
    await db.tenant("t1").wipe();
    expect(await db.system.quarantine.count()).toBe(0);
    expect(await db.getTenant("t1")).toBeUndefined();
    await bring(db, { users: byId(user("d")) });
    expect((await db.tenant("t1").users.all()).map(({ id }) => id)).toEqual(["d"]);
  });
});
