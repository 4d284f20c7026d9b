import type { Database } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { expectRefused } from "../../helpers/stores.ts";
import { keyOf, useDatabases } from "../databases.ts";
import { allHeld, heldId } from "./compare.ts";
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

describe("the quarantine of an import", () => {
  const databases = useDatabases();

  /** A database into which a file with these buckets was imported. */
  const brought = async (buckets: Readonly<Record<string, MadeRows>>): Promise<Database> => {
    const db = await databases.open({ durability: "relaxed" });
    await db.importGoFile(await makeFile(databases.path("made.db"), buckets));
    return db;
  };
  const bad = (id: string) => node(id, 1, { public_key: "bad" });

  test("lists what is held, bucket by bucket, in pages of any size, and by status", async () => {
    const nodes = byId(...Array.from({ length: 25 }, (_, i) => bad(`n${String(i).padStart(2, "0")}`)));
    const db = await brought({ nodes, users: byId(user("u", { role: "?" })) });
    const { quarantine } = db.system;
    const ids = [...Object.keys(nodes).map((id) => `nodes/${id}`), "users/u"];
    for (const size of [1, 7, 26, 100]) expect((await allHeld(db, size)).map(({ id }) => id)).toEqual(ids);
    expect((await quarantine.list({ bucket: "users" })).records.map(({ id }) => id)).toEqual(["users/u"]);
    expect((await quarantine.list({ bucket: "tenants" })).records).toEqual([]);
    await quarantine.discard("nodes/n00");
    await quarantine.release("nodes/n01", { publicKey: keyOf(1) });
    const idsOf = async (status: "held" | "released" | "discarded") =>
      (await quarantine.list({ status })).records.map(({ id }) => id);
    expect(await idsOf("discarded")).toEqual(["nodes/n00"]);
    expect(await idsOf("released")).toEqual(["nodes/n01"]);
    expect(await idsOf("held")).toEqual(ids.slice(2));
    expect(await quarantine.count()).toBe(24);
    expect(await quarantine.count("held")).toBe(24);
    expect(await quarantine.count("released")).toBe(1);
    expect(await quarantine.get("nodes/n00")).toMatchObject({
      status: "discarded",
      settledAt: databases.clock.now(),
    });
    expect(await quarantine.get("nodes/nobody")).toBeUndefined();
    await expectRefused("OPTION_INVALID", () => quarantine.list({ sise: 1 } as never));
    await expectRefused("TOKEN_INVALID", () => quarantine.list({ after: "x" }));
  });

  test("keeps a row as it was, under a name that tells where it was", async () => {
    const key = Buffer.from([0, 0xff, 0x2f, 0x25, 0x61]);
    const value = Buffer.from([0xfe, 0, 1]);
    const db = await brought({ users: new Map([[key, value]]) });
    const id = heldId("users", key);
    expect(id).toBe("users/%00%FF%2F%25a");
    expect(await db.system.quarantine.get(id)).toMatchObject({
      ...{ bucket: "users", status: "held", heldAt: databases.clock.now() },
      ...{ key: key.toString("base64"), keyEncoding: "base64" },
      ...{ value: value.toString("base64"), valueEncoding: "base64" },
    });
  });

  test("shows a draft in the names of the database, as far as the record could be read", async () => {
    const db = await brought({ nodes: byId(node("n", 1, { public_key: "bad", ip_address: "10.0.0.1/32" })) });
    expect((await db.system.quarantine.get("nodes/n"))?.draft).toMatchObject({
      ...{ id: "n", tenantId: "t1", name: "n", publicKey: "bad", ipAddress: "10.0.0.1" },
      ...{ status: "online", createdAt: new Date(SOME) },
    });
  });

  test("releases a node that was mended, which is counted", async () => {
    const db = await brought({ nodes: byId(node("a", 1), bad("b")) });
    const { quarantine } = db.system;
    const t1 = db.tenant("t1");
    expect(await t1.quota.get()).toMatchObject({ usedNodes: 1 });
    const before = await rowsOf(db);
    await expectRefused("RECORD_INVALID", () => quarantine.release("nodes/b"));
    await expectRefused("RECORD_INVALID", () => quarantine.release("nodes/b", { publicKey: "worse" }));
    await expectRefused("UNIQUE_VIOLATION", () => quarantine.release("nodes/b", { publicKey: keyOf(1) }));
    await expectRefused("RECORD_INVALID", () =>
      quarantine.release("nodes/b", { publicKey: keyOf(2), colour: 1 }),
    );
    await expectRefused("OPTION_INVALID", () => quarantine.release("nodes/b", 7 as never));
    expect(await rowsOf(db)).toEqual(before);
    await quarantine.release("nodes/b", { publicKey: keyOf(2), name: "mended", metadata: { from: "Go" } });
    expect(await t1.nodes.get("b")).toMatchObject({
      ...{ publicKey: keyOf(2), name: "mended", metadata: { from: "Go" } },
      ...{ status: "online", createdAt: new Date(SOME) },
    });
    expect(await t1.quota.get()).toMatchObject({ usedNodes: 2 });
    expect(await quarantine.get("nodes/b")).toMatchObject({ status: "released" });
  });

  test("releases each row once", async () => {
    const db = await brought({ nodes: byId(bad("a"), bad("b")) });
    const { quarantine } = db.system;
    await quarantine.release("nodes/a", { publicKey: keyOf(1) });
    await quarantine.discard("nodes/b");
    for (const id of ["nodes/a", "nodes/b", "nodes/c"]) {
      await expectRefused("RECORD_NOT_FOUND", () => quarantine.release(id, { publicKey: keyOf(2) }));
      await expectRefused("RECORD_NOT_FOUND", () => quarantine.discard(id));
    }
    const both = await Promise.allSettled([1, 2].map(() => quarantine.release("nodes/a")));
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await db.tenant("t1").nodes.count()).toBe(1);
    expect(await db.tenant("t1").quota.get()).toMatchObject({ usedNodes: 1 });
  });

  test("takes a field away that is passed as undefined", async () => {
    const wrong = node("a", 1, { ip_address: "10.0.0.0/8" });
    const db = await brought({ nodes: byId(wrong) });
    await db.system.quarantine.release("nodes/a", { ipAddress: undefined });
    expect(await db.tenant("t1").nodes.get("a")).not.toHaveProperty("ipAddress");
  });

  test("releases what another had the place of, once that is free", async () => {
    const db = await brought({
      users: byId(user("a", { email: "x@example.com" }), user("b", { email: "X@example.com" })),
      nodes: byId(node("a", 1), node("b", 1)),
      node_groups: byId(group("g", { node_ids: ["b"] })),
      api_keys: byId(apiKey("k", { user_id: "b" })),
    });
    const { quarantine } = db.system;
    const t1 = db.tenant("t1");
    await expectRefused("REFERENCE_INVALID", () => quarantine.release("node_groups/g"));
    await expectRefused("UNIQUE_VIOLATION", () => quarantine.release("users/b"));
    await t1.users.delete("a");
    await t1.nodes.delete("a");
    for (const id of ["users/b", "nodes/b", "node_groups/g", "api_keys/k"]) await quarantine.release(id);
    expect(await t1.users.get("b")).toMatchObject({ email: "x@example.com" });
    expect(await t1.groups.get("g")).toMatchObject({ nodeIds: ["b"] });
    expect(await t1.quota.get()).toMatchObject({ usedUsers: 1, usedNodes: 1, usedApiKeys: 1 });
  });

  test("does not put a record in the place of one that is there", async () => {
    const db = await brought({
      nodes: byId(bad("a")),
      users: byId(user("u", { role: "?" })),
      tenants: byId(tenant("t1")),
    });
    await db.tenant("t1").nodes.save({ id: "a", name: "mine", publicKey: keyOf(5) });
    await db.tenant("t1").users.save({ id: "u", email: "mine@example.com" });
    const { quarantine } = db.system;
    await expectRefused("RECORD_EXISTS", () => quarantine.release("nodes/a", { publicKey: keyOf(6) }));
    await expectRefused("RECORD_EXISTS", () => quarantine.release("users/u", { role: "user" }));
    expect(await db.tenant("t1").nodes.get("a")).toMatchObject({ name: "mine" });
    expect(await quarantine.count()).toBe(2);
    await quarantine.release("nodes/a", { id: "b", publicKey: keyOf(6) });
    expect(await db.tenant("t1").nodes.count()).toBe(2);
  });

  test("releases a tenant: in the place of the bare one that its records made, not of one that somebody made", async () => {
    const db = await brought({
      tenants: byId(
        ...["t1", "t2", "t3"].map((id) => tenant(id, { name: `of ${id}`, node_limit: 5, colour: 1 })),
      ),
      users: byId(user("u")),
    });
    const { quarantine } = db.system;
    await expectRefused("RECORD_INVALID", () => quarantine.release("tenants/t1"));
    expect(await db.tenant("t1").get()).toMatchObject({ name: "t1" });
    const given = { colour: undefined };
    await quarantine.release("tenants/t1", given);
    expect(await db.tenant("t1").get()).toMatchObject({
      name: "of t1",
      nodeLimit: 5,
      createdAt: new Date(SOME),
    });
    expect(await db.tenant("t1").quota.get()).toMatchObject({ maxNodes: 5, usedUsers: 1 });
    await quarantine.release("tenants/t2", given);
    expect(await db.tenant("t2").quota.get()).toMatchObject({ maxNodes: 5, usedUsers: 0 });
    await db.system.tenants.save({ id: "t3", name: "Mine" });
    await expectRefused("RECORD_EXISTS", () => quarantine.release("tenants/t3", given));
    expect(await db.tenant("t3").get()).toMatchObject({ name: "Mine" });
  });

  test("releases an API key, which is valid from then on", async () => {
    const db = await brought({
      api_keys: byId(apiKey("k", { key: "$2a$10$x" }), apiKey("l", { permissions: ["a b"] })),
    });
    const { quarantine } = db.system;
    await expectRefused("RECORD_INVALID", () => quarantine.release("api_keys/k"));
    await quarantine.release("api_keys/l", { permissions: ["nodes:read"] });
    expect(await db.verifyApiKey(secretOf("l"), { permission: "nodes:read" })).toMatchObject({ ok: true });
    expect((await quarantine.get("api_keys/l"))?.draft).toMatchObject({
      importedHash: hashOf(secretOf("l")),
    });
    await quarantine.release("api_keys/k", { importedHash: hashOf("a new secret") });
    expect(await db.verifyApiKey("a new secret")).toMatchObject({ ok: true, key: { id: "k" } });
    expect(await db.tenant("t1").quota.get()).toMatchObject({ usedApiKeys: 2 });
  });

  test("appends an audit entry to the end of the chain, in its own time", async () => {
    const db = await brought({
      audit_logs: {
        1: log("a"),
        2: log("a", { action: "else" }),
        3: log("c", { success: null }),
        4: log("d"),
      },
    });
    const { quarantine } = db.system;
    const { audit } = db.tenant("t1");
    await expectRefused("UNIQUE_VIOLATION", () => quarantine.release("audit_logs/2"));
    await quarantine.release("audit_logs/2", { id: "b" });
    await quarantine.release("audit_logs/3", { success: false });
    expect(await audit.get("b")).toMatchObject({ sequence: 3, action: "else", timestamp: new Date(SOME) });
    expect(await audit.get("c")).toMatchObject({ sequence: 4, success: false });
    expect(await audit.verify()).toMatchObject({ ok: true });
  });

  test("releases policies, snapshots and quotas", async () => {
    const db = await brought({
      tenants: byId(tenant("t1")),
      network_policies: byId(policy("p", { protocol: "" })),
      metrics_snapshots: { m: snapshot("m", { granularity: "week" }) },
      tenant_quotas: { t1: { tenant_id: "t1", max_nodes: -1, max_users: 3 } },
    });
    const { quarantine } = db.system;
    const draft = (await quarantine.get("network_policies/p"))?.draft as { rules: object[] };
    await quarantine.release("network_policies/p", { rules: [{ ...draft.rules[0], protocol: "any" }] });
    expect((await db.tenant("t1").policies.get("p"))?.rules).toMatchObject([{ protocol: "any" }]);
    await quarantine.release("metrics_snapshots/m", { granularity: "hour" });
    expect((await db.tenant("t1").metrics.list({ granularity: "hour" })).records).toHaveLength(1);
    await quarantine.release("tenant_quotas/t1", { maxNodes: 2 });
    expect(await db.tenant("t1").quota.get()).toMatchObject({ maxNodes: 2, maxUsers: 3 });
  });

  test("takes a record from nothing but what is passed, where the row could not be read", async () => {
    const db = await brought({ users: { u: "not JSON" } });
    const { quarantine } = db.system;
    await expectRefused("RECORD_INVALID", () => quarantine.release("users/u"));
    await quarantine.discard("users/u");
    expect(await quarantine.count()).toBe(0);
    expect(await quarantine.get("users/u")).toMatchObject({ value: "not JSON", status: "discarded" });
  });

  test("lets fields that only the database writes be none of its business", async () => {
    const db = await brought({
      tenants: byId(tenant("t", { colour: 1 })),
      audit_logs: { 1: log("a", { success: null }) },
      api_keys: byId(apiKey("k", { permissions: ["a b"] })),
    });
    const { quarantine } = db.system;
    const attempts = [
      ["api_keys/k", { permissions: [], revokedAt: new Date(SOME) }],
      ["api_keys/k", { permissions: [], secrets: [] }],
      ["tenants/t", { colour: undefined, busy: "wipe" }],
      ["audit_logs/1", { success: true, sequence: 9 }],
      ["audit_logs/1", { success: true, hash: "0".repeat(64) }],
    ] as const;
    for (const [id, fields] of attempts)
      await expectRefused("RECORD_INVALID", () => quarantine.release(id, fields));
    expect(await quarantine.count()).toBe(3);
  });

  test("tells the audit trail of the system who released what", async () => {
    const db = await brought({ nodes: byId(bad("a"), bad("b")) });
    const { quarantine } = db.system.as({ userId: "operator" });
    await quarantine.release("nodes/a", { publicKey: keyOf(1) });
    await quarantine.discard("nodes/b");
    const { records } = await db.tenant("system").audit.list({ userId: "operator", oldestFirst: true });
    expect(records.map(({ action, resource }) => [action, resource])).toEqual([
      ["quarantine.release", "quarantine/nodes/a"],
      ["quarantine.discard", "quarantine/nodes/b"],
    ]);
  });
});
