/** Fills tenants with marked rows of every kind, and gathers what strangers may come to know of them. */
import { generateKeyPairSync } from "node:crypto";
import type { Database } from "@meshgate/database";
import type { Page } from "../../../src/collections/pages.ts";
import type { ApiKeyInput } from "../../../src/control-plane/access/api-keys.ts";
import type { Checkpoint } from "../../../src/control-plane/audit/checkpoints.ts";
import type { TenantHandle } from "../../../src/control-plane/tenant-handle.ts";
import { DAY, HOUR, keyOf, MINUTE, textOf } from "../databases.ts";
import { SHARED_IDS } from "./ids.ts";
import { figureOf, markOf } from "./marks.ts";

/** When what is measured was measured first. */
export const START: number = Date.UTC(2026, 0, 10, 12);

/** Signs the checkpoints of all tenants. */
export const SIGNER = generateKeyPairSync("ed25519");

/** A tenant, and what may have got about of it: all but its marks. */
export interface Loot {
  readonly tenantId: string;
  readonly owner: number;
  readonly emails: readonly string[];
  readonly keyIds: string[];
  readonly secrets: string[];
  readonly sessionIds: string[];
  readonly sessionTokens: string[];
  auditIds: string[];
  pageTokens: string[];
  checkpoints: Checkpoint[];
  /** By family, as its owner reads them. */
  records: Map<string, readonly object[]>;
  exported: string;
}

/** Makes a tenant with rows of every kind, of which most have the ids, keys and addresses that other tenants' have. */
export async function fill(db: Database, tenantId: string, owner: number): Promise<Loot> {
  const mark = markOf(owner);
  const emails = Array.from({ length: 20 }, (_, n) => `u${n}@t${owner}.example`);
  await db.saveTenant({ id: tenantId, name: mark, domain: `t${owner}.example`, nodeLimit: 60 });
  await db.updateTenantQuota({ tenantId, maxBandwidth: figureOf(owner, 999), maxApiKeys: 20 });
  const loot: Loot = {
    ...{ tenantId, owner, emails, keyIds: [], secrets: [], sessionIds: [], sessionTokens: [], auditIds: [] },
    ...{ pageTokens: [], checkpoints: [], records: new Map(), exported: "" },
  };
  const tenant = db.tenant(tenantId).as({ userId: "1", userAgent: mark });
  await db.update(async (tx) => {
    const { users, nodes } = tx.tenant(tenantId).as({ userId: "1", userAgent: mark });
    for (const [n, id] of SHARED_IDS.entries()) {
      await users.save({ id, email: emails[n] as string, passwordHash: mark });
      const place = { publicKey: keyOf(n), ipAddress: `10.10.0.${n}` };
      await nodes.save({ id, name: mark, ...place, metadata: { zone: mark, of: "all" }, status: "online" });
    }
  });
  await fillRules(tenant, mark);
  await fillMeasured(tenant, owner);
  const key: ApiKeyInput = { name: mark, userId: "1", permissions: ["nodes:*"] };
  for (let n = 0; n < 3; n++) {
    const { secret, key: made } = await tenant.apiKeys.create(key);
    const { token, session } = await tenant.sessions.create({ userId: "a", ttl: 400 * DAY, userAgent: mark });
    noteMade(loot, { secret, key: made, token, session });
  }
  return loot;
}

/** Notes a key or a session that a tenant has made. */
export function noteMade(loot: Loot, made: unknown): void {
  const { key, secret, session, token } = (made ?? {}) as Record<string, { id: string } & string>;
  const add = (list: string[], value: string) => {
    list.push(value);
    if (list.length > 12) list.shift();
  };
  if (key?.id !== undefined && secret !== undefined) {
    add(loot.keyIds, key.id);
    add(loot.secrets, secret);
  }
  if (session?.id === undefined || token === undefined) return;
  add(loot.sessionIds, session.id);
  add(loot.sessionTokens, token);
}

async function fillRules(tenant: TenantHandle, mark: string): Promise<void> {
  const any = { type: "any" } as const;
  for (const id of SHARED_IDS) {
    await tenant.groups.save({ id, name: mark, nodeIds: ["1", "a"], labels: { of: mark } });
    await tenant.policies.save({
      ...{ id, name: mark, appliedTo: any },
      rules: [{ action: "log", source: any, destination: { type: "group", values: ["1"] } }],
    });
    await tenant.alertRules.save({ id, name: mark, expression: "x > 1", duration: "5m" });
    await tenant.channels.save({ id, name: mark, type: "webhook", config: { secret: mark } });
  }
}

async function fillMeasured(tenant: TenantHandle, owner: number): Promise<void> {
  const mark = markOf(owner);
  for (const [n, id] of SHARED_IDS.entries()) {
    const timestamp = new Date(START + n * 20 * MINUTE);
    await tenant.nodeMetrics.save({ nodeId: id, timestamp, cpuPercent: figureOf(owner, n) });
    const metrics = { cpu: figureOf(owner, n), [`own ${mark}`]: figureOf(owner) };
    for (const labels of [{ of: "all" }, { of: "all", whose: mark }])
      await tenant.metrics.save({ id: `${id}${n}`, timestamp, granularity: "minute", metrics, labels });
    await tenant.audit.append({ id, userId: "1", action: "login", resource: "auth", details: { of: mark } });
  }
  await tenant.quota.addUsage({ bandwidth: figureOf(owner) });
}

/** Gathers anew what changes: page tokens of all lists, records, the text of an export. */
export async function gather(db: Database, loot: Loot): Promise<void> {
  const tenant = db.tenant(loot.tenantId);
  const { users, nodes, groups, policies, alertRules, channels, apiKeys, sessions, audit, metrics } = tenant;
  const pages: Promise<Page<object>>[] = [];
  for (const size of [1, 3]) {
    pages.push(users.list({ size }), users.list({ size, role: "user" }), nodes.list({ size }));
    pages.push(
      nodes.list({ size, status: "online" }),
      groups.list({ size }),
      groups.list({ size, nodeId: "1" }),
    );
    pages.push(policies.list({ size }), policies.list({ size, enabled: true }), alertRules.list({ size }));
    pages.push(alertRules.listGlobal({ size }), channels.list({ size }), channels.listGlobal({ size }));
    pages.push(apiKeys.list({ size }), apiKeys.list({ size, userId: "1" }), sessions.list({ size }));
    pages.push(sessions.list({ size, userId: "a" }), audit.list({ size }), audit.list({ size, userId: "1" }));
    pages.push(audit.list({ size, action: "login" }), audit.list({ size, resource: "auth" }));
    pages.push(metrics.list({ granularity: "minute", size }), metrics.list({ granularity: "hour", size }));
    pages.push(tenant.quota.bills({ size }));
  }
  loot.pageTokens = (await Promise.all(pages)).flatMap(({ next }) => next ?? []);
  loot.auditIds = (await audit.list({ size: 6 })).records.map(({ id }) => id);
  loot.checkpoints = [await audit.checkpoint(SIGNER.privateKey)];
  const range = [new Date(START), new Date(START + HOUR)] as const;
  loot.records = new Map<string, readonly object[]>([
    ["users", await users.all()],
    ["nodes", await nodes.all()],
    ["groups", await groups.all()],
    ["policies", await policies.all()],
    ["alertRules", await alertRules.all()],
    ["channels", await channels.all()],
    ["audit", (await audit.list({ size: 6 })).records],
    ["metrics", await metrics.range("minute", ...range)],
    ["nodeMetrics", await tenant.nodeMetrics.range("1", ...range)],
  ]);
  loot.exported = await textOf(tenant.export());
}
