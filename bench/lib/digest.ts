import { createHash } from "node:crypto";
import type { Database } from "../subjects/session.ts";

/** All rows below a prefix, in short. */
export async function digestOf(database: Database, prefix: string): Promise<string> {
  const hash = createHash("sha256");
  const bounds = { gte: prefix, lt: `${prefix.slice(0, -1)}"`, highWaterMarkBytes: 1 << 20 };
  const iterator = database.iterator(bounds);
  for (let count = 0; ; ) {
    const rows = await iterator.nextv(1000);
    for (const row of rows) hash.update(JSON.stringify(row));
    count += rows.length;
    if (rows.length > 0) continue;
    await iterator.close();
    return `${count} rows, ${hash.digest("hex")}`;
  }
}
