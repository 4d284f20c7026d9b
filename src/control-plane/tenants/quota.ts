import type { Page } from "../../collections/pages.ts";
import { DatabaseError } from "../../errors.ts";
import { checkBoolean, checkCount, checkOptions, show } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { apiKeys } from "../access/api-key-record.ts";
import { users } from "../access/users.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import type { Scope } from "../common/scope.ts";
import { nodes } from "../network/node-record.ts";
import { type BillingRecord, billingRecords, billOf } from "./billing-record.ts";
import {
  COUNTED,
  type Counted,
  currentQuota,
  type DEFAULT_LIMITS,
  LIMIT_NAMES,
  quotaExceeded,
  quotas,
  type TenantQuota,
} from "./quota-record.ts";

/** The limits of a tenant that can be changed. */
export type QuotaLimits = Pick<TenantQuota, keyof typeof DEFAULT_LIMITS>;

/** What {@link Quota.recount} found. */
export interface Recount {
  /** What the counts were, and what there is. They agree, unless something outside of the database wrote to it. */
  readonly counts: Readonly<Record<Counted, { readonly counted: number; readonly found: number }>>;
  readonly ok: boolean;
}

/** What a tenant may use, and what it does use. Months are those of UTC. */
export class Quota {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** Limits and uses as they stand. @returns undefined where there is no such tenant */
  get(): Promise<TenantQuota | undefined> {
    return this.#scope.view((tx) => quotas.in(tx).get(this.#scope.tenantId));
  }

  /**
   * Counts bytes that went through the tenant's network, in the month that it is.
   *
   * @param usage `bandwidth`: bytes from 0 on
   * @param options `enforce`: whether what exceeds the limit is refused, and then not counted; true by default. An
   * agent that tells what has gone through already, and is to be billed, passes false
   * @returns the quota as it is now
   * @throws DatabaseError `QUOTA_EXCEEDED` with `details` { tenantId, quota, limit, used, wanted }, `OPTION_INVALID`
   */
  addUsage(
    usage: { readonly bandwidth: number },
    options: { readonly enforce?: boolean } = {},
  ): Promise<TenantQuota> {
    const { tenantId } = this.#scope;
    checkOptions(usage ?? null, ["bandwidth"], "addUsage()");
    const { bandwidth } = usage;
    checkCount(bandwidth, 0, "The bandwidth");
    checkOptions(options, ["enforce"], "addUsage()");
    checkBoolean(options.enforce, "The option enforce");
    return this.#scope.updateUnlogged(async (tx, now) => {
      const quota = await currentQuota(tx, tenantId, now);
      const { usedBandwidth: used, maxBandwidth: limit } = quota;
      if (used + bandwidth > limit && options.enforce !== false)
        throw quotaExceeded(tenantId, "bandwidth", { limit, used, wanted: bandwidth });
      return quotas.in(tx).put({ ...quota, usedBandwidth: used + bandwidth, updatedAt: now });
    });
  }

  /** Counts what there is, and changes nothing. */
  verify(): Promise<Recount> {
    return this.#scope.view((tx) => recount(tx, this.#scope.tenantId));
  }

  /** Counts what there is, and mends counts that differ. Cost: it walks the keys of what is counted. */
  recount(): Promise<Recount> {
    const { tenantId } = this.#scope;
    const change = ({ ok, counts }: Recount) =>
      ok
        ? undefined
        : { action: "quota.recount", resource: `tenant_quotas/${tenantId}`, details: { counts } };
    return this.#scope.update(change, async (tx, now) => {
      const result = await recount(tx, tenantId);
      if (result.ok) return result;
      const quota = { ...(await currentQuota(tx, tenantId, now)), updatedAt: now };
      for (const [name, { used, peak }] of Object.entries(COUNTED)) {
        quota[used] = result.counts[name as Counted].found;
        quota[peak] = Math.max(quota[peak], quota[used]);
      }
      await quotas.in(tx).put(quota);
      return result;
    });
  }

  /** What this month has come to so far. @returns undefined where there is no such tenant */
  async bill(): Promise<BillingRecord | undefined> {
    const quota = await this.get();
    return quota === undefined ? undefined : billOf(quota, this.#scope.settings.now());
  }

  /**
   * The bills of months that are over, the latest first. A month's bill is drawn with the first count after it, at the
   * latest by {@link closeMonth}, which retention calls; from then on it stays as it is.
   */
  bills(options: ListOptions = {}): Promise<Page<BillingRecord>> {
    checkList(options, [], "quota.bills()");
    return this.#scope.view((tx) =>
      pageOf(billingRecords.in(tx), { prefix: [this.#scope.tenantId], reverse: true }, options),
    );
  }

  /** Draws the bills of months that are over. */
  closeMonth(): Promise<TenantQuota> {
    return this.#scope.updateUnlogged((tx, now) => currentQuota(tx, this.#scope.tenantId, now));
  }
}

/**
 * Changes limits. One below what is used already takes nothing away, but lets nothing be added.
 *
 * @throws DatabaseError `OPTION_INVALID`, `RECORD_INVALID`
 */
export async function setLimits(
  tx: Transaction,
  tenantId: string,
  limits: Partial<QuotaLimits>,
  now: Date,
): Promise<TenantQuota> {
  checkOptions(limits, LIMIT_NAMES, "updateTenantQuota()");
  if (limits === undefined)
    throw new DatabaseError("OPTION_INVALID", `updateTenantQuota() takes limits, got ${show(limits)}.`);
  const quota = await currentQuota(tx, tenantId, now);
  return quotas.in(tx).put({ ...quota, ...limits, updatedAt: now });
}

async function recount(tx: Transaction, tenantId: string): Promise<Recount> {
  const quota = await quotas.in(tx).get(tenantId);
  const found = await countUses(tx, tenantId);
  const compare = (name: Counted) => ({ counted: quota?.[COUNTED[name].used] ?? 0, found: found[name] });
  const counts = { nodes: compare("nodes"), users: compare("users"), apiKeys: compare("apiKeys") };
  return { counts, ok: Object.values(counts).every(({ counted, found: there }) => counted === there) };
}

/** Counts what a tenant has of all that is counted. */
export async function countUses(tx: Transaction, tenantId: string): Promise<Record<Counted, number>> {
  const prefix = [tenantId] as const;
  let apiKeysInUse = 0;
  for await (const key of apiKeys.in(tx).range({ prefix })) if (key.isActive) apiKeysInUse++;
  return {
    nodes: await nodes.in(tx).count({ prefix }),
    users: await users.in(tx).count({ prefix }),
    apiKeys: apiKeysInUse,
  };
}
