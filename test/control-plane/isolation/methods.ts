/** Every method of every family that a tenant's handle has, and how a stranger would call it. */
import { createHash } from "node:crypto";
import { DAY, HOUR } from "../databases.ts";
import type { Hostile } from "./hostile.ts";
import { START } from "./loot.ts";
import { remarked } from "./marks.ts";
import { audit, metrics, nodeMetrics, quota } from "./measured-methods.ts";
import { type Family, type Fields, none, read, write } from "./method.ts";

/** What all families of records have. */
function records(name: string, fields: (h: Hostile) => Fields): Family {
  const input = (h: Hostile) => h.input(h.once(6) ? h.stolen(name) : { id: h.id(), ...fields(h) });
  const patch = (h: Hostile) => {
    const all = Object.entries(fields(h));
    const some = Object.fromEntries(all.filter(() => h.once(3)));
    return h.input(h.once(10) ? { ...some, id: h.id() } : some);
  };
  return {
    get: read((h) => [h.id()]),
    getMany: read((h) => [h.list([h.id(), h.id(), h.id()], [[h.other().tenantId, "1"]])]),
    all: read(none),
    count: read(none),
    list: read((h) => [h.page({ enabled: true, role: "user", status: "online", nodeId: h.id() })]),
    save: write((h) => [input(h)]),
    saveMany: write((h) => [h.many(() => input(h)), h.work()]),
    update: write((h) => [h.id(), patch(h)]),
    delete: write((h) => [h.id()]),
    deleteMany: write((h) => [h.many(() => h.id()), h.work()]),
  };
}

const switches: Family = { enable: write((h) => [h.id()]), disable: write((h) => [h.id()]) };

const shared: Family = {
  list: read((h) => [h.page({ enabled: h.once(2) })]),
  listGlobal: read((h) => [h.page({ enabled: h.once(2) })]),
  getGlobal: read((h) => [h.pick([h.id(), "node-down"])]),
  effective: read(none),
};

const users: Family = {
  ...records("users", (h) => ({ email: h.email(), role: h.pick(["admin", "user"]), passwordHash: h.mark })),
  list: read((h) => [h.page({ role: h.pick(["user", "admin", h.strange()]) })]),
  getByEmail: read((h) => [h.email()]),
};

const nodes: Family = {
  ...records("nodes", (h) => ({
    ...{ publicKey: h.key(), ipAddress: h.address(), name: h.mark, metadata: h.labels() },
    status: h.pick(["online", "offline"]),
  })),
  list: read((h) => [h.page({ status: h.pick(["online", "offline", h.strange()]) })]),
  getByPublicKey: read((h) => [h.key()]),
  getByIpAddress: read((h) => [h.address()]),
  heartbeat: write((h) => [h.id(), h.object({ metadata: h.labels(), ipAddress: h.address() })]),
  markOffline: write((h) => [h.time()]),
};

const groups: Family = {
  ...records("groups", (h) => ({ name: h.mark, nodeIds: [h.id(), h.id()], labels: { of: h.mark } })),
  list: read((h) => [h.page({ nodeId: h.id() })]),
  nodes: read((h) => [h.id()]),
  addNode: write((h) => [h.id(), h.id()]),
  removeNode: write((h) => [h.id(), h.id()]),
};

function target(h: Hostile): unknown {
  const values = () => [h.id(), h.other().tenantId];
  return h.object(
    h.pick([
      () => ({ type: "any" }),
      () => ({ type: "node", values: values() }),
      () => ({ type: "group", values: values(), labels: h.labels() }),
      () => ({ type: "cidr", values: ["10.10.0.0/16"] }),
    ])(),
  );
}

const end = (h: Hostile) => h.object(h.once(2) ? { nodeId: h.id() } : { ipAddress: h.address() });

const policies: Family = {
  ...records("policies", (h) => ({
    ...{ name: h.mark, appliedTo: target(h), priority: h.random.below(4), enabled: !h.once(4) },
    rules: [{ action: h.pick(["allow", "deny", "log"]), source: target(h), destination: target(h) }],
  })),
  ...switches,
  list: read((h) => [h.page({ enabled: h.once(2) })]),
  forNode: read((h) => [h.id()]),
  decide: read((h) => [h.object({ source: end(h), destination: end(h), protocol: "tcp", port: 22 })]),
};

const alertRules: Family = {
  ...records("alertRules", (h) => ({ name: h.mark, expression: h.mark, duration: "5m", enabled: h.once(2) })),
  ...{ ...switches, ...shared },
};

const channels: Family = {
  ...records("channels", (h) => ({ name: h.mark, type: "slack", config: h.object({ url: h.mark }) })),
  ...{ ...switches, ...shared },
};

const keyInput = (h: Hostile) =>
  h.input({
    ...{ name: h.mark, permissions: h.pick([["*"], ["nodes:read"], []]) },
    ...(h.once(2) ? { userId: h.id() } : { expiresAt: new Date(START + 2000 * DAY) }),
  });
const secret = (h: Hostile) => h.secret(h.me.secrets, h.other().secrets);

const apiKeys: Family = {
  create: write((h) => [keyInput(h)]),
  createMany: write((h) => [h.many(() => keyInput(h)), h.work()]),
  get: read((h) => [h.keyId()]),
  list: read((h) => [h.page({ userId: h.id(), active: h.once(2) })]),
  update: write((h) => [h.keyId(), h.input({ name: h.mark })]),
  revoke: write((h) => [h.keyId()]),
  delete: write((h) => [h.keyId()]),
  rotate: write((h) => [h.keyId(), h.object({ grace: h.once(2) ? HOUR : h.time() })]),
  verify: read((h) => [secret(h), h.once(2) ? undefined : h.object({ permission: "nodes:read" })]),
};

const sessions: Family = {
  create: write((h) => [h.input({ userId: h.id(), ttl: 400 * DAY, userAgent: h.mark })]),
  get: read((h) => [h.sessionId()]),
  list: read((h) => [h.page({ userId: h.id(), active: h.once(2) })]),
  verify: read((h) => [h.secret(h.me.sessionTokens, h.other().sessionTokens)]),
  touch: write((h) => [h.sessionId()]),
  extend: write((h) => [h.sessionId(), h.once(10) ? h.strange() : 400 * DAY]),
  end: write((h) => [h.sessionId()]),
  endAll: write((h) => [h.id()]),
};

/** The text of an export: the tenant's own, another's, or another's made to look like its own. */
function source(h: Hostile): unknown {
  if (h.once(10)) return h.strange();
  if (h.once(4)) return [h.me.exported];
  const { exported, tenantId } = h.other();
  if (h.once(2)) return [exported];
  const named = JSON.stringify(tenantId);
  const mine = JSON.stringify(h.me.tenantId);
  // What must be unique among all tenants is left out or has a new id: only whose it is stands in the way.
  const isMine = h.once(2);
  const lines = remarked(exported, h.me.owner).split("\n").slice(0, -2);
  const forged = lines
    .filter((line) => !/^{"collection":"(users|nodes|api_keys|sessions)"/.test(line))
    .map((line) => line.replace(/"domain":"t/, '"domain":"w'))
    .map((line, n) =>
      n === 0 || isMine ? line.replaceAll(named, mine) : line.replace(/"id":"/, '"id":"new '),
    );
  const sha256 = createHash("sha256")
    .update(`${forged.join("\n")}\n`)
    .digest("hex");
  return [[...forged, JSON.stringify({ end: true, records: forged.length - 1, sha256 })].join("\n")];
}

/** What handles alone have. */
const long: Family = {
  export: read((h) => [h.work()], 20),
  import: write((h) => [source(h), h.work()], 10),
  // Only a tenant that may go is wiped: others pass what is refused.
  wipe: write((h) => [h.me.tenantId === WIPED ? h.work() : { prefix: h.other().tenantId }], 10),
};

/** The tenant that is wiped now and then. */
export const WIPED = "a!";

/** The families of a handle, "" for the handle itself. */
export const METHODS: Readonly<Record<string, Family>> = {
  ...{ users, nodes, groups, policies, alertRules, channels, apiKeys, sessions, audit, metrics, nodeMetrics },
  ...{ quota, "": { get: read(none), usage: read(none, 2), as: read((h) => [h.actor()]), ...long } },
};

/** Methods that a transaction's tenants do not have. */
export const LONG: readonly string[] = Object.keys(long);
