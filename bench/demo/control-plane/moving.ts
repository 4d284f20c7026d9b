import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { count, duration, megabytes, withProgress } from "../terminal.ts";
import { type Plane, say } from "./plane.ts";

/** How far a part is. */
interface Done {
  done: number;
}

/** Writes a tenant to a file, wipes it, and brings it back. */
export async function moveTenant(plane: Plane): Promise<void> {
  const { db, checks, scratch, sites } = plane;
  const [other, { id }] = sites;
  const tenant = db.tenant(id);
  const file = join(scratch, `${id}.ndjson`);
  const rowsOfOther = await db.tenant(other.id).usage();
  const before = { usage: await tenant.usage(), quota: uses(await tenant.quota.get()) };
  const rows = Object.values(before.usage).reduce((a, b) => a + b, 0);

  const exporting = await part(plane, "exported", (work) =>
    pipeline(Readable.from(tenant.export(work)), createWriteStream(file)),
  );
  const { size } = await stat(file);
  say(`${id} is written as NDJSON: ${count(rows)} rows, ${megabytes(size)} in ${duration(exporting.ms)}.`);

  const wiping = await part(plane, "wiped", (work) => tenant.wipe(work));
  checks.equal("the wipe takes all rows", wiping.result, rows);
  checks.equal("the tenant is gone", await tenant.get(), undefined);
  const left = Object.values(await tenant.usage()).filter((length) => length > 0);
  checks.equal("collections with rows of it", left, []);

  const importing = await part(plane, "imported", (work) => tenant.import(createReadStream(file), work));
  const after = { usage: await tenant.usage(), quota: uses(await tenant.quota.get()) };
  checks.equal("counts after the import", after, before);
  checks.holds("its audit trail verifies", (await tenant.audit.verify()).ok);
  checks.equal("the other tenant has what it had", await db.tenant(other.id).usage(), rowsOfOther);
  say(
    `Wiped in ${duration(wiping.ms)}, read back in ${duration(importing.ms)}: the same counts, and its trail verifies.`,
  );
  const perSecond = ({ ms }: { ms: number }) => count((rows / ms) * 1000);
  plane.facts.push([
    "tenant's rows",
    `${perSecond(exporting)} a second exported, ${perSecond(wiping)} wiped, ${perSecond(importing)} imported`,
  ]);
}

/** What the quota counts. */
function uses(quota: { usedNodes: number; usedUsers: number; usedApiKeys: number } | undefined) {
  return quota && { nodes: quota.usedNodes, users: quota.usedUsers, apiKeys: quota.usedApiKeys };
}

/** Runs a part of the move, shows how far it is, and takes its time. */
async function part<T>(
  { signal }: Plane,
  verb: string,
  work: (options: { signal: AbortSignal; onProgress: (progress: Done) => void }) => Promise<T>,
): Promise<{ result: T; ms: number }> {
  const state: Done = { done: 0 };
  const onProgress = ({ done }: Done) => {
    state.done = done;
  };
  const began = performance.now();
  const result = await withProgress(
    () => `   ${count(state.done)} rows ${verb}`,
    work({ signal, onProgress }),
  );
  return { result, ms: performance.now() - began };
}
