/** How a bucket of the Go package is taken over. */
import type { RecordIssue } from "../../collections/schema.ts";
import { GLOBAL } from "../tenants/tenant-record.ts";
import { type Draft, fault, type Place, type RecordReader } from "./go-json.ts";
import type { Landing, Outcome } from "./landing.ts";

/** One of the buckets that hold records of a model. */
export interface GoKind {
  readonly bucket: string;
  readonly fields: RecordReader;
  /** The field that the key of a row repeats; undefined where the key is made of several. */
  readonly keyField?: "id" | "tenantId";
  /** Whose a record is that names no tenant: the default one's, or everybody's. Undefined: it has none to name. */
  readonly owner?: "default" | "all";
  /** Which times of the database's own making its model has. */
  readonly stamps?: readonly ("createdAt" | "updatedAt")[];
  /** Adds what was not said, or says what is missing. */
  readonly complete?: (draft: Draft, at: Place) => void;
  /** Writes a record. @throws DatabaseError where it does not fit; then nothing is written */
  readonly write: (landing: Landing, draft: Draft) => Promise<Outcome>;
}

/** A record of Go in our names, and what is wrong with it so far. */
export interface Drafted {
  readonly draft: Draft;
  readonly issues: readonly RecordIssue[];
}

/**
 * Reads a record.
 *
 * @param key the text of its row's key
 * @param tenantId whose records are that name no tenant
 * @param now the time of records that tell none
 */
export function draftOf(
  kind: GoKind,
  value: object,
  key: string,
  { tenantId, now }: { readonly tenantId: string; readonly now: Date },
): Drafted {
  const at: Place = { path: [], issues: [] };
  const draft = kind.fields.read(value, at) as Draft;
  const { keyField, owner, stamps = [] } = kind;
  if (keyField !== undefined) {
    draft[keyField] ??= key;
    if (draft[keyField] !== key)
      fault({ ...at, path: [keyField] }, `It differs from the key of its row, ${JSON.stringify(key)}`);
  }
  if (owner !== undefined) {
    if (draft["tenantId"] === "") delete draft["tenantId"];
    draft["tenantId"] ??= owner === "all" ? GLOBAL : tenantId;
  }
  for (const stamp of stamps) draft[stamp] ??= draft["createdAt"] ?? earliestIn(draft, now);
  kind.complete?.(draft, at);
  return { draft, issues: at.issues };
}

/** A record is at least as old as what it tells of, unless that is still to come. */
function earliestIn(draft: Draft, now: Date): Date {
  const dates = Object.values(draft).filter((value) => value instanceof Date);
  return dates.reduce((a, b) => (b < a ? b : a), now);
}
