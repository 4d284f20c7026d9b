/** A tenant's audit trail as rows of the engine, past the database: what an intruder with the files would change. */
import { type Database, DatabaseManager, encodeKey, type Key } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { hashOf } from "../../../src/control-plane/audit/audit-record.ts";
import type { Clock } from "../databases.ts";

/** An entry as its row holds it, however damaged. */
export type RawEntry = Record<string, unknown> & { sequence: number; hash: string };

/** The head as its row holds it. */
export type RawHead = Record<string, unknown> & {
  sequence: number;
  hash: string;
  anchorSequence: number;
  anchorHash: string;
};

export const GENESIS = "0".repeat(64);

/** A chain's rows: texts by encoded key, and the head's text. */
export interface RawChain {
  readonly rows: Map<string, string>;
  head: string | undefined;
}

/** A database in memory, whose rows can be changed while it is open. */
export interface RawDatabase {
  readonly db: Database;
  read(tenantId: string): Promise<RawChain>;
  /** Makes a tenant's rows these. */
  write(tenantId: string, chain: RawChain): Promise<void>;
}

const LOGS = "!audit_logs!";
const HEADS = "!audit_heads!";

export async function openRaw(clock: Clock): Promise<RawDatabase> {
  const level = new MemoryLevel<string, string>();
  await level.open();
  const db = await DatabaseManager.open(level, { now: clock.now, retention: false });
  const read = async (tenantId: string): Promise<RawChain> => {
    const under = LOGS + encodeKey([tenantId]).slice(0, -1);
    const found = await level.iterator({ gte: `${under}!`, lt: `${under}#` }).all();
    const rows = new Map(found.map(([key, text]) => [key.slice(LOGS.length), text]));
    return { rows, head: await level.get(HEADS + encodeKey(tenantId)) };
  };
  return {
    db,
    read,
    write: async (tenantId, chain) => {
      const before = await read(tenantId);
      const headKey = HEADS + encodeKey(tenantId);
      const changes = level.batch();
      for (const key of before.rows.keys()) if (!chain.rows.has(key)) changes.del(LOGS + key);
      for (const [key, text] of chain.rows) if (before.rows.get(key) !== text) changes.put(LOGS + key, text);
      if (chain.head === undefined) changes.del(headKey);
      else changes.put(headKey, chain.head);
      await changes.write();
      // The store keeps its snapshot until something is committed.
      await db.store.update(async (tx) => {
        const bucket = await tx.createBucketIfNotExists("test");
        await bucket.put("writes", await bucket.nextSequence());
      });
    },
  };
}

/** The encoded key of an entry's row. */
export function placed(tenantId: string, ...rest: Key[]): string {
  return encodeKey([tenantId, ...rest]);
}

/** The entries of a chain in order. */
export function entriesOf({ rows }: RawChain): RawEntry[] {
  return Array.from(rows.values(), (text) => JSON.parse(text) as RawEntry);
}

export function headOf({ head }: RawChain): RawHead {
  return JSON.parse(head ?? "") as RawHead;
}

/** A chain of these entries, each under the key that its place in the list makes it. */
export function chainOf(tenantId: string, entries: readonly RawEntry[], head: RawHead): RawChain {
  const from = head.anchorSequence + 1;
  const rows = entries.map((entry, i): [string, string] => [
    placed(tenantId, from + i),
    JSON.stringify(entry),
  ]);
  return { rows: new Map(rows), head: JSON.stringify(head) };
}

/** The same entries, numbered and hashed anew: a chain that is right in itself, and its head. */
export function linked(
  entries: readonly RawEntry[],
  head: RawHead,
): { readonly entries: RawEntry[]; readonly head: RawHead } {
  let { anchorSequence: sequence, anchorHash: hash } = head;
  const anew = entries.map((entry): RawEntry => {
    sequence++;
    const numbered = { ...entry, sequence };
    hash = rehash(hash, numbered);
    return { ...numbered, hash };
  });
  return { entries: anew, head: { ...head, sequence, hash } };
}

/** The hash that an entry should have. */
export function rehash(previous: string, entry: RawEntry): string {
  return hashOf(previous, entry as never);
}
