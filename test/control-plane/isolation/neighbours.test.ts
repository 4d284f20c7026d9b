/** What other tenants have makes no difference to what a tenant reads, nor does anything that they do meanwhile. */
import { type Database, DatabaseManager } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { Random } from "../audit/audit-random.ts";
import { Clock, DAY, keyOf } from "../databases.ts";
import { Hostile } from "./hostile.ts";
import type { Loot } from "./loot.ts";
import { METHODS } from "./methods.ts";
import { settle } from "./round.ts";

const SEED = Number(process.env["MESHGATE_ISOLATION_SEED"] ?? Date.now() % 2 ** 32);
const OPERATIONS = 6000;

const places = usePlaces();

/** Opens a database of which all that tenants share is as old as in any other. */
async function opened(clock: Clock): Promise<Database> {
  const { time } = clock;
  clock.time = new Clock().time;
  const db = await DatabaseManager.open(new MemoryLevel<string, string>(), {
    ...{ now: clock.now, retention: false, lastUsedEvery: DAY },
  });
  places.later(() => db.close());
  clock.time = time;
  return db;
}

// Nobody's alone are lists of what all have: their tokens open for all.
const EXCEPT = ["as", "checkpoint", "listGlobal"];

const READS = Object.entries(METHODS).flatMap(([family, methods]) =>
  Object.entries(methods)
    .filter(([name, { isWrite, cost }]) => !isWrite && cost < 10 && !EXCEPT.includes(name))
    .map(([name, method]) => ({ family, name, method })),
);

/** What a call comes to, as text. Tokens are of their database. */
async function outcomeOf(
  db: Database,
  me: Loot,
  { family, name, method }: (typeof READS)[number],
  h: Hostile,
) {
  const tenant = db.tenant(me.tenantId) as unknown as Record<string, never>;
  const target = (family === "" ? tenant : tenant[family]) as Record<string, (...args: unknown[]) => unknown>;
  try {
    const result = (await target[name]?.(...method.arguments(h))) as { next?: string } | undefined;
    const isPage = typeof result === "object" && result !== null && "next" in result;
    return JSON.stringify(isPage ? { ...result, next: result.next !== undefined } : (result ?? null));
  } catch (error) {
    return String(error);
  }
}

test(`a tenant reads the same with hostile neighbours and alone, in ${OPERATIONS} reads`, async () => {
  const clock = new Clock();
  const together = await opened(clock);
  const tenants = await settle(together, clock, new Random(SEED));
  const outcomes = new Map<string, number>();
  for (const me of tenants.slice(0, 4)) {
    const alone = await opened(clock);
    await alone.saveAlertRule({
      ...(await together.system.alertRules.getGlobal("1")),
      tenantId: "",
    } as never);
    const channel = await together.system.channels.getGlobal("1");
    await alone.saveNotificationChannel({ ...channel, tenantId: "" } as never);
    await alone.importTenant(me.tenantId, [me.exported]);
    const others = tenants.filter((each) => each !== me);
    // Tokens open where they were made alone: the acting tenant's own are left out.
    const stranger = { ...me, pageTokens: others[0]?.pageTokens ?? [] };
    for (let n = 0; n < OPERATIONS / 4; n++) {
      const call = new Random(SEED + n).pick(READS);
      const results = [];
      for (const db of [together, alone]) {
        // The same chance for both: the arguments themselves change their answers.
        const h = new Hostile(new Random(SEED * 31 + n), stranger, others);
        results.push(await outcomeOf(db, me, call, h));
      }
      expect(results[0], `${call.family}.${call.name}, MESHGATE_ISOLATION_SEED=${SEED}, ${n}`).toBe(
        results[1],
      );
      const kind = /^DatabaseError/.test(results[0] as string) ? "refused" : "read";
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    }
    await alone.close();
  }
  expect(outcomes.get("read")).toBeGreaterThan(OPERATIONS / 2);
  expect(outcomes.get("refused")).toBeGreaterThan(OPERATIONS / 50);
});

test("operations of several tenants in one transaction, none awaited, keep to their own", async () => {
  const clock = new Clock();
  const db = await opened(clock);
  const ids = ["a", "a!", "a??", 'a"', "\0", "\u0001"];
  for (const id of ids) await db.saveTenant({ id, name: id });
  await db.update(async (tx) => {
    const tenants = ids.map((id) => tx.tenant(id).as({ userId: id }));
    const writes = tenants.flatMap((tenant, n) => [
      tenant.nodes.save({ id: "n", publicKey: keyOf(1), ipAddress: "10.0.0.1", name: `of ${n}` }),
      tenant.users.save({ id: "u", email: `u@t${n}.example` }),
      tenant.groups.save({ id: "g", name: `of ${n}`, nodeIds: ["n"] }),
      tenant.nodes.update("n", { metadata: { of: `${n}` } }),
      tenant.quota.addUsage({ bandwidth: n }),
    ]);
    await Promise.all(writes);
  });
  for (const [n, id] of ids.entries()) {
    const tenant = db.tenant(id);
    const node = { tenantId: id, id: "n", name: `of ${n}`, metadata: { of: `${n}` } };
    expect(await tenant.nodes.all()).toMatchObject([node]);
    expect(await tenant.users.all()).toMatchObject([{ tenantId: id, email: `u@t${n}.example` }]);
    expect(await tenant.groups.all()).toMatchObject([{ tenantId: id, name: `of ${n}`, nodeIds: ["n"] }]);
    expect(await tenant.quota.get()).toMatchObject({ usedNodes: 1, usedUsers: 1, usedBandwidth: n });
    expect((await tenant.audit.list()).records.map(({ userId }) => userId)).toEqual([id, id, id, id]);
    expect(await tenant.audit.verify()).toMatchObject({ ok: true });
  }
  // One goes; those whose ids charwise would take for its own stay.
  for (const [n, id] of ids.entries()) {
    await db.tenant(id).wipe();
    for (const [m, other] of ids.entries()) expect(await db.tenant(other).nodes.count()).toBe(m <= n ? 0 : 1);
  }
});

test("a tenant of a transaction is good for nothing after it", async () => {
  const db = await opened(new Clock());
  await db.saveTenant({ id: "a", name: "a" });
  const kept = await db.update((tx) => ({ tenant: tx.tenant("a") }));
  await expectRefused("TX_CLOSED", () => kept.tenant.users.all());
  await expectRefused("TX_CLOSED", () => kept.tenant.users.save({ id: "u", email: "u@a.example" }));
  await expectRefused("TX_CLOSED", () => kept.tenant.as({ userId: "x" }).usage());
  for (const id of ["", undefined, null, 5, ["a"], { toString: () => "a" }, Symbol("a")])
    await expectRefused("KEY_REQUIRED", () => db.tenant(id as never));
});
