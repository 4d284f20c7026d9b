import { DatabaseError } from "../../errors.ts";
import { checkOptions, isArray, mapKeys, show } from "../../store/options.ts";
import { checkWork, report, type WorkOptions } from "../../store/progress.ts";
import type { Runner } from "../common/scope.ts";
import {
  type AuditProblem,
  type AuditProblemKind,
  anchorOf,
  broken,
  follow,
  type Link,
  problemOf,
  readHead,
  readRows,
  walkChain,
} from "./audit-chain.ts";
import type { AuditHead } from "./audit-record.ts";
import { type Checkpoint, type PublicKey, publicKeyOf, verifyCheckpoint } from "./checkpoints.ts";

/** Options of `audit.verify()`. */
export interface VerifyAuditOptions extends WorkOptions {
  /** Checkpoints of this chain that were kept elsewhere. */
  readonly checkpoints?: readonly Checkpoint[] | undefined;
  /** The key that they were signed for. */
  readonly publicKey?: PublicKey | undefined;
}

/** What `audit.verify()` found. */
export type AuditReport = AuditSound | AuditBroken;

/** A chain that is as it was written, as far as it and the checkpoints can tell. */
export interface AuditSound {
  readonly ok: true;
  /** How many entries were looked at. */
  readonly entries: number;
  /** The first sequence that retention has left, and the last one; `to` is one less than `from` where there are none. */
  readonly from: number;
  readonly to: number;
  /** The chain's end, when the walk began. */
  readonly head: AuditHead;
  /** How many checkpoints agree with the chain. */
  readonly compared: number;
  /** Sequences of checkpoints that say nothing any more: retention has taken away the entries that they stand for. */
  readonly uncompared: readonly number[];
}

/** A chain that was changed. */
export interface AuditBroken {
  readonly ok: false;
  /** The first thing that is wrong. */
  readonly problem: AuditProblem;
}

/** Verifies a chain: see `AuditTrail.verify`. */
export async function verifyAudit(
  runner: Runner,
  tenantId: string,
  options: VerifyAuditOptions = {},
): Promise<AuditReport> {
  checkOptions(options, ["checkpoints", "publicKey", "signal", "onProgress"], "audit.verify()");
  const { checkpoints = [], publicKey, signal, onProgress } = options;
  const work = { signal, onProgress };
  checkWork(work, "audit.verify()");
  if (!isArray(checkpoints))
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option checkpoints is ${show(checkpoints)}. Pass an array of checkpoints.`,
    );
  const key = checkpoints.length === 0 ? undefined : publicKeyOf(publicKey);
  const comparison = new Comparison(
    tenantId,
    mapKeys(checkpoints, "The option checkpoints", (each) => verifyCheckpoint(each, key, tenantId)),
  );
  try {
    return await walk(runner, tenantId, comparison, work);
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    return { ok: false, problem };
  }
}

async function walk(
  runner: Runner,
  tenantId: string,
  comparison: Comparison,
  work: WorkOptions,
): Promise<AuditReport> {
  // What lies behind the last entry is looked at now: later, other writers will have appended theirs.
  const { head, behind } = await runner.view(async (tx) => {
    const found = await readHead(tx, tenantId);
    // A chain without entries has no rows at all, and will not be walked.
    const last = found.sequence === found.anchorSequence ? undefined : [tenantId, found.sequence];
    return { head: found, behind: await readRows(tx, tenantId, last, 1) };
  });
  const from = head.anchorSequence + 1;
  const last = { sequence: head.sequence, hash: head.hash };
  let entries = 0;
  report(work, entries, head.sequence - head.anchorSequence);
  comparison.compare(anchorOf(head));
  for await (const slice of walkChain(runner, tenantId, head)) {
    // Where retention went past the walk, this is the new anchor.
    comparison.compare(slice.link);
    for (const link of slice.entries) comparison.compare(link);
    entries += slice.entries.length;
    report(work, entries, head.sequence - head.anchorSequence);
  }
  for (const row of behind) refuseBehind(tenantId, last, row);
  comparison.refuseBeyond(last);
  return { ok: true, entries, from, to: head.sequence, head, ...comparison.result() };
}

/** @throws DatabaseError `DATA_CORRUPT`, always: there must be no row there */
function refuseBehind(tenantId: string, last: Link, row: Parameters<typeof follow>[2]): never {
  const sequence = last.sequence + 1;
  const fail = (kind: AuditProblemKind, message: string) => broken(tenantId, { kind, sequence, message });
  if (last.sequence === 0) throw fail("head", "There are entries, but no head that tells of them.");
  try {
    follow(tenantId, last, row);
  } catch (error) {
    if ((problemOf(error)?.sequence ?? 0) < sequence) throw error;
    throw fail("inserted", `Behind the last entry, ${last.sequence}, lies a row.`);
  }
  throw fail("head", `Entry ${sequence} follows the one that the head says is the last.`);
}

/** Compares a chain with checkpoints of it. */
class Comparison {
  readonly #tenantId: string;
  readonly #left: Map<number, Checkpoint[]>;
  #compared = 0;

  constructor(tenantId: string, checkpoints: readonly Checkpoint[]) {
    this.#tenantId = tenantId;
    this.#left = new Map();
    for (const each of checkpoints)
      this.#left.set(each.sequence, [...(this.#left.get(each.sequence) ?? []), each]);
  }

  /** Compares a place in the chain. @throws DatabaseError `DATA_CORRUPT` */
  compare({ sequence, hash }: Link): void {
    const found = this.#left.get(sequence);
    if (found === undefined) return;
    for (const checkpoint of found) {
      if (checkpoint.hash === hash) continue;
      const message = `Entry ${sequence} does not have the hash that was signed on ${checkpoint.at}.`;
      throw broken(this.#tenantId, { kind: "checkpoint", sequence, message });
    }
    this.#left.delete(sequence);
    this.#compared += found.length;
  }

  /** @throws DatabaseError `DATA_CORRUPT` where the chain ends before a checkpoint */
  refuseBeyond(last: Link): void {
    const beyond = Math.min(...Array.from(this.#left.keys()).filter((sequence) => sequence > last.sequence));
    if (beyond === Number.POSITIVE_INFINITY) return;
    const message = `The chain ends with entry ${last.sequence}, but there is a checkpoint of entry ${beyond}.`;
    throw broken(this.#tenantId, { kind: "checkpoint", sequence: last.sequence + 1, message });
  }

  result(): { readonly compared: number; readonly uncompared: readonly number[] } {
    return { compared: this.#compared, uncompared: Array.from(this.#left.keys()).sort((a, b) => a - b) };
  }
}
