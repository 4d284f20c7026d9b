// Builds the control plane's stores, as its own operations write them.
import type { ControlPlaneName } from "./control-plane-model.ts";
import {
  apiKeyOf,
  entryOf,
  PER_TENANT,
  PLAIN,
  rowsOf,
  SECRETS,
  snapshotOf,
  tenantOf,
  UNKNOWN,
  userOf,
} from "./control-plane-rows.ts";
import { DatabaseManager } from "./library.ts";

/** The open database of a control plane. */
export type ControlPlane = Awaited<ReturnType<typeof DatabaseManager.open>>;

/** A secret with what its verification has to tell. */
export interface KnownSecret {
  readonly secret: string;
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
}

/** Adds a tenant's share of the rows. */
type Fill = (db: ControlPlane, tenantId: string, first: number, count: number) => Promise<void>;

const FILLS: Readonly<Record<ControlPlaneName, { readonly perTenant: number; readonly fill: Fill }>> = {
  users: { perTenant: PER_TENANT.users, fill: addUsers },
  snapshots: { perTenant: PER_TENANT.snapshots, fill: addSnapshots },
  snapshotsSmall: { perTenant: PER_TENANT.snapshots, fill: addSnapshots },
  apiKeys: { perTenant: PER_TENANT.apiKeys, fill: addKeys },
  trail: { perTenant: PER_TENANT.trail, fill: addEntries },
};

const MANY = 1_000_000_000;

/** Builds a store. */
export async function buildControlPlane(
  name: ControlPlaneName,
  directory: string,
  rows: number,
  onProgress: (done: number) => void,
): Promise<void> {
  const { perTenant, fill } = FILLS[name];
  const db = await DatabaseManager.open(directory, { durability: "relaxed", retention: false });
  const tenants = Math.ceil(rows / perTenant);
  await addTenants(db, tenants);
  for (let tenant = 0; tenant < tenants; tenant++) {
    const first = tenant * perTenant;
    onProgress(first);
    await fill(db, tenantOf(tenant), first, Math.min(perTenant, rows - first));
  }
  if (name === "apiKeys") await addUnknown(db);
  await db.store.compact();
  await db.close();
}

/** Adds tenants that no quota keeps from anything. */
export async function addTenants(db: ControlPlane, count: number): Promise<void> {
  await db.update(async (tx) => {
    for (const id of rowsOf(tenantOf, 0, count)) {
      await tx.saveTenant({ id, name: id });
      await tx.updateTenantQuota({ tenantId: id, maxUsers: MANY, maxApiKeys: MANY });
    }
  });
}

async function addUsers(db: ControlPlane, tenantId: string, first: number, count: number): Promise<void> {
  await db.tenant(tenantId).users.saveMany(rowsOf(userOf, first, count));
  await copy(db, "users", tenantId);
}

async function addSnapshots(db: ControlPlane, tenantId: string, first: number, count: number): Promise<void> {
  await db.tenant(tenantId).metrics.saveMany(rowsOf(snapshotOf, first, count));
  await copy(db, "metrics_snapshots", tenantId);
}

async function addEntries(db: ControlPlane, tenantId: string, first: number, count: number): Promise<void> {
  await db.tenant(tenantId).audit.appendMany(rowsOf(entryOf, first, count));
}

async function addKeys(db: ControlPlane, tenantId: string, first: number, count: number): Promise<void> {
  await db.update(async (tx) => {
    const made = await tx.tenant(tenantId).apiKeys.createMany(rowsOf(apiKeyOf, first, count));
    const secrets = await tx.transaction.createBucketIfNotExists(SECRETS);
    for (const [index, { secret, key }] of made.entries()) {
      const known: KnownSecret = { secret, tenantId, id: key.id, name: key.name };
      await secrets.put(first + index, known);
    }
  });
}

/** Adds the secret of a key that was deleted. */
async function addUnknown(db: ControlPlane): Promise<void> {
  await db.update(async (tx) => {
    const { apiKeys } = tx.tenant(tenantOf(0));
    const { secret, key } = await apiKeys.create(apiKeyOf(0));
    await apiKeys.delete(key.id);
    await (await tx.transaction.bucket(SECRETS))?.put(UNKNOWN, { secret });
  });
}

/** Puts the same keys with the same JSON into a plain bucket. */
async function copy(db: ControlPlane, from: string, tenantId: string): Promise<void> {
  await db.store.update(async (tx) => {
    const plain = await tx.createBucketIfNotExists(PLAIN);
    const rows = (await tx.bucket(from))!.range({ prefix: [tenantId] });
    for (const [key, value] of await rows.toArray()) await plain.put(key, value);
  });
}
