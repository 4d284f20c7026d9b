import type { Collection } from "../../collections/collection.ts";
import { DatabaseError } from "../../errors.ts";
import type { Transaction } from "../../store/transaction.ts";
import { SnapshotWriter } from "../metrics/snapshot-writer.ts";
import { addCount, type Counted } from "../tenants/quota-record.ts";
import { createTenant, GLOBAL, refuseInactive, tenants } from "../tenants/tenant-record.ts";
import type { Draft } from "./go-json.ts";

/** What became of a record: "present" is one that was there already, "expired" one that retention has taken away. */
export type Outcome = "imported" | "present" | "expired";

/** Where the records of one commit land: what they need besides themselves, and what they add up to. */
export class Landing {
  readonly tx: Transaction;
  readonly now: Date;
  /** Tenants that were made because a record named them. */
  readonly tenantsMade: string[] = [];
  readonly #counts = new Map<string, Map<Counted, number>>();
  readonly #writers = new Map<string, SnapshotWriter>();
  /** Tenants that are known to be there. */
  readonly #known = new Set<string>();

  constructor(tx: Transaction, now: Date) {
    this.tx = tx;
    this.now = now;
  }

  /**
   * Adds a record of a tenant, who is made where there is none.
   *
   * @param options `counted`: the quota that it takes up, whose limit is not asked, as what is imported is there
   * already; `check`: what else must hold for a record that is not there yet
   * @throws DatabaseError where it does not fit; then nothing is written
   */
  async insert(
    collection: Collection,
    record: Draft,
    { counted, check }: { counted?: Counted | undefined; check?: () => Promise<void> } = {},
  ): Promise<Outcome> {
    const { tenantId, id } = record as { tenantId: string; id: string };
    if (check !== undefined) {
      if (await collection.in(this.tx).has([tenantId, id])) return "present";
      await check();
    }
    try {
      await collection.in(this.tx).insert(record);
    } catch (error) {
      if (error instanceof DatabaseError && error.code === "RECORD_EXISTS") return "present";
      throw error;
    }
    // What was inserted has a tenant that can be one.
    if (tenantId !== GLOBAL) await this.requireTenant(tenantId);
    if (counted !== undefined) this.#count(tenantId, counted);
    return "imported";
  }

  /**
   * Makes a tenant, bare, where there is none.
   *
   * @throws DatabaseError `TENANT_BUSY` for one that is being wiped, or imported otherwise: then nothing is to be
   * committed; `RECORD_INVALID` for what can be no tenant
   */
  async requireTenant(id: string): Promise<void> {
    if (this.#known.has(id)) return;
    const found = await tenants.in(this.tx).get(id);
    if (found === undefined) {
      await createTenant(this.tx, { id, name: id }, this.now);
      this.tenantsMade.push(id);
    } else refuseInactive(found, id, true);
    this.#known.add(id);
  }

  /** The writer of a tenant's snapshots, as many series as they may have. */
  snapshots(tenantId: string): SnapshotWriter {
    const writer =
      this.#writers.get(tenantId) ?? new SnapshotWriter(this.tx, tenantId, Number.POSITIVE_INFINITY);
    this.#writers.set(tenantId, writer);
    return writer;
  }

  /** Counts what was added in the quotas. To be called last in the commit. */
  async finish(): Promise<void> {
    for (const [tenantId, counts] of this.#counts)
      for (const [counted, added] of counts) await addCount(this.tx, tenantId, counted, added, this.now);
  }

  #count(tenantId: string, counted: Counted): void {
    const counts = this.#counts.get(tenantId) ?? new Map<Counted, number>();
    counts.set(counted, (counts.get(counted) ?? 0) + 1);
    this.#counts.set(tenantId, counts);
  }
}
