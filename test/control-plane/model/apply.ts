/** Does the operations of a plan in a database. */
import { DatabaseError, type DatabaseTransaction } from "@meshgate/database";
import type { SystemOperations } from "../../../src/control-plane/system-operations.ts";
import type { TenantOperations } from "../../../src/control-plane/tenant-operations.ts";
import { DAY } from "../databases.ts";
import type { Operation, OperationOf, Plan } from "./operations.ts";

/** What came of an operation: something short, or the code of an error. */
export type Outcome = string | number | boolean | null;

/** Longer than any test goes on. */
export const SESSION_MS: number = 20_000 * DAY;

/** Where an operation is done. */
export interface Place {
  readonly tenant: TenantOperations;
  readonly system: SystemOperations;
  readonly now: () => Date;
  /** When keys and sessions expire; never, as far as a test can see, where it is not given. */
  readonly ttl?: number;
}

/** Runs the steps of a plan. @returns what came of each */
export async function runPlan(
  tx: DatabaseTransaction,
  { steps, together }: Plan,
  now: () => Date,
): Promise<Outcome[]> {
  const places = steps.map(({ tenantId, isLogged }): Place => {
    const tenant = tx.tenant(tenantId);
    return { tenant: isLogged ? tenant.as({ userId: "actor" }) : tenant, system: tx.system, now };
  });
  const outcomes: Outcome[] = [];
  if (together) {
    // What is meant is looked up before: what is called at once runs one after another.
    const targets: (string | undefined)[] = [];
    for (const [i, { operation }] of steps.entries())
      targets.push(await targetOf(places[i] as Place, operation));
    const called = steps.map(({ operation }, i) => outcomeOf(places[i] as Place, operation, targets[i]));
    return Promise.all(called);
  }
  for (const [i, { operation }] of steps.entries()) {
    const place = places[i] as Place;
    outcomes.push(await outcomeOf(place, operation, await targetOf(place, operation)));
  }
  return outcomes;
}

/** The id of what an operation means by a number: ids of keys and sessions are made by the database. */
export async function targetOf({ tenant }: Place, operation: Operation): Promise<string | undefined> {
  if (!("nth" in operation)) return undefined;
  const named =
    operation.kind === "endSession"
      ? (await tenant.sessions.list({ active: true, size: 10_000 })).records.map(({ id, userAgent }) => ({
          id,
          name: userAgent as string,
        }))
      : (await tenant.apiKeys.list({ active: true, size: 10_000 })).records;
  const sorted = Array.from(named).sort((a, b) => (a.name < b.name ? -1 : 1));
  return sorted[operation.nth % sorted.length]?.id;
}

/** Does an operation. @returns what came of it @throws what is no error of the database's own */
export async function outcomeOf(
  place: Place,
  operation: Operation,
  target: string | undefined,
): Promise<Outcome> {
  if ("nth" in operation && target === undefined) return "nothing to do it to";
  try {
    return await run(place, operation, target as string);
  } catch (error) {
    if (error instanceof DatabaseError && EXPECTED.has(error.code)) return error.code;
    throw error;
  }
}

const EXPECTED = new Set<string>([
  "RECORD_NOT_FOUND",
  "RECORD_INVALID",
  "REFERENCE_INVALID",
  "UNIQUE_VIOLATION",
  "QUOTA_EXCEEDED",
  "TENANT_SUSPENDED",
  "METRIC_TOO_LATE",
]);

const done = () => "done";

type Handlers = {
  readonly [K in Operation["kind"]]: (
    place: Place,
    operation: OperationOf<K>,
    target: string,
  ) => Promise<Outcome>;
};

function run(place: Place, operation: Operation, target: string): Promise<Outcome> {
  const handler = HANDLERS[operation.kind] as (
    place: Place,
    operation: Operation,
    target: string,
  ) => Promise<Outcome>;
  return handler(place, operation, target);
}

const HANDLERS: Handlers = {
  saveUser: ({ tenant }, { user }) => tenant.users.save(user).then(done),
  saveUsers: ({ tenant }, { users }) => tenant.users.saveMany(users),
  updateUser: ({ tenant }, { id, patch }) => tenant.users.update(id, patch).then(done),
  deleteUser: ({ tenant }, { id }) => tenant.users.delete(id),
  deleteUsers: ({ tenant }, { ids }) => tenant.users.deleteMany(ids),
  saveNode: ({ tenant }, { node }) => tenant.nodes.save(node).then(done),
  saveNodes: ({ tenant }, { nodes }) => tenant.nodes.saveMany(nodes),
  updateNode: ({ tenant }, { id, patch }) => tenant.nodes.update(id, patch).then(done),
  deleteNode: ({ tenant }, { id }) => tenant.nodes.delete(id),
  deleteNodes: ({ tenant }, { ids }) => tenant.nodes.deleteMany(ids),
  heartbeat: ({ tenant }, { id }) => tenant.nodes.heartbeat(id).then(done),
  markOffline: ({ tenant, now }, { ago }) =>
    tenant.nodes.markOffline(new Date(now().getTime() - ago)).then((ids) => [...ids].sort().join()),
  saveGroup: ({ tenant }, { id, nodeIds }) =>
    tenant.groups.save({ id, name: id, nodeIds: [...nodeIds] }).then(done),
  deleteGroup: ({ tenant }, { id }) => tenant.groups.delete(id),
  joinGroup: ({ tenant }, { id, nodeId }) => tenant.groups.addNode(id, nodeId).then(done),
  leaveGroup: ({ tenant }, { id, nodeId }) => tenant.groups.removeNode(id, nodeId).then(done),
  createKey: (place, operation) => place.tenant.apiKeys.create(keyOf(place, operation)).then(done),
  createKeys: (place, operation) =>
    place.tenant.apiKeys
      .createMany(operation.names.map((name) => keyOf(place, { ...operation, name })))
      .then(done),
  revokeKey: ({ tenant }, _, target) => tenant.apiKeys.revoke(target),
  rotateKey: ({ tenant }, _, target) => tenant.apiKeys.rotate(target).then(done),
  deleteKey: ({ tenant }, _, target) => tenant.apiKeys.delete(target),
  createSession: ({ tenant, ttl = SESSION_MS }, { userId, name }) =>
    tenant.sessions.create({ userId, userAgent: name, ttl }).then(done),
  endSession: ({ tenant }, _, target) => tenant.sessions.end(target),
  endSessions: ({ tenant }, { userId }) => tenant.sessions.endAll(userId),
  setLimits: ({ tenant, system }, { limits }) => system.setLimits(tenant.id, limits).then(done),
  suspend: ({ tenant, system }) => system.tenants.suspend(tenant.id).then(done),
  resume: ({ tenant, system }) => system.tenants.resume(tenant.id).then(done),
  addUsage: ({ tenant }, { bandwidth, enforce }) =>
    tenant.quota.addUsage({ bandwidth }, { enforce }).then(({ usedBandwidth }) => usedBandwidth),
  closeMonth: ({ tenant }) => tenant.quota.closeMonth().then(done),
  saveFigures: ({ tenant }, { nodeId, cpuPercent }) =>
    tenant.nodeMetrics.save({ nodeId, cpuPercent }).then(done),
  saveMetrics: ({ tenant, now }, operation) => tenant.metrics.save(snapshotOf(operation, now())).then(done),
  log: ({ tenant }, { action }) =>
    tenant.audit.append({ userId: "actor", action, resource: "else" }).then(done),
};

function keyOf({ ttl, now }: Place, { name, userId }: { readonly name: string; readonly userId?: string }) {
  const expiry = ttl === undefined ? {} : { expiresAt: new Date(now().getTime() + ttl) };
  return { name, permissions: ["nodes:read"], ...(userId === undefined ? {} : { userId }), ...expiry };
}

/** The snapshot that an operation saves. */
export function snapshotOf({ ago, id, value, node }: OperationOf<"saveMetrics">, now: Date) {
  const minute = Math.floor((now.getTime() - ago) / 60_000) * 60_000;
  return {
    id: `${node}${id}`,
    timestamp: new Date(minute),
    granularity: "minute" as const,
    metrics: { load: value },
    labels: { node },
  };
}
