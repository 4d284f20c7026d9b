/** A round: some tenants in one database, and strangers who do what they like through each one's handle. */
import { inspect } from "node:util";
import { type Database, DatabaseError } from "@meshgate/database";
import type { Random } from "../audit/audit-random.ts";
import { type Clock, DAY, MINUTE } from "../databases.ts";
import { Hostile } from "./hostile.ts";
import { CORE, MORE } from "./ids.ts";
import { fill, gather, type Loot, noteMade, START } from "./loot.ts";
import { GLOBAL_OWNER, markOf, ownersIn } from "./marks.ts";
import type { Method } from "./method.ts";
import { LONG, METHODS, WIPED } from "./methods.ts";
import { differences, digestsOf, NOBODY, ownerOf } from "./raw-rows.ts";
import { Trap } from "./traps.ts";

/** What was done, and what was found. */
export interface Tally {
  reads: number;
  writes: number;
  refused: number;
  trapped: number;
  /** Digests of other tenants' rows that were compared. */
  compared: number;
  /** By method, how often it was not refused. */
  readonly done: Map<string, number>;
  readonly codes: Map<string, number>;
  /** Errors that are no answers of the database. */
  readonly crashes: Set<string>;
  readonly violations: string[];
}

export function emptyTally(): Tally {
  return {
    ...{ reads: 0, writes: 0, refused: 0, trapped: 0, compared: 0 },
    ...{ done: new Map(), codes: new Map(), crashes: new Set(), violations: [] },
  };
}

interface Call {
  readonly family: string;
  readonly name: string;
  readonly method: Method;
}

const CALLS: readonly Call[] = Object.entries(METHODS).flatMap(([family, methods]) =>
  Object.entries(methods).map(([name, method]) => ({ family, name, method })),
);

function callOf(family: string, name: string): Call {
  return CALLS.find((call) => call.family === family && call.name === name) as Call;
}

const TENANTS = 12;
/** Operations between two digests. */
const SHIFT = 450;
const BATCH = 45;

/** Fills a database with tenants. The clock goes on by some months, so that there are bills. */
export async function settle(db: Database, clock: Clock, random: Random): Promise<Loot[]> {
  clock.time = START;
  const more = new Set<string>();
  while (more.size < TENANTS - CORE.length) more.add(random.pick(MORE));
  await db.saveAlertRule({ id: "1", name: markOf(GLOBAL_OWNER), expression: "x", duration: "1m" });
  await db.saveNotificationChannel({ id: "1", name: markOf(GLOBAL_OWNER), type: "email" });
  const tenants: Loot[] = [];
  for (const [owner, id] of [...CORE, ...more].entries()) tenants.push(await fill(db, id, owner));
  clock.advance(100 * DAY);
  for (const each of tenants) {
    await db.tenant(each.tenantId).quota.closeMonth();
    await gather(db, each);
  }
  return tenants;
}

/** Runs a round of at least so many operations. */
export async function runRound(
  db: Database,
  clock: Clock,
  random: Random,
  wanted: number,
  tally: Tally,
): Promise<void> {
  const tenants = await settle(db, clock, random);
  let digests = await digestsOf(db);
  const end = tally.reads + tally.writes + wanted;
  while (tally.reads + tally.writes < end) {
    // Mostly one acts, sometimes two do at the same time.
    const acting = new Set(
      random.below(3) === 0 ? [random.pick(tenants), random.pick(tenants)] : [random.pick(tenants)],
    );
    await Promise.all(Array.from(acting, (me) => runShift(db, me, { clock, random, tenants, tally })));
    const after = await digestsOf(db);
    const allowed = new Set(Array.from(acting, ({ tenantId }) => ownerOf(tenantId)));
    for (const owner of differences(digests, after))
      if (!allowed.has(owner))
        tally.violations.push(`rows of ${owner} changed, at work was ${[...allowed].join(", ")}`);
    tally.compared += after.size - allowed.size;
    if (!after.has(NOBODY)) tally.violations.push("rows that are nobody's are gone");
    digests = after;
    for (const me of acting) if (random.below(3) === 0) await gather(db, me);
    clock.advance(random.below(60) === 0 ? DAY : random.below(20) * MINUTE);
  }
}

interface Scene {
  readonly clock: Clock;
  readonly random: Random;
  readonly tenants: readonly Loot[];
  readonly tally: Tally;
}

/** One tenant's operations: alone, several at once, within transactions, with an actor and without. */
async function runShift(db: Database, me: Loot, { random, tenants, tally }: Scene): Promise<void> {
  const others = tenants.filter((each) => each !== me);
  const h = new Hostile(random, me, others);
  const actor = { userId: "1", userAgent: h.mark };
  for (let done = 0; done < SHIFT; done += BATCH) {
    const calls = Array.from({ length: BATCH }, () => pickCall(random));
    const isActing = random.below(3) === 0;
    const within = random.below(8);
    if (within === 0) {
      await db.view((tx) => runCalls(tx.tenant(me.tenantId), calls, h, tally, 1));
    } else if (within < 5) {
      await db.update((tx) => {
        const tenant = tx.tenant(me.tenantId);
        return runCalls(isActing ? tenant.as(actor) : tenant, calls, h, tally, 1);
      });
    } else {
      const tenant = db.tenant(me.tenantId);
      // A wipe with an actor is told to the tenant "system": that has a test of its own.
      await runCalls(isActing && me.tenantId !== WIPED ? tenant.as(actor) : tenant, calls, h, tally, 8);
    }
  }
  if (me.tenantId === WIPED) await comeAndGo(db, h, tally);
}

/** Wipes the tenant and brings something back, a few times; in the end what it had. */
async function comeAndGo(db: Database, h: Hostile, tally: Tally): Promise<void> {
  const tenant = db.tenant(h.me.tenantId);
  for (let n = 0; n < 4; n++) for (const name of LONG) await runCall(tenant, callOf("", name), h, tally);
  await tenant.wipe();
  // Another may have taken what was unique: then it begins anew.
  await tenant
    .import([h.me.exported])
    .catch(() => db.saveTenant({ id: h.me.tenantId, name: h.mark, nodeLimit: 60 }));
}

function pickCall(random: Random): Call {
  for (;;) {
    const call = random.pick(CALLS);
    if (call.method.cost === 1 || random.below(call.method.cost) === 0) return call;
  }
}

/** @param together how many are under way at a time */
async function runCalls(
  tenant: object,
  calls: readonly Call[],
  h: Hostile,
  tally: Tally,
  together: number,
): Promise<void> {
  for (let start = 0; start < calls.length; start += together)
    await Promise.all(calls.slice(start, start + together).map((call) => runCall(tenant, call, h, tally)));
}

type Callable = Record<string, (...args: readonly unknown[]) => unknown>;

async function runCall(tenant: object, call: Call, h: Hostile, tally: Tally): Promise<void> {
  const { family, name, method } = call;
  const target = (family === "" ? tenant : (tenant as Record<string, unknown>)[family]) as Callable;
  if (target[name] === undefined && LONG.includes(name)) return;
  const args = method.arguments(h);
  tally[method.isWrite ? "writes" : "reads"]++;
  try {
    const result = await resultOf(target[name]?.(...args));
    noteMade(h.me, result);
    tally.done.set(`${family}.${name}`, (tally.done.get(`${family}.${name}`) ?? 0) + 1);
    look(result, h.me, tenantsIn(result), () => describe(call, args), tally);
  } catch (error) {
    tally.refused++;
    look(error, h.me, keysIn(error), () => describe(call, args), tally);
    if (error instanceof Trap) tally.trapped++;
    else if (error instanceof DatabaseError)
      tally.codes.set(error.code, (tally.codes.get(error.code) ?? 0) + 1);
    else tally.crashes.add(`${family}.${name}: ${inspect(error).split("\n").slice(0, 3).join(" ")}`);
  }
}

/** A result, read to its end where it is a stream. */
async function resultOf(given: unknown): Promise<unknown> {
  const result = await given;
  if (typeof result !== "object" || result === null || !(Symbol.asyncIterator in result)) return result;
  const parts: unknown[] = [];
  for await (const part of result as AsyncIterable<unknown>) parts.push(part);
  return parts;
}

function look(shown: unknown, me: Loot, tenants: readonly unknown[], what: () => string, tally: Tally): void {
  const foreign = Array.from(ownersIn(shown)).filter((owner) => owner !== me.owner && owner !== GLOBAL_OWNER);
  const named = tenants.filter((id) => id !== me.tenantId && id !== "");
  if (foreign.length === 0 && named.length === 0) return;
  tally.violations.push(
    `${what()} by ${me.owner} shows what is of ${[...foreign, ...named].join()}: ${inspect(shown)}`,
  );
}

/** Fields in which a stranger may say what they like. */
const FREE = new Set(["details", "config", "metadata", "labels"]);

/** What records say of their tenant themselves. */
function tenantsIn(value: unknown, found: unknown[] = []): unknown[] {
  if (typeof value !== "object" || value === null || value instanceof Date) return found;
  for (const [name, field] of Object.entries(value)) {
    if (name === "tenantId") found.push(field);
    else if (!FREE.has(name)) tenantsIn(field, found);
  }
  return found;
}

/** Of the record that an error is about, the tenant. */
function keysIn(error: unknown): unknown[] {
  const key = error instanceof DatabaseError ? error.details?.["key"] : undefined;
  return Array.isArray(key) ? [key[0]] : [];
}

function describe({ family, name }: Call, args: readonly unknown[]): string {
  return `${family}.${name}(${args.map((each) => inspect(each, { depth: 3, maxStringLength: 80 })).join(", ")})`;
}
