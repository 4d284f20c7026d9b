/** Deletes all that a tenant has, in small commits between which others go on. */
import { report, type WorkOptions } from "../../store/progress.ts";
import type { Store } from "../../store/store.ts";
import type { Transaction } from "../../store/transaction.ts";
import { quarantined } from "../go-import/held-record.ts";
import { refuseSystem, type Tenant, tenants } from "../tenants/tenant-record.ts";
import { TenantClaim } from "./tenant-claim.ts";
import { forgetTenant, hasRows, prefixOf, WITHIN } from "./tenant-rows.ts";

/** Rows a commit: few enough that other writers hardly wait. */
const BATCH = 500;

/**
 * Wipes a tenant: no row, index entry or count of it is left. Until it is done, the tenant refuses all writes; a wipe
 * that was stopped, by a signal or a crash, goes on when it is called again.
 *
 * @param last what is done in the last commit besides
 * @returns how many rows there were
 * @throws DatabaseError `TENANT_REQUIRED`, `ABORTED`
 */
export async function wipeTenant(
  store: Store,
  tenantId: string,
  work: WorkOptions,
  allow: (tenant: Tenant | undefined) => void,
  last: (tx: Transaction) => Promise<void>,
): Promise<number> {
  refuseSystem(tenantId);
  const claim = new TenantClaim(store, tenantId, "wipe");
  const forgetIfEmpty = async (tx: Transaction) => {
    if ((await hasRows(tx, tenantId)) !== undefined) return false;
    await forgetTenant(tx, tenantId);
    await last(tx);
    return true;
  };
  const wiped = await claim.begin(async (tx) => {
    const tenant = await tenants.in(tx).get(tenantId);
    allow(tenant);
    // What has no rows needs no mark, which a tenant that is not there could not have.
    if (await forgetIfEmpty(tx)) return true;
    if (tenant !== undefined) await tenants.in(tx).put({ ...tenant, busy: "wipe" });
    return false;
  });
  try {
    let deleted = 0;
    for (let isEmpty = wiped; !isEmpty; ) {
      deleted += await deleteRows(claim, work, deleted);
      // What was begun before the tenant was marked may have come in since.
      isEmpty = await claim.update(forgetIfEmpty);
    }
    return deleted;
  } finally {
    claim.end();
  }
}

/** Deletes a tenant's rows, but not those that stand for the tenant itself. @returns how many there were */
export async function deleteRows(claim: TenantClaim, work: WorkOptions, before = 0): Promise<number> {
  let deleted = 0;
  for (const each of WITHIN) {
    for (let batch = BATCH; batch === BATCH; ) {
      batch = await claim.update((tx) => {
        const records = each.in(tx);
        return records.deleteMany(records.keys({ ...prefixOf(claim.tenantId), limit: BATCH }));
      });
      deleted += batch;
      report(work, before + deleted);
    }
  }
  return deleted + (await deleteHeld(claim));
}

/** Deletes what an import holds of the tenant. */
async function deleteHeld(claim: TenantClaim): Promise<number> {
  let deleted = 0;
  for (let batch = BATCH; batch === BATCH; deleted += batch)
    batch = await claim.update((tx) => {
      const held = quarantined.in(tx);
      return held.deleteMany(
        held.by("owner").keys({ gte: claim.tenantId, lte: claim.tenantId, limit: BATCH }),
      );
    });
  return deleted;
}
