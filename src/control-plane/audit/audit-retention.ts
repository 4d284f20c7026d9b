import { checkDate } from "../../store/options.ts";
import { checkWork, report, type WorkOptions } from "../../store/progress.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Runner } from "../common/scope.ts";
import { anchorOf, follow, type Link, readHead, readRows, walkChain } from "./audit-chain.ts";
import { auditHeads, auditLogs } from "./audit-record.ts";

/** Entries a commit: few enough that other writers hardly wait. */
const BATCH = 200;

/**
 * Deletes the oldest entries of a tenant's chain: up to, but without, the first that is stamped at or after a time. What
 * is left still verifies, from the anchor that takes their place. The last entry may go as well: the head stays, and
 * what is appended later follows its hash. To keep one would be to keep what was to be deleted.
 *
 * First all that is to go is verified; where it is not as it was written, none of it goes: it is evidence.
 *
 * @param before what is older goes
 * @param work progress is told in entries; an abort keeps what was deleted
 * @returns how many entries
 * @throws DatabaseError `DATA_CORRUPT` with `details` { tenantId, problem } for a chain that does not verify,
 * `OPTION_INVALID`, `ABORTED`
 */
export async function pruneAudit(
  runner: Runner,
  tenantId: string,
  before: Date,
  work: WorkOptions = {},
): Promise<number> {
  checkWork(work, "pruneAudit()");
  checkDate(before, "The time before which entries are deleted");
  const last = await lastBefore(runner, tenantId, before.getTime(), work);
  let deleted = 0;
  for (let batch = BATCH; batch === BATCH; ) {
    batch = await runner.update((tx) => deleteSome(tx, tenantId, last, before.getTime()));
    deleted += batch;
    report(work, deleted);
  }
  return deleted;
}

/** Verifies the entries that are older than a time. @returns the sequence of the last of them */
async function lastBefore(
  runner: Runner,
  tenantId: string,
  before: number,
  work: WorkOptions,
): Promise<number> {
  const head = await runner.view((tx) => readHead(tx, tenantId));
  let last = head.anchorSequence;
  for await (const { entries } of walkChain(runner, tenantId, head)) {
    report(work, 0);
    for (const { sequence, entry } of entries) {
      if (!(Date.parse(entry.timestamp) < before)) return last;
      last = sequence;
    }
  }
  return last;
}

/**
 * Deletes the first entries up to one. They are verified in the commit that moves the anchor behind them. Their time is
 * looked at again: the tenant may have been wiped meanwhile, and have begun another chain.
 */
async function deleteSome(tx: Transaction, tenantId: string, last: number, before: number): Promise<number> {
  const head = await readHead(tx, tenantId);
  const anchor = anchorOf(head);
  const wanted = Math.min(BATCH, last - anchor.sequence);
  if (wanted <= 0) return 0;
  let link: Link = anchor;
  for (const row of await readRows(tx, tenantId, undefined, wanted)) {
    const next = follow(tenantId, link, row);
    if (!(Date.parse(next.entry.timestamp) < before)) break;
    link = next;
  }
  const records = auditLogs.in(tx);
  for (let sequence = anchor.sequence + 1; sequence <= link.sequence; sequence++)
    await records.delete([tenantId, sequence]);
  await auditHeads.in(tx).put({ ...head, anchorSequence: link.sequence, anchorHash: link.hash });
  return link.sequence - anchor.sequence;
}
