/** What a control plane's database holds, told by plain maps. */
import { Model as Metrics } from "../metrics/metrics-model.ts";

export interface ModelUser {
  readonly email: string;
  readonly role: string;
  readonly createdAt: number;
}

export interface ModelNode {
  readonly publicKey: string;
  readonly ipAddress?: string | undefined;
  readonly status: string;
  readonly lastSeen?: number | undefined;
  readonly createdAt: number;
}

export interface ModelGroup {
  readonly nodeIds: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ModelKey {
  readonly userId?: string | undefined;
  readonly secrets: number;
  readonly revokedAt?: number | undefined;
}

export type Counted = "Nodes" | "Users" | "ApiKeys";

export interface ModelQuota {
  maxNodes: number;
  maxUsers: number;
  maxApiKeys: number;
  maxBandwidth: number;
  usedNodes: number;
  usedUsers: number;
  usedApiKeys: number;
  usedBandwidth: number;
  month: string;
  peakNodes: number;
  peakUsers: number;
  peakApiKeys: number;
}

export interface ModelBill {
  readonly month: string;
  readonly bandwidth: number;
  readonly peakNodes: number;
  readonly peakUsers: number;
  readonly peakApiKeys: number;
}

/** Thrown where the database refuses an operation. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** One tenant. Keys and sessions go by their names: their ids are made by the database. */
export class ModelTenant {
  isActive = true;
  readonly users = new Map<string, ModelUser>();
  readonly nodes = new Map<string, ModelNode>();
  readonly groups = new Map<string, ModelGroup>();
  readonly keys = new Map<string, ModelKey>();
  /** Whose each session is. */
  readonly sessions = new Map<string, string>();
  /** Figures by node and time. */
  readonly figures = new Map<string, Map<number, number>>();
  readonly metrics = new Metrics();
  readonly bills: ModelBill[] = [];
  /** What each entry of the audit trail says, from the first on. */
  readonly audit: string[] = [];
  readonly quota: ModelQuota;
  /** All bytes that were counted. */
  usage = 0;

  constructor(now: Date) {
    this.quota = {
      ...{ maxNodes: 1000, maxUsers: 50, maxApiKeys: 10, maxBandwidth: 1_000_000_000 },
      ...{ usedNodes: 0, usedUsers: 0, usedApiKeys: 0, usedBandwidth: 0 },
      ...{ month: monthOf(now), peakNodes: 0, peakUsers: 0, peakApiKeys: 0 },
    };
  }

  /** Bills the months that are over. */
  renew(now: Date): void {
    const { quota } = this;
    for (const until = monthOf(now); quota.month < until; ) {
      const { month, usedBandwidth: bandwidth, peakNodes, peakUsers, peakApiKeys } = quota;
      this.bills.push({ month, bandwidth, peakNodes, peakUsers, peakApiKeys });
      quota.month = monthAfter(month);
      quota.usedBandwidth = 0;
      quota.peakNodes = quota.usedNodes;
      quota.peakUsers = quota.usedUsers;
      quota.peakApiKeys = quota.usedApiKeys;
    }
  }

  /** @throws Refused `QUOTA_EXCEEDED` */
  requireRoom(counted: Counted): void {
    if (this.quota[`used${counted}`] >= this.quota[`max${counted}`]) throw new Refused("QUOTA_EXCEEDED");
  }

  count(counted: Counted, change: number, now: Date): void {
    this.renew(now);
    const count = this.quota[`used${counted}`] + change;
    this.quota[`used${counted}`] = count;
    this.quota[`peak${counted}`] = Math.max(this.quota[`peak${counted}`], count);
  }

  revoke(name: string, now: Date): void {
    const key = this.keys.get(name);
    if (key === undefined || key.revokedAt !== undefined) return;
    this.keys.set(name, { ...key, revokedAt: now.getTime() });
    this.count("ApiKeys", -1, now);
  }

  /** The name of what an operation means by a number. */
  activeKey(nth: number): string | undefined {
    const active = Array.from(this.keys).filter(([, { revokedAt }]) => revokedAt === undefined);
    return nthOf(
      active.map(([name]) => name),
      nth,
    );
  }

  session(nth: number): string | undefined {
    return nthOf(Array.from(this.sessions.keys()), nth);
  }
}

function nthOf(names: string[], nth: number): string | undefined {
  return names.sort((a, b) => (a < b ? -1 : 1))[nth % names.length];
}

/** All tenants of a model. */
export type ModelTenants = ReadonlyMap<string, ModelTenant>;

function monthOf(date: Date): string {
  return date.toISOString().slice(0, 7);
}

function monthAfter(month: string): string {
  const next = new Date(`${month}-01T00:00:00.000Z`);
  next.setUTCMonth(next.getUTCMonth() + 1);
  return monthOf(next);
}
