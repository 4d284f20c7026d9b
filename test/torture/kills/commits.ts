/** Makes the commits of slots: see world.ts. */
import { setImmediate as turn } from "node:timers/promises";
import {
  type Bucket,
  type Database,
  DatabaseError,
  type DatabaseTransaction,
  type Transaction,
} from "@meshgate/database";
import {
  actorOf,
  callOf,
  counters,
  itemOf,
  items,
  kindOf,
  metricOf,
  NESTS,
  nameOf,
  nodeIdOf,
  nodeOf,
  PARTS,
  partOf,
  parts,
  ROWS,
  TENANTS,
  tenantOf,
  textOf,
  timeOf,
  userIdOf,
  userOf,
  WINDOW,
} from "./world.ts";

const PLENTY = 1_000_000_000_000;

class OnPurpose extends Error {}

/** Makes what all commits need, where it is not there yet. */
export async function prepare(db: Database): Promise<void> {
  await db.update(async (tx) => {
    for (const name of [ROWS, NESTS]) await tx.transaction.createBucketIfNotExists(name);
    for (const id of TENANTS) {
      if ((await tx.getTenant(id)) !== undefined) continue;
      await tx.system.tenants.save({ id, name: id });
      const most = { maxUsers: PLENTY, maxNodes: PLENTY, maxApiKeys: PLENTY, maxBandwidth: PLENTY };
      await tx.system.setLimits(id, most);
    }
  });
}

/** Makes the commit of a number, some with failures and rollbacks before or amid it. Resolves when it is acknowledged. */
export async function commit(db: Database, slot: number, n: number): Promise<void> {
  const kind = kindOf(slot);
  if (kind === "calls") return call(db, slot, n);
  if ((slot + n) % 7 === 0) await rollBack(db, slot, n);
  if (kind === "whole") return db.update((tx) => writeWhole(tx, slot, n));
  const { store } = db;
  const write = (tx: Transaction) => writePlain(tx, slot, n);
  if (n % 3 === 0) return store.update(write);
  if (n % 3 === 1) return store.batch(write);
  await using tx = await store.begin({ writable: true });
  await write(tx);
  await tx.commit();
}

/** All that the commit would write, and more, thrown away. */
async function rollBack(db: Database, slot: number, n: number): Promise<void> {
  const rolledBack = db.update(async (tx) => {
    await writeWhole(tx, slot, n);
    await tx.transaction.deleteBucket(NESTS);
    throw new OnPurpose();
  });
  await rolledBack.catch((error) => {
    if (!(error instanceof OnPurpose)) throw error;
  });
}

async function writeWhole(tx: DatabaseTransaction, slot: number, n: number): Promise<void> {
  await writePlain(tx.transaction, slot, n);
  const tenant = tx.tenant(tenantOf(slot)).as({ userId: actorOf(slot) });
  const user = userOf(slot, n);
  await tenant.users.save(user);
  await tenant.nodes.save(nodeOf(slot, n));
  await pause(slot, n, 1);
  await tenant.apiKeys.create({ name: nameOf(slot, n), userId: user.id, permissions: ["nodes:*"] });
  await tenant.metrics.save(metricOf(slot, n));
  await tenant.quota.addUsage({ bandwidth: 1 });
  await pause(slot, n, 2);
  if (n > WINDOW) {
    await tenant.users.delete(userIdOf(slot, n - WINDOW));
    await tenant.nodes.delete(nodeIdOf(slot, n - WINDOW));
  }
  const entry = { userId: actorOf(slot), action: "torture.done", resource: `commits/${n}` };
  await tenant.audit.append({ ...entry, success: true, timestamp: timeOf(n) });
}

async function writePlain(tx: Transaction, slot: number, n: number): Promise<void> {
  const item = itemOf(slot, n);
  await items.in(tx).insert(item);
  await parts.in(tx).insertMany(PARTS.map((part) => partOf(slot, n, part)));
  await pause(slot, n, 0);
  if ((slot + n) % 5 === 0) await refuse(tx, slot, n);
  const rows = (await tx.bucket(ROWS)) as Bucket;
  await rows.put([slot, n], { slot, n, text: textOf(slot, n) });
  const nests = (await tx.bucket(NESTS)) as Bucket;
  const nest = await nests.createBucket(nameOf(slot, n));
  for (let i = 0; i < 10; i++) await nest.put(i, n);
  if (n > WINDOW) {
    const old = n - WINDOW;
    await items.in(tx).delete([slot, old]);
    await parts.in(tx).deleteRange({ prefix: [slot, old] });
    await rows.delete([slot, old]);
    await nests.deleteBucket(nameOf(slot, old));
  }
  await counters.in(tx).put({ slot, last: slot + n * 1000 });
}

/** A write that fails leaves the transaction as it was. */
async function refuse(tx: Transaction, slot: number, n: number): Promise<void> {
  const { handle } = itemOf(slot, n);
  try {
    await items.in(tx).insert({ ...itemOf(slot, -n), handle });
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "UNIQUE_VIOLATION") return;
    throw error;
  }
  throw new Error(`${handle} is there twice.`);
}

async function call(db: Database, slot: number, n: number): Promise<void> {
  const { call: what, round } = callOf(n);
  const tenant = db.tenant(tenantOf(slot)).as({ userId: actorOf(slot) });
  if (what === "user") await tenant.users.save(userOf(slot, round));
  else if (what === "node") await tenant.nodes.save(nodeOf(slot, round));
  else if (what === "metric") await tenant.metrics.save(metricOf(slot, round));
  else if (what === "user gone") await tenant.users.delete(userIdOf(slot, round - WINDOW));
  else await tenant.nodes.delete(nodeIdOf(slot, round - WINDOW));
}

/** Transactions that wait amid their writes are killed amid them. */
async function pause(slot: number, n: number, place: number): Promise<void> {
  if ((slot + n) % 4 === place) await turn();
}
