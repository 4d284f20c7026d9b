import { isDate } from "node:util/types";
import { z } from "zod";
import { forMany, type Many } from "../../collections/bulk.ts";
import type { Page } from "../../collections/pages.ts";
import { DatabaseError } from "../../errors.ts";
import { checkBoolean, checkOptions, show } from "../../store/options.ts";
import type { WorkOptions } from "../../store/progress.ts";
import type { Transaction } from "../../store/transaction.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import { parse } from "../common/parse.ts";
import { readOnce } from "../common/record-rules.ts";
import type { Change, Scope } from "../common/scope.ts";
import { reserve } from "../tenants/quota-record.ts";
import {
  type ApiKey,
  type ApiKeyRecord,
  apiKeys,
  deleteKey,
  keyFields,
  MAX_SECRETS,
  refuseImported,
  revokeKey,
  shown,
} from "./api-key-record.ts";
import { createSecret, createSecretId, hashSecret, isOver } from "./secrets.ts";
import { requireUser } from "./user-reference.ts";
import { type ApiKeyVerification, type VerifyOptions, verifyApiKey } from "./verify-key.ts";

export type { ApiKey } from "./api-key-record.ts";

const keyInput = z.strictObject(keyFields);
const keyPatch = keyInput.omit({ userId: true }).partial();

/** What a key is made from. Without permissions it is good for nothing but to be identified. */
export type ApiKeyInput = z.input<typeof keyInput>;
/** What can be changed of a key. */
export type ApiKeyPatch = z.input<typeof keyPatch>;

/** A key with its secret, which is shown this once and kept nowhere. */
export interface NewApiKey {
  readonly secret: string;
  readonly key: ApiKey;
}

/** Which keys a list shows. */
export interface ApiKeyFilter extends ListOptions {
  /** Those of one user. */
  readonly userId?: string | undefined;
  /** True: those that are neither revoked nor expired; false: the others. */
  readonly active?: boolean | undefined;
}

/** How a secret is rotated. */
export interface RotateOptions {
  /** How long the secret before goes on to be valid, in milliseconds, or until when; a day by default. */
  readonly grace?: number | Date | undefined;
}

const DAY = 86_400_000;

/** The API keys of a tenant. Those that are not revoked count for its quota, even when they have expired. */
export class ApiKeys {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /**
   * Makes a key.
   *
   * @returns the key, and its secret: it cannot be shown again
   * @throws DatabaseError `RECORD_INVALID` with `details.issues`, `QUOTA_EXCEEDED`, `REFERENCE_INVALID` for a user that
   * the tenant does not have, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`
   */
  create(input: ApiKeyInput): Promise<NewApiKey> {
    const change = ({ key }: NewApiKey) => changed("create", key.id, { permissions: key.permissions });
    return this.#scope.update(change, (tx, now) => this.#create(tx, input, now));
  }

  /** Makes many keys in one commit. @returns them in order @throws DatabaseError as {@link create}, and then none is made; `ABORTED` */
  createMany(inputs: Many<ApiKeyInput>, work: WorkOptions = {}): Promise<NewApiKey[]> {
    const change = ({ length }: NewApiKey[]) => ({
      action: "apiKey.createMany",
      resource: apiKeys.name,
      details: { count: length },
    });
    return this.#scope.update(change, async (tx, now) => {
      const made: NewApiKey[] = [];
      await forMany(inputs, work, async (input) => made.push(await this.#create(tx, input, now)));
      return made;
    });
  }

  /** @returns undefined where the tenant has no key with this id */
  get(id: string): Promise<ApiKey | undefined> {
    return this.#scope.view(async (tx) => {
      const found = await apiKeys.in(tx).get([this.#scope.tenantId, id]);
      return found === undefined ? undefined : shown(found);
    });
  }

  /** The tenant's keys in the order of their ids, which is none that tells anything. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  list(options: ApiKeyFilter = {}): Promise<Page<ApiKey>> {
    checkList(options, ["userId", "active"], "apiKeys.list()");
    checkBoolean(options.active, "The option active");
    const { userId, active, ...page } = options;
    const { tenantId, settings } = this.#scope;
    const now = settings.now();
    const isWanted = (key: ApiKeyRecord) => (key.isActive && !isOver(key.expiresAt, now)) === active;
    const where = active === undefined ? undefined : isWanted;
    return this.#scope.view(async (tx) => {
      const records = apiKeys.in(tx);
      const found = await (userId === undefined
        ? pageOf(records, { prefix: [tenantId] }, page, where)
        : pageOf(records.by("user"), { prefix: [tenantId, userId] }, page, where));
      return { records: found.records.map(shown), next: found.next };
    });
  }

  /**
   * Changes a key. An `expiresAt` that is passed as undefined takes the expiry away.
   *
   * @returns the key as it is now
   * @throws DatabaseError `RECORD_NOT_FOUND`, `RECORD_INVALID`, also for a key that is revoked: it stays as it was
   */
  update(id: string, patch: ApiKeyPatch): Promise<ApiKey> {
    let fields: string[] = [];
    const change = () => changed("update", id, { fields });
    return this.#scope.update(change, async (tx) => {
      const given = readOnce(patch, apiKeys.name);
      fields = Object.keys(given);
      const wanted = parse(keyPatch, given, "apiKeys.update()") as Partial<ApiKeyRecord>;
      await this.#findActive(tx, id);
      return shown(await apiKeys.in(tx).update([this.#scope.tenantId, id], wanted));
    });
  }

  /**
   * Revokes a key, from now on and for good. It stays to be seen, and frees its place in the quota.
   *
   * @returns whether it was not revoked before
   * @throws DatabaseError `RECORD_NOT_FOUND`
   */
  revoke(id: string): Promise<boolean> {
    const change = (was: boolean) => (was ? changed("revoke", id) : undefined);
    return this.#scope.update(change, async (tx, now) => revokeKey(tx, await this.#find(tx, id), now));
  }

  /** Deletes a key without a trace but the audit trail's. @returns whether there was one */
  delete(id: string): Promise<boolean> {
    const change = (was: boolean) => (was ? changed("delete", id) : undefined);
    return this.#scope.update(change, async (tx, now) => {
      const found = await apiKeys.in(tx).get([this.#scope.tenantId, id]);
      if (found !== undefined) await deleteKey(tx, found, now);
      return found !== undefined;
    });
  }

  /**
   * Gives a key a new secret. The one before stays valid for its grace, and no longer than the key; one that was still
   * in its grace ends at once.
   *
   * @returns the key, and its new secret: it cannot be shown again
   * @throws DatabaseError `RECORD_NOT_FOUND`, `RECORD_INVALID` for a key that is revoked, or that was made elsewhere,
   * `OPTION_INVALID`
   */
  rotate(id: string, options: RotateOptions = {}): Promise<NewApiKey> {
    checkOptions(options, ["grace"], "rotate()");
    const grace = options.grace ?? DAY;
    const change = ({ key }: NewApiKey) =>
      changed("rotate", id, { previousExpiresAt: key.previousExpiresAt?.toISOString() ?? null });
    return this.#scope.update(change, async (tx, now) => {
      const expiresAt = endOf(grace, now);
      const old = await this.#findActive(tx, id);
      refuseImported(old);
      const secret = createSecret(this.#scope.settings.keyPrefix, id);
      const before = old.secrets.slice(1 - MAX_SECRETS).map((each) => ({ ...each, expiresAt }));
      const kept = await apiKeys.in(tx).put({ ...old, secrets: [...before, hashSecret(secret)] });
      return { secret, key: shown(kept) };
    });
  }

  /**
   * Verifies a secret. A key of another tenant is unknown here.
   *
   * @param options `permission`: what the key must grant; without it the key is identified, and nothing is permitted yet
   * @returns whose key it is, or why it is refused
   * @throws DatabaseError `OPTION_INVALID` for a permission that is none, that has a wildcard, or that is undefined
   */
  verify(secret: string, options: VerifyOptions = {}): Promise<ApiKeyVerification> {
    const { runner, settings, tenantId } = this.#scope;
    return verifyApiKey(runner, settings, secret, options, tenantId);
  }

  async #create(tx: Transaction, input: ApiKeyInput, now: Date): Promise<NewApiKey> {
    const { tenantId, settings } = this.#scope;
    const fields = parse(keyInput, input, "apiKeys.create()");
    if (fields.userId !== undefined) await requireUser(tx, tenantId, fields.userId, "The API key");
    const count = await reserve(tx, tenantId, "apiKeys", now);
    const id = createSecretId();
    const secret = createSecret(settings.keyPrefix, id);
    const record = { ...fields, tenantId, id, createdAt: now, isActive: true, secrets: [hashSecret(secret)] };
    const kept = await apiKeys.in(tx).insert(record);
    await count();
    return { secret, key: shown(kept) };
  }

  async #find(tx: Transaction, id: string): Promise<ApiKeyRecord> {
    const { tenantId } = this.#scope;
    const found = await apiKeys.in(tx).get([tenantId, id]);
    if (found !== undefined) return found;
    throw new DatabaseError(
      "RECORD_NOT_FOUND",
      `The tenant ${JSON.stringify(tenantId)} has no API key ${show(id)}. list() tells which it has.`,
      { details: { collection: apiKeys.name, key: [tenantId, id] } },
    );
  }

  async #findActive(tx: Transaction, id: string): Promise<ApiKeyRecord> {
    const found = await this.#find(tx, id);
    if (found.isActive) return found;
    throw new DatabaseError(
      "RECORD_INVALID",
      `The API key ${JSON.stringify(id)} is revoked, and stays as it was. Create a new one.`,
      { details: { collection: apiKeys.name, key: [this.#scope.tenantId, id] } },
    );
  }
}

function changed(verb: string, id: string, details?: Change["details"]): Change {
  return {
    action: `apiKey.${verb}`,
    resource: `${apiKeys.name}/${id}`,
    ...(details === undefined ? {} : { details }),
  };
}

/** When a grace ends. @throws DatabaseError `OPTION_INVALID` */
function endOf(grace: unknown, now: Date): Date {
  const end = typeof grace === "number" && grace >= 0 ? new Date(now.getTime() + grace) : grace;
  const time = isDate(end) ? Date.prototype.getTime.call(end) : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time);
  throw new DatabaseError(
    "OPTION_INVALID",
    `The option grace is ${show(grace)}. Pass milliseconds from 0 on, or a Date.`,
  );
}
