import type { Transaction } from "../../store/transaction.ts";
import { tenants } from "../tenants/tenant-record.ts";
import { apiKeys } from "./api-key-record.ts";

/** Keys written in one commit at the most. */
const BATCH = 256;

/** Runs a transaction that writes. */
interface Writer {
  update(run: (tx: Transaction) => Promise<void>): Promise<void>;
}

/** When a key was used. */
interface Use {
  readonly tenantId: string;
  readonly id: string;
  readonly at: Date;
}

/**
 * Remembers when API keys were used, and writes it now and then: a write with each request would cost more than the
 * request. A key's `lastUsed` lags behind by no more than `every` and the time between two calls of {@link flush}.
 */
export class LastUsed {
  readonly #every: number;
  readonly #isReadOnly: boolean;
  readonly #pending = new Map<string, Use>();
  #flushed: Promise<void> = Promise.resolve();

  /** @param options `every`: at most one write a key in that many milliseconds; `readOnly`: whether nothing is written */
  constructor({ every, readOnly = false }: { readonly every: number; readonly readOnly?: boolean }) {
    this.#every = every;
    this.#isReadOnly = readOnly;
  }

  /** How many keys have a use that is not written yet. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Notes that a key was used. @param known its `lastUsed`, as it was read: then nothing is kept that is not written */
  note(tenantId: string, id: string, at: Date, known?: Date): void {
    if (this.#isReadOnly || this.#isFresh(known, at)) return;
    this.#pending.set(JSON.stringify([tenantId, id]), { tenantId, id, at });
  }

  /**
   * Writes what is pending, in one commit or a few where it is much. Calls run one after another; where one fails, what
   * it did not write stays pending.
   *
   * @throws DatabaseError as `Store.update`
   */
  flush(writer: Writer): Promise<void> {
    const done = this.#flushed.then(() => this.#flush(writer));
    this.#flushed = done.catch(() => undefined);
    return done;
  }

  async #flush(writer: Writer): Promise<void> {
    const keys = Array.from(this.#pending.keys());
    for (let start = 0; start < keys.length; start += BATCH) {
      const batch = this.#take(keys.slice(start, start + BATCH));
      try {
        await writer.update((tx) => this.#write(tx, batch));
      } catch (error) {
        for (const [key, use] of batch) if (!this.#pending.has(key)) this.#pending.set(key, use);
        throw error;
      }
    }
  }

  /** Takes uses out: one that is noted while they are written must not be forgotten. */
  #take(keys: readonly string[]): Map<string, Use> {
    const taken = new Map<string, Use>();
    for (const key of keys) {
      taken.set(key, this.#pending.get(key) as Use);
      this.#pending.delete(key);
    }
    return taken;
  }

  async #write(tx: Transaction, batch: ReadonlyMap<string, Use>): Promise<void> {
    const records = apiKeys.in(tx);
    for (const { tenantId, id, at } of batch.values()) {
      // As for any other write: a tenant that is suspended, or half wiped, stays as it is.
      const tenant = await tenants.in(tx).get(tenantId);
      if (!tenant?.isActive || tenant.busy !== undefined) continue;
      const key = await records.get([tenantId, id]);
      if (key === undefined || this.#isFresh(key.lastUsed, at)) continue;
      await records.put({ ...key, lastUsed: at });
    }
  }

  /** Whether what is written needs no other write for a use. */
  #isFresh(written: Date | undefined, at: Date): boolean {
    return written !== undefined && at.getTime() - written.getTime() < this.#every;
  }
}
