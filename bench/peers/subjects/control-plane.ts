import { DatabaseManager } from "../../lib/library.ts";
import type { Durability } from "../../lib/model.ts";
import { MINUTE, type Place } from "../rows.ts";
import { type SampleStore, unasked } from "./subject.ts";

/** The control plane's own operations. It has windows of time alone: "the next K" are those of the next K minutes. */
export async function openSamples(directory: string, durability: Durability): Promise<SampleStore> {
  const db = await DatabaseManager.open(directory, { durability, retention: false });
  const window = ({ tenantId, at }: Place, to: number) =>
    db.getMetricsSnapshots(tenantId, "minute", new Date(at), new Date(to));
  return {
    async load(rows) {
      for (const id of new Set(rows.map((row) => row.tenantId))) {
        if ((await db.getTenant(id)) === undefined) await db.saveTenant({ id, name: id });
        const samples = rows.filter((row) => row.tenantId === id);
        await db
          .tenant(id)
          .metrics.saveMany(samples.map((sample) => ({ ...sample, timestamp: new Date(sample.timestamp) })));
      }
    },
    next: (from, limit) => window(from, from.at + limit * MINUTE),
    window,
    latest: unasked,
    get: unasked,
    gets: unasked,
    getMany: unasked,
    deleteBefore: unasked,
    settle: () => db.store.compact(),
    close: () => db.close(),
  };
}
