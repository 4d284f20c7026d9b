import { count, duration, withProgress } from "../terminal.ts";
import { MINUTE_MS } from "./clock.ts";
import type { Reading } from "./gauge.ts";
import { type Plane, type Site, say } from "./plane.ts";
import { rateOf } from "./rate.ts";

const BEAT_MS = 600;
/** A node that was not heard of for so long counts as gone: twice its interval. */
const SILENCE_MS = MINUTE_MS;

/** A node's last heartbeat. */
interface Beat {
  readonly at: Date;
  readonly node: Reading["node"];
}

/** All nodes of both tenants tell how they are, at once; then one falls silent. */
export async function beat(plane: Plane): Promise<void> {
  const { db, signal, facts, checks, sites } = plane;
  const began = performance.now();
  let beats = 0;
  const tick = () => beats++;
  const loops = sites.flatMap((site) =>
    site.nodes.map((node) => beatOn(plane, site, node, began + BEAT_MS, tick)),
  );
  const groupsBefore = db.store.stats().groups;
  const last = await withProgress(() => `   ${count(beats)} heartbeats`, Promise.all(loops));
  signal.throwIfAborted();
  const { perSecond, ms } = rateOf(beats, performance.now() - began);
  const groups = db.store.stats().groups - groupsBefore;
  say(`${loops.length} nodes: ${count(beats)} heartbeats in ${duration(ms)}, each a durable commit.`);
  facts.push([
    "heartbeats",
    `${count(perSecond)} a second, ${count(beats)} in ${count(groups)} groups of one sync each`,
  ]);

  for (const [i, { site, node }] of nodesOf(sites).entries()) {
    const kept = await db.tenant(site.id).nodeMetrics.latest(node);
    const { at, ...told } = last[i] as Beat;
    const wanted = { tenantId: site.id, nodeId: node, timestamp: at, ...told.node };
    checks.equal(`what ${node} of ${site.id} told last is kept`, kept, wanted);
  }
  const online = await db.getNodesByStatus("online");
  checks.equal("all nodes are online", online.length, loops.length);
  await fallSilent(plane);
}

/** One node: heartbeat, and figures of this machine, in one commit; then the next. */
async function beatOn(
  { db, clock, gauge, signal }: Plane,
  { id }: Site,
  node: string,
  until: number,
  tick: () => void,
): Promise<Beat> {
  for (;;) {
    const { node: figures, metrics } = gauge.read();
    const at = clock.now();
    await db.update(async (tx) => {
      const tenant = tx.tenant(id);
      await tenant.nodes.heartbeat(node, { metadata: { load: String(metrics["load.1m"]) } });
      await tenant.nodeMetrics.save({ nodeId: node, timestamp: at, ...figures });
    });
    tick();
    if (performance.now() >= until || signal.aborted) return { at, node: figures };
  }
}

async function fallSilent({ db, clock, checks, sites }: Plane): Promise<void> {
  const [{ id, nodes }] = sites;
  const [silent, ...others] = nodes as [string, ...string[]];
  const tenant = db.tenant(id);
  clock.advance(2 * SILENCE_MS);
  for (const node of others) await tenant.nodes.heartbeat(node);
  const gone = await tenant.nodes.markOffline(new Date(clock.now().getTime() - SILENCE_MS));
  checks.equal("the node that fell silent is offline", gone, [silent]);
  say(
    `${silent} of ${id} is silent for ${(2 * SILENCE_MS) / 1000} s (simulated): marked offline: ${gone.join(", ")}.`,
  );
  await tenant.nodes.heartbeat(silent);
}

function nodesOf(sites: readonly Site[]): { site: Site; node: string }[] {
  return sites.flatMap((site) => site.nodes.map((node) => ({ site, node })));
}
