/*
 * A tenant as text, one JSON object a line:
 *
 *   {"format":"meshgate-tenant","version":1,"tenantId":…,"exportedAt":…}
 *   {"collection":"users","record":{…}}     one line a record, collection by collection
 *   {"end":true,"records":12,"sha256":…}    of all lines before it, with their line feeds
 *
 * Records read as they are kept: times are ISO text.
 */
import { createHash } from "node:crypto";
import { report, type WorkOptions } from "../../store/progress.ts";
import type { Store } from "../../store/store.ts";
import { SINGLE, WITHIN } from "./tenant-rows.ts";

export const FORMAT = "meshgate-tenant";
export const VERSION = 1;

/**
 * All of a tenant, as it is at the moment when the first line is asked for. Cost: it reads the tenant's rows, in
 * bounded memory; the snapshot is held until the last line, at most `maxTransactionAge`.
 *
 * @returns lines, each with its line feed
 * @throws DatabaseError `ABORTED`, `TX_EXPIRED`
 */
export async function* exportTenant(
  store: Store,
  tenantId: string,
  now: Date,
  work: WorkOptions,
): AsyncGenerator<string, void> {
  const tx = await store.begin();
  const hash = createHash("sha256");
  const seal = (line: string) => {
    hash.update(line);
    return line;
  };
  try {
    yield seal(line({ format: FORMAT, version: VERSION, tenantId, exportedAt: now }));
    let records = 0;
    for (const { collection, key } of placesOf(tenantId)) {
      const bucket = await tx.bucket(collection, { encoding: "utf8" });
      const bounds = Array.isArray(key) ? { prefix: key } : { gte: key, lte: key };
      // The text as it is kept: nothing is lost on the way through values.
      for await (const text of bucket?.values(bounds) ?? []) {
        yield seal(`{"collection":${JSON.stringify(collection)},"record":${text as string}}\n`);
        if (++records % REPORTED === 0) report(work, records);
      }
    }
    report(work, records, records);
    yield line({ end: true, records, sha256: hash.digest("hex") });
  } finally {
    await tx.rollback();
  }
}

const REPORTED = 1000;

/** Where a tenant's records lie: those of the tenant as a whole come last. */
function placesOf(tenantId: string): { collection: string; key: string | string[] }[] {
  return [
    ...WITHIN.map(({ name }) => ({ collection: name, key: [tenantId] })),
    ...[...SINGLE.map(({ name }) => name), "tenants"].map((collection) => ({ collection, key: tenantId })),
  ];
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
