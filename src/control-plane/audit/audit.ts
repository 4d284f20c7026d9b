import { forMany, type Many } from "../../collections/bulk.ts";
import type { Page } from "../../collections/pages.ts";
import { checkBoolean, checkDate } from "../../store/options.ts";
import type { WorkOptions } from "../../store/progress.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import { ownCopy } from "../common/record-rules.ts";
import type { Scope } from "../common/scope.ts";
import { readHead } from "./audit-chain.ts";
import {
  type AuditHead,
  type AuditLog,
  type AuditLogInput,
  appendAudit,
  auditLogs,
  headOf,
} from "./audit-record.ts";
import { type AuditReport, type VerifyAuditOptions, verifyAudit } from "./audit-verify.ts";
import {
  type Checkpoint,
  type PrivateKey,
  type PublicKey,
  signCheckpoint,
  verifyCheckpoint,
} from "./checkpoints.ts";

/** An entry as callers pass it: its tenant is that of the handle. */
export type AuditEntry = AuditLogInput & { readonly tenantId?: string | undefined };

/** Which entries {@link AuditTrail.list} gives: those that meet all conditions. */
export interface AuditListOptions extends ListOptions {
  /** Stamped at or after this time. */
  readonly from?: Date | undefined;
  /** Stamped before this time. */
  readonly to?: Date | undefined;
  readonly userId?: string | undefined;
  readonly action?: string | undefined;
  readonly resource?: string | undefined;
  readonly success?: boolean | undefined;
  /** Whether the oldest come first; the newest do by default. */
  readonly oldestFirst?: boolean | undefined;
}

const FILTERS = ["from", "to", "userId", "action", "resource", "success", "oldestFirst"];

/**
 * A tenant's audit trail: entries in a chain, each with a hash that stands for all before it. Tamper-evident: entries
 * cannot be changed through the database, and {@link verify} finds what was changed past it.
 */
export class AuditTrail {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /**
   * Appends an entry. Operations of a handle with an actor do so themselves: this is for what happens elsewhere, such
   * as a login.
   *
   * @param entry `id` and `timestamp` are made up where they are not given, `success` is true
   * @returns the entry as it is kept
   * @throws DatabaseError `RECORD_INVALID` with `details.issues`, `UNIQUE_VIOLATION` for an id that is taken,
   * `TENANT_MISMATCH`, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`
   */
  append(entry: AuditEntry): Promise<AuditLog> {
    const { tenantId } = this.#scope;
    return this.#scope.updateUnlogged((tx, now) => {
      const given = ownCopy(tenantId, entry, auditLogs.name);
      return appendAudit(tx, tenantId, given, now);
    });
  }

  /**
   * Appends many entries in one commit. @returns how many
   *
   * @throws DatabaseError as {@link append}, and then none is written, unless the caller's own transaction goes on;
   * `ABORTED`
   */
  appendMany(entries: Many<AuditEntry>, work: WorkOptions = {}): Promise<number> {
    const { tenantId } = this.#scope;
    return this.#scope.updateUnlogged((tx, now) =>
      forMany(entries, work, (entry) => {
        const given = ownCopy(tenantId, entry, auditLogs.name);
        return appendAudit(tx, tenantId, given, now);
      }),
    );
  }

  /** Reads an entry. @returns undefined where the tenant has none with this id */
  async get(id: string): Promise<AuditLog | undefined> {
    return this.#scope.view((tx) => auditLogs.in(tx).by("id").get([this.#scope.tenantId, id]));
  }

  /**
   * The entries that meet all conditions, the newest first, in pages. Those of one time come in the order of the chain.
   * Cost: one range of an index, by resource, user, action, failure or time, and a read of each entry; other conditions
   * pass over entries of that range.
   *
   * @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID`
   */
  async list(options: AuditListOptions = {}): Promise<Page<AuditLog>> {
    checkList(options, FILTERS, "audit.list()");
    const { from, to, userId, action, resource, success, oldestFirst, ...page } = options;
    if (from !== undefined) checkDate(from, "The option from");
    if (to !== undefined) checkDate(to, "The option to");
    checkBoolean(oldestFirst, "The option oldestFirst");
    checkBoolean(success, "The option success");
    const where = (log: AuditLog) =>
      (userId === undefined || log.userId === userId) &&
      (action === undefined || log.action === action) &&
      (resource === undefined || log.resource === resource) &&
      (success === undefined || log.success === success);
    const { index, lead } = indexFor(this.#scope.tenantId, options);
    const gte = from === undefined ? undefined : ([...lead, from] as const);
    const lt = to === undefined ? undefined : ([...lead, to] as const);
    const bounds = { prefix: lead, gte, lt, reverse: oldestFirst !== true };
    // All of these indexes have a field or two, and then the time.
    return this.#scope.view((tx) => pageOf(auditLogs.in(tx).by(index), bounds as never, page, where));
  }

  /** How many entries there are, as the head has it: those that retention took away do not count. */
  async count(): Promise<number> {
    const { sequence, anchorSequence } = await this.head();
    return sequence - anchorSequence;
  }

  /** The chain's end: the sequence and hash of its last entry, and of the last that retention took away. */
  head(): Promise<AuditHead> {
    const { tenantId } = this.#scope;
    return this.#scope.view((tx) => headOf(tx, tenantId));
  }

  /**
   * Looks whether the chain is as it was written: finds the first entry that was altered, removed, inserted or moved.
   * A chain that was cut at its end, or made anew from some entry on, is right in itself: that shows against
   * checkpoints alone. It goes in bounded slices beside writers; what they append after it began is not looked at. Run
   * outside of a transaction: within one, checkpoints that are newer than it show as a chain that was cut.
   *
   * @param options `checkpoints` of this chain, with the `publicKey` that belongs to them; progress is told in entries
   * @throws DatabaseError `CHECKPOINT_INVALID` for a checkpoint that is none, or another tenant's, `OPTION_INVALID`,
   * `ABORTED`
   */
  verify(options: VerifyAuditOptions = {}): Promise<AuditReport> {
    return verifyAudit(this.#scope.runner, this.#scope.tenantId, options);
  }

  /**
   * Signs how the chain stands. To be kept where who can write to the database's files cannot, and passed to
   * {@link verify} later. It signs what there is: {@link verify} first.
   *
   * @param privateKey an Ed25519 key, as KeyObject or PEM; it is used and forgotten
   * @throws DatabaseError `OPTION_INVALID` for another key, `DATA_CORRUPT` for a head that was changed
   */
  checkpoint(privateKey: PrivateKey): Promise<Checkpoint> {
    const { tenantId, settings } = this.#scope;
    return this.#scope.view(async (tx) =>
      signCheckpoint(await readHead(tx, tenantId), settings.now(), privateKey),
    );
  }

  /**
   * Checks that a checkpoint is one of this tenant, as it was signed. Whether the chain agrees, {@link verify} tells.
   *
   * @returns the checkpoint
   * @throws DatabaseError `CHECKPOINT_INVALID`, `OPTION_INVALID`
   */
  verifyCheckpoint(checkpoint: unknown, publicKey: PublicKey): Checkpoint {
    return verifyCheckpoint(checkpoint, publicKey, this.#scope.tenantId);
  }
}

type ListIndex = "resource" | "user" | "action" | "failure" | "time";

/** The index that leaves the fewest entries to be passed over. */
function indexFor(
  tenantId: string,
  { userId, action, resource, success }: AuditListOptions,
): { readonly index: ListIndex; readonly lead: readonly string[] } {
  if (resource !== undefined) return { index: "resource", lead: [tenantId, resource] };
  if (userId !== undefined) return { index: "user", lead: [tenantId, userId] };
  if (success === false) return { index: "failure", lead: [tenantId] };
  if (action !== undefined) return { index: "action", lead: [tenantId, action] };
  return { index: "time", lead: [tenantId] };
}
