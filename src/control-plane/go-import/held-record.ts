/**
 * Rows of a Go file that do not fit, as they are kept until somebody mends them, in the collection `quarantine`:
 *
 *   id = { name "/" } key        each with its bytes but A-Z a-z 0-9 - . _ ~ : @ written %XX
 *
 * The names are those of the buckets from the top. An id of more than 512 characters is cut, and ends in "~" and the
 * SHA-256 of the whole.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { decodeText } from "../../bolt-import/text.ts";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { DatabaseError } from "../../errors.ts";
import type { Transaction } from "../../store/transaction.ts";
import { id } from "../common/fields.ts";

const encoding = z.enum(["utf8", "base64"]);
const status = z.enum(["held", "released", "discarded"]);

const entry = z.strictObject({
  id: z.string(),
  /** The names of its buckets from the top, joined with "/". */
  bucket: z.string(),
  key: z.string(),
  /** Whether the key is text, or bytes that are none. */
  keyEncoding: encoding,
  /** As it stood in the file. */
  value: z.string(),
  valueEncoding: encoding,
  /** Whose records are that name no tenant. */
  tenantId: z.string(),
  /** The tenant that it names, or would have got: it goes with that. */
  owner: z.string().optional(),
  /** Why it does not fit: the error that it met. */
  code: z.string(),
  message: z.string(),
  heldAt: z.date(),
  status: status.default("held"),
  /** When it was released or discarded. */
  settledAt: z.date().optional(),
});

/** The collection `quarantine`. What was released or discarded stays, so that a further import knows of it. */
export const quarantined = collection({
  name: "quarantine",
  schema: entry,
  key: "id",
  indexes: { status: { on: ["status", "bucket"] }, owner: { on: "owner" } },
});

export type HeldRow = RecordOf<typeof quarantined>;
export type HeldStatus = HeldRow["status"];

/** A row of a bbolt file, and where it stands. */
export interface GoRow {
  /** The names of its buckets from the top. */
  readonly path: readonly Uint8Array[];
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Characters that an id has at the most: it is a key. */
const MAX_ID = 512;
const PLAIN = /^[A-Za-z0-9\-._~:@]+$/;

/** The id under which a row is held. */
export function heldId({ path, key }: Pick<GoRow, "path" | "key">): string {
  const id = [...path, key].map(escapePart).join("/");
  if (id.length <= MAX_ID) return id;
  const hash = createHash("sha256").update(id).digest("hex");
  return `${id.slice(0, MAX_ID - hash.length - 1)}~${hash}`;
}

function escapePart(bytes: Uint8Array): string {
  const latin = Buffer.from(bytes).toString("latin1");
  if (PLAIN.test(latin)) return latin;
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return PLAIN.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

/** Keeps a row that does not fit. @returns it as it is kept */
export async function hold(
  tx: Transaction,
  row: GoRow,
  error: DatabaseError,
  { tenantId, owner, now }: { readonly tenantId: string; readonly owner: unknown; readonly now: Date },
): Promise<HeldRow> {
  const [key, keyEncoding] = spelled(row.key);
  const [value, valueEncoding] = spelled(row.value);
  const { code, message } = error;
  const bucket = row.path.map((name) => spelled(name)[0]).join("/");
  return quarantined.in(tx).put({
    id: heldId(row),
    bucket,
    key,
    keyEncoding,
    value,
    valueEncoding,
    tenantId,
    ...(id.safeParse(owner).success ? { owner: owner as string } : {}),
    code,
    message,
    heldAt: now,
  });
}

function spelled(bytes: Uint8Array): [text: string, encoding: "utf8" | "base64"] {
  const text = decodeText(bytes);
  return text === undefined ? [Buffer.from(bytes).toString("base64"), "base64"] : [text, "utf8"];
}

/** Whether a row is held, or was, as it is now. */
export function isSameRow({ value, valueEncoding }: HeldRow, row: GoRow): boolean {
  return Buffer.compare(Buffer.from(value, valueEncoding), row.value) === 0;
}

/** What a record can be refused with, so that it is held; other errors are not about the record. */
const REFUSALS = new Set([
  "RECORD_INVALID",
  "UNIQUE_VIOLATION",
  "REFERENCE_INVALID",
  "TENANT_MISMATCH",
  "KEY_REQUIRED",
  "KEY_INVALID",
  "KEY_TOO_LARGE",
  "VALUE_INVALID",
  "VALUE_TOO_LARGE",
  "INCOMPATIBLE_VALUE",
  "BUCKET_NAME_INVALID",
  "BUCKET_OWNED",
  "BOLT_REFUSED",
]);

export function isRefusal(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && REFUSALS.has(error.code);
}
