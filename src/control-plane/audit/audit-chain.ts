/*
 * How a chain is walked: row by row as they lie in the store, past the collection, which would pass over a row under a
 * wrong key, and show a date however its text is spelled. A view holds one slice; the head that is read in the same
 * view says what retention has taken away since the one before.
 */
import { DatabaseError } from "../../errors.ts";
import type { Key } from "../../keys/encode.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Runner } from "../common/scope.ts";
import { type AuditHead, auditHeads, auditLogs, emptyHead, GENESIS, hashOf } from "./audit-record.ts";

/**
 * What is wrong with a chain.
 *
 * - `altered`: an entry does not have the hash that its content and the one before it make, or cannot be read
 * - `missing`: there is no entry of this sequence, but there are later ones, or the head tells of some
 * - `inserted`: a row lies where no entry can: under a key that is none of the chain's, among those that retention took
 *   away, or behind the last one
 * - `reordered`: under this sequence lies an entry that says it has another
 * - `head`: the row that names the chain's end and its anchor is no such row, or disagrees with the entries
 * - `checkpoint`: the chain is not the one that was signed
 *
 * A change shows where the chain first breaks. An entry put in between with a right hash of its own shows in the next
 * one; so does an edited anchor, unless it is wrong in itself.
 */
export type AuditProblemKind = "altered" | "missing" | "inserted" | "reordered" | "head" | "checkpoint";

/** The first thing that is wrong with a chain. */
export interface AuditProblem {
  readonly kind: AuditProblemKind;
  /** Where in the chain it shows. */
  readonly sequence: number;
  readonly message: string;
}

/** A place in a chain: an entry, and the hash that stands for it and all before it. */
export interface Link {
  readonly sequence: number;
  readonly hash: string;
}

/** A row of the collection `audit_logs`, as it lies in the store. */
type ChainRow = readonly [key: Key, text: string];

/** An error that tells what is wrong with a tenant's chain. */
export function broken(tenantId: string, problem: AuditProblem): DatabaseError {
  return new DatabaseError(
    "DATA_CORRUPT",
    `The audit trail of the tenant ${JSON.stringify(tenantId)} was changed from outside, or is damaged. ${problem.message} Keep the files as evidence, and compare with a backup.`,
    { details: { tenantId, problem } },
  );
}

/** What {@link broken} told. @returns undefined for any other error */
export function problemOf(error: unknown): AuditProblem | undefined {
  if (!(error instanceof DatabaseError) || error.code !== "DATA_CORRUPT") return undefined;
  return error.details?.["problem"] as AuditProblem | undefined;
}

/** The head of a chain, right in itself. @throws DatabaseError `DATA_CORRUPT` */
export async function readHead(tx: Transaction, tenantId: string): Promise<AuditHead> {
  const found = await readRow(tx, tenantId);
  const wrong = found === undefined ? "it cannot be read" : wrongIn(tenantId, found);
  if (found !== undefined && wrong === undefined) return found;
  throw broken(tenantId, {
    kind: "head",
    sequence: found?.sequence ?? 0,
    message: `The head is not as it was written: ${wrong}.`,
  });
}

async function readRow(tx: Transaction, tenantId: string): Promise<AuditHead | undefined> {
  try {
    // Not get(), which may know the row from before it was tampered with.
    const [head] = await auditHeads.in(tx, { validate: true }).getMany([tenantId]);
    return head ?? emptyHead(tenantId);
  } catch (error) {
    if (error instanceof DatabaseError && /^(DATA_CORRUPT|RECORD_INVALID)$/.test(error.code))
      return undefined;
    throw error;
  }
}

function wrongIn(tenantId: string, head: AuditHead): string | undefined {
  const { sequence, anchorSequence } = head;
  if (head.tenantId !== tenantId) return "it is another tenant's";
  if (anchorSequence > sequence) return "the anchor lies behind the last entry";
  if (anchorSequence === 0 && head.anchorHash !== GENESIS)
    return "the anchor is not where a chain that is whole begins";
  if (anchorSequence === sequence && head.anchorHash !== head.hash)
    return "it has no entries, but two different hashes for the last one";
  return undefined;
}

/** The last entry that retention took away. */
export function anchorOf({ anchorSequence, anchorHash }: AuditHead): Link {
  return { sequence: anchorSequence, hash: anchorHash };
}

/** Reads rows in the order of their keys. @param after the key of the row behind which to begin */
export async function readRows(
  tx: Transaction,
  tenantId: string,
  after: Key | undefined,
  limit: number,
): Promise<ChainRow[]> {
  const bucket = await tx.bucket(auditLogs.name, { encoding: "utf8" });
  const rows: ChainRow[] = [];
  if (bucket === undefined) return rows;
  try {
    for await (const row of bucket.range({ prefix: [tenantId], gt: after, limit })) rows.push(row);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== "DATA_CORRUPT") throw error;
    rows.push(UNREADABLE);
  }
  return rows;
}

/** Stands for a row whose key is none that the database writes. */
const UNREADABLE: ChainRow = [null, ""];

/**
 * Goes from one entry to the next.
 *
 * @returns the place of the row's entry, and the entry
 * @throws DatabaseError `DATA_CORRUPT` where the row does not hold the entry that follows
 */
export function follow(tenantId: string, link: Link, [key, text]: ChainRow): Link & { entry: ChainEntry } {
  const sequence = link.sequence + 1;
  const fail = (kind: AuditProblemKind, at: number, message: string) =>
    broken(tenantId, { kind, sequence: at, message });
  const place = placeOf(key);
  if (place === undefined)
    throw fail("inserted", sequence, `Before entry ${sequence} lies a row that is none of the chain's.`);
  if (place < sequence)
    throw fail("inserted", place, `Entry ${place} is there, but the chain begins with ${sequence}.`);
  if (place > sequence)
    throw fail("missing", sequence, `Entry ${sequence} is not there; the next is ${place}.`);
  const entry = entryIn(text);
  if (entry === undefined) throw fail("altered", sequence, `Entry ${sequence} cannot be read.`);
  if (entry.sequence !== sequence && Number.isSafeInteger(entry.sequence))
    throw fail("reordered", sequence, `Entry ${entry.sequence} lies in the place of ${sequence}.`);
  const isIn = entry.sequence === sequence && entry.tenantId === tenantId;
  if (!isIn || typeof entry.hash !== "string" || entry.hash !== hashIn(link, entry))
    throw fail(
      "altered",
      sequence,
      `Entry ${sequence} is not as it was written, or the one before it is not.`,
    );
  return { sequence, hash: entry.hash, entry };
}

/** An entry as its row holds it. Before its hash was compared, it can be anything. */
export interface ChainEntry {
  readonly tenantId: string;
  readonly sequence: number;
  readonly hash: string;
  readonly timestamp: string;
}

function entryIn(text: string): ChainEntry | undefined {
  try {
    const entry: unknown = JSON.parse(text);
    return typeof entry === "object" && entry !== null ? (entry as ChainEntry) : undefined;
  } catch {
    return undefined;
  }
}

/** @returns undefined for what is nested too deep to be an entry */
function hashIn({ hash }: Link, entry: ChainEntry): string | undefined {
  try {
    return hashOf(hash, entry);
  } catch {
    return undefined;
  }
}

/** The sequence that a row's key has; undefined for a key that no entry has. */
export function placeOf(key: Key): number | undefined {
  if (!Array.isArray(key) || key.length !== 2) return undefined;
  return Number.isSafeInteger(key[1]) ? (key[1] as number) : undefined;
}

/** Entries a view: few enough that none lasts. */
const SLICE = 256;

/** Entries that were walked, one after another; none where it passes over what retention took away meanwhile. */
export interface WalkedSlice {
  /** Where the slice begins: behind this place. */
  readonly link: Link;
  readonly entries: readonly (Link & { readonly entry: ChainEntry })[];
}

/**
 * Walks a chain from its anchor to the end that it had when the walk began, beside writers.
 *
 * @throws DatabaseError `DATA_CORRUPT` where it breaks
 */
export async function* walkChain(
  runner: Runner,
  tenantId: string,
  end: AuditHead,
): AsyncGenerator<WalkedSlice> {
  let link = anchorOf(end);
  let after: Key | undefined;
  while (link.sequence < end.sequence) {
    const { anchor, rows } = await runner.view(async (tx) => ({
      anchor: anchorOf(await readHead(tx, tenantId)),
      rows: await readRows(tx, tenantId, after, Math.min(SLICE, end.sequence - link.sequence)),
    }));
    if (anchor.sequence > link.sequence) link = anchor;
    const slice: { link: Link; entries: (Link & { entry: ChainEntry })[] } = { link, entries: [] };
    if (rows.length === 0 && link.sequence < end.sequence) throw brokenOff(tenantId, link, end);
    for (const row of rows) {
      if (link.sequence >= end.sequence) break;
      const next = follow(tenantId, link, row);
      slice.entries.push(next);
      link = next;
    }
    after = rows.at(-1)?.[0];
    yield slice;
  }
  if (link.sequence === end.sequence && link.hash !== end.hash)
    throw broken(tenantId, {
      kind: "head",
      sequence: end.sequence,
      message: `The head's hash of entry ${end.sequence} is not that of the entry.`,
    });
}

/** An error for entries that end before the head says so. */
function brokenOff(tenantId: string, { sequence, hash }: Link, end: AuditHead): DatabaseError {
  return hash === end.hash
    ? broken(tenantId, {
        kind: "head",
        sequence: end.sequence,
        message: `The head says that the last entry is ${end.sequence}, with the hash of entry ${sequence}.`,
      })
    : broken(tenantId, {
        kind: "missing",
        sequence: sequence + 1,
        message: `Entry ${sequence + 1} is not there, nor any up to ${end.sequence}, the last one that the head tells of.`,
      });
}
