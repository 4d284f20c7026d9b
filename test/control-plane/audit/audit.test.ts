import { type Database, DatabaseManager } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import type { AuditListOptions } from "../../../src/control-plane/audit/audit.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { Clock, MINUTE, nodeOf, useDatabases, userOf } from "../databases.ts";
import { openRaw } from "./audit-raw.ts";

const GENESIS = "0".repeat(64);
const ANN = { userId: "ann", ipAddress: "10.0.0.7", userAgent: "console/3" };

const databases = useDatabases();

async function opened(...tenants: string[]): Promise<Database> {
  const db = await databases.open();
  for (const id of tenants.length === 0 ? ["t"] : tenants) await db.saveTenant({ id, name: id });
  return db;
}

/** What a tenant's trail says, the oldest first. */
async function said(db: Database, tenantId: string) {
  const { records } = await db.tenant(tenantId).audit.list({ oldestFirst: true, size: 1000 });
  return records.map(({ userId, action, resource, details }) => ({ userId, action, resource, details }));
}

describe("the audit trail", () => {
  test("keeps what is appended, and fills in what is not given", async () => {
    const db = await opened();
    const { audit } = db.tenant("t");
    expect(await audit.head()).toEqual({
      tenantId: "t",
      sequence: 0,
      hash: GENESIS,
      anchorSequence: 0,
      anchorHash: GENESIS,
    });
    const whole = {
      id: "log-1",
      userId: "u1",
      action: "login",
      resource: "auth",
      details: { b: [1, { x: null }], a: "text" },
      ipAddress: "::FFFF:10.0.0.7",
      userAgent: "agent/1",
      timestamp: new Date("2026-01-02T03:04:05.678Z"),
      success: false,
    };
    const first = await audit.append(whole);
    expect(first).toEqual({
      ...whole,
      ipAddress: "10.0.0.7",
      tenantId: "t",
      sequence: 1,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const second = await audit.append({ tenantId: "t", userId: "", action: "a", resource: "" });
    expect(second).toMatchObject({ sequence: 2, success: true, timestamp: databases.clock.now() });
    expect(second.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await audit.get("log-1")).toEqual(first);
    expect(await audit.get(second.id)).toEqual(second);
    expect(await audit.get("none")).toBeUndefined();
    expect(await audit.head()).toMatchObject({ sequence: 2, hash: second.hash, anchorSequence: 0 });
    expect(await audit.count()).toBe(2);
  });

  test("refuses an id that is taken, and never writes over an entry", async () => {
    const db = await opened("t", "other");
    const { audit } = db.tenant("t");
    const entry = { id: "log-1", userId: "u1", action: "login", resource: "auth" };
    const first = await audit.append(entry);
    await expectRefused("UNIQUE_VIOLATION", () => audit.append({ ...entry, action: "logout" }));
    expect(await audit.get("log-1")).toEqual(first);
    expect(await audit.count()).toBe(1);
    // Another tenant's ids are its own.
    expect(await db.tenant("other").audit.append(entry)).toMatchObject({ sequence: 1 });
    expect(await db.tenant("other").audit.get("log-1")).not.toEqual(first);
  });

  test("refuses what is no entry, and what would choose its own place", async () => {
    const db = await opened("t", "other");
    const { audit } = db.tenant("t");
    const entry = { userId: "u1", action: "login", resource: "auth" };
    for (const wrong of [
      {},
      null,
      "entry",
      { ...entry, action: "" },
      { ...entry, sequence: 7 },
      { ...entry, hash: GENESIS },
      { ...entry, more: 1 },
      { ...entry, timestamp: new Date(Number.NaN) },
      { ...entry, ipAddress: "10.0.0" },
      { ...entry, details: { f: () => 1 } },
    ])
      await expectRefused("RECORD_INVALID", () => audit.append(wrong as never));
    await expectRefused("TENANT_MISMATCH", () => audit.append({ ...entry, tenantId: "other" }));
    await expectRefused("TENANT_NOT_FOUND", () => db.tenant("none").audit.append(entry));
    expect(await audit.count()).toBe(0);
    await db.system.tenants.suspend("t");
    await expectRefused("TENANT_SUSPENDED", () => audit.append(entry));
    await expectRefused("TENANT_SUSPENDED", () => audit.appendMany([entry]));
    expect(await audit.list()).toMatchObject({ records: [] });
  });

  test("takes many entries in one commit, or none", async () => {
    const db = await opened();
    const { audit } = db.tenant("t");
    const entries = Array.from({ length: 600 }, (_, i) => ({
      id: `log-${i}`,
      userId: "u",
      action: "a",
      resource: "r",
    }));
    const done: number[] = [];
    const work = { onProgress: (progress: { done: number }) => done.push(progress.done) };
    expect(await audit.appendMany(entries, work)).toBe(600);
    expect(done.at(-1)).toBe(600);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 600, to: 600 });
    const again = [{ ...entries[0], id: "new" }, entries[0]] as typeof entries;
    await expectRefused("UNIQUE_VIOLATION", () => audit.appendMany(again));
    await expectRefused("TENANT_MISMATCH", () => audit.appendMany([{ ...again[0], tenantId: "x" } as never]));
    expect(await audit.get("new")).toBeUndefined();
    expect(await audit.count()).toBe(600);
    // Who goes on after the error keeps what was appended before it.
    await db.update(async (tx) => {
      const trail = tx.tenant("t").audit;
      await expectRefused("UNIQUE_VIOLATION", () => trail.appendMany(again));
      await trail.append({ userId: "u", action: "a", resource: "r" });
    });
    expect(await audit.count()).toBe(602);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 602 });
  });

  test("is a chain of its own for each tenant", async () => {
    const db = await opened("a", "b");
    for (let i = 0; i < 20; i++) {
      const entry = { id: `log-${i}`, userId: "u", action: "a", resource: "r" };
      await db.saveAuditLog({ ...entry, tenantId: i % 3 === 0 ? "a" : "b" });
    }
    expect(await db.tenant("a").audit.head()).toMatchObject({ tenantId: "a", sequence: 7 });
    expect(await db.tenant("b").audit.head()).toMatchObject({ tenantId: "b", sequence: 13 });
    expect(await db.tenant("a").audit.verify()).toMatchObject({ ok: true, entries: 7 });
    expect(await db.tenant("b").audit.verify()).toMatchObject({ ok: true, entries: 13 });
    expect(await db.tenant("a").audit.get("log-1")).toBeUndefined();
    const listed = (await db.getAuditLogs("a", { size: 100 })).records;
    expect(listed.map(({ tenantId }) => tenantId)).toEqual(Array(7).fill("a"));
  });

  test("is read by the store on disk as it was written", async () => {
    const path = databases.path("kept");
    const { now } = new Clock();
    const db = await DatabaseManager.open(path, { now, retention: false });
    await db.saveTenant({ id: "t", name: "t" });
    const details = { "-0": -0, big: 1e300, text: '"\\\u2028é\u0000', list: [[]], "10": 1, "9": 2 };
    await db.tenant("t").audit.append({ userId: "u", action: "a", resource: "r", details });
    const head = await db.tenant("t").audit.head();
    await db.close();
    const again = await DatabaseManager.open(path, { now, retention: false });
    expect(await again.tenant("t").audit.verify()).toMatchObject({ ok: true, entries: 1, head });
    await again.close();
  });
});

describe("lists of the audit trail", () => {
  const BASE = new Date("2026-02-01T00:00:00.000Z").getTime();
  const ACTIONS = ["login", "node.update", "node.delete"];

  /** 120 entries, a minute apart, those of one minute twice, and not in the order of time. */
  async function filled() {
    const db = await opened("t", "other");
    const entries = Array.from({ length: 120 }, (_, i) => {
      const minute = (i * 7) % 60;
      return {
        id: `log-${i}`,
        userId: `u${i % 4}`,
        action: ACTIONS[i % 3] as string,
        resource: `nodes/n${i % 5}`,
        timestamp: new Date(BASE + minute * MINUTE),
        success: i % 6 !== 0,
      };
    });
    await db.tenant("t").audit.appendMany(entries);
    await db.tenant("other").audit.appendMany(entries);
    return { db, entries };
  }

  test("give what meets all conditions, the newest first or the oldest, by page", async () => {
    const { db, entries } = await filled();
    const { audit } = db.tenant("t");
    const at = (minute: number) => new Date(BASE + minute * MINUTE);
    const queries: AuditListOptions[] = [
      {},
      { from: at(10) },
      { to: at(20) },
      { from: at(10), to: at(20) },
      { from: at(10), to: at(10) },
      { userId: "u1" },
      { action: "login" },
      { resource: "nodes/n2" },
      { success: false },
      { success: true },
      { userId: "u2", success: false, from: at(5) },
      { userId: "u1", action: "login", resource: "nodes/n0", to: at(50) },
      { action: "node.delete", success: true, from: at(3), to: at(40) },
      { action: "login", success: false },
      { userId: "nobody" },
    ];
    for (const query of queries) {
      const { from, to, userId, action, resource, success } = query;
      const expected = entries
        .map((entry, i) => ({ ...entry, sequence: i + 1 }))
        .filter((each) => from === undefined || each.timestamp >= from)
        .filter((each) => to === undefined || each.timestamp < to)
        .filter((each) => userId === undefined || each.userId === userId)
        .filter((each) => action === undefined || each.action === action)
        .filter((each) => resource === undefined || each.resource === resource)
        .filter((each) => success === undefined || each.success === success)
        .sort((a, b) => a.timestamp.getTime() - b.timestamp.getTime() || a.sequence - b.sequence)
        .map(({ id }) => id);
      for (const oldestFirst of [true, false]) {
        const found: string[] = [];
        let after: string | undefined;
        do {
          const page = await audit.list({ ...query, oldestFirst, size: 17, after });
          expect(page.records.length).toBeLessThanOrEqual(17);
          found.push(...page.records.map(({ id }) => id));
          after = page.next;
        } while (after !== undefined);
        expect(found, JSON.stringify(query)).toEqual(oldestFirst ? expected : expected.slice().reverse());
      }
    }
    expect((await audit.list()).records).toHaveLength(100);
  });

  test("refuse what is no condition, and tokens of other lists", async () => {
    const { db } = await filled();
    const { audit } = db.tenant("t");
    await expectRefused("OPTION_INVALID", () => audit.list({ user: "u1" } as never), "user");
    await expectRefused("OPTION_INVALID", () => audit.list({ from: "2026" } as never), "from");
    await expectRefused("OPTION_INVALID", () => audit.list({ to: new Date(Number.NaN) }), "to");
    await expectRefused("OPTION_INVALID", () => audit.list({ success: 1 } as never));
    await expectRefused("OPTION_INVALID", () => audit.list({ oldestFirst: "yes" } as never));
    await expectRefused("OPTION_INVALID", () => audit.list({ size: 0 }));
    const { next } = await audit.list({ size: 5 });
    await expectRefused("TOKEN_INVALID", () => audit.list({ size: 5, after: next, userId: "u1" }));
    await expectRefused("TOKEN_INVALID", () => db.tenant("other").audit.list({ size: 5, after: next }));
  });
});

describe("operations of an actor", () => {
  test("tell the trail what they did, on what, and who did it", async () => {
    const db = await opened();
    const { users, nodes } = db.tenant("t").as(ANN);
    await users.save(userOf(1, "t"));
    await users.update("u1", { role: "admin" });
    await users.saveMany([userOf(2, "t"), userOf(3, "t")]);
    await nodes.save(nodeOf(1));
    await users.delete("u1");
    await users.delete("none");
    expect(await said(db, "t")).toEqual([
      { userId: "ann", action: "user.create", resource: "users/u1", details: undefined },
      { userId: "ann", action: "user.update", resource: "users/u1", details: { fields: ["role"] } },
      { userId: "ann", action: "user.saveMany", resource: "users", details: { count: 2 } },
      { userId: "ann", action: "node.create", resource: "nodes/n1", details: undefined },
      { userId: "ann", action: "user.delete", resource: "users/u1", details: undefined },
    ]);
    const [last] = (await db.tenant("t").audit.list({ size: 1 })).records;
    expect(last).toMatchObject({ ...ANN, success: true, timestamp: databases.clock.now() });
    expect(await db.tenant("t").audit.verify()).toMatchObject({ ok: true, entries: 5 });
  });

  test("tell nothing without an actor, and an entry of one's own is told once", async () => {
    const db = await opened();
    await db.tenant("t").users.save(userOf(1, "t"));
    await db.saveUser({ ...userOf(2, "t"), tenantId: "t" });
    expect(await db.tenant("t").audit.count()).toBe(0);
    const { audit } = db.tenant("t").as(ANN);
    await audit.append({ userId: "bob", action: "login", resource: "auth" });
    await audit.appendMany([{ userId: "bob", action: "logout", resource: "auth" }]);
    expect((await said(db, "t")).map(({ action }) => action)).toEqual(["login", "logout"]);
  });

  test("leave neither change nor entry where they are rolled back", async () => {
    const db = await opened();
    const halt = new Error("halt");
    await expect(
      db.update(async (tx) => {
        await tx.tenant("t").as(ANN).users.save(userOf(1, "t"));
        expect(await tx.tenant("t").audit.count()).toBe(1);
        throw halt;
      }),
    ).rejects.toBe(halt);
    expect(await db.tenant("t").users.get("u1")).toBeUndefined();
    expect(await db.tenant("t").audit.head()).toMatchObject({ sequence: 0, hash: GENESIS });
    await expectRefused("RECORD_NOT_FOUND", () => db.tenant("t").as(ANN).users.update("u1", {}));
    expect(await db.tenant("t").audit.count()).toBe(0);
  });

  test("are not done where their entry cannot be written", async () => {
    const raw = await openRaw(databases.clock);
    const { db } = raw;
    await db.saveTenant({ id: "t", name: "t" });
    await db.tenant("t").as(ANN).users.save(userOf(1, "t"));
    await raw.write("t", { ...(await raw.read("t")), head: '{"tenantId":"t","sequence":"x"}' });
    await expectRefused(["RECORD_INVALID", "DATA_CORRUPT"], () =>
      db.tenant("t").as(ANN).users.save(userOf(2, "t")),
    );
    expect(await db.tenant("t").users.get("u2")).toBeUndefined();
    await db.close();
  });

  test("take an actor that the trail will take, or none", async () => {
    const db = await opened();
    const tenant = db.tenant("t");
    for (const actor of [
      {},
      null,
      { userId: 7 },
      { userId: "x".repeat(513) },
      { userId: "ann", ipAddress: "10.0.0" },
      { userId: "ann", userAgent: "x".repeat(70_000) },
      { userId: "ann", role: "admin" },
    ])
      await expectRefused("OPTION_INVALID", () => tenant.as(actor as never));
    await tenant.as({ userId: "ann", ipAddress: undefined }).users.save(userOf(1, "t"));
    expect((await tenant.audit.list()).records[0]).not.toHaveProperty("ipAddress");
  });

  test("form one chain, several in one commit, awaited or not", async () => {
    const db = await opened();
    await db.update(async (tx) => {
      const { users, nodes, audit } = tx.tenant("t").as(ANN);
      await users.save(userOf(1, "t"));
      await audit.append({ userId: "ann", action: "note", resource: "r" });
      await Promise.all([nodes.save(nodeOf(1)), nodes.save(nodeOf(2)), users.delete("u1")]);
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 5 });
    });
    expect((await said(db, "t")).map(({ action }) => action)).toEqual([
      "user.create",
      "note",
      "node.create",
      "node.create",
      "user.delete",
    ]);
    expect(await db.tenant("t").audit.verify()).toMatchObject({ ok: true, entries: 5, from: 1, to: 5 });
  });

  test("form one chain without gaps where many run at once", async () => {
    const db = await opened("a", "b");
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 60; i++) {
      for (const id of ["a", "b"]) work.push(db.tenant(id).as(ANN).nodes.save(nodeOf(i)));
      if (i % 5 === 0)
        work.push(expectRefused("RECORD_NOT_FOUND", () => db.tenant("a").as(ANN).nodes.update("none", {})));
    }
    await Promise.all(work);
    for (const id of ["a", "b"]) {
      const { audit } = db.tenant(id);
      const { records } = await audit.list({ oldestFirst: true, size: 1000 });
      expect(records.map(({ sequence }) => sequence)).toEqual(records.map((_, i) => i + 1));
      expect(new Set(records.map(({ resource }) => resource)).size).toBe(60);
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 60 });
    }
  });
});
