import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { DatabaseError } from "../../errors.ts";
import type { Transaction } from "../../store/transaction.ts";
import { id, name } from "../common/fields.ts";
import { addCount } from "../tenants/quota-record.ts";
import { permission } from "./permissions.ts";
import { hashedSecret } from "./secret-record.ts";

/** A key has the secret that was made last, and the one before it while its grace lasts. */
export const MAX_SECRETS = 2;

/** The fields of a key that its owner chooses. */
export const keyFields = {
  name,
  /** Whose it is: it is revoked when the user goes. */
  userId: id.optional(),
  permissions: z.array(permission).max(256),
  /** From this moment on it is invalid. */
  expiresAt: z.date().optional(),
} as const;

const apiKey = z.strictObject({
  tenantId: id,
  /** Also the public part of its secrets. */
  id,
  ...keyFields,
  /** The latest is the last; the one that it took the place of has the end of its grace. */
  secrets: z
    .array(hashedSecret.extend({ expiresAt: z.date().optional() }))
    .min(1)
    .max(MAX_SECRETS),
  /** The SHA-256 of a secret that was made elsewhere: it does not tell the id, so that the key is found by this. */
  importedHash: hashedSecret.shape.hash.optional(),
  createdAt: z.date(),
  /** To the minutes: not every use is written. */
  lastUsed: z.date().optional(),
  isActive: z.boolean(),
  /** Revoked keys stay, for the audit. */
  revokedAt: z.date().optional(),
});

/** The collection `api_keys`. */
export const apiKeys = collection({
  name: "api_keys",
  schema: apiKey,
  key: ["tenantId", "id"],
  indexes: {
    id: { on: "id", unique: true },
    user: { on: ["tenantId", "userId"] },
    expiry: { on: "expiresAt" },
    revoked: { on: "revokedAt" },
    imported_hash: { on: "importedHash", unique: true },
  },
});

/** An API key as it is kept. */
export type ApiKeyRecord = RecordOf<typeof apiKeys>;

/** An API key without its secret, and without what is kept of it. */
export type ApiKey = Omit<ApiKeyRecord, "secrets" | "importedHash"> & {
  /** When the grace of the secret before the latest ends, or ended. */
  readonly previousExpiresAt?: Date | undefined;
};

/** A key as callers see it. */
export function shown({ secrets, importedHash: _, ...key }: ApiKeyRecord): ApiKey {
  const previous = secrets.length > 1 ? secrets[0]?.expiresAt : undefined;
  return previous === undefined ? key : { ...key, previousExpiresAt: previous };
}

/** Revokes a key: it stays, but frees its place in the quota. @returns whether it was active */
export async function revokeKey(tx: Transaction, key: ApiKeyRecord, now: Date): Promise<boolean> {
  if (!key.isActive) return false;
  await apiKeys.in(tx).put({ ...key, isActive: false, revokedAt: now });
  await addCount(tx, key.tenantId, "apiKeys", -1, now);
  return true;
}

/** Deletes a key, and frees its place in the quota if it still has one. */
export async function deleteKey(tx: Transaction, key: ApiKeyRecord, now: Date): Promise<void> {
  await apiKeys.in(tx).delete([key.tenantId, key.id]);
  if (key.isActive) await addCount(tx, key.tenantId, "apiKeys", -1, now);
}

/** Revokes all keys of a user. */
export async function revokeOwned(
  tx: Transaction,
  tenantId: string,
  userId: string,
  now: Date,
): Promise<void> {
  const owned = await apiKeys
    .in(tx)
    .by("user")
    .range({ prefix: [tenantId, userId] })
    .toArray();
  for (const key of owned) await revokeKey(tx, key, now);
}

/** Secrets tell the id of their key in a form that ids from elsewhere do not have. @throws DatabaseError `RECORD_INVALID` */
export function refuseImported({ id, importedHash }: ApiKeyRecord): void {
  if (importedHash === undefined) return;
  throw new DatabaseError(
    "RECORD_INVALID",
    `The API key ${JSON.stringify(id)} was made elsewhere, and has the one secret that it came with. Create a new key, then revoke this.`,
  );
}
