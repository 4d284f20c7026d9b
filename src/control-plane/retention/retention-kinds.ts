/** How each kind of record is cleaned away. All work goes in small commits. */
import { report, type WorkOptions } from "../../store/progress.ts";
import type { Transaction } from "../../store/transaction.ts";
import { type ApiKeyRecord, apiKeys, deleteKey } from "../access/api-key-record.ts";
import { sessions } from "../access/session-record.ts";
import { pruneAudit } from "../audit/audit-retention.ts";
import { type Runner, Scope } from "../common/scope.ts";
import type { Settings } from "../common/settings.ts";
import { Metrics } from "../metrics/metrics.ts";
import { deleteNodeMetrics, deleteSnapshots } from "../metrics/metrics-retention.ts";
import { currentQuota } from "../tenants/quota-record.ts";
import { tenants } from "../tenants/tenant-record.ts";
import type { RetentionKind } from "./retention-record.ts";

/** What a kind is cleaned with. */
export interface Cleaning {
  readonly runner: Runner;
  readonly settings: Settings;
  /** What is older goes. */
  readonly before: Date;
  readonly work: WorkOptions;
}

interface Kind {
  /** Whose space is given back. */
  readonly collection: string;
  /** Deletes what is older than a time. @returns how many rows */
  readonly clean: (cleaning: Cleaning) => Promise<number>;
}

/** Rows a commit: few enough that other writers hardly wait. */
const BATCH = 500;

/** In the order in which they are cleaned. */
export const KINDS: Readonly<Record<RetentionKind, Kind>> = {
  minute: { collection: "metrics_snapshots", clean: (cleaning) => cleanSnapshots(cleaning, "minute") },
  hour: { collection: "metrics_snapshots", clean: (cleaning) => cleanSnapshots(cleaning, "hour") },
  day: { collection: "metrics_snapshots", clean: (cleaning) => cleanSnapshots(cleaning, "day") },
  nodeMetrics: {
    collection: "node_metrics",
    clean: ({ runner, before, work }) => deleteNodeMetrics(runner, before, work),
  },
  sessions: {
    collection: "sessions",
    clean: (cleaning) => inBatches(cleaning, (tx) => deleteSessions(tx, cleaning.before)),
  },
  apiKeys: {
    collection: "api_keys",
    clean: (cleaning) => inBatches(cleaning, (tx) => deleteKeys(tx, cleaning)),
  },
  audit: {
    collection: "audit_logs",
    clean: (cleaning) =>
      eachTenant(cleaning, (id) => pruneAudit(cleaning.runner, id, cleaning.before, cleaning.work)),
  },
};

/** Rolls up what is due, and draws the bills of months that are over. */
export async function keepUp({ runner, settings, work }: Omit<Cleaning, "before">): Promise<void> {
  await eachTenant({ runner, work }, async (id) => {
    const scope = new Scope(runner, settings, id, { maintains: true });
    await new Metrics(scope).rollUp(work);
    // Through the scope: a tenant that was deleted meanwhile must not get a quota.
    await scope.updateUnlogged((tx, now) => currentQuota(tx, id, now));
    return 0;
  });
}

function cleanSnapshots(cleaning: Cleaning, granularity: "minute" | "hour" | "day"): Promise<number> {
  const { runner, settings, before, work } = cleaning;
  return eachTenant(cleaning, (id) => {
    const scope = new Scope(runner, settings, id, { maintains: true });
    return deleteSnapshots(scope, granularity, before, work);
  });
}

/**
 * Does something for each tenant that is not half through other work. Where it fails for one, the others are done all
 * the same; one that was deleted, or became busy meanwhile, is passed over.
 *
 * @returns the sum of what it gave
 * @throws the first error, after all tenants
 */
async function eachTenant(
  { runner, work }: Pick<Cleaning, "runner" | "work">,
  run: (id: string) => Promise<number>,
): Promise<number> {
  const ids = await runner.view((tx) => tenants.in(tx).keys().toArray());
  const isFree = async (tx: Transaction, id: string) => {
    const tenant = await tenants.in(tx).get(id);
    return tenant !== undefined && tenant.busy === undefined;
  };
  const errors: unknown[] = [];
  let sum = 0;
  for (const id of ids) {
    try {
      if (await runner.view((tx) => isFree(tx, id))) sum += await run(id);
    } catch (error) {
      if (work.signal?.aborted) throw error;
      // Half a wipe, an audit trail looks as if it had been tampered with. A writer sees commits that views do not yet.
      if (await runner.update((tx) => isFree(tx, id))) errors.push(error);
    }
    report(work, sum);
  }
  if (errors.length > 0) throw errors[0];
  return sum;
}

/** Deletes batch after batch, until there is nothing left. @param deleteSome gives how many rows it deleted */
async function inBatches(
  { runner, work }: Cleaning,
  deleteSome: (tx: Transaction) => Promise<number>,
): Promise<number> {
  let deleted = 0;
  for (let batch = BATCH; batch > 0; ) {
    batch = await runner.update(deleteSome);
    deleted += batch;
    report(work, deleted);
  }
  return deleted;
}

function deleteSessions(tx: Transaction, before: Date): Promise<number> {
  const records = sessions.in(tx);
  return records.deleteMany(records.by("expiry").keys({ lt: before, limit: BATCH }));
}

/** Keys that expired, or were revoked, before a time. */
async function deleteKeys(tx: Transaction, { before, settings }: Cleaning): Promise<number> {
  const records = apiKeys.in(tx);
  const bounds = { lt: before, limit: BATCH };
  const expired = await records.by("expiry").range(bounds).toArray();
  const revoked = await records.by("revoked").range(bounds).toArray();
  const old = new Map([...expired, ...revoked].map((key): [string, ApiKeyRecord] => [key.id, key]));
  for (const key of old.values()) await deleteKey(tx, key, settings.now());
  return old.size;
}
