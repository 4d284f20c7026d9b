/** Writes some of a file's content in one commit. */
import { recordInvalid } from "../../collections/schema.ts";
import type { DatabaseError } from "../../errors.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Draft } from "./go-json.ts";
import type { GoKind } from "./go-kind.ts";
import { draftOfRow } from "./go-kinds.ts";
import { type GoRow, type HeldRow, heldId, hold, isRefusal, isSameRow, quarantined } from "./held-record.ts";
import type { Item } from "./items.ts";
import { KeptRows } from "./kept-rows.ts";
import { Landing, type Outcome } from "./landing.ts";

/** What the commits of an import share. */
export interface BatchContext {
  readonly kind: GoKind | undefined;
  /** Whose records are that name no tenant. */
  readonly tenantId: string;
  readonly now: Date;
  /** Whether an earlier import held anything. */
  readonly hasHeld: boolean;
}

/** A row that went to quarantine, or was there already. */
export interface HeldReport {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

/** What became of the rows of a commit. */
export interface BatchReport {
  readonly counts: Record<Outcome | "quarantined", number>;
  readonly held: readonly HeldReport[];
  readonly tenantsMade: readonly string[];
}

/** @throws DatabaseError what is not about a record: then nothing of the batch is to be committed */
export async function landBatch(
  tx: Transaction,
  items: readonly Item[],
  context: BatchContext,
): Promise<BatchReport> {
  const batch = new Batch(tx, context);
  for (const item of items) await batch.land(item);
  return batch.finish();
}

class Batch {
  readonly #tx: Transaction;
  readonly #context: BatchContext;
  readonly #landing: Landing;
  readonly #kept: KeptRows;
  readonly #counts = { imported: 0, present: 0, expired: 0, quarantined: 0 };
  readonly #held: HeldReport[] = [];

  constructor(tx: Transaction, context: BatchContext) {
    this.#tx = tx;
    this.#context = context;
    this.#landing = new Landing(tx, context.now);
    this.#kept = new KeptRows(tx);
  }

  async land(item: Item): Promise<void> {
    const held = this.#context.hasHeld ? await quarantined.in(this.#tx).get(heldId(item.row)) : undefined;
    const isKnown = held !== undefined && isSameRow(held, item.row);
    const outcome = isKnown ? this.#settled(held) : await this.#write(item);
    if (held?.status === "held" && outcome !== "quarantined")
      // The file has it mended.
      await quarantined.in(this.#tx).put({ ...held, status: "released", settledAt: this.#context.now });
    // A bucket is no row.
    if (outcome !== undefined && item.what !== "bucket") this.#counts[outcome]++;
  }

  async finish(): Promise<BatchReport> {
    await this.#landing.finish();
    return { counts: this.#counts, held: this.#held, tenantsMade: this.#landing.tenantsMade };
  }

  /** What became of a row that an earlier import held, and that is as it was. */
  #settled({ id, bucket, key, code, message, status }: HeldRow): "present" | "quarantined" {
    if (status !== "held") return "present";
    this.#held.push({ id, bucket, key, code, message });
    return "quarantined";
  }

  async #write(item: Item): Promise<Outcome | "quarantined" | undefined> {
    if (item.what === "record") return this.#writeRecord(item.row);
    const { bucket, row } = item;
    try {
      if (item.what === "row") return await this.#kept.add(bucket, row);
      await this.#kept.make(bucket, item.sequence);
      return undefined;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.#hold(row, error, undefined);
    }
  }

  async #writeRecord(row: GoRow): Promise<Outcome | "quarantined"> {
    const kind = this.#context.kind as GoKind;
    let draft: Draft = {};
    try {
      const drafted = draftOfRow(kind, row, this.#context);
      draft = drafted.draft;
      if (drafted.issues.length > 0) throw recordInvalid(kind.bucket, draft["id"], drafted.issues);
      return await kind.write(this.#landing, draft);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return this.#hold(
        row,
        error,
        draft[kind.keyField === "id" && kind.owner === undefined ? "id" : "tenantId"],
      );
    }
  }

  async #hold(row: GoRow, error: DatabaseError, owner: unknown): Promise<"quarantined"> {
    const { tenantId, now } = this.#context;
    const { id, bucket, key, code, message } = await hold(this.#tx, row, error, { tenantId, owner, now });
    this.#held.push({ id, bucket, key, code, message });
    return "quarantined";
  }
}
