import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseManager } from "@meshgate/database";
import { count, duration } from "../terminal.ts";
import { type Plane, say, type Tenant } from "./plane.ts";
import { cutOff, edit } from "./tampering.ts";

/** How many entries an attacker cuts off. */
const CUT = 3;

type Checkpoint = Awaited<ReturnType<Tenant["audit"]["checkpoint"]>>;
type Report = Awaited<ReturnType<Tenant["audit"]["verify"]>>;

/** What proves later how the trail stood: kept where who can write to the database cannot. */
export interface Proof {
  readonly checkpoints: readonly Checkpoint[];
  readonly publicKey: KeyObject;
}

/** Verifies the trails, signs how one stands, and tampers with a copy of it. */
export async function proveTrail(plane: Plane): Promise<Proof> {
  const { db, checks, sites, scratch, facts } = plane;
  let [entries, ms] = [0, 0];
  for (const each of sites) {
    const [found, took] = await verify(plane, each.id);
    entries += found;
    ms += took;
  }
  facts.push(["audit trail", `${count((entries / ms) * 1000)} entries a second verified`]);
  const [{ id }] = sites;
  const { audit } = db.tenant(id);
  const { records } = await audit.list({ size: 1, userId: "agent/node-1" });
  const [{ action, resource, timestamp } = { action: "none", resource: "", timestamp: undefined }] = records;
  checks.equal("the trail tells what a node changed", `${action} ${resource}`, "node.update nodes/node-1");
  say(`The last entry of agent/node-1: ${action} of ${resource} at ${timestamp?.toISOString()} (simulated).`);

  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const file = join(scratch, "checkpoint.json");
  await writeFile(file, JSON.stringify(await audit.checkpoint(privateKey)));
  const checkpoint = audit.verifyCheckpoint(JSON.parse(await readFile(file, "utf8")), publicKey);
  const forged = { ...checkpoint, sequence: checkpoint.sequence - CUT };
  await checks.refused("a forged checkpoint", "CHECKPOINT_INVALID", async () =>
    audit.verifyCheckpoint(forged, publicKey),
  );
  say(
    `A checkpoint of entry ${checkpoint.sequence}, signed, written and read back, is good; with another number it is not.`,
  );
  const proof = { checkpoints: [checkpoint], publicKey };
  await tamper(plane, proof);
  return proof;
}

/** @returns how many entries there are, and how long it took to verify them */
async function verify({ db, checks, signal }: Plane, id: string): Promise<[entries: number, ms: number]> {
  const began = performance.now();
  const report = await db.tenant(id).audit.verify({ signal });
  const ms = performance.now() - began;
  checks.holds(`the audit trail of ${id} is as it was written`, report.ok);
  const entries = report.ok ? report.entries : 0;
  if (report.ok)
    say(`${id}: ${count(entries)} entries, each bound to the one before, verified in ${duration(ms)}.`);
  return [entries, ms];
}

/** Changes a copy of the database past the library, as who can write to its files could. */
async function tamper(plane: Plane, proof: Proof): Promise<void> {
  const { db, checks, scratch, signal } = plane;
  const [{ id }] = plane.sites;
  const copy = join(scratch, "copy");
  await db.store.backup(copy, { signal });
  const { sequence: last } = await db.tenant(id).audit.head();
  const edited = Math.ceil(last / 2);
  const verifyCopy = (options?: Proof) => reopened(plane, copy, ({ audit }) => audit.verify(options));

  const original = await edit(copy, id, edited, { userId: "nobody" });
  const found = await verifyCopy();
  checks.equal("the edit is found where it is", placeOf(found), `altered ${edited}`);
  say(`On a copy, entry ${edited} is edited past the library: ${describe(found)}`);
  await edit(copy, id, edited, original);
  checks.holds("with the edit undone, the copy verifies", (await verifyCopy(proof)).ok);

  await cutOff(copy, id, last - CUT);
  checks.holds("a chain that was cut at its end is right in itself", (await verifyCopy()).ok);
  const seen = await verifyCopy(proof);
  checks.equal("against the checkpoint, the cut is found", placeOf(seen), `checkpoint ${last - CUT + 1}`);
  say(`With the last ${CUT} cut off instead, only the checkpoint tells: ${describe(seen)}`);
}

/** Opens the copy as a database for a while. */
async function reopened<T>(
  { clock, sites: [{ id }] }: Plane,
  copy: string,
  look: (tenant: Tenant) => Promise<T>,
): Promise<T> {
  await using db = await DatabaseManager.open(copy, { now: clock.now, retention: false });
  return await look(db.tenant(id));
}

function placeOf(report: Report): string {
  return report.ok ? "none" : `${report.problem.kind} ${report.problem.sequence}`;
}

function describe(report: Report): string {
  return report.ok ? "not noticed." : report.problem.message;
}
