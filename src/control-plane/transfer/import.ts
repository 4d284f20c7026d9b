/** Brings a tenant back from what `export()` gave. The format is described there. */
import type { Collection } from "../../collections/collection.ts";
import { DatabaseError } from "../../errors.ts";
import { report, type WorkOptions } from "../../store/progress.ts";
import type { Store } from "../../store/store.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Labels } from "../common/labels.ts";
import { withinTenant } from "../common/record-rules.ts";
import type { Settings } from "../common/settings.ts";
import { stateOf } from "../metrics/metric-state.ts";
import { metricSeries, metricStates, metricsSnapshots } from "../metrics/metrics-record.ts";
import { seriesOf } from "../metrics/series-text.ts";
import { countUses } from "../tenants/quota.ts";
import { COUNTED, type Counted, DEFAULT_LIMITS, quotaExceeded, quotas } from "../tenants/quota-record.ts";
import { requireActive, tenants } from "../tenants/tenant-record.ts";
import { type Chunks, type ExportedRecord, readExport } from "./export-reader.ts";
import { TenantClaim } from "./tenant-claim.ts";
import { forgetTenant, hasRows, SINGLE, WITHIN } from "./tenant-rows.ts";
import { deleteRows } from "./wipe.ts";

/** Lines a commit. */
const BATCH = 500;

const PLACES = new Map(
  [...WITHIN, ...SINGLE, tenants as unknown as Collection].map((each) => [each.name, each]),
);
const LAST = new Set([...SINGLE.map(({ name }) => name), tenants.name]);

/**
 * Imports a tenant, in bounded batches: until it is whole the tenant is marked as busy, and refuses all else. Where it
 * fails, what was imported is taken away again.
 *
 * @param source lines, however they are cut into chunks
 * @param isTrusted whether a tenant that is not there gets the limits that the export tells, or the default ones
 * @returns how many records there were
 */
export async function importTenant(
  store: Store,
  { now, importedKeys }: Settings,
  tenantId: string,
  source: Chunks,
  work: WorkOptions,
  isTrusted: boolean,
): Promise<number> {
  importedKeys.expect();
  const claim = new TenantClaim(store, tenantId, "import");
  const isNew = await claim.begin((tx) => begin(tx, tenantId, now()));
  try {
    const whole: ExportedRecord[] = [];
    let batch: ExportedRecord[] = [];
    let records = 0;
    const flush = async () => {
      const writing = batch;
      batch = [];
      if (writing.length > 0) await claim.update((tx) => insertAll(tx, tenantId, writing));
      records += writing.length;
      report(work, records);
    };
    for await (const record of readExport(source, tenantId)) {
      (LAST.has(record.collection) ? whole : batch).push(record);
      if (batch.length === BATCH) await flush();
    }
    await flush();
    await claim.update((tx) => finish(tx, tenantId, { isNew, isTrusted }, whole, now()));
    return records + whole.length;
  } catch (error) {
    // Whoever took the tenant over takes away what was imported, too.
    if (!claim.isLost) await undo(claim, isNew);
    throw error;
  } finally {
    claim.end();
  }
}

/** Marks the tenant. @returns whether there was none */
async function begin(tx: Transaction, tenantId: string, now: Date): Promise<boolean> {
  const tenant = await tenants.in(tx).get(tenantId);
  if (tenant !== undefined) await requireActive(tx, tenantId);
  const left = await hasRows(tx, tenantId);
  if (left !== undefined) {
    throw new DatabaseError(
      "TENANT_NOT_EMPTY",
      `The tenant ${JSON.stringify(tenantId)} has rows in ${JSON.stringify(left)} already. An import goes to a tenant without any: call wipe() first.`,
      { details: { tenantId } },
    );
  }
  await tenants
    .in(tx)
    .put({ ...(tenant ?? { id: tenantId, name: tenantId, createdAt: now }), busy: "import" });
  return tenant === undefined;
}

async function insertAll(
  tx: Transaction,
  tenantId: string,
  records: readonly ExportedRecord[],
): Promise<void> {
  for (const { collection: name, json, line } of records) {
    const collection = PLACES.get(name);
    if (collection === undefined)
      throw exportInvalid(line, `names the collection ${JSON.stringify(name)}, which there is not`);
    const record = collection.revive(json) as { tenantId?: unknown; id?: unknown };
    const owner = name === tenants.name ? record.id : record.tenantId;
    if (owner !== tenantId) throw exportInvalid(line, "has a record of another tenant");
    await withinTenant(tenantId, () => collection.in(tx).insert(derived(name, record)));
  }
}

/** What the database makes of a record itself is made anew, not taken over. */
function derived(collection: string, record: object): object {
  const hasSeries = collection === metricsSnapshots.name || collection === metricSeries.name;
  const { labels } = record as { labels?: unknown };
  if (!hasSeries || typeof labels !== "object" || labels === null) return record;
  return { ...record, series: seriesOf(labels as Labels) };
}

/** Writes what stands for the tenant as a whole. Limits of a tenant that was there already stay, and counts are counted. */
async function finish(
  tx: Transaction,
  tenantId: string,
  { isNew, isTrusted }: { readonly isNew: boolean; readonly isTrusted: boolean },
  whole: readonly ExportedRecord[],
  now: Date,
): Promise<void> {
  // As they are now: they may have been changed since the import began.
  const there = isNew ? undefined : await tenants.in(tx).get(tenantId);
  const standing = isNew ? undefined : await quotas.in(tx).get(tenantId);
  // Whoever holds a tenant's handle alone must not raise its limits by a wipe and an import.
  const limits = standing ?? (isTrusted ? undefined : DEFAULT_LIMITS);
  await forgetTenant(tx, tenantId);
  await insertAll(tx, tenantId, whole);
  const imported = await tenants.in(tx).get(tenantId);
  if (imported === undefined)
    throw new DatabaseError("EXPORT_INVALID", "The export lacks the tenant itself. Export it again.");
  const { isActive, nodeLimit } =
    there ?? (isTrusted ? imported : { isActive: true, nodeLimit: DEFAULT_LIMITS.maxNodes });
  const { busy: _, ...tenant } = { ...imported, isActive, nodeLimit };
  await tenants.in(tx).put(tenant);
  const quota = await quotas.in(tx).get(tenantId);
  if (quota === undefined)
    throw new DatabaseError("EXPORT_INVALID", "The export lacks the tenant's quota. Export it again.");
  const { maxNodes, maxUsers, maxApiKeys, maxBandwidth } = limits ?? quota;
  const counted = { ...quota, maxNodes, maxUsers, maxApiKeys, maxBandwidth, updatedAt: now };
  const uses = await countUses(tx, tenantId);
  for (const [name, { used, max, peak }] of Object.entries(COUNTED)) {
    const found = uses[name as Counted];
    counted[used] = found;
    counted[peak] = Math.max(counted[peak], found);
    if (limits !== undefined && found > counted[max])
      throw quotaExceeded(tenantId, name as Counted, { limit: counted[max], used: 0, wanted: found });
  }
  await quotas.in(tx).put(counted);
  const series = await metricSeries.in(tx).count({ prefix: [tenantId] });
  if (series > 0) await metricStates.in(tx).put({ ...(await stateOf(tx, tenantId)), series });
}

/** Takes away what was imported, and leaves the tenant as it was. */
async function undo(claim: TenantClaim, isNew: boolean): Promise<void> {
  await deleteRows(claim, {});
  await claim.update(async (tx) => {
    const tenant = isNew ? undefined : await tenants.in(tx).get(claim.tenantId);
    if (tenant === undefined) await forgetTenant(tx, claim.tenantId);
    else await tenants.in(tx).put({ ...tenant, busy: undefined });
  });
}

function exportInvalid(line: number, what: string): DatabaseError {
  return new DatabaseError("EXPORT_INVALID", `Line ${line} of the export ${what}.`, { details: { line } });
}
