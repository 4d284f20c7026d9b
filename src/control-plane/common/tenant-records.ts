import { forMany, type Many } from "../../collections/bulk.ts";
import { DatabaseError } from "../../errors.ts";
import { mapKeys, show } from "../../store/options.ts";
import type { WorkOptions } from "../../store/progress.ts";
import type { Transaction } from "../../store/transaction.ts";
import { addCount, type Counted, reserve } from "../tenants/quota-record.ts";
import type { TenantCollection } from "../tenants/tenant-record.ts";
import { changedFields, defined, idChanged, ownCopy, withinTenant } from "./record-rules.ts";
import type { Scope } from "./scope.ts";

/** What every record within a tenant has. */
export interface TenantRecord {
  readonly tenantId: string;
  readonly id: string;
}

/** What a kind of record is called, and what it counts as. */
export interface Kind<T extends TenantRecord> {
  readonly collection: TenantCollection<T>;
  /** As the audit trail names it: `user` in `user.delete`. */
  readonly noun: string;
  /** The quota that it takes up. */
  readonly counted?: Counted;
  /** Fields that hold the time of the first write, and of the last. */
  readonly createdAt?: keyof T & string;
  readonly updatedAt?: keyof T & string;
}

/** A record as callers pass it: its tenant is that of the handle, and nothing of it needs to be changeable. */
export type Saved<Input, Made extends string = never> = ReadonlyDeep<Omit<Input, "tenantId" | Made>> & {
  readonly tenantId?: string | undefined;
} & { readonly [F in Made]?: (F extends keyof Input ? Input[F] : never) | undefined };

type ReadonlyDeep<T> = T extends Date
  ? T
  : T extends object
    ? // What has any names may have any JSON, which has no end.
      string extends keyof T
      ? Readonly<T>
      : { readonly [F in keyof T]: ReadonlyDeep<T[F]> }
    : T;

/**
 * The records of one kind within one tenant: what all kinds have in common.
 *
 * Where several changes make up an operation, all that can be refused is checked before the first of them: a caller
 * may catch the error, and go on with the transaction.
 */
export abstract class TenantRecords<T extends TenantRecord, Input extends { readonly id: string }> {
  readonly #scope: Scope;
  readonly #kind: Kind<T>;

  constructor(scope: Scope, kind: Kind<T>) {
    this.#scope = scope;
    this.#kind = kind;
  }

  /** Reads a record. @returns undefined where the tenant has none with this id @throws DatabaseError `KEY_INVALID` */
  get(id: string): Promise<T | undefined> {
    return this.#scope.view((tx) => this.#kind.collection.in(tx).get([this.#scope.tenantId, id]));
  }

  /** Reads records in the order of their ids; undefined where the tenant has none. @throws DatabaseError `KEY_INVALID` */
  async getMany(ids: readonly string[]): Promise<(T | undefined)[]> {
    const { tenantId } = this.#scope;
    const keys = mapKeys(ids, "getMany()", (id): [string, string] => [tenantId, id]);
    return this.#scope.view((tx) => this.#kind.collection.in(tx).getMany(keys));
  }

  /** All of the tenant's records, in the order of their ids. Cost: one range, all in memory. */
  all(): Promise<T[]> {
    return this.#scope.view((tx) =>
      this.#kind.collection
        .in(tx)
        .range({ prefix: [this.#scope.tenantId] })
        .toArray(),
    );
  }

  /** Counts the tenant's records. Cost: it walks their keys. */
  count(): Promise<number> {
    return this.#scope.view((tx) => this.#kind.collection.in(tx).count({ prefix: [this.#scope.tenantId] }));
  }

  /**
   * Writes a record whole, whether there is one with its id or not. The time of its creation stays, where it is not
   * given.
   *
   * @returns the record as it is kept
   * @throws DatabaseError `RECORD_INVALID` with `details.issues`, `UNIQUE_VIOLATION`, `QUOTA_EXCEEDED` for a new one,
   * `REFERENCE_INVALID` where it names what is not there, `TENANT_MISMATCH`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`,
   * `TENANT_BUSY`
   */
  save(input: Input): Promise<T> {
    const change = ({ kept, old }: Stored<T>) =>
      this.#change(old === undefined ? "create" : "update", kept, old);
    return this.#scope.update(change, (tx, now) => this.#save(tx, input, now)).then(({ kept }) => kept);
  }

  /**
   * Writes many records in one commit. @returns how many
   *
   * @throws DatabaseError as {@link save}, and then none is written, unless the caller's own transaction goes on;
   * `ABORTED`
   */
  saveMany(inputs: Many<Input>, work: WorkOptions = {}): Promise<number> {
    const change = (count: number) => ({
      action: `${this.#kind.noun}.saveMany`,
      resource: this.#kind.collection.name,
      details: { count },
    });
    return this.#scope.update(change, (tx, now) =>
      forMany(inputs, work, (input) => this.#save(tx, input, now)),
    );
  }

  /**
   * Changes some fields of a record; undefined takes one away.
   *
   * @returns the record as it is now
   * @throws DatabaseError `RECORD_NOT_FOUND`; else as {@link save}
   */
  update(id: string, patch: Partial<Input>): Promise<T> {
    const change = ({ kept, old }: Stored<T>) => this.#change("update", kept, old);
    return this.#scope
      .update(change, async (tx, now) => {
        const old = await this.find(tx, id);
        const { updatedAt } = this.#kind;
        const stamped = updatedAt === undefined ? {} : { [updatedAt]: now };
        const { tenantId } = this.#scope;
        const merged = defined({ ...old, ...stamped, ...this.#own(patch), tenantId });
        if ((merged as { id?: unknown }).id !== id) throw idChanged(this.#kind.collection.name, id);
        return { kept: await this.store(tx, merged, old, now), old };
      })
      .then(({ kept }) => kept);
  }

  /** Deletes a record, and what goes with it. @returns whether there was one @throws DatabaseError as {@link save} */
  delete(id: string): Promise<boolean> {
    const change = (old: T | undefined) =>
      old === undefined ? undefined : this.#change("delete", old, undefined);
    return this.#scope
      .update(change, (tx, now) => this.#delete(tx, id, now))
      .then((old) => old !== undefined);
  }

  /** Deletes many records in one commit. @returns how many there were @throws DatabaseError as {@link delete}, `ABORTED` */
  deleteMany(ids: Many<string>, work: WorkOptions = {}): Promise<number> {
    const change = (count: number) => ({
      action: `${this.#kind.noun}.deleteMany`,
      resource: this.#kind.collection.name,
      details: { count },
    });
    return this.#scope.update(change, (tx, now) =>
      forMany(ids, work, async (id) => (await this.#delete(tx, id, now)) !== undefined),
    );
  }

  /** The record with an id. @throws DatabaseError `RECORD_NOT_FOUND` */
  protected async find(tx: Transaction, id: string): Promise<T> {
    const { collection } = this.#kind;
    const found = await collection.in(tx).get([this.#scope.tenantId, id]);
    if (found !== undefined) return found;
    throw new DatabaseError(
      "RECORD_NOT_FOUND",
      `The tenant ${JSON.stringify(this.#scope.tenantId)} has no ${this.#kind.noun} ${show(id)}. Save it first.`,
      { details: { collection: collection.name, key: [this.#scope.tenantId, id] } },
    );
  }

  /** Writes a record, and counts it where it is new. Kinds with rules of their own check them, then call this. */
  protected async store(tx: Transaction, record: object, old: T | undefined, now: Date): Promise<T> {
    const { collection, counted } = this.#kind;
    const { tenantId } = this.#scope;
    const count =
      counted !== undefined && old === undefined ? await reserve(tx, tenantId, counted, now) : undefined;
    const kept = await withinTenant(tenantId, () => collection.in(tx).put(record));
    await count?.();
    return kept;
  }

  /** Takes away what goes with a record that is about to be deleted. */
  protected release(_tx: Transaction, _record: T, _now: Date): Promise<void> {
    return Promise.resolve();
  }

  async #save(tx: Transaction, input: Input, now: Date): Promise<Stored<T>> {
    const { tenantId } = this.#scope;
    const { collection, createdAt, updatedAt } = this.#kind;
    const given = this.#own(input);
    const old = await collection.in(tx).get([tenantId, given.id]);
    const record: Record<string, unknown> = { ...given, tenantId };
    if (createdAt !== undefined) record[createdAt] ??= old?.[createdAt] ?? now;
    if (updatedAt !== undefined) record[updatedAt] ??= now;
    return { kept: await this.store(tx, record, old, now), old };
  }

  async #delete(tx: Transaction, id: string, now: Date): Promise<T | undefined> {
    const { tenantId } = this.#scope;
    const { collection, counted } = this.#kind;
    const old = await collection.in(tx).get([tenantId, id]);
    if (old === undefined) return undefined;
    await this.release(tx, old, now);
    await collection.in(tx).delete([tenantId, id]);
    if (counted !== undefined) await addCount(tx, tenantId, counted, -1, now);
    return old;
  }

  #own<I extends object>(input: I): I {
    return ownCopy(this.#scope.tenantId, input, this.#kind.collection.name);
  }

  #change(verb: string, record: T, old: T | undefined) {
    const fields = old === undefined ? undefined : { fields: changedFields(old, record) };
    return {
      action: `${this.#kind.noun}.${verb}`,
      resource: `${this.#kind.collection.name}/${record.id}`,
      details: fields,
    };
  }
}

/** A record that was written, and the one that it replaced. */
interface Stored<T> {
  readonly kept: T;
  readonly old: T | undefined;
}
