/** The buckets of the Go package, and what becomes of each. */
import { decodeText } from "../../bolt-import/text.ts";
import { recordInvalid } from "../../collections/schema.ts";
import { type Drafted, draftOf, type GoKind } from "./go-kind.ts";
import { goAuditLogs, goPolicies, goSnapshots } from "./log-kinds.ts";
import { goAlertRules, goApiKeys, goChannels, goGroups, goNodes, goUsers } from "./record-kinds.ts";
import { goQuotas, goTenants } from "./tenant-kinds.ts";

/** Those with records of a model, in an order in which what is referred to comes first. */
export const GO_KINDS: readonly GoKind[] = [
  goTenants,
  goQuotas,
  goUsers,
  goNodes,
  goGroups,
  goAlertRules,
  goChannels,
  goPolicies,
  goApiKeys,
  goAuditLogs,
  goSnapshots,
];

/** Those that say again what the records say: indexes are made from the records. */
export const GO_INDEXES: ReadonlySet<string> = new Set([
  "idx_users_by_email",
  "idx_users_by_tenant",
  "idx_nodes_by_tenant",
  "idx_nodes_by_status",
  "idx_sessions_by_user",
]);

/** Those without a model: rows in them are kept as they are, and without rows they are nothing. */
export const GO_OTHERS: ReadonlySet<string> = new Set([
  "sessions",
  "policies",
  "migrations",
  "node_metrics",
  "billing_records",
]);

/** Where the Go package notes its schema version. */
export const GO_MIGRATIONS = "migrations";
export const GO_VERSION_KEY = "schema_version";
/** The last version that the Go package had. */
export const LAST_GO_VERSION = 2;

/** How records are read that do not tell all. */
export interface DraftOptions {
  /** Whose records are that name no tenant. */
  readonly tenantId: string;
  readonly now: Date;
}

/** Reads the record of a row. @throws DatabaseError `RECORD_INVALID` for what is no record at all */
export function draftOfRow(
  kind: GoKind,
  { key, value }: { readonly key: Uint8Array; readonly value: Uint8Array },
  options: DraftOptions,
): Drafted {
  const name = decodeText(key);
  if (name === undefined) throw notRead(kind, "The key of its row is not UTF-8");
  const text = decodeText(value);
  if (text === undefined) throw notRead(kind, "It is not UTF-8");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw notRead(kind, "It is not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw notRead(kind, "It is not a JSON object");
  return draftOf(kind, parsed, name, options);
}

function notRead({ bucket }: GoKind, message: string) {
  return recordInvalid(bucket, undefined, [{ path: [], message }]);
}
