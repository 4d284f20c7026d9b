import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { type Database, DatabaseError } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { COLLECTIONS, prefixOf, SINGLE, WITHIN } from "../../../src/control-plane/transfer/tenant-rows.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { HOUR, nodeOf, textOf, useDatabases, userOf } from "../databases.ts";

/** Gives a tenant rows of every kind. */
async function fill(db: Database, tenantId: string, now: Date): Promise<void> {
  await db.saveTenant({ id: tenantId, name: tenantId, settings: { policyMode: "permissive" } });
  const tenant = db.tenant(tenantId).as({ userId: "root", ipAddress: "10.0.0.1" });
  for (let n = 0; n < 3; n++) {
    await tenant.users.save(userOf(n, tenantId));
    await tenant.nodes.save({ ...nodeOf(n), metadata: { zone: "é\u2028\0" } });
    await tenant.nodeMetrics.save({ nodeId: `n${n}`, cpuPercent: n });
  }
  await tenant.groups.save({ id: "g", name: "g", nodeIds: ["n0", "n2"] });
  await tenant.alertRules.save({ id: "r", name: "r", expression: "x > 1", duration: "5m" });
  await tenant.channels.save({
    id: "c",
    name: "c",
    type: "slack",
    config: { deep: [{ a: null }, -0, 1e-7] },
  });
  const any = { type: "any" } as const;
  await tenant.policies.save({
    id: "p",
    name: "p",
    appliedTo: any,
    rules: [{ action: "allow", source: any, destination: any }],
  });
  await tenant.apiKeys.create({ name: "k", userId: "u1", permissions: ["nodes:*"] });
  await tenant.sessions.create({ userId: "u1", ttl: HOUR });
  for (let n = 0; n < 40; n++)
    await tenant.metrics.save({
      id: `m${n}`,
      timestamp: new Date(now.getTime() - n * 300_000),
      granularity: "minute",
      metrics: { cpu: n, "mem/x": -0 },
      labels: { node: `n${n % 3}` },
    });
  await tenant.metrics.rollUp();
  await tenant.quota.addUsage({ bandwidth: 12 });
}

/** All rows of the control plane, as text. */
async function rowsOf(db: Database): Promise<Map<string, string[]>> {
  return db.view(async ({ transaction }) => {
    const rows = new Map<string, string[]>();
    for (const name of await transaction.buckets()) {
      const bucket = await transaction.bucket(name, { encoding: "utf8" });
      const found = (await bucket?.range().toArray()) ?? [];
      rows.set(
        name,
        found.map((row) => JSON.stringify(row)),
      );
    }
    return rows;
  });
}

describe("a tenant", () => {
  const databases = useDatabases();

  test("is exported and imported again, to the byte", async () => {
    const { clock } = databases;
    const db = await databases.open();
    await fill(db, "a", clock.now());
    await fill(db, "b", clock.now());
    clock.time = Date.UTC(2026, 3, 2);
    await db.tenant("a").quota.closeMonth();
    const before = await rowsOf(db);
    const text = await textOf(db.tenant("a").export());
    expect(text).not.toContain('"b"');
    const wiped = await db.tenant("a").wipe();
    expect(wiped).toBeGreaterThan(60);
    expect(JSON.stringify([...(await rowsOf(db)).values()])).not.toMatch(/"a"|@a\.example/);
    // In chunks that cut lines and characters anywhere.
    const bytes = Buffer.from(text);
    const chunks = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) =>
      bytes.subarray(i * 7, i * 7 + 7),
    );
    const count = await db.tenant("a").import(Readable.from(chunks));
    expect(count).toBe(text.split("\n").length - 3);
    const after = await rowsOf(db);
    for (const [name, rows] of before) {
      // What was counted is stamped anew.
      const stamps = /"updatedAt":"[^"]*"/g;
      if (name === "tenant_quotas")
        expect(after.get(name)?.map((row) => row.replaceAll(/\\"updatedAt\\":\\"[^"]*\\"/g, ""))).toEqual(
          rows.map((row) => row.replaceAll(/\\"updatedAt\\":\\"[^"]*\\"/g, "")),
        );
      else expect(after.get(name), `${name} ${stamps}`).toEqual(rows);
    }
    // And from a file, into another database.
    await writeFile(databases.path("a.ndjson"), text);
    const other = await databases.open({}, "other");
    await other.tenant("a").import(createReadStream(databases.path("a.ndjson")));
    expect(await other.tenant("a").usage()).toEqual(await db.tenant("a").usage());
    expect(await textOf(other.tenant("a").export())).toContain('"policyMode":"permissive"');
  });

  test("an export shows one moment, whatever is written while it is read", async () => {
    const db = await databases.open();
    await fill(db, "a", databases.clock.now());
    let lines = 0;
    for await (const line of db.tenant("a").export()) {
      if (lines++ === 1) await db.tenant("a").users.save(userOf(9, "a"));
      expect(line).not.toContain("u9@");
    }
    const controller = new AbortController();
    const stopped = textOf(
      db.tenant("a").export({ signal: controller.signal, onProgress: () => controller.abort() }),
    );
    await expectRefused("ABORTED", () => stopped);
    await expectRefused("OPTION_INVALID", () => db.tenant("a").export({ sgnal: 1 } as never));
  });

  test("what is no whole export of the tenant is refused, and leaves all as it was", async () => {
    const db = await databases.open();
    await fill(db, "a", databases.clock.now());
    await fill(db, "b", databases.clock.now());
    const text = await textOf(db.tenant("a").export());
    await db.tenant("a").wipe();
    await db.saveTenant({ id: "a", name: "Before", nodeLimit: 5 });
    const before = await rowsOf(db);
    const lines = text.split("\n").slice(0, -1);
    const changed = (n: number, line: string) =>
      [...lines.slice(0, n), line, ...lines.slice(n + 1)].join("\n");
    const user = lines.findIndex((line) => line.includes('"users"'));
    const broken: [string, unknown][] = [
      ["nothing", ""],
      ["no JSON", changed(3, "{")],
      ["no object", changed(3, "5")],
      ["no record", changed(3, '{"collection":"users"}')],
      ["of another version", changed(0, (lines[0] as string).replace('"version":1', '"version":2'))],
      ["of another format", changed(0, "{}")],
      ["of another tenant", changed(0, (lines[0] as string).replace('"a"', '"b"'))],
      ["cut off", lines.slice(0, -1).join("\n")],
      ["without a line", lines.toSpliced(user, 1).join("\n")],
      ["with a line changed", changed(user, (lines[user] as string).replace("u0@", "v0@"))],
      [
        "with a record of another tenant",
        changed(user, (lines[user] as string).replace('"tenantId":"a"', '"tenantId":"b"')),
      ],
      ["with another collection", changed(user, (lines[user] as string).replace('"users"', '"retention"'))],
      ["going on after the end", `${text}${lines[user]}\n`],
      ["no text", Uint8Array.of(255, 255)],
    ];
    for (const [what, source] of broken) {
      await expect(db.tenant("a").import([source as string]), what).rejects.toMatchObject({
        code: "EXPORT_INVALID",
      });
      expect(await rowsOf(db), what).toEqual(before);
    }
    const invalid = lines
      .with(user, (lines[user] as string).replace("u0@a.example", "no address"))
      .slice(0, -1);
    const sha256 = createHash("sha256")
      .update(`${invalid.join("\n")}\n`)
      .digest("hex");
    const sealed = [...invalid, JSON.stringify({ end: true, records: invalid.length - 1, sha256 })].join(
      "\n",
    );
    await expectRefused("RECORD_INVALID", () => db.tenant("a").import([sealed]), "email");
    expect(await rowsOf(db)).toEqual(before);
    const progress = { onProgress: () => controller.abort() };
    const controller = new AbortController();
    await expectRefused("ABORTED", () =>
      db.tenant("a").import([text], { signal: controller.signal, ...progress }),
    );
    const fails = async function* () {
      yield text.slice(0, 5000);
      throw new DatabaseError("STORE_IO", "the file is gone");
    };
    await expectRefused("STORE_IO", () => db.tenant("a").import(fails()));
    expect(await rowsOf(db)).toEqual(before);
  });

  test("an import keeps the limits and the state of a tenant that is there, and needs it to be empty", async () => {
    const db = await databases.open();
    await fill(db, "a", databases.clock.now());
    const text = await textOf(db.tenant("a").export());
    await expectRefused("TENANT_NOT_EMPTY", () => db.tenant("a").import([text]), '"users"');
    await db.tenant("a").wipe();
    await db.saveTenant({ id: "a", name: "Other", nodeLimit: 2 });
    await expectRefused("QUOTA_EXCEEDED", () => db.tenant("a").import([text]), "0 of 2 nodes");
    await db.updateTenantQuota({ tenantId: "a", maxNodes: 3, maxUsers: 4 });
    await db.tenant("a").import([text]);
    expect(await db.getTenant("a")).toMatchObject({ name: "a", nodeLimit: 2 });
    expect(await db.getTenantQuota("a")).toMatchObject({
      maxNodes: 3,
      maxUsers: 4,
      usedNodes: 3,
      usedUsers: 3,
    });
    // What must be unique among all tenants can be another's by then.
    await db.tenant("a").wipe();
    await db.saveUser({ id: "x", email: "u1@a.example", tenantId: "b" });
    const error = await db
      .tenant("a")
      .import([text])
      .catch((thrown: DatabaseError) => thrown);
    expect(error).toMatchObject({ code: "UNIQUE_VIOLATION" });
    expect(JSON.stringify((error as DatabaseError).details)).not.toContain('"b"');
    expect(await db.getTenant("a")).toBeUndefined();
  });

  test("a tenant's handle raises no limits by a wipe and an import; the database takes them from the export", async () => {
    const db = await databases.open();
    await fill(db, "a", databases.clock.now());
    await db.updateTenantQuota({ tenantId: "a", maxNodes: 7, maxUsers: 999 });
    await db.system.tenants.suspend("a");
    const text = await textOf(db.tenant("a").export());
    await db.wipeTenant("a");
    await db.tenant("a").import([text]);
    expect(await db.getTenant("a")).toMatchObject({ isActive: true, nodeLimit: 1000 });
    expect(await db.getTenantQuota("a")).toMatchObject({ maxNodes: 1000, maxUsers: 50, usedNodes: 3 });
    await db.wipeTenant("a");
    await db.importTenant("a", [text]);
    expect(await db.getTenant("a")).toMatchObject({ isActive: false });
    expect(await db.getTenantQuota("a")).toMatchObject({ maxNodes: 7, maxUsers: 999, usedNodes: 3 });
  });

  test("the system's own tenant stays, as it holds the trail of what concerns all", async () => {
    const db = await databases.open();
    await db.system.as({ userId: "root" }).alertRules.disable("node-down");
    await expectRefused("TENANT_REQUIRED", () => db.tenant("system").wipe());
    await expectRefused("TENANT_REQUIRED", () => db.wipeTenant("system"));
    await expectRefused("TENANT_REQUIRED", () => db.system.tenants.delete("system"));
    expect((await db.tenant("system").audit.list()).records).toHaveLength(1);
  });

  test("a wipe leaves no row, entry or count, goes on where it was stopped, and lets nobody in meanwhile", async () => {
    const db = await databases.open();
    await fill(db, "a", databases.clock.now());
    await fill(db, "b", databases.clock.now());
    await db.saveUser({ id: "extra", email: "extra@b.example", tenantId: "b" });
    const controller = new AbortController();
    const work = { signal: controller.signal, onProgress: () => controller.abort() };
    await expectRefused("ABORTED", () => db.tenant("a").wipe(work));
    await expectRefused("TENANT_BUSY", () => db.tenant("a").users.save(userOf(5, "a")), "wipe");
    await expectRefused("TENANT_BUSY", () => db.tenant("a").import([]));
    await expectRefused("TENANT_BUSY", () => db.saveUser({ ...userOf(5, "a"), tenantId: "a" }));
    await db.tenant("a").as({ userId: "root" }).wipe();
    await db.view(async ({ transaction }) => {
      for (const each of WITHIN) expect(await each.in(transaction).count(prefixOf("a")), each.name).toBe(0);
      for (const each of SINGLE) expect(await each.in(transaction).has("a"), each.name).toBe(false);
      expect(COLLECTIONS.length).toBe(WITHIN.length + SINGLE.length + 4);
    });
    expect(await db.tenant("b").users.count()).toBe(4);
    expect((await db.tenant("system").audit.list()).records[0]).toMatchObject({
      action: "tenant.wipe",
      resource: "tenants/a",
      userId: "root",
    });
    expect(await db.tenant("a").wipe()).toBe(0);
    await db.system.tenants.suspend("b");
    await expectRefused("TENANT_SUSPENDED", () => db.tenant("b").wipe());
    expect(await db.wipeTenant("b")).toBeGreaterThan(60);
  });
});
