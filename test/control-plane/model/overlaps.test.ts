/** Work that lasts, and what is done to the same tenant meanwhile. */
import { generateKeyPairSync } from "node:crypto";
import type { Database } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { gate } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, nodeOf, textOf, useDatabases, userOf } from "../databases.ts";
import { expectGone } from "./inspect.ts";

const databases = useDatabases();
const MANY = 900;
const ACTOR = { userId: "root" };

/** Fills a tenant. @returns its export */
async function fill(db: Database, id: string): Promise<string> {
  await db.system.tenants.save({ id, name: id });
  await db.tenant(id).nodes.saveMany(Array.from({ length: MANY }, (_, n) => nodeOf(n)));
  await db.tenant(id).groups.save({ id: "g", name: "g", nodeIds: ["n0", `n${MANY - 1}`] });
  return textOf(db.tenant(id).export());
}

/** A text that stops half-way, until it is let go on. */
function halting(text: string) {
  const [half, rest] = [gate(), gate()];
  const chunks = async function* () {
    // Behind the first batch.
    const middle = Math.floor(text.length * 0.8);
    yield text.slice(0, middle);
    half.open();
    await rest.passed;
    yield text.slice(middle);
  };
  return { chunks: chunks(), half: half.passed, goOn: rest.open };
}

describe("operations that a transaction does not await", () => {
  test("belong to its commit, whole", async () => {
    const db = await databases.open({ durability: "relaxed" });
    await db.system.tenants.save({ id: "a", name: "a" });
    for (let turns = 0; turns < 30; turns++) {
      const begun: Promise<unknown>[] = [];
      await db.update(async (tx) => {
        const { users } = tx.tenant("a").as(ACTOR);
        begun.push(users.save(userOf(1, "a")), users.save(userOf(2, "a")), users.delete("u1"));
        for (let i = 0; i < turns; i++) await null;
      });
      await Promise.all(begun);
      expect(await db.tenant("a").users.all()).toMatchObject([{ id: "u2" }]);
      expect(await db.tenant("a").quota.verify()).toMatchObject({ ok: true });
      await db.tenant("a").users.delete("u2");
    }
  });

  test("are done when one of them is refused, and that is caught", async () => {
    const db = await databases.open();
    await db.system.tenants.save({ id: "a", name: "a" });
    await db.update(async (tx) => {
      const { users } = tx.tenant("a").as(ACTOR);
      const all = [users.update("nobody", {}), users.save(userOf(1, "a")), users.save(userOf(2, "a"))];
      await Promise.all(all).catch(() => undefined);
    });
    expect(await db.tenant("a").quota.verify()).toMatchObject({ ok: true, counts: { users: { found: 2 } } });
    expect((await db.tenant("a").audit.list()).records).toHaveLength(2);
  });

  test("are refused once it is over", async () => {
    const db = await databases.open();
    await db.system.tenants.save({ id: "a", name: "a" });
    const { users } = await db.update((tx) => tx.tenant("a"));
    await expectRefused("TX_CLOSED", () => users.save(userOf(1, "a")), "Await it within");
  });
});

describe("an import", () => {
  test("ends where the tenant is wiped meanwhile: nothing of it is left", async () => {
    const db = await databases.open();
    const text = await fill(db, "c");
    await db.tenant("c").wipe();
    const { chunks, half, goOn } = halting(text);
    const importing = expectRefused("TENANT_BUSY", () => db.tenant("c").import(chunks), "by another call");
    await half;
    expect(await db.tenant("c").wipe()).toBeGreaterThan(0);
    await expectGone(db, "c");
    // Neither does it touch what is begun anew.
    await db.system.tenants.save({ id: "c", name: "anew" });
    await db.tenant("c").users.save(userOf(1, "c"));
    goOn();
    await importing;
    expect(await db.tenant("c").get()).toMatchObject({ name: "anew" });
    expect((await db.tenant("c").get())?.busy).toBeUndefined();
    expect(await db.tenant("c").usage()).toMatchObject({ users: 1, nodes: 0 });
  });

  test("refuses another one, and the tenant's deletion", async () => {
    const db = await databases.open();
    const text = await fill(db, "c");
    await db.tenant("c").wipe();
    const { chunks, half, goOn } = halting(text);
    const importing = db.tenant("c").import(chunks);
    await half;
    await expectRefused("TENANT_BUSY", () => db.tenant("c").import([text]), "is being imported");
    await expectRefused("TENANT_BUSY", () => db.system.tenants.delete("c"));
    goOn();
    await importing;
    expect(await db.tenant("c").usage()).toMatchObject({ nodes: MANY, node_groups: 1 });
    expect(await db.tenant("c").quota.get()).toMatchObject({ usedNodes: MANY });
  });

  test.each([true, false])(
    "keeps what is said of the tenant meanwhile (it succeeds: %s)",
    async (succeeds) => {
      const db = await databases.open();
      const text = await fill(db, "c");
      await db.tenant("c").wipe();
      await db.system.tenants.save({ id: "c", name: "c" });
      const { chunks, half, goOn } = halting(succeeds ? text : text.slice(0, -1000));
      const importing = db.tenant("c").import(chunks);
      const over = succeeds ? importing : expectRefused("EXPORT_INVALID", () => importing);
      await half;
      await db.system.tenants.suspend("c");
      await db.system.setLimits("c", { maxUsers: 7 });
      goOn();
      await over;
      expect(await db.tenant("c").get()).toMatchObject({ isActive: false });
      expect((await db.tenant("c").get())?.busy).toBeUndefined();
      expect(await db.tenant("c").quota.get()).toMatchObject({ maxUsers: 7, usedNodes: succeeds ? MANY : 0 });
    },
  );

  test("that fails leaves the end of an audit trail that was pruned", async () => {
    const db = await databases.open();
    const text = await fill(db, "c");
    await db.tenant("c").wipe();
    await db.system.tenants.save({ id: "c", name: "c" });
    await db.tenant("c").audit.append({ userId: "u", action: "a", resource: "r" });
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const checkpoint = await db.tenant("c").audit.checkpoint(privateKey);
    databases.clock.advance(DAY);
    await db.retention.clean({ audit: 0 });
    await expectRefused("EXPORT_INVALID", () => db.tenant("c").import([text.slice(0, -1000)]));
    expect(await db.tenant("c").audit.verify({ checkpoints: [checkpoint], publicKey })).toMatchObject({
      ok: true,
    });
    expect(await db.tenant("c").audit.head()).toMatchObject({ sequence: 1 });
  });
});

describe("a wipe", () => {
  test("waits for another one, and then finds nothing", async () => {
    const db = await databases.open();
    await fill(db, "c");
    const wipes = await Promise.all([db.tenant("c").wipe(), db.wipeTenant("c"), db.tenant("c").wipe()]);
    expect(wipes).toEqual([MANY + 1, 0, 0]);
    await expectGone(db, "c");
  });
});

describe("retention", () => {
  test("passes over tenants that are wiped meanwhile, and cleans the others", async () => {
    const db = await databases.open({ durability: "relaxed" });
    const entry = { userId: "u", action: "a", resource: "r", timestamp: new Date(0) };
    for (let round = 0; round < 4; round++) {
      for (const id of ["w", "x"]) await db.system.tenants.save({ id, name: id });
      await db.tenant("w").audit.appendMany(Array.from({ length: 2000 }, () => entry));
      await db.tenant("x").audit.append(entry);
      let wiping: Promise<unknown> | undefined;
      await db.retention.clean(
        { audit: 1 },
        {
          onProgress: () => {
            wiping ??= db.tenant("w").wipe();
          },
        },
      );
      await wiping;
      expect(await db.tenant("x").audit.count()).toBe(0);
      expect((await db.retention.stats()).kinds.audit?.lastError).toBeUndefined();
      await expectGone(db, "w");
    }
  });

  test("leaves no quota of a tenant that is deleted meanwhile", async () => {
    const db = await databases.open({ durability: "relaxed" });
    for (let turns = 0; turns < 60; turns++) {
      await db.system.tenants.save({ id: "w", name: "w" });
      const running = db.retention.run();
      for (let i = 0; i < turns * 3; i++) await null;
      await db.system.tenants.delete("w");
      await running;
      await expectGone(db, "w");
    }
  });
});
