/** Looks through a database after a kill, and tells all that is wrong with it. */
import { type Collection, type Database, DatabaseManager, type Store } from "@meshgate/database";
import { quotas } from "../../../src/control-plane/tenants/quota-record.ts";
import { COLLECTIONS } from "../../../src/control-plane/transfer/tenant-rows.ts";
import { candidatesOf, expectedOf, type Lines } from "./expected.ts";
import { findSlots } from "./found.ts";
import { BULK, bulksIn, troublesOfStock } from "./trouble.ts";
import { counters, items, kindOf, parts, SLOTS, tenantOf } from "./world.ts";

const OWN = [items, parts, counters] as unknown as readonly Collection[];

/** From which to which number the last commit of a slot may be. */
export interface Bounds {
  readonly from: number;
  readonly to: number;
}

export interface Inspection {
  readonly problems: readonly string[];
  /** The last commit of each slot. */
  readonly lasts: readonly number[];
}

/** Opens a database, looks through it and closes it. */
export async function inspect(directory: string, bounds: readonly Bounds[]): Promise<Inspection> {
  const db = await DatabaseManager.open(directory, { retention: false, createIfMissing: true });
  try {
    const problems: string[] = [];
    const found = await findSlots(db);
    const lasts = SLOTS.map((slot) => judge(slot, found[slot] as Lines, bounds[slot] as Bounds, problems));
    problems.push(...(await wrongCounts(db, lasts)), ...(await wrongIndexes(db)), ...(await wrongBulks(db)));
    problems.push(...(await troublesOfStock(db.store)));
    const { ok, problems: rows } = await db.store.check();
    if (!ok) problems.push(`check() finds ${JSON.stringify(rows.slice(0, 3))}`);
    return { problems, lasts };
  } finally {
    await db.close();
  }
}

/** @returns the last commit of a slot */
function judge(slot: number, found: Lines, { from, to }: Bounds, problems: string[]): number {
  const text = found.join("\n");
  const numbers = candidatesOf(slot, found);
  // Calls that find nothing to delete leave nothing: several numbers may fit.
  const fitting = numbers.filter((n) => expectedOf(slot, n).join("\n") === text);
  const last = fitting.find((n) => n >= from && n <= to) ?? fitting[0];
  if (last === undefined) {
    problems.push(`Slot ${slot} is in parts: ${differenceOf(found, expectedOf(slot, numbers[0] ?? 0))}`);
    return to;
  }
  if (last < from) problems.push(`Slot ${slot} lost commits: ${from} was acknowledged, ${last} is there.`);
  if (last > to) problems.push(`Slot ${slot} has commit ${last}, but none after ${to} can have begun.`);
  return last;
}

function differenceOf(found: Lines, wanted: Lines): string {
  const without = (some: Lines, others: Lines) => some.filter((line) => !others.includes(line)).slice(0, 8);
  return JSON.stringify({ missing: without(wanted, found), besides: without(found, wanted) });
}

/** Compares what quotas count with what there is, and with what the commits add up to; verifies the audit chains. */
async function wrongCounts(db: Database, lasts: readonly number[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { id } of await db.listTenants()) {
    const { counts, ok } = await db.tenant(id).quota.verify();
    if (!ok) problems.push(`Tenant ${id} counts ${JSON.stringify(counts)}`);
    const report = await db.tenant(id).audit.verify();
    if (!report.ok) problems.push(`The trail of ${id}: ${JSON.stringify(report.problem)}`);
    const wholes = SLOTS.filter((slot) => kindOf(slot) === "whole" && tenantOf(slot) === id);
    const wanted = wholes.reduce((sum, slot) => sum + (lasts[slot] ?? 0), 0);
    const used = (await db.store.view((tx) => quotas.in(tx).get(id)))?.usedBandwidth ?? 0;
    const billed = (await db.tenant(id).quota.bills()).records.reduce((sum, bill) => sum + bill.bandwidth, 0);
    if (used + billed !== wanted) problems.push(`Tenant ${id} used ${used + billed} bytes, not ${wanted}.`);
  }
  return problems;
}

async function wrongIndexes({ store }: { readonly store: Store }): Promise<string[]> {
  const problems: string[] = [];
  for (const each of [...OWN, ...COLLECTIONS]) {
    const { ok, problems: wrong } = await each.verify(store);
    if (!ok) problems.push(`The indexes of ${each.name}: ${JSON.stringify(wrong.slice(0, 3))}`);
  }
  return problems;
}

/** A bucket is there with all its rows, or it is not. */
function wrongBulks({ store }: { readonly store: Store }): Promise<string[]> {
  return store.view(async (tx) => {
    const problems: string[] = [];
    for (const name of await bulksIn(tx)) {
      const count = await (await tx.bucket(name))?.count();
      if (count !== BULK) problems.push(`The bucket ${name} has ${count} rows of ${BULK}.`);
    }
    return problems;
  });
}
