import { generateKeyPairSync } from "node:crypto";
import { duration } from "../terminal.ts";
import { OPERATOR, type Plane, type Site, say } from "./plane.ts";

const USERS = 3;
const NODES = 4;

/** Nodes of both have the same ids: that must not matter. */
export const SITES: readonly [Site, Site] = [
  siteOf("demo-harbour", "10.71"),
  siteOf("demo-orchard", "10.72"),
];

function siteOf(id: string, network: string): Site {
  const numbered = (what: string, length: number) => Array.from({ length }, (_, i) => `${what}-${i + 1}`);
  return { id, network, users: numbered("user", USERS), nodes: numbered("node", NODES) };
}

/** Makes the tenants, and shows what is refused to them. */
export async function settle(plane: Plane): Promise<void> {
  const began = performance.now();
  for (const site of plane.sites) await makeTenant(plane, site);
  const ms = performance.now() - began;
  const each = `${USERS} users, ${NODES} nodes and a group`;
  say(`${plane.sites.map(({ id }) => id).join(" and ")}, each with ${each}: ${duration(ms)}.`);
  await hitQuota(plane);
  await reachAcross(plane);
}

async function makeTenant({ db, checks }: Plane, { id, users, nodes, network }: Site): Promise<void> {
  await db.system.as(OPERATOR).tenants.save({
    id,
    name: id,
    domain: `${id}.example`,
    nodeLimit: nodes.length,
    settings: { subnetCidr: `${network}.0.0/16`, policyMode: "strict" },
  });
  // Several models in one commit: all of the site is there, or nothing.
  await db.update(async (tx) => {
    const tenant = tx.tenant(id).as(OPERATOR);
    for (const [i, user] of users.entries())
      await tenant.users.save({
        id: user,
        email: `${user}@${id}.example`,
        role: i === 0 ? "admin" : "viewer",
      });
    for (const [i, node] of nodes.entries())
      await tenant.nodes.save({ id: node, publicKey: publicKey(), ipAddress: `${network}.0.${i + 1}` });
    await tenant.groups.save({ id: "gateways", name: "Gateways", nodeIds: nodes.slice(0, 2) });
  });
  const found = await db.getUserByEmail(`USER-1@${id}.EXAMPLE`);
  checks.equal("an email is found however it is written", found?.tenantId, id);
}

/** A WireGuard public key, as `wg genkey | wg pubkey` makes them. */
function publicKey(): string {
  const { x = "" } = generateKeyPairSync("x25519").publicKey.export({ format: "jwk" });
  return Buffer.from(x, "base64url").toString("base64");
}

async function hitQuota({ db, checks, sites: [{ id, network }] }: Plane): Promise<void> {
  const tenant = db.tenant(id).as(OPERATOR);
  const save = () =>
    tenant.nodes.save({ id: "one-more", publicKey: publicKey(), ipAddress: `${network}.0.99` });
  const refusal = await checks.refused("one node more than the quota", "QUOTA_EXCEEDED", save);
  if (refusal !== undefined) say(`One node more is refused with ${refusal.code}: ${refusal.message}`);
  await db.updateTenantQuota({ tenantId: id, maxNodes: NODES + 1 });
  await save();
  await tenant.nodes.delete("one-more");
  const quota = await tenant.quota.get();
  checks.equal("the quota counts the nodes", quota?.usedNodes, NODES);
  const { ok } = await tenant.quota.verify();
  checks.holds("the counts of the quota agree with a recount", ok);
  say(`With the limit at ${quota?.maxNodes} it is saved; deleted again, ${quota?.usedNodes} count.`);
}

async function reachAcross({ db, checks, sites: [mine, theirs] }: Plane): Promise<void> {
  const tenant = db.tenant(mine.id);
  const stranger = `${theirs.id}.example`;
  checks.equal(
    "a tenant does not find another's user",
    await tenant.users.getByEmail(`user-1@${stranger}`),
    undefined,
  );
  const refusal = await checks.refused("a tenant cannot write for another", "TENANT_MISMATCH", () =>
    tenant.users.save({ id: "spy", tenantId: theirs.id, email: `spy@${stranger}` }),
  );
  const { next } = await db.tenant(theirs.id).nodes.list({ size: 1 });
  await checks.refused("a tenant cannot use another's page token", "TOKEN_INVALID", () =>
    tenant.nodes.list({ size: 1, after: next }),
  );
  if (refusal !== undefined)
    say(`Across tenants, a write is refused with ${refusal.code}, a read finds nothing.`);
}
