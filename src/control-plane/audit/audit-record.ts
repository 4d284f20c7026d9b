/*
 * The audit trail as it is kept: a chain of entries for each tenant.
 *
 *   hash of entry n = SHA-256( "meshgate-audit-1\n" tenant "\n" n "\n" hash of entry n-1 "\n" canonical entry )
 *
 * in hex, with the tenant as JSON text, n in decimal, and the canonical entry (canonical.ts) without its hash. That of
 * entry 0, which there is not, is 64 zeros. The head, one row a tenant, names the last entry (the head proper), and the
 * last one that retention took away (the anchor): the entries that are there are those between.
 *
 * The chain makes changes evident, it does not prevent them. Whoever can write to the files can make a new chain that is
 * right in itself: against that stand checkpoints, which are signed with a key that the database never holds.
 */
import { createHash, randomUUID } from "node:crypto";
import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import type { Transaction } from "../../store/transaction.ts";
import { anyObject, id, ipAddress, text } from "../common/fields.ts";
import { parse } from "../common/parse.ts";
import { canonicalJson } from "./canonical.ts";

const DOMAIN = "meshgate-audit-1";
const hash = z.string().regex(/^[0-9a-f]{64}$/);
/** The hash that the first entry follows. */
export const GENESIS = "0".repeat(64);

const entry = z.strictObject({
  tenantId: id,
  /** Its place in the chain, from 1 on. */
  sequence: z.int().positive(),
  id,
  userId: z.string().max(512),
  action: z.string().min(1).max(256),
  resource: z.string().max(2048),
  details: anyObject.optional(),
  ipAddress: ipAddress.optional(),
  userAgent: text.optional(),
  timestamp: z.date(),
  success: z.boolean(),
  hash,
});

/** An entry without what its place in the chain adds. */
export const content = entry.omit({ sequence: true, hash: true });

/** Who an entry says has acted. */
export const actor = entry.pick({ userId: true, ipAddress: true, userAgent: true });

/** The collection `audit_logs`. */
export const auditLogs = collection({
  name: "audit_logs",
  schema: entry,
  key: ["tenantId", "sequence"],
  indexes: {
    id: { on: ["tenantId", "id"], unique: true },
    time: { on: ["tenantId", "timestamp"] },
    user: { on: ["tenantId", "userId", "timestamp"] },
    action: { on: ["tenantId", "action", "timestamp"] },
    resource: { on: ["tenantId", "resource", "timestamp"] },
    failure: { on: ["tenantId", "timestamp"], where: (log) => !log.success, version: 1 },
  },
});

export type AuditLog = RecordOf<typeof auditLogs>;

/** What an entry is made from; `id` and `timestamp` are made up where they are not given, `success` is true. */
export type AuditLogInput = Omit<z.input<typeof content>, "tenantId" | "id" | "timestamp" | "success"> & {
  readonly id?: string | undefined;
  readonly timestamp?: Date | undefined;
  readonly success?: boolean | undefined;
};

/** The collection `audit_heads`: where each tenant's chain ends, and where what is left of it begins. */
export const auditHeads = collection({
  name: "audit_heads",
  schema: z.strictObject({
    tenantId: id,
    /** The last entry; 0 where there was none yet. */
    sequence: z.int().nonnegative(),
    hash,
    /** The last entry that retention took away; 0 for none. What is left begins with the next one. */
    anchorSequence: z.int().nonnegative(),
    anchorHash: hash,
  }),
  key: "tenantId",
});

export type AuditHead = RecordOf<typeof auditHeads>;

/** The head of a chain without entries. */
export function emptyHead(tenantId: string): AuditHead {
  return { tenantId, sequence: 0, hash: GENESIS, anchorSequence: 0, anchorHash: GENESIS };
}

/** Where a tenant's chain ends. @throws DatabaseError `DATA_CORRUPT` */
export async function headOf(tx: Transaction, tenantId: string): Promise<AuditHead> {
  return (await auditHeads.in(tx).get(tenantId)) ?? emptyHead(tenantId);
}

/**
 * Adds an entry to the chain, in the commit of what it tells of. Nothing is written where it is refused.
 *
 * @throws DatabaseError `RECORD_INVALID`; `UNIQUE_VIOLATION` for an id that is taken
 */
export async function appendAudit(
  tx: Transaction,
  tenantId: string,
  input: AuditLogInput,
  now: Date,
): Promise<AuditLog> {
  const head = await headOf(tx, tenantId);
  const sequence = head.sequence + 1;
  const { id: given = randomUUID(), timestamp = now, success = true } = input;
  // What is hashed is what the schema makes of the input: that is what will be read back.
  const said = parse(content, { ...input, id: given, timestamp, success, tenantId }, auditLogs.name);
  const unhashed = { ...said, sequence };
  const added = await auditLogs.in(tx).insert({ ...unhashed, hash: hashOf(head.hash, unhashed) });
  await auditHeads.in(tx).put({ ...head, sequence, hash: added.hash });
  return added;
}

/** What a hash is made of: an entry as it is read, or as its row holds it, with its timestamp as text. */
export interface Hashable {
  readonly tenantId: string;
  readonly sequence: number;
  readonly hash?: unknown;
}

/** The hash that an entry must have where it follows one with another. */
export function hashOf(previous: string, { hash: _, ...rest }: Hashable): string {
  return createHash("sha256")
    .update(
      `${DOMAIN}\n${JSON.stringify(rest.tenantId)}\n${rest.sequence}\n${previous}\n${canonicalJson(rest)}`,
    )
    .digest("hex");
}
