/** Prepares a database for the load. */
import type { Database } from "@meshgate/database";
import { beginJournal } from "../../collections/model/journal.ts";
import { DAY, HOUR, MINUTE, nodeOf, textOf, userOf } from "../databases.ts";
import { CAST, LOOSE, MANY } from "./load.ts";
import { MODELLED } from "./operations.ts";

/** Makes the tenants and the journal. @returns what the throw-away tenant is imported from */
export async function prepare(db: Database, now: Date): Promise<string> {
  for (const id of [...MODELLED, LOOSE, CAST]) await db.system.tenants.save({ id, name: id });
  const cast = db.tenant(CAST).as({ userId: "setup" });
  await db.system.setLimits(CAST, { maxUsers: MANY, maxNodes: MANY });
  await cast.users.saveMany(Array.from({ length: 40 }, (_, n) => userOf(n, CAST)));
  await cast.nodes.saveMany(Array.from({ length: MANY }, (_, n) => nodeOf(n)));
  for (let n = 0; n < 10; n++) {
    await cast.groups.save({ id: `g${n}`, name: "g", nodeIds: [`n${n}`, `n${MANY - 1 - n}`] });
    await cast.apiKeys.create({ name: `k${n}`, userId: `u${n}`, permissions: [] });
    await cast.sessions.create({ userId: `u${n}`, ttl: 1e12 });
  }
  await cast.metrics.saveMany(
    Array.from({ length: 300 }, (_, n) => ({
      id: `m${n}`,
      timestamp: new Date(now.getTime() - n * MINUTE - HOUR),
      granularity: "minute" as const,
      metrics: { load: n },
    })),
  );
  // Old, so that retention meets imports and wipes.
  const timestamp = new Date(now.getTime() - 30 * DAY);
  const entry = { userId: "setup", action: "did", resource: "else", timestamp };
  await cast.audit.appendMany(Array.from({ length: 2 * MANY }, () => entry));
  const exported = await textOf(cast.export());
  await cast.wipe();
  await beginJournal(db.store);
  return exported;
}
