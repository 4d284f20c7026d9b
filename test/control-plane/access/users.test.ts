import { describe, expect, test } from "vitest";
import { expectRefused } from "../../helpers/stores.ts";
import { useDatabases, userOf } from "../databases.ts";

describe("users", () => {
  const databases = useDatabases();

  test("are saved, read, listed, changed and deleted", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "acme", name: "Acme" });
    const { users } = db.tenant("acme");
    const saved = await users.save({ id: "u1", email: " Ann@Acme.IO ", role: "admin" });
    expect(saved).toEqual({
      tenantId: "acme",
      id: "u1",
      email: "ann@acme.io",
      role: "admin",
      createdAt: databases.clock.now(),
    });
    expect(await users.get("u1")).toEqual(saved);
    databases.clock.advance(1000);
    expect(await users.save({ id: "u1", email: "ann@acme.io" })).toEqual({ ...saved, role: "user" });
    const changed = await users.update("u1", { lastLogin: databases.clock.now(), role: "viewer" });
    expect(changed).toEqual({ ...saved, role: "viewer", lastLogin: databases.clock.now() });
    expect(await users.update("u1", { lastLogin: undefined })).not.toHaveProperty("lastLogin");
    expect(await users.getMany(["u2", "u1"])).toEqual([undefined, { ...saved, role: "viewer" }]);
    expect(await users.count()).toBe(1);
    expect(await users.delete("u1")).toBe(true);
    expect(await users.delete("u1")).toBe(false);
    expect(await users.get("u1")).toBeUndefined();
  });

  test("are found by email in any case, by id, by role", async () => {
    const db = await databases.open();
    for (const tenantId of ["a", "b"]) {
      for (let n = 0; n < 5; n++)
        await db.saveUser({ ...userOf(n, tenantId), tenantId, role: n === 0 ? "admin" : "user" });
    }
    expect((await db.getUserByEmail("U1@A.Example"))?.tenantId).toBe("a");
    expect((await db.tenant("a").users.getByEmail("u1@a.EXAMPLE "))?.id).toBe("u1");
    expect(await db.tenant("b").users.getByEmail("u1@a.example")).toBeUndefined();
    expect((await db.system.getUsersById("u3")).map((user) => user.tenantId)).toEqual(["a", "b"]);
    await expectRefused("ID_AMBIGUOUS", () => db.getUser("u3"), '"a", "b"');
    await db.saveUser({ id: "only", email: "only@a.example", tenantId: "a" });
    expect((await db.getUser("only"))?.email).toBe("only@a.example");
    expect(await db.getUser("none")).toBeUndefined();
    const admins = await db.tenant("a").users.list({ role: "admin" });
    expect(admins.records.map((user) => user.id)).toEqual(["u0"]);
    const first = await db.tenant("a").users.list({ size: 4 });
    const rest = await db.tenant("a").users.list({ size: 4, after: first.next });
    expect([...first.records, ...rest.records].map(({ id }) => id)).toEqual([
      "only",
      "u0",
      "u1",
      "u2",
      "u3",
      "u4",
    ]);
    expect(rest.next).toBeUndefined();
    await expectRefused("OPTION_INVALID", () => db.tenant("a").users.list({ rol: "admin" } as never), "rol");
    await expectRefused("TOKEN_INVALID", () => db.tenant("b").users.list({ size: 4, after: first.next }));
  });

  test("have emails that are unique among all tenants, without telling whose the other one is", async () => {
    const db = await databases.open();
    await db.saveUser({ ...userOf(1, "a"), tenantId: "a" });
    const taken = expectRefused("UNIQUE_VIOLATION", () =>
      db.saveUser({ id: "other", email: "U1@a.example", tenantId: "b" }),
    );
    await taken;
    const error = await db
      .saveUser({ id: "other", email: "u1@a.example", tenantId: "b" })
      .catch((thrown: { message: string; details: object }) => thrown);
    expect(JSON.stringify((error as { details: object }).details)).toBe(
      '{"collection":"users","index":"email","value":"u1@a.example"}',
    );
    expect((error as { message: string }).message).not.toContain('"a"');
    const own = await db
      .saveUser({ id: "other", email: "u1@a.example", tenantId: "a" })
      .catch((thrown: { details: object }) => thrown);
    expect((own as { details: object }).details).toMatchObject({ key: ["a", "u1"] });
    // The failed writes have counted nothing.
    expect(await db.getTenantQuota("a")).toMatchObject({ usedUsers: 1 });
    // A changed email leaves nothing behind.
    await db.tenant("a").users.update("u1", { email: "new@a.example" });
    await db.saveUser({ id: "other", email: "u1@a.example", tenantId: "b" });
    expect(await db.getUserByEmail("u1@a.example")).toMatchObject({ tenantId: "b" });
  });

  test("that are wrong are refused with what is wrong", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A" });
    const { users } = db.tenant("a");
    await expectRefused("RECORD_INVALID", () => users.save({ id: "u", email: "no address" }), "email");
    await expectRefused("RECORD_INVALID", () => users.save({ id: "", email: "a@b.io" }), "id");
    await expectRefused(
      "RECORD_INVALID",
      () => users.save({ id: "u", email: "a@b.io", rol: "x" } as never),
      "rol",
    );
    await expectRefused("RECORD_INVALID", () => users.save(undefined as never));
    await expectRefused("KEY_INVALID", () => users.save({ email: "a@b.io" } as never));
    await expectRefused("TENANT_MISMATCH", () => users.save({ id: "u", email: "a@b.io", tenantId: "b" }));
    await expectRefused("RECORD_NOT_FOUND", () => users.update("u", { role: "admin" }), "no user");
    await users.save({ id: "u", email: "a@b.io" });
    await expectRefused("RECORD_INVALID", () => users.update("u", { id: "v" }), "cannot change");
    await expectRefused("TENANT_MISMATCH", () => users.update("u", { tenantId: "b" }));
    await expectRefused("RECORD_INVALID", () => users.update("u", { role: "root" as never }));
    expect(await users.get("u")).toMatchObject({ role: "user" });
    expect(await db.getTenantQuota("a")).toMatchObject({ usedUsers: 1 });
  });

  test("are saved in bulk, all or none", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "A" });
    await db.updateTenantQuota({ tenantId: "a", maxUsers: 1000 });
    const { users } = db.tenant("a");
    const seen: number[] = [];
    const many = Array.from({ length: 600 }, (_, n) => userOf(n, "a"));
    expect(await users.saveMany(many, { onProgress: ({ done }) => seen.push(done) })).toBe(600);
    expect(seen).toEqual([256, 512, 600]);
    expect(await db.getTenantQuota("a")).toMatchObject({ usedUsers: 600, peakUsers: 600 });
    await expectRefused("UNIQUE_VIOLATION", () =>
      users.saveMany([
        { id: "x1", email: "x1@a.io" },
        { id: "x2", email: "u5@a.example" },
      ]),
    );
    expect(await users.get("x1")).toBeUndefined();
    const signal = AbortSignal.abort();
    await expectRefused("ABORTED", () =>
      users.deleteMany(
        many.map(({ id }) => id),
        { signal },
      ),
    );
    expect(await users.deleteMany(["u0", "u1", "none"])).toBe(2);
    expect(await db.getTenantQuota("a")).toMatchObject({ usedUsers: 598, peakUsers: 600 });
  });
});
