/** All rows of a database by the tenant whose they are, past all operations. */
import { createHash, type Hash } from "node:crypto";
import { type Database, decodeKey, type Key } from "@meshgate/database";
import type { Collection } from "../../../src/collections/collection.ts";
import { COLLECTIONS, SINGLE, WITHIN } from "../../../src/control-plane/transfer/tenant-rows.ts";

/** Unique indexes have the primary key in their values, others at the end of their keys. */
const UNIQUE = new Set([
  "idx_users_by_email",
  "idx_nodes_by_public_key",
  "idx_nodes_by_ip_address",
  "idx_api_keys_by_id",
  "idx_sessions_by_id",
  "idx_audit_logs_by_id",
  "idx_tenants_by_domain",
]);

/** Parts of a primary key, where they are not two. */
const PARTS = new Map(
  Object.entries({ metrics_snapshots: 4, metric_series: 3, metric_late: 3, node_metrics: 3, tenants: 1 }),
);

/** Whose rows no tenant's are: they must never change. */
export const NOBODY = "nobody's";

type Owner = (key: Key, text: string) => string;

const first = (key: Key): string => (key as string[])[0] as string;

/** How each bucket tells whose a row is. */
const OWNERS = new Map<string, Owner>([
  ["migrations", () => NOBODY],
  ["retention", () => NOBODY],
]);
for (const each of COLLECTIONS) {
  if (each.name === "retention") continue;
  OWNERS.set(each.name, ownerOfRecord(each));
  for (const index of each.indexes) OWNERS.set(`idx_${each.name}_by_${index}`, ownerOfEntry(each, index));
}

function ownerOfRecord(collection: Collection): Owner {
  const isSingle = SINGLE.includes(collection) || !WITHIN.includes(collection);
  return (key) => ownerOf(isSingle ? (key as string) : first(key));
}

function ownerOfEntry(collection: Collection, index: string): Owner {
  if (UNIQUE.has(`idx_${collection.name}_by_${index}`))
    return (_, text) => ownerOf(first(decodeKey(`K${text}!`)));
  const parts = PARTS.get(collection.name) ?? 2;
  return (key) => ownerOf((key as string[]).at(-parts) as string);
}

/** @returns the owner's name in {@link digestsOf} */
export function ownerOf(tenantId: string): string {
  return `tenant ${tenantId}`;
}

/** A digest of all rows of each owner: records, entries of indexes, counts, chains. */
export async function digestsOf({ store }: Database): Promise<Map<string, string>> {
  const hashes = new Map<string, Hash>();
  await store.view(async (tx) => {
    for (const name of await tx.buckets()) {
      const ownerIn = OWNERS.get(name);
      if (ownerIn === undefined) throw new Error(`The bucket ${name} is new: say whose its rows are.`);
      const bucket = await tx.bucket(name, { encoding: "utf8" });
      for (const [key, text] of (await bucket?.range().toArray()) ?? []) {
        const owner = ownerIn(key, text);
        const hash = hashes.get(owner) ?? createHash("sha256");
        hashes.set(owner, hash);
        hash.update(`${name}\n${JSON.stringify(key)}\n${text}\n`);
      }
    }
  });
  return new Map(Array.from(hashes, ([owner, hash]) => [owner, hash.digest("hex")]));
}

/** The owners whose rows differ. */
export function differences(before: Map<string, string>, after: Map<string, string>): string[] {
  const owners = new Set([...before.keys(), ...after.keys()]);
  return Array.from(owners).filter((owner) => before.get(owner) !== after.get(owner));
}
