/** The nastiest things that a stranger can pass, each by itself. */
import { createHash } from "node:crypto";
import type { Database } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, keyOf, MINUTE, textOf, useDatabases } from "../databases.ts";
import { fill, gather, type Loot, START } from "./loot.ts";
import { ownersIn } from "./marks.ts";
import { differences, digestsOf, ownerOf } from "./raw-rows.ts";

const databases = useDatabases();

/** Two tenants with the same ids, keys and addresses. */
async function opened(): Promise<{ db: Database; a: Loot; b: Loot }> {
  databases.clock.time = START;
  const db = await databases.open({ durability: "relaxed" });
  const a = await fill(db, "a", 0);
  const b = await fill(db, "b", 1);
  databases.clock.advance(100 * DAY);
  for (const each of [a, b]) {
    await db.tenant(each.tenantId).quota.closeMonth();
    await gather(db, each);
  }
  return { db, a, b };
}

/** Expects that nobody's rows change but those of the tenant "a". */
async function expectOwnChanges(db: Database, act: () => unknown): Promise<void> {
  const before = await digestsOf(db);
  await act();
  expect(differences(before, await digestsOf(db)).filter((owner) => owner !== ownerOf("a"))).toEqual([]);
}

/** An object of which a field gives the first value so many times, and then the other. */
function turning(fields: object, name: string, [first, then]: readonly unknown[], times: number): never {
  let asked = 0;
  const get = () => (asked++ < times ? first : then);
  return Object.defineProperty({ ...fields }, name, { get, enumerable: true }) as never;
}

const TIMES = [0, 1, 2, 3, 4, 5];

describe("a tenant's handle", () => {
  test("writes to its own tenant, whatever the tenantId of a record says the second time", async () => {
    const { db } = await opened();
    const a = db.tenant("a");
    await expectOwnChanges(db, async () => {
      for (const times of TIMES)
        for (const own of ["a", undefined]) {
          const turned = (fields: object) => turning(fields, "tenantId", [own, "b"], times);
          const outcomes = await Promise.allSettled([
            a.users.update("1", turned({ role: "admin" })),
            a.nodes.update("1", turned({ status: "offline" })),
            a.groups.update("1", turned({ description: "x" })),
            a.policies.update("1", turned({ priority: 1 })),
            a.alertRules.update("1", turned({ severity: "info" })),
            a.channels.update("1", turned({ config: {} })),
            a.users.save(turned({ id: "1", email: "u0@t0.example" })),
            a.nodes.save(turned({ id: "1", publicKey: keyOf(0), ipAddress: "10.10.0.0" })),
            a.groups.save(turned({ id: "1", name: "x" })),
            a.audit.append(turned({ userId: "1", action: "x", resource: "x" })),
            a.metrics.save(turned({ id: "1", timestamp: new Date(START), granularity: "hour", metrics: {} })),
            a.nodeMetrics.save(turned({ nodeId: "1", cpuPercent: 1 })),
          ]);
          // From the second time on it says nothing wrong any more: it was read once.
          const refused = outcomes.filter(({ status }) => status === "rejected");
          if (times > 0)
            expect(refused.map((each) => String((each as PromiseRejectedResult).reason))).toEqual([]);
          else expect(refused.length).toBe(12);
        }
    });
  });

  test("counts a record once, whatever its id says the second time", async () => {
    const { db } = await opened();
    for (const times of TIMES)
      for (const [first, then] of [
        ["1", "new"],
        ["new", "1"],
        ["new", "newer"],
      ]) {
        const input = turning({ publicKey: keyOf(50 + times) }, "id", [first, then], times);
        await db.tenant("a").nodes.save(input);
        expect(await db.tenant("a").quota.verify()).toMatchObject({ ok: true });
        await db.tenant("a").nodes.deleteMany(["1", "new", "newer"]);
      }
  });

  test("reads the ids of a list itself, not what the list makes of them", async () => {
    const { db } = await opened();
    const { users } = db.tenant("a");
    const stolen = () => [["b", "1"]];
    await expectRefused("KEY_INVALID", () => users.getMany({ length: 1, map: stolen } as never));
    const [found] = await users.getMany(Object.assign(["1"], { map: stolen, values: stolen }) as never);
    expect(found).toMatchObject({ tenantId: "a", id: "1" });
    await expectRefused("KEY_INVALID", () => users.getMany([["b", "1"]] as never));
    await expectRefused("KEY_INVALID", () => users.getMany(undefined as never));
    await expectRefused("KEY_INVALID", () => users.getByEmail({ trim: stolen } as never));
  });

  test("writes the time that a date has, not the one that it tells", async () => {
    const { db } = await opened();
    for (const lie of ['0"J!', '"Jb"J1"G', 9e99, { toExponential: () => '1"Jb!e+1' }]) {
      const say = () => lie as never;
      const tricks = { getTime: say, toISOString: say, toJSON: say, valueOf: say };
      const timestamp = Object.assign(new Date(START + MINUTE), tricks);
      await expectOwnChanges(db, async () => {
        await db.tenant("a").nodeMetrics.save({ nodeId: "1", timestamp });
        await db
          .tenant("a")
          .metrics.range("minute", timestamp, timestamp)
          .catch(() => undefined);
        await db
          .tenant("a")
          .nodeMetrics.range("1", timestamp, timestamp)
          .catch(() => undefined);
      });
      // An index that all tenants share is still right, and retention goes by it.
      const { store } = db;
      const rows = await store.view(async (tx) =>
        (await tx.bucket("idx_node_metrics_by_time"))?.keys().toArray(),
      );
      expect(rows).toContainEqual([new Date(START + MINUTE), "a", "1", new Date(START + MINUTE)]);
    }
    expect((await db.cleanupOldData(1)).nodeMetrics).toBeGreaterThan(0);
  });

  test("opens no page token of another tenant, in any list", async () => {
    const { db, a, b } = await opened();
    expect(b.pageTokens.length).toBeGreaterThan(30);
    const tenant = db.tenant("a");
    const lists: ((after: string) => Promise<unknown>)[] = [
      ...[
        "users",
        "nodes",
        "groups",
        "policies",
        "alertRules",
        "channels",
        "apiKeys",
        "sessions",
        "audit",
      ].map(
        (name) => (after: string) =>
          (tenant as never as Record<string, typeof tenant.users>)[name]!.list({ after }),
      ),
      (after) => tenant.users.list({ after, role: "user" }),
      (after) => tenant.nodes.list({ after, status: "online" }),
      (after) => tenant.groups.list({ after, nodeId: "1" }),
      (after) => tenant.policies.list({ after, enabled: true }),
      (after) => tenant.apiKeys.list({ after, userId: "1" }),
      (after) => tenant.sessions.list({ after, userId: "a" }),
      (after) => tenant.audit.list({ after, userId: "1" }),
      (after) => tenant.audit.list({ after, action: "login" }),
      (after) => tenant.audit.list({ after, resource: "auth" }),
      (after) => tenant.metrics.list({ after, granularity: "minute" }),
      (after) => tenant.quota.bills({ after }),
    ];
    for (const list of lists) {
      for (const token of b.pageTokens) await expectRefused("TOKEN_INVALID", () => list(token));
      // The lists are those that the tokens are of: each opens some of the tenant's own.
      const own = await Promise.allSettled(a.pageTokens.map((token) => list(token)));
      expect(own.filter(({ status }) => status === "fulfilled").length, String(list)).toBeGreaterThan(0);
    }
  });

  test("knows no secret and no token of another tenant, and notes no use of them", async () => {
    const { db, b } = await opened();
    for (const tenant of [db.tenant("a"), db.tenant("nobody"), db.tenant("a").as({ userId: "1" })]) {
      for (const secret of b.secrets)
        expect(await tenant.apiKeys.verify(secret)).toEqual({ ok: false, reason: "unknown" });
      for (const token of b.sessionTokens)
        expect(await tenant.sessions.verify(token)).toEqual({ ok: false, reason: "unknown" });
      for (const id of b.keyIds) {
        await expectRefused(["RECORD_NOT_FOUND", "TENANT_NOT_FOUND"], () => tenant.apiKeys.rotate(id));
        await expectRefused(["RECORD_NOT_FOUND", "TENANT_NOT_FOUND"], () => tenant.apiKeys.revoke(id));
      }
    }
    await db.close();
    const again = await databases.open();
    for (const { lastUsed } of (await again.tenant("b").apiKeys.list()).records)
      expect(lastUsed).toBeUndefined();
  });

  test("is told that an email is taken, and not by whom", async () => {
    const { db, b } = await opened();
    const email = b.emails[0] as string;
    const found = await db.tenant("a").users.getByEmail(email);
    expect(found).toBeUndefined();
    const acts = [
      () => db.tenant("a").users.save({ id: "9", email }),
      () => db.tenant("a").users.update("1", { email: email.toUpperCase() }),
      () => db.update((tx) => tx.tenant("a").users.saveMany([{ id: "9", email }])),
    ];
    for (const act of acts) {
      const error = await act().then(
        () => undefined,
        (thrown) => thrown,
      );
      expect(error).toMatchObject({ code: "UNIQUE_VIOLATION" });
      expect(error.cause).toBeUndefined();
      expect(error.details).toEqual({ collection: "users", index: "email", value: email });
      expect([...ownersIn(error)]).toEqual([]);
    }
  });

  test("imports no record of another tenant, however the line hides whose it is", async () => {
    const { db, a } = await opened();
    const tenant = db.tenant("a");
    await tenant.wipe();
    const [head = "", ...lines] = a.exported.split("\n").slice(0, -2);
    const user = '"id":"x","email":"x@x.example","role":"user","createdAt":"2026-01-01T00:00:00.000Z"';
    const hidden = [
      `{"tenantId":"b",${user}}`,
      `{"__proto__":{"tenantId":"a"},"tenantId":"b",${user}}`,
      `{"tenantId":"a","tenantId":"b",${user}}`,
      `{"tenantId":["a"],${user}}`,
      `{"tenantId":{"toString":"a"},${user}}`,
      `{"__proto__":{"tenantId":"a"},${user}}`,
    ];
    for (const record of hidden) {
      const text = [head, ...lines, `{"collection":"users","record":${record}}`].join("\n");
      const sha256 = createHash("sha256").update(`${text}\n`).digest("hex");
      const source = `${text}\n${JSON.stringify({ end: true, records: lines.length + 1, sha256 })}`;
      await expectOwnChanges(db, () => expectRefused("EXPORT_INVALID", () => tenant.import([source])));
    }
    await expectOwnChanges(db, () => tenant.import([a.exported]));
    expect(await textOf(tenant.export())).toContain('"collection":"users"');
  });

  test("that is wiped by an actor tells the tenant system, and changes nothing else of anyone", async () => {
    const { db } = await opened();
    const before = await digestsOf(db);
    await db.tenant("a").as({ userId: "root" }).wipe();
    const after = await digestsOf(db);
    expect(after.has(ownerOf("a"))).toBe(false);
    expect(differences(before, after).sort()).toEqual([ownerOf("a"), ownerOf("system")]);
    expect(await db.tenant("system").audit.count()).toBe(1);
    expect(await db.tenant("system").usage()).toMatchObject({ audit_logs: 1, users: 0, nodes: 0 });
  });
});
