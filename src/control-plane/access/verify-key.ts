/** Checks API keys as they come with requests: no validation by schemas, and no asynchronous step but the view itself. */
import { type Awaitable, chain } from "../../awaitable.ts";
import { checkOptions } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Runner } from "../common/scope.ts";
import type { Settings } from "../common/settings.ts";
import { tenants } from "../tenants/tenant-record.ts";
import { type ApiKeyRecord, apiKeys, MAX_SECRETS } from "./api-key-record.ts";
import { checkWanted, grants } from "./permissions.ts";
import type { HashedSecret } from "./secret-record.ts";
import { hashSecret, isForeign, isOver, matches, parseSecret } from "./secrets.ts";

/** What a verification asks for, besides that the key is valid. */
export interface VerifyOptions {
  /** What the key must grant, such as `nodes:read`. Without it, the key is identified, and nothing is permitted yet. */
  readonly permission?: string;
}

/** Whose key was presented. */
export interface ApiKeyIdentity {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly userId?: string | undefined;
  readonly permissions: readonly string[];
}

/**
 * Why a key is refused. "malformed": no secret, or one with a typing error; "unknown": not a secret of any key;
 * "revoked"; "expired": the key, or the grace of a secret that was rotated; "suspended": the tenant may not act;
 * "denied": valid, but without the permission. All but the first two are told only to who holds the secret.
 */
export type ApiKeyRefusal = "malformed" | "unknown" | "revoked" | "expired" | "suspended" | "denied";

/** What a verification found. */
export type ApiKeyVerification =
  | { readonly ok: true; readonly key: ApiKeyIdentity }
  | { readonly ok: false; readonly reason: ApiKeyRefusal };

/**
 * Verifies the secret of an API key. Cost: two or three point reads; one of ours with a typing error costs none. A wrong secret is
 * hashed and compared alike, whether there is a key with its id or not; what the read of a record takes longer tells no
 * more than that a public id is one.
 *
 * @param tenantId where it is passed, keys of other tenants are unknown
 * @throws DatabaseError `OPTION_INVALID`
 */
export function verifyApiKey(
  runner: Runner,
  settings: Settings,
  secret: string,
  options: VerifyOptions = {},
  tenantId?: string,
): Promise<ApiKeyVerification> {
  const permission = checkPermission(options);
  const parsed = parseSecret(secret);
  if (parsed === undefined && !(settings.importedKeys.mayBe && isForeign(secret)))
    return Promise.resolve({ ok: false, reason: "malformed" });
  const presented = hashSecret(secret);
  const find = (tx: Transaction) =>
    parsed === undefined ? findImported(tx, presented, tenantId) : findKey(tx, parsed.id, tenantId);
  return runner.view((tx) =>
    chain(find(tx), (key) => {
      const now = settings.now();
      const reason = refusal(key, presented, now);
      if (key === undefined && parsed === undefined) return { ok: false, reason: "malformed" };
      if (reason !== undefined || key === undefined) return { ok: false, reason: reason ?? "unknown" };
      return chain(mayAct(tx, key.tenantId), (may) => {
        if (!may) return { ok: false, reason: "suspended" };
        if (permission !== undefined && !grants(key.permissions, permission))
          return { ok: false, reason: "denied" };
        settings.lastUsed.note(key.tenantId, key.id, now, key.lastUsed);
        return { ok: true, key: identityOf(key) };
      });
    }),
  );
}

/** Whether what belongs to a tenant is good for anything: not where the tenant is suspended, half wiped, or gone. */
export function mayAct(tx: Transaction, tenantId: string): Awaitable<boolean> {
  return chain(
    tenants.in(tx).get(tenantId),
    (tenant) => tenant?.isActive === true && tenant.busy === undefined,
  );
}

/** A permission that is undefined by mistake must not pass for none that is asked for. */
function checkPermission(options: VerifyOptions): string | undefined {
  checkOptions(options, ["permission"], "verify()");
  if (options === null || !("permission" in options)) return undefined;
  checkWanted(options.permission);
  return options.permission;
}

function findKey(
  tx: Transaction,
  id: string,
  tenantId: string | undefined,
): Awaitable<ApiKeyRecord | undefined> {
  const records = apiKeys.in(tx);
  return tenantId === undefined ? records.by("id").get(id) : records.get([tenantId, id]);
}

/** The hash of a secret is found as it is: whoever has it does not have the secret. */
function findImported(
  tx: Transaction,
  { hash }: HashedSecret,
  tenantId: string | undefined,
): Awaitable<ApiKeyRecord | undefined> {
  return chain(apiKeys.in(tx).by("imported_hash").get(hash), (key) =>
    tenantId === undefined || key?.tenantId === tenantId ? key : undefined,
  );
}

/** Why the secret is not good, told only where it is a secret of the key. */
function refusal(
  key: ApiKeyRecord | undefined,
  presented: HashedSecret,
  now: Date,
): "unknown" | "revoked" | "expired" | undefined {
  let found: ApiKeyRecord["secrets"][number] | undefined;
  // As many comparisons for a key with one secret, and for none.
  for (let i = 0; i < MAX_SECRETS; i++) {
    const kept = key?.secrets[i];
    if (matches(kept, presented)) found = kept;
  }
  if (key === undefined || found === undefined) return "unknown";
  if (!key.isActive) return "revoked";
  return isOver(key.expiresAt, now) || isOver(found.expiresAt, now) ? "expired" : undefined;
}

function identityOf({ tenantId, id, name, userId, permissions }: ApiKeyRecord): ApiKeyIdentity {
  return { tenantId, id, name, ...(userId === undefined ? {} : { userId }), permissions };
}
