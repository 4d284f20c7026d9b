/** All that a database has on disk, for tests in which nothing may change, or all must come to the same. */
import { createHash } from "node:crypto";
import type { Bucket, Database, Transaction } from "@meshgate/database";
import { ClassicLevel } from "classic-level";

/** A digest of every row of a store that is closed, whosever it is. */
export async function digestOf(directory: string): Promise<string> {
  const level = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  });
  const hash = createHash("sha256");
  for await (const [key, value] of level.iterator())
    hash.update(`${key.length} ${value.length} `).update(key).update(value);
  await level.close();
  return hash.digest("hex");
}

/** Every row of every bucket by its place, as text, but for buckets at the top that are left out by name. */
export async function rowsOf(db: Database, leftOut: readonly string[] = []): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  await db.store.view(async (tx) => walk(tx, "", rows, leftOut));
  return rows;
}

async function walk(
  parent: Transaction | Bucket<Uint8Array>,
  path: string,
  rows: Map<string, string>,
  leftOut: readonly string[],
): Promise<void> {
  for (const name of await parent.buckets()) {
    if (path === "" && leftOut.includes(name)) continue;
    const bucket = (await parent.bucket(name, { encoding: "bytes" })) as Bucket<Uint8Array>;
    const place = `${path}/${name}`;
    rows.set(place, String(await bucket.sequence()));
    for await (const [key, value] of bucket.range())
      rows.set(`${place} ${JSON.stringify(key)}`, Buffer.from(value).toString("latin1"));
    await walk(bucket, place, rows, leftOut);
  }
}
