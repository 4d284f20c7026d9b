import type { Database } from "@meshgate/database";
import { describe, expect, test, vi } from "vitest";
import { createSecret } from "../../../src/control-plane/access/secrets.ts";
import { verifySession } from "../../../src/control-plane/access/verify-session.ts";
import { storeRunner } from "../../../src/control-plane/common/scope.ts";
import type { Settings } from "../../../src/control-plane/common/settings.ts";
import { tenants } from "../../../src/control-plane/tenants/tenant-record.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { HOUR, MINUTE, useDatabases, userOf } from "../databases.ts";

const databases = useDatabases();
const { clock } = databases;

async function opened(): Promise<Database> {
  const db = await databases.open();
  for (const id of ["a", "b"]) {
    await db.saveTenant({ id, name: id });
    await db.tenant(id).users.saveMany([userOf(1, id), userOf(2, id)]);
  }
  return db;
}

/** Verification across tenants, as the system does it. */
const system = (db: Database) => (token: string) =>
  verifySession(storeRunner(db.store), { now: clock.now } as unknown as Settings, token);

const refused = (reason: string) => ({ ok: false, reason });
const INPUT = { userId: "u1", ttl: HOUR };

describe("sessions", () => {
  test("are made with a token that is shown once, and verified by it", async () => {
    const db = await opened();
    const { sessions } = db.tenant("a");
    const from = { ipAddress: "2001:DB8:0::1", userAgent: "curl/8" };
    const { token, session } = await sessions.create({ ...INPUT, ...from });
    expect(token).toMatch(new RegExp(`^mgs_${session.id}`));
    expect(session).toEqual({
      tenantId: "a",
      id: session.id,
      userId: "u1",
      createdAt: clock.now(),
      expiresAt: new Date(clock.time + HOUR),
      ipAddress: "2001:db8::1",
      userAgent: "curl/8",
    });
    expect(await sessions.get(session.id)).toEqual(session);
    expect(await sessions.verify(token)).toEqual({ ok: true, session });
    expect(await system(db)(token)).toEqual({ ok: true, session });
    expect(await sessions.get("none")).toBeUndefined();
  });

  test("expire to the millisecond", async () => {
    const db = await opened();
    const { sessions } = db.tenant("a");
    const { token, session } = await sessions.create(INPUT);
    clock.advance(HOUR - 1);
    expect(await sessions.verify(token)).toMatchObject({ ok: true });
    clock.advance(1);
    expect(await sessions.verify(token)).toEqual(refused("expired"));
    expect(await system(db)(token)).toEqual(refused("expired"));
    await expectRefused("RECORD_NOT_FOUND", () => sessions.touch(session.id));
    await expectRefused("RECORD_NOT_FOUND", () => sessions.extend(session.id, HOUR));
    expect(await sessions.get(session.id)).toEqual(session);
  });

  test("last longer where they are extended", async () => {
    const db = await opened();
    const { sessions } = db.tenant("a");
    const { token, session } = await sessions.create(INPUT);
    clock.advance(HOUR - 1);
    const extended = await sessions.extend(session.id, HOUR);
    const times = { lastSeen: clock.now(), expiresAt: new Date(clock.time + HOUR) };
    expect(extended).toEqual({ ...session, ...times });
    clock.advance(HOUR - 1);
    expect(await sessions.verify(token)).toEqual({ ok: true, session: extended });
    for (const ttl of [0, -1, 1.5, Number.NaN, "1h"])
      await expectRefused("OPTION_INVALID", async () => sessions.extend(session.id, ttl as number));
    await expectRefused("RECORD_INVALID", () => sessions.extend(session.id, Number.MAX_SAFE_INTEGER));
    expect(await sessions.verify(token)).toEqual({ ok: true, session: extended });
  });

  test("are touched without a write for each request", async () => {
    const db = await opened();
    const { sessions } = db.tenant("a");
    const { session } = await sessions.create({ userId: "u1", ttl: 24 * HOUR });
    const { commit } = db.store.stats();
    for (let i = 0; i < 100; i++) {
      clock.advance(6000);
      await sessions.touch(session.id);
    }
    // 10 minutes have gone by, and a write is due each 5.
    expect(db.store.stats().commit - commit).toBe(2);
    expect(await sessions.get(session.id)).toEqual({ ...session, lastSeen: clock.now() });
    clock.advance(MINUTE);
    expect((await sessions.touch(session.id)).lastSeen).toEqual(new Date(clock.time - MINUTE));
  });

  test("end one by one, all of a user's, and with the user", async () => {
    const db = await opened();
    const { sessions, users } = db.tenant("a");
    const made: Awaited<ReturnType<typeof sessions.create>>[] = [];
    for (let i = 0; i < 6; i++) made.push(await sessions.create({ ...INPUT, userId: i < 4 ? "u1" : "u2" }));
    const reasons = async () =>
      Promise.all(made.map(async ({ token }) => (await sessions.verify(token)).ok || "gone"));
    expect(await sessions.end(made[0]?.session.id as string)).toBe(true);
    expect(await sessions.end(made[0]?.session.id as string)).toBe(false);
    expect(await sessions.verify(made[0]?.token as string)).toEqual(refused("unknown"));
    await users.delete("u2");
    expect(await reasons()).toEqual(["gone", true, true, true, "gone", "gone"]);
    expect(await sessions.endAll("u1")).toBe(3);
    expect(await sessions.endAll("u1")).toBe(0);
    expect((await sessions.list()).records).toEqual([]);
  });

  test("are made of what fits, for users that are there", async () => {
    const db = await opened();
    const { sessions } = db.tenant("a");
    const wrong: object[] = [
      { userId: "u1" },
      { ...INPUT, ttl: 0 },
      { ...INPUT, ttl: Number.MAX_SAFE_INTEGER },
      { ...INPUT, ipAddress: "localhost" },
      { ...INPUT, secret: "mine" },
      { ...INPUT, tenantId: "b" },
    ];
    for (const input of wrong) await expectRefused("RECORD_INVALID", () => sessions.create(input as never));
    await expectRefused("RECORD_INVALID", () => sessions.create(undefined as never));
    await db.tenant("b").users.save({ id: "only-b", email: "only@b.example" });
    for (const userId of ["none", "only-b"])
      await expectRefused("REFERENCE_INVALID", () => sessions.create({ ...INPUT, userId }), userId);
    expect((await sessions.list()).records).toEqual([]);
  });

  test("are listed in pages, by user, and by whether they last", async () => {
    const db = await opened();
    const { sessions } = db.tenant("a");
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) {
      const input = { userId: i % 2 === 0 ? "u1" : "u2", ttl: i < 3 ? HOUR : 2 * HOUR };
      ids.push((await sessions.create(input)).session.id);
    }
    await db.tenant("b").sessions.create(INPUT);
    clock.advance(HOUR);
    const listed = async (options: Parameters<typeof sessions.list>[0]) =>
      (await sessions.list(options)).records.map(({ id }) => ids.indexOf(id)).sort();
    expect(await listed({})).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await listed({ userId: "u1" })).toEqual([0, 2, 4]);
    expect(await listed({ active: true })).toEqual([3, 4, 5]);
    expect(await listed({ active: false, userId: "u1" })).toEqual([0, 2]);
    const first = await sessions.list({ size: 4 });
    const rest = await sessions.list({ size: 4, after: first.next });
    expect([...first.records, ...rest.records].map(({ id }) => id)).toEqual(ids.sort());
    await expectRefused("TOKEN_INVALID", () => db.tenant("b").sessions.list({ size: 4, after: first.next }));
    await expectRefused("OPTION_INVALID", async () => sessions.list({ user: "u1" } as never), "user");
    await expectRefused("OPTION_INVALID", async () => sessions.list({ active: 1 } as never), "active");
  });

  test("are out of reach for another tenant", async () => {
    const db = await opened();
    const { token, session } = await db.tenant("a").sessions.create(INPUT);
    const foreign = db.tenant("b").sessions;
    expect(await foreign.verify(token)).toEqual(refused("unknown"));
    expect(await foreign.get(session.id)).toBeUndefined();
    expect(await foreign.end(session.id)).toBe(false);
    expect(await foreign.endAll("u1")).toBe(0);
    for (const act of [() => foreign.touch(session.id), () => foreign.extend(session.id, 1)])
      await expectRefused("RECORD_NOT_FOUND", act);
    expect(await db.tenant("a").sessions.verify(token)).toEqual({ ok: true, session });
  });

  test("refuse every altered token, and read nothing for one that is malformed", async () => {
    const db = await opened();
    const { sessions } = db.tenant("a");
    const { token, session } = await sessions.create(INPUT);
    const view = vi.spyOn(db.store, "view");
    for (let i = 0; i < token.length; i++) {
      const altered = token.slice(0, i) + (token[i] === "0" ? "1" : "0") + token.slice(i + 1);
      expect(await sessions.verify(altered), altered).toEqual(refused("malformed"));
    }
    expect(await system(db)(undefined as never)).toEqual(refused("malformed"));
    expect(view).not.toHaveBeenCalled();
    view.mockRestore();
    for (const other of [createSecret("mgs", session.id), createSecret("mgs", "0000000000000000")]) {
      expect(await sessions.verify(other)).toEqual(refused("unknown"));
      expect(await system(db)(other)).toEqual(refused("unknown"));
    }
    // A token is no key's secret, and a secret no token.
    const { secret } = await db.tenant("a").apiKeys.create({ name: "k", permissions: [] });
    expect(await sessions.verify(secret)).toEqual(refused("unknown"));
    expect(await db.tenant("a").apiKeys.verify(token)).toEqual(refused("unknown"));
  });

  test("and keys of a tenant that may not act are good for nothing", async () => {
    const db = await opened();
    const { token } = await db.tenant("a").sessions.create(INPUT);
    const { secret } = await db.tenant("a").apiKeys.create({ name: "k", permissions: [] });
    const states = async () => [
      await db.tenant("a").sessions.verify(token),
      await system(db)(token),
      await db.tenant("a").apiKeys.verify(secret),
    ];
    const all = [refused("suspended"), refused("suspended"), refused("suspended")];
    await db.system.tenants.suspend("a");
    expect(await states()).toEqual(all);
    await db.system.tenants.resume("a");
    expect(await states()).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
    const put = (change: object) =>
      db.store.update(async (tx) => tenants.in(tx).update("a", change as never));
    await put({ busy: "wipe" });
    expect(await states()).toEqual(all);
    await put({ busy: undefined });
    expect(await states()).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
    await db.store.update(async (tx) => tenants.in(tx).delete("a"));
    expect(await states()).toEqual(all);
  });

  test("tell the audit trail when they begin and end, and no token", async () => {
    const db = await opened();
    const { sessions } = db.tenant("a").as({ userId: "u1" });
    const { token, session } = await sessions.create(INPUT);
    clock.advance(6 * MINUTE);
    await sessions.touch(session.id);
    await sessions.extend(session.id, HOUR);
    await sessions.end(session.id);
    await sessions.end(session.id);
    await sessions.create(INPUT);
    await sessions.endAll("u1");
    await sessions.endAll("u1");
    const entries = (await db.tenant("a").audit.list()).records;
    const verbs = ["create", "end", "create", "endAll"];
    expect(entries.map(({ action }) => action).reverse()).toEqual(verbs.map((verb) => `session.${verb}`));
    expect(JSON.stringify(entries)).not.toContain(token.slice(20, 47));
  });
});
