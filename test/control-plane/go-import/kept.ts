/** Buckets that the control plane has no model for: kept byte by byte. */
import { isUtf8 } from "node:buffer";
import type { Bucket, Database, Transaction } from "@meshgate/database";
import { expect } from "vitest";
import { INDEXES, KNOWN } from "./expected.ts";
import type { GoLine } from "./go-files.ts";

/** Names that the database has a use for: a bucket of that name in a file gets another one. */
const OURS: readonly string[] = [...KNOWN, "sessions", "billing_records", "node_metrics", "migrations"];
/** Names that every Go file has: without rows they say nothing. */
const GO_NAMES: readonly string[] = [...KNOWN, ...INDEXES, ...OURS, "policies"];

interface KeptBucket {
  sequence: number;
  readonly rows: Map<string, string>;
  readonly buckets: Map<string, KeptBucket>;
}

const empty = (): KeptBucket => ({ sequence: 0, rows: new Map(), buckets: new Map() });

/** Expects that each kept bucket holds its rows, buckets and sequences, and no more, as the file has them. */
export async function expectKept(db: Database, lines: readonly GoLine[]): Promise<void> {
  const root = treeOf(lines);
  await db.store.view(async (tx) => {
    const names = await tx.buckets();
    for (const [hex, bucket] of root.buckets) {
      const name = Buffer.from(hex, "hex").toString("latin1");
      const isEmpty = bucket.rows.size === 0 && bucket.buckets.size === 0;
      if (isEmpty && GO_NAMES.includes(name)) {
        if (!OURS.includes(name)) expect(names).not.toContain(name);
        expect(names).not.toContain(`${name}.go`);
        continue;
      }
      const found = await open(tx, OURS.includes(name) ? `${name}.go` : name);
      expect(await dumpBucket(found), name).toEqual(plain(bucket));
    }
  });
}

function treeOf(lines: readonly GoLine[]): KeptBucket {
  const root = empty();
  for (const { path, key, value, sequence } of lines) {
    let at = root;
    for (const name of path) {
      const next = at.buckets.get(name.toString("hex")) ?? empty();
      at.buckets.set(name.toString("hex"), next);
      at = next;
    }
    if (key !== undefined) at.rows.set(key.toString("hex"), value.toString("hex"));
    else if (sequence > 0) at.sequence = sequence;
  }
  return root;
}

interface Plain {
  readonly sequence: number;
  readonly rows: Readonly<Record<string, string>>;
  readonly buckets: Readonly<Record<string, Plain>>;
}

/** Keys that are all UTF-8 are text; else each byte is a character. */
function plain({ sequence, rows, buckets }: KeptBucket): Plain {
  const keys = [...rows.keys(), ...buckets.keys()].map((hex) => Buffer.from(hex, "hex"));
  const encoding = keys.every((key) => isUtf8(key)) ? "utf8" : "latin1";
  const read = (hex: string) => Buffer.from(hex, "hex").toString(encoding);
  return {
    sequence,
    rows: Object.fromEntries([...rows].map(([key, value]) => [read(key), value])),
    buckets: Object.fromEntries([...buckets].map(([name, inner]) => [read(name), plain(inner)])),
  };
}

async function open(parent: Transaction | Bucket<Uint8Array>, name: string): Promise<Bucket<Uint8Array>> {
  const found = await parent.bucket(name, { encoding: "bytes" });
  if (found === undefined) throw new Error(`There is no bucket ${JSON.stringify(name)}.`);
  return found as Bucket<Uint8Array>;
}

async function dumpBucket(bucket: Bucket<Uint8Array>): Promise<Plain> {
  const rows = await bucket.range().toArray();
  const buckets: Record<string, Plain> = {};
  for (const name of await bucket.buckets()) buckets[name] = await dumpBucket(await open(bucket, name));
  return {
    sequence: await bucket.sequence(),
    rows: Object.fromEntries(rows.map(([key, value]) => [String(key), Buffer.from(value).toString("hex")])),
    buckets,
  };
}
