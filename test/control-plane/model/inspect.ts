/** Compares a database with the model, and with the rules that hold for every tenant. */
import type { Database, DatabaseTransaction } from "@meshgate/database";
import { expect } from "vitest";
import { apiKeys } from "../../../src/control-plane/access/api-key-record.ts";
import { sessions } from "../../../src/control-plane/access/session-record.ts";
import { users } from "../../../src/control-plane/access/users.ts";
import { auditHeads, auditLogs } from "../../../src/control-plane/audit/audit-record.ts";
import { metricStates } from "../../../src/control-plane/metrics/metrics-record.ts";
import { nodeMetrics } from "../../../src/control-plane/metrics/node-metrics-record.ts";
import { nodeGroups } from "../../../src/control-plane/network/group-record.ts";
import { nodes } from "../../../src/control-plane/network/node-record.ts";
import { billingRecords } from "../../../src/control-plane/tenants/billing-record.ts";
import { quotas } from "../../../src/control-plane/tenants/quota-record.ts";
import { tenants } from "../../../src/control-plane/tenants/tenant-record.ts";
import { prefixOf, SINGLE, WITHIN } from "../../../src/control-plane/transfer/tenant-rows.ts";
import { DAY, HOUR } from "../databases.ts";
import { expectCounted, rolledUp, rollUpsOf } from "../metrics/metrics-model.ts";
import { KEPT_DAYS } from "./load.ts";
import type { ModelTenant, ModelTenants } from "./model.ts";

/** Expects that a tenant holds what the model says, but for what retention may have taken away. */
export async function expectSame(db: Database, models: ModelTenants, now: Date): Promise<void> {
  await db.view(async (tx) => {
    for (const [id, model] of models) {
      const { isActive } = (await tenants.in(tx.transaction).get(id)) as { isActive: boolean };
      expect(isActive).toBe(model.isActive);
      await expectSameRecords(tx, id, model);
      await expectSameKeys(tx, id, model, now);
      await expectSameQuota(tx, id, model, now);
      await expectSameTrail(tx, id, model);
      await expectSameFigures(tx, id, model, now);
    }
  });
}

const timed = (date: Date | undefined) => date?.getTime();

async function expectSameRecords(tx: DatabaseTransaction, id: string, model: ModelTenant): Promise<void> {
  const prefix = [id] as const;
  const store = tx.transaction;
  const kept = {
    users: (await users.in(store).range({ prefix }).toArray()).map(
      (each) => [each.id, { email: each.email, role: each.role, createdAt: timed(each.createdAt) }] as const,
    ),
    nodes: (await nodes.in(store).range({ prefix }).toArray()).map((each) => {
      const { publicKey, ipAddress, status, lastSeen, createdAt } = each;
      const times = { lastSeen: timed(lastSeen), createdAt: timed(createdAt) };
      return [each.id, { publicKey, ipAddress, status, ...times }] as const;
    }),
    groups: (await nodeGroups.in(store).range({ prefix }).toArray()).map((each) => {
      const times = { createdAt: timed(each.createdAt), updatedAt: timed(each.updatedAt) };
      return [each.id, { nodeIds: each.nodeIds, ...times }] as const;
    }),
    sessions: (await sessions.in(store).range({ prefix }).toArray()).map(
      (each) => [each.userAgent, each.userId] as const,
    ),
  };
  for (const name of ["users", "nodes", "groups", "sessions"] as const)
    expect(Object.fromEntries(kept[name]), `${name} of ${id}`).toEqual(
      Object.fromEntries(model[name] as Map<string, never>),
    );
}

/** Keys that were revoked long ago may be gone. */
async function expectSameKeys(
  tx: DatabaseTransaction,
  id: string,
  model: ModelTenant,
  now: Date,
): Promise<void> {
  const kept = new Map(
    (
      await apiKeys
        .in(tx.transaction)
        .range({ prefix: [id] })
        .toArray()
    ).map((each) => {
      expect(each.isActive).toBe(each.revokedAt === undefined);
      const { userId, secrets, revokedAt } = each;
      return [each.name, { userId, secrets: secrets.length, revokedAt: timed(revokedAt) }] as const;
    }),
  );
  const oldest = now.getTime() - KEPT_DAYS * DAY;
  for (const [name, { revokedAt }] of model.keys)
    if (revokedAt !== undefined && revokedAt < oldest && !kept.has(name)) model.keys.delete(name);
  expect(Object.fromEntries(kept), `keys of ${id}`).toEqual(Object.fromEntries(model.keys));
}

/** Months may have been closed by retention; the model closes them, too. */
async function expectSameQuota(
  tx: DatabaseTransaction,
  id: string,
  model: ModelTenant,
  now: Date,
): Promise<void> {
  const kept = await quotas.in(tx.transaction).get(id);
  if (kept === undefined) throw new Error(`${id} has no quota`);
  if (kept.month > model.quota.month) model.renew(now);
  const { tenantId: _, updatedAt: __, ...quota } = kept;
  expect(quota, `quota of ${id}`).toEqual(model.quota);
  const bills = await billingRecords
    .in(tx.transaction)
    .range({ prefix: [id] })
    .toArray();
  expect(bills.map(({ tenantId: _, createdAt: __, ...bill }) => bill)).toEqual(model.bills);
  const billed = bills.reduce((sum, { bandwidth }) => sum + bandwidth, 0);
  expect(billed + quota.usedBandwidth).toBe(model.usage);
}

/** The first entries may be gone. */
async function expectSameTrail(tx: DatabaseTransaction, id: string, model: ModelTenant): Promise<void> {
  const head = await auditHeads.in(tx.transaction).get(id);
  expect(head?.sequence ?? 0, `entries of ${id}`).toBe(model.audit.length);
  const entries = await auditLogs
    .in(tx.transaction)
    .range({ prefix: [id] })
    .toArray();
  const said = entries.map(
    ({ action, resource }) => `${action} ${resource.replace(/^(api_keys|sessions)\/.*/, "$1")}`,
  );
  expect(said).toEqual(model.audit.slice(head?.anchorSequence ?? 0));
}

/** Old figures may be gone. */
async function expectSameFigures(
  tx: DatabaseTransaction,
  id: string,
  model: ModelTenant,
  now: Date,
): Promise<void> {
  const oldest = now.getTime() - KEPT_DAYS * DAY;
  const kept = await nodeMetrics
    .in(tx.transaction)
    .range({ prefix: [id] })
    .toArray();
  const told = new Map(kept.map((each) => [`${each.nodeId} ${timed(each.timestamp)}`, each.cpuPercent]));
  const wanted = new Map<string, number>();
  for (const [nodeId, figures] of model.figures)
    for (const [time, value] of figures)
      if (time >= oldest || told.has(`${nodeId} ${time}`)) wanted.set(`${nodeId} ${time}`, value);
  expect(told).toEqual(wanted);
}

/** Rolls up to the end, and expects what the model's snapshots come to, as far as retention has left it. */
export async function expectRolledUp(db: Database, models: ModelTenants, now: Date): Promise<number> {
  let periods = 0;
  for (const [id, model] of models) {
    if (!model.isActive) await db.system.tenants.resume(id);
    await db.tenant(id).metrics.rollUp();
    expect(await db.tenant(id).metrics.rollUp()).toEqual({ hours: 0, days: 0 });
    if (!model.isActive) await db.system.tenants.suspend(id);
    const state = await db.store.view((tx) => metricStates.in(tx).get(id));
    const accepted = model.metrics.all("minute");
    for (const [granularity, length, from] of [
      ["hour", HOUR, state?.hoursFrom],
      ["day", DAY, state?.daysFrom],
    ] as const) {
      const ended = Math.floor((now.getTime() - 300_000) / length) * length;
      const within = accepted.filter(({ timestamp }) => {
        const start = Math.floor(timestamp.getTime() / length) * length;
        return start >= (timed(from) ?? Number.NEGATIVE_INFINITY) && start < ended;
      });
      const rolled = await rollUpsOf(db, id, granularity);
      expect(rolled, `${granularity}s of ${id}`).toEqual(rolledUp(within, length));
      periods += rolled.size;
    }
    await expectCounted(db, id, { exact: false });
  }
  return periods;
}

/** Expects what holds for every tenant at every moment. @returns how many counts differ from a recount */
export async function expectRules(db: Database, id: string): Promise<number> {
  await db.view(async (tx) => {
    const store = tx.transaction;
    const prefix = [id] as const;
    const userIds = new Set((await users.in(store).keys({ prefix }).toArray()).map(([, userId]) => userId));
    const nodeIds = new Set((await nodes.in(store).keys({ prefix }).toArray()).map(([, nodeId]) => nodeId));
    for await (const { nodeIds: within } of nodeGroups.in(store).range({ prefix }))
      expect(
        within.filter((nodeId) => !nodeIds.has(nodeId)),
        "nodes of groups",
      ).toEqual([]);
    for await (const { userId } of sessions.in(store).range({ prefix })) expect(userIds).toContain(userId);
    for await (const { userId, isActive } of apiKeys.in(store).range({ prefix }))
      if (isActive && userId !== undefined) expect(userIds).toContain(userId);
    for await (const { nodeId } of nodeMetrics.in(store).range({ prefix })) expect(nodeIds).toContain(nodeId);
  });
  const { counts, ok } = await db.tenant(id).quota.verify();
  expect(ok, JSON.stringify(counts)).toBe(true);
  expect(await db.tenant(id).audit.verify()).toMatchObject({ ok: true });
  return Object.values(counts).filter(({ counted, found }) => counted !== found).length;
}

/** Expects that nothing is left of a tenant. */
export async function expectGone(db: Database, id: string): Promise<void> {
  await db.store.view(async (tx) => {
    const left: string[] = [];
    for (const each of WITHIN) if ((await each.in(tx).count(prefixOf(id))) > 0) left.push(each.name);
    for (const each of [...SINGLE, tenants]) if (await each.in(tx).has(id as never)) left.push(each.name);
    expect(left).toEqual([]);
  });
}
