import { hostname, release } from "node:os";
import { count, duration, withProgress } from "../terminal.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "./clock.ts";
import type { Reading } from "./gauge.ts";
import { type Plane, type Site, say } from "./plane.ts";
import { rateOf } from "./rate.ts";

/** A day of metrics, and what it must come to. */
export interface Day {
  readonly from: Date;
  readonly to: Date;
  /** How many snapshots were saved. */
  readonly snapshots: number;
  /** The shares that a node told in each hour. */
  readonly shares: ReadonlyMap<string, readonly number[][]>;
}

interface Minute {
  readonly timestamp: Date;
  readonly metrics: Reading["metrics"];
}

const MINUTES = DAY_MS / MINUTE_MS;
/** They take minutes in turn, so that one need not wait until the one before is on disk. */
const WRITERS = 4;

/** The name of a node among all tenants' nodes. */
export function fullName({ id }: Site, node: string): string {
  return `${id}/${node}`;
}

/** Lets a day pass on the control plane's clock: each minute all nodes save what this machine reads then. */
export async function passDay(plane: Plane): Promise<Day> {
  const { clock, gauge, signal, facts, sites } = plane;
  const start = Math.ceil(clock.now().getTime() / DAY_MS) * DAY_MS;
  const shares = new Map<string, number[][]>();
  let snapshots = 0;
  let next = 0;
  const began = performance.now();
  const write = async () => {
    while (next < MINUTES) {
      signal.throwIfAborted();
      const at = start + next++ * MINUTE_MS;
      clock.setTo(at);
      // Figures are read before anything is waited for, so that those of each node are in the order of time.
      const { metrics } = gauge.read();
      const saved = sites.map((site) =>
        saveMinute(plane, site, { timestamp: new Date(at), metrics }, shares),
      );
      const told = at % HOUR_MS === 0 ? sites.map((site) => reportNodes(plane, site)) : [];
      const [lengths] = await Promise.all([Promise.all(saved), Promise.all(told)]);
      for (const length of lengths) snapshots += length;
    }
  };
  const writers = Array.from({ length: WRITERS }, write);
  // Where one fails, the others are at their end, too, before the error is told and the database closed.
  const all = Promise.allSettled(writers).then(() => Promise.all(writers));
  await withProgress(() => `   simulated day, ${clock.now().toISOString().slice(11, 16)}`, all);
  const { perSecond, ms } = rateOf(snapshots, performance.now() - began);
  say(
    `The day is SIMULATED: ${duration(ms)} by this machine's clock, ${count(MINUTES)} minutes by the database's.`,
  );
  say(
    `Each minute is a reading of this machine, taken when it came: ${count(snapshots)} snapshots of all nodes.`,
  );
  facts.push(["snapshots", `${count(perSecond)} a second, in durable commits of a tenant's minute each`]);
  return { from: new Date(start), to: new Date(start + DAY_MS), snapshots, shares };
}

/** @returns how many snapshots were saved */
function saveMinute(
  { db }: Plane,
  site: Site,
  { timestamp, metrics }: Minute,
  shares: Map<string, number[][]>,
): Promise<number> {
  const snapshots = site.nodes.map((node) => {
    noteShare(shares, fullName(site, node), { timestamp, metrics });
    return { id: node, timestamp, granularity: "minute" as const, metrics, labels: { node } };
  });
  return db.tenant(site.id).metrics.saveMany(snapshots);
}

function noteShare(shares: Map<string, number[][]>, name: string, { timestamp, metrics }: Minute): void {
  const hours = shares.get(name) ?? Array.from({ length: DAY_MS / HOUR_MS }, () => []);
  hours[timestamp.getUTCHours()]?.push(metrics["cpu.busy"]);
  shares.set(name, hours);
}

/** Each hour the nodes tell what they run on: changes by actors, of which the audit trail is told. */
async function reportNodes({ db, gauge }: Plane, { id, nodes }: Site): Promise<void> {
  for (const node of nodes) {
    const load = String(gauge.read().metrics["load.1m"]);
    const metadata = { host: hostname(), kernel: release(), load };
    await db
      .tenant(id)
      .as({ userId: `agent/${node}` })
      .nodes.update(node, { metadata });
  }
}
