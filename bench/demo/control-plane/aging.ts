import { count, duration, megabytes, withProgress } from "../terminal.ts";
import { DAY_MS } from "./clock.ts";
import type { Day } from "./day.ts";
import { sizeOf } from "./disk.ts";
import { type Plane, say } from "./plane.ts";
import type { Proof } from "./trail.ts";

/** Days that records are kept, where it is not as long as by default. */
export const KEPT_DAYS = { minute: 7, nodeMetrics: 7, audit: 8 };
/** So long after the simulated day. */
const LATER_MS = 8 * DAY_MS;

/** Lets time pass, and runs retention. */
export async function ageAway(plane: Plane, day: Day, proof: Proof): Promise<void> {
  const { db, clock, checks, facts, signal, directory, sites } = plane;
  const hoursOf = (id: string) => db.getMetricsSnapshots(id, "hour", day.from, day.to);
  const hours = await Promise.all(sites.map(({ id }) => hoursOf(id)));
  clock.setTo(day.to.getTime() + LATER_MS);
  // What is given back is not to be what earlier steps left behind.
  await db.store.compact({ signal });
  const before = await sizeOf(directory);

  let done = 0;
  const began = performance.now();
  const work = db.retention.run({ signal, onProgress: (progress) => (done = progress.done) });
  const deleted = await withProgress(() => `   ${count(done)} rows`, work);
  const ms = performance.now() - began;
  const after = await sizeOf(directory);

  const kinds = Object.entries(deleted).filter(([, rows]) => rows > 0);
  say(
    `Eight days later (simulated) it deletes ${kinds.map(([kind, rows]) => `${count(rows)} ${kind}`).join(", ")}.`,
  );
  say(
    `Files: ${megabytes(before)} before, ${megabytes(after)} after: ${megabytes(before - after)} given back.`,
  );
  const rows = kinds.reduce((sum, [, each]) => sum + each, 0);
  facts.push([
    "aged rows",
    `${count(rows)} deleted in ${duration(ms)}: ${count((rows / ms) * 1000)} a second`,
  ]);

  checks.equal("minutes deleted", deleted.minute, day.snapshots + 1); // And the late one.
  for (const [i, { id }] of sites.entries()) {
    checks.equal(`minutes left of ${id}`, await db.getMetricsSnapshots(id, "minute", day.from, day.to), []);
    checks.equal(`hours of ${id} are what they were`, await hoursOf(id), hours[i]);
  }
  checks.holds("the files take less space", after < before);
  const { retention } = await db.stats();
  const states = Object.values(retention.kinds);
  checks.holds(
    "stats() tells of the success of all kinds",
    states.length === Object.keys(deleted).length &&
      states.every(({ lastSuccess, lastError }) => lastSuccess !== undefined && lastError === undefined),
  );
  await verifyRest(plane, deleted.audit ?? 0, proof);
}

/** What is left of the audit trail hangs on an anchor, and still agrees with the checkpoint. */
async function verifyRest({ db, checks, sites: [site] }: Plane, pruned: number, proof: Proof): Promise<void> {
  const report = await db.tenant(site.id).audit.verify(proof);
  checks.holds("the pruned trail verifies", report.ok);
  checks.holds("retention took audit entries", pruned > 0);
  if (!report.ok) return;
  checks.equal("checkpoints that agree with the pruned trail", report.compared, 1);
  say(
    `The audit trail of ${site.id} begins with entry ${report.from} now; it verifies, with the checkpoint too.`,
  );
}
