/**
 * Much at once on one database: transactions on the tenants of the model, each told to the journal in its own commit;
 * operations on another tenant that are neither told nor awaited one by one; a tenant that is imported and wiped over
 * and over; and upkeep beside it all.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Database, DatabaseError } from "@meshgate/database";
import type { TenantHandle } from "../../../src/control-plane/tenant-handle.ts";
import { addToJournal } from "../../collections/model/journal.ts";
import { DAY, HOUR } from "../databases.ts";
import { outcomeOf, type Place, runPlan, targetOf } from "./apply.ts";
import { MODELLED, operationOf, planOf } from "./operations.ts";
import type { Random } from "./random.ts";

/** How many nodes the throw-away tenant has: several batches of an import. */
export const MANY = 700;
/** The tenant whose operations are told to nobody. */
export const LOOSE = "loose";
/** The tenant that is imported and wiped. */
export const CAST = "cast";

/** With each commit of the journal the clock moves on by so much. */
export const TICK: number = HOUR;
/** Retention takes nothing that is younger. */
export const KEPT_DAYS = 2;

const WRITERS = 4;

export interface Load {
  readonly db: Database;
  readonly clock: { time: number; readonly now: () => Date };
  /** When the journal began. */
  readonly since: number;
  /** What the throw-away tenant is imported from. */
  readonly exported: string;
  readonly random: Random;
  readonly isOver: () => boolean;
  /** Is told of each commit that was acknowledged: its place in the journal. */
  readonly acknowledged: (place: number) => void;
  /** Is told of bytes that were counted for the loose tenant. */
  readonly used: (bandwidth: number) => void;
}

/** The time of the transaction at a place in the journal. */
export function timeOf(since: number, place: number): number {
  return since + place * TICK;
}

/** Runs until it is told that it is over. */
export async function runLoad(load: Load): Promise<void> {
  const writers = Array.from({ length: WRITERS }, () => write(load));
  await Promise.all([...writers, workLoosely(load), workLoosely(load), cast(load), keepUp(load)]);
}

class Thrown extends Error {}

async function write(load: Load): Promise<void> {
  const { db, clock, random } = load;
  while (!load.isOver()) {
    const seed = random.below(2 ** 31);
    const plan = planOf(seed);
    try {
      const place = await db.update(async (tx) => {
        // All that a transaction does follows from its number and its place.
        clock.time = timeOf(load.since, await nextPlace(tx.transaction));
        const outcomes = await runPlan(tx, plan, clock.now);
        const added = await addToJournal(tx.transaction, { seed, outcomes: JSON.stringify(outcomes) });
        if (plan.throws) throw new Thrown();
        return added;
      });
      load.acknowledged(place);
    } catch (error) {
      if (!(error instanceof Thrown)) throw error;
    }
  }
}

async function nextPlace(tx: Parameters<typeof addToJournal>[0]): Promise<number> {
  const journal = await tx.bucket("journal");
  return (((await journal?.keys({ reverse: true }).first()) as number | undefined) ?? 0) + 1;
}

/** Operations that overlap, in transactions of their own or in one that does not await them. */
async function workLoosely({ db, clock, random, isOver, used }: Load): Promise<void> {
  const actor = { userId: "loose" };
  const call = async (place: Place) => {
    const operation = operationOf(random, String(random.next()), "loose.example");
    if (operation.kind === "suspend") return;
    const outcome = await outcomeOf(place, operation, await targetOf(place, operation));
    if (operation.kind === "addUsage" && typeof outcome === "number") used(operation.bandwidth);
  };
  while (!isOver()) {
    const ttl = random.below(3 * DAY) + HOUR;
    const calls = Array.from({ length: 1 + random.below(5) });
    if (random.chance(0.5)) {
      const place = { tenant: db.tenant(LOOSE).as(actor), system: db.system, now: clock.now, ttl };
      await Promise.all(calls.map(() => call(place)));
      continue;
    }
    // What is begun before the callback is over belongs to the commit, whole.
    const begun: Promise<void>[] = [];
    await db.update((tx) => {
      const place = { tenant: tx.tenant(LOOSE).as(actor), system: tx.system, now: clock.now, ttl };
      for (const _ of calls) begun.push(callUntargeted(place, random, used));
    });
    await Promise.all(begun);
  }
}

async function callUntargeted(place: Place, random: Random, used: Load["used"]): Promise<void> {
  const operation = operationOf(random, String(random.next()), "loose.example");
  if (operation.kind === "suspend" || "nth" in operation) return;
  const outcome = await outcomeOf(place, operation, undefined);
  if (operation.kind === "addUsage" && typeof outcome === "number") used(operation.bandwidth);
}

/** Imports and wipes: one after the other, one into the other, and cut off. */
async function cast({ db, random, exported, isOver }: Load): Promise<void> {
  const tenant = db.tenant(CAST);
  while (!isOver()) {
    const text = random.chance(0.2) ? exported.slice(0, random.below(exported.length)) : exported;
    const importing = expected(["TENANT_BUSY", "EXPORT_INVALID", "TENANT_NOT_EMPTY"], () =>
      tenant.import(chunksOf(text)),
    );
    if (random.chance(0.6)) await importing;
    await sleep(random.below(300));
    const controller = new AbortController();
    const wipes = Array.from({ length: 1 + random.below(2) }, () =>
      expected(["ABORTED"], () => tenant.wipe({ signal: controller.signal })),
    );
    if (random.chance(0.3)) setTimeout(() => controller.abort(), random.below(40));
    await Promise.all([importing, ...wipes]);
    await checkCast(tenant);
    await tenant.wipe();
  }
}

/** Whatever ran into whatever, the tenant is whole, or gone, or half of it still refuses to be used. */
async function checkCast(tenant: TenantHandle): Promise<void> {
  const found = await tenant.get();
  const usage = await tenant.usage();
  const wanted = found === undefined ? 0 : MANY;
  if (found?.busy === undefined && usage["nodes"] !== wanted)
    throw new Error(`There are ${usage["nodes"]} nodes of ${wanted}: ${JSON.stringify(found)}`);
}

async function* chunksOf(text: string): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += 20_000) {
    yield text.slice(at, at + 20_000);
    await sleep(1);
  }
}

async function keepUp({ db, random, isOver }: Load): Promise<void> {
  while (!isOver()) {
    const days = random.chance(0.7) ? KEPT_DAYS : KEPT_DAYS + random.below(5);
    const controller = new AbortController();
    if (random.chance(0.3)) setTimeout(() => controller.abort(), random.below(60));
    const work = { signal: controller.signal };
    const run = random.pick([
      () => db.cleanupOldData(days, work),
      () => db.retention.clean({ audit: days, apiKeys: days, sessions: days }, work),
      () => db.retention.clean({ minute: days, hour: days * 2, day: days * 4 }, work),
      () => db.tenant(random.pick(MODELLED)).metrics.rollUp(work),
    ]);
    await expected(["ABORTED", "TENANT_SUSPENDED"], run);
    await sleep(random.below(30));
  }
}

/** Errors with these codes are part of the work. Handles them from the begin: nobody may be waiting yet. */
function expected(codes: readonly string[], run: () => Promise<unknown>): Promise<void> {
  return run().then(
    () => undefined,
    (error) => {
      if (!(error instanceof DatabaseError && codes.includes(error.code))) throw error;
    },
  );
}
