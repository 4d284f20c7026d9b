/** Tenants as they are kept, and what every write within one of them asks first. */
import { z } from "zod";
import { type Collection, collection, type RecordOf } from "../../collections/collection.ts";
import type { IndexTypes } from "../../collections/types.ts";
import { DatabaseError } from "../../errors.ts";
import type { Transaction } from "../../store/transaction.ts";
import { cidr, id, name } from "../common/fields.ts";
import { createQuota, quotas } from "./quota-record.ts";

/** Stands for all tenants where a tenant is named: none can have it for its id. */
export const GLOBAL = "";

/** The tenant that every database has: that of those who run the control plane. */
export const SYSTEM_TENANT = "system";

const DEFAULT_NODES = 1000;

/** What agents of a tenant are told. */
export const tenantSettings = z.strictObject({
  /** The addresses that its nodes are given. */
  subnetCidr: cidr.default("10.10.10.0/24"),
  /** What agents are told; what is enforced is the quota. */
  maxNodes: z.int().nonnegative().default(DEFAULT_NODES),
  /** What becomes of a flow that no policy decides: "strict" denies it, "permissive" allows it. */
  policyMode: z.enum(["strict", "permissive"]).default("strict"),
  /** Seconds between two heartbeats of a node. */
  heartbeatInterval: z.int().positive().default(30),
});

export const tenant = z.strictObject({
  id,
  name,
  domain: z.string().min(1).max(253).toLowerCase().optional(),
  settings: tenantSettings.prefault({}),
  createdAt: z.date(),
  /** Whether it may write: one that is suspended can only be read. */
  isActive: z.boolean().default(true),
  /** The nodes that its quota begins with, and follows. */
  nodeLimit: z.int().nonnegative().default(DEFAULT_NODES),
  /** Long work under way, which alone may write to it. */
  busy: z.enum(["import", "wipe"]).optional(),
});

/** The collection `tenants`. */
export const tenants = collection({
  name: "tenants",
  schema: tenant,
  key: "id",
  indexes: { domain: { on: "domain", unique: true } },
});

export type Tenant = RecordOf<typeof tenants>;
export type TenantSettings = Tenant["settings"];

/** What a tenant is made from. */
export type TenantInput = Omit<z.input<typeof tenant>, "createdAt" | "busy"> & {
  createdAt?: Date | undefined;
};

/** Adds a tenant with the quota that goes with it. */
export async function createTenant(tx: Transaction, input: TenantInput, now: Date): Promise<Tenant> {
  const created = await tenants.in(tx).insert({ ...input, createdAt: input.createdAt ?? now });
  await createQuota(tx, { tenantId: created.id, maxNodes: created.nodeLimit }, now);
  return created;
}

/** Takes back what {@link createTenant} did, where nothing was added to the tenant since. */
export async function deleteNewTenant(tx: Transaction, tenantId: string): Promise<void> {
  await quotas.in(tx).delete(tenantId);
  await tenants.in(tx).delete(tenantId);
}

/**
 * The tenant, if it may write.
 *
 * @throws DatabaseError `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`
 */
export async function requireActive(
  tx: Transaction,
  tenantId: string,
  evenSuspended = false,
): Promise<Tenant> {
  return refuseInactive(await tenants.in(tx).get(tenantId), tenantId, evenSuspended);
}

/** As {@link requireActive}, where the tenant was read already. */
export function refuseInactive(found: Tenant | undefined, tenantId: string, evenSuspended = false): Tenant {
  if (found !== undefined && found.busy === undefined && (found.isActive || evenSuspended)) return found;
  if (found === undefined) throw tenantNotFound(tenantId);
  const named = `The tenant ${JSON.stringify(tenantId)}`;
  throw found.busy === undefined
    ? new DatabaseError(
        "TENANT_SUSPENDED",
        `${named} is suspended: it can be read, not written. Resume it with system.tenants.resume().`,
        {
          details: { tenantId },
        },
      )
    : new DatabaseError(
        "TENANT_BUSY",
        `${named} is half through ${found.busy === "wipe" ? "a wipe" : "an import"}: call wipe() on it to end that.`,
        { details: { tenantId, busy: found.busy } },
      );
}

/** The tenant with an id, whatever its state. @throws DatabaseError `TENANT_NOT_FOUND` */
export async function requireTenant(tx: Transaction, tenantId: string): Promise<Tenant> {
  const found = await tenants.in(tx).get(tenantId);
  if (found === undefined) throw tenantNotFound(tenantId);
  return found;
}

/** Keeps the tenant that holds the trail of what concerns all. @throws DatabaseError `TENANT_REQUIRED` */
export function refuseSystem(tenantId: string): void {
  if (tenantId !== SYSTEM_TENANT) return;
  throw new DatabaseError(
    "TENANT_REQUIRED",
    `The tenant ${JSON.stringify(SYSTEM_TENANT)} stays: changes that concern all tenants are told to its audit trail. Delete its records instead.`,
    { details: { tenantId } },
  );
}

/** An error for a tenant that is not there. */
function tenantNotFound(tenantId: string): DatabaseError {
  return new DatabaseError(
    "TENANT_NOT_FOUND",
    `There is no tenant ${JSON.stringify(tenantId)}. Make it with system.tenants.save().`,
    { details: { tenantId } },
  );
}

/** Records that lie within tenants, by tenant and id. */
export type TenantCollection<T extends object> = Collection<{
  input: unknown;
  record: T;
  key: [tenantId: string, id: string];
  indexes: Readonly<Record<string, IndexTypes>>;
}>;
