/** Does the operations of a plan in a model. */
import { type Outcome, snapshotOf } from "./apply.ts";
import { type ModelGroup, type ModelNode, type ModelTenant, type ModelTenants, Refused } from "./model.ts";
import type { NodeFields, Operation, OperationOf, Plan, Step, UserFields } from "./operations.ts";

/** @param recorded what came of the steps in the database: for what depends on how far retention was */
export function runPlanOn(
  tenants: ModelTenants,
  { steps, together }: Plan,
  now: Date,
  recorded: readonly Outcome[],
): Outcome[] {
  const named = steps.map((step) => (together ? targetOf(tenants, step) : undefined));
  return steps.map((step, i) => {
    const target = together ? named[i] : targetOf(tenants, step);
    const tenant = tenants.get(step.tenantId) as ModelTenant;
    const log = (action: string, resource: string) => {
      if (step.isLogged) tenant.audit.push(`${action} ${resource}`);
    };
    return outcomeOf({ tenants, tenant, now, log, recorded: recorded[i] as Outcome }, step.operation, target);
  });
}

function targetOf(tenants: ModelTenants, { tenantId, operation }: Step): string | undefined {
  if (!("nth" in operation)) return undefined;
  const tenant = tenants.get(tenantId) as ModelTenant;
  return operation.kind === "endSession" ? tenant.session(operation.nth) : tenant.activeKey(operation.nth);
}

/** Where an operation is done. */
interface Ground {
  readonly tenants: ModelTenants;
  readonly tenant: ModelTenant;
  readonly now: Date;
  readonly log: (action: string, resource: string) => void;
  readonly recorded: Outcome;
}

/** Those of the system reach a tenant that is suspended. */
const OF_SYSTEM: readonly string[] = ["setLimits", "suspend", "resume"];

function outcomeOf(ground: Ground, operation: Operation, target: string | undefined): Outcome {
  if ("nth" in operation && target === undefined) return "nothing to do it to";
  try {
    if (!ground.tenant.isActive && !OF_SYSTEM.includes(operation.kind)) throw new Refused("TENANT_SUSPENDED");
    const handler = HANDLERS[operation.kind] as (
      ground: Ground,
      operation: Operation,
      target: string,
    ) => Outcome | undefined;
    return handler(ground, operation, target as string) ?? "done";
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
}

function saveUser({ tenants, tenant, now }: Ground, { id, email, role }: UserFields): "create" | "update" {
  const old = tenant.users.get(id);
  if (old === undefined) tenant.requireRoom("Users");
  for (const other of tenants.values())
    for (const [otherId, user] of other.users)
      if (user.email === email && (other !== tenant || otherId !== id)) throw new Refused("UNIQUE_VIOLATION");
  tenant.users.set(id, { email, role, createdAt: old?.createdAt ?? now.getTime() });
  if (old === undefined) tenant.count("Users", 1, now);
  return old === undefined ? "create" : "update";
}

function deleteUser({ tenant, now }: Ground, id: string): boolean {
  if (!tenant.users.has(id)) return false;
  for (const [name, userId] of tenant.sessions) if (userId === id) tenant.sessions.delete(name);
  for (const [name, { userId }] of tenant.keys) if (userId === id) tenant.revoke(name, now);
  tenant.users.delete(id);
  tenant.count("Users", -1, now);
  return true;
}

function putNode({ tenant }: Ground, id: string, node: ModelNode): void {
  for (const [otherId, other] of tenant.nodes) {
    const isSameIp = node.ipAddress !== undefined && other.ipAddress === node.ipAddress;
    if (otherId !== id && (other.publicKey === node.publicKey || isSameIp))
      throw new Refused("UNIQUE_VIOLATION");
  }
  tenant.nodes.set(id, node);
}

function saveNode(ground: Ground, { id, ...fields }: NodeFields): "create" | "update" {
  const { tenant, now } = ground;
  const old = tenant.nodes.get(id);
  if (old === undefined) tenant.requireRoom("Nodes");
  putNode(ground, id, { ...fields, createdAt: old?.createdAt ?? now.getTime() });
  if (old === undefined) tenant.count("Nodes", 1, now);
  return old === undefined ? "create" : "update";
}

function deleteNode({ tenant, now }: Ground, id: string): boolean {
  if (!tenant.nodes.delete(id)) return false;
  for (const [name, group] of tenant.groups)
    if (group.nodeIds.includes(id))
      tenant.groups.set(name, {
        ...group,
        nodeIds: group.nodeIds.filter((each) => each !== id),
        updatedAt: now.getTime(),
      });
  tenant.figures.delete(id);
  tenant.count("Nodes", -1, now);
  return true;
}

function createKey({ tenant, now }: Ground, name: string, userId: string | undefined): void {
  if (userId !== undefined && !tenant.users.has(userId)) throw new Refused("REFERENCE_INVALID");
  tenant.requireRoom("ApiKeys");
  tenant.keys.set(name, { userId, secrets: 1 });
  tenant.count("ApiKeys", 1, now);
}

function changeGroup(
  { tenant, now }: Ground,
  id: string,
  change: (ids: readonly string[]) => readonly string[],
  created?: ModelGroup,
): void {
  const old = tenant.groups.get(id) ?? created;
  if (old === undefined) throw new Refused("RECORD_NOT_FOUND");
  const nodeIds = Array.from(new Set(change(old.nodeIds)));
  if (nodeIds.some((nodeId) => !tenant.nodes.has(nodeId))) throw new Refused("REFERENCE_INVALID");
  tenant.groups.set(id, { ...old, nodeIds, updatedAt: now.getTime() });
}

function found<T>(record: T | undefined): T {
  if (record === undefined) throw new Refused("RECORD_NOT_FOUND");
  return record;
}

type Handlers = {
  readonly [K in Operation["kind"]]: (
    ground: Ground,
    operation: OperationOf<K>,
    target: string,
    // biome-ignore lint/suspicious/noConfusingVoidType: those that give nothing are done
  ) => Outcome | void;
};

const HANDLERS: Handlers = {
  saveUser: (ground, { user }) => ground.log(`user.${saveUser(ground, user)}`, `users/${user.id}`),
  saveUsers: (ground, { users }) => {
    for (const user of users) saveUser(ground, user);
    ground.log("user.saveMany", "users");
    return users.length;
  },
  updateUser: (ground, { id, patch }) => {
    saveUser(ground, { id, ...found(ground.tenant.users.get(id)), ...patch } as UserFields);
    ground.log("user.update", `users/${id}`);
  },
  deleteUser: (ground, { id }) => {
    const was = deleteUser(ground, id);
    if (was) ground.log("user.delete", `users/${id}`);
    return was;
  },
  deleteUsers: (ground, { ids }) => {
    const deleted = ids.filter((id) => deleteUser(ground, id)).length;
    ground.log("user.deleteMany", "users");
    return deleted;
  },
  saveNode: (ground, { node }) => ground.log(`node.${saveNode(ground, node)}`, `nodes/${node.id}`),
  saveNodes: (ground, { nodes }) => {
    for (const node of nodes) saveNode(ground, node);
    ground.log("node.saveMany", "nodes");
    return nodes.length;
  },
  updateNode: (ground, { id, patch }) => {
    putNode(ground, id, { ...found(ground.tenant.nodes.get(id)), ...patch });
    ground.log("node.update", `nodes/${id}`);
  },
  deleteNode: (ground, { id }) => {
    const was = deleteNode(ground, id);
    if (was) ground.log("node.delete", `nodes/${id}`);
    return was;
  },
  deleteNodes: (ground, { ids }) => {
    const deleted = ids.filter((id) => deleteNode(ground, id)).length;
    ground.log("node.deleteMany", "nodes");
    return deleted;
  },
  heartbeat: (ground, { id }) => {
    const node = found(ground.tenant.nodes.get(id));
    putNode(ground, id, { ...node, status: "online", lastSeen: ground.now.getTime() });
  },
  markOffline: (ground, { ago }) => {
    const before = ground.now.getTime() - ago;
    const silent = Array.from(ground.tenant.nodes).filter(
      ([, { status, lastSeen }]) => status === "online" && (lastSeen === undefined || lastSeen < before),
    );
    for (const [id, node] of silent) ground.tenant.nodes.set(id, { ...node, status: "offline" });
    if (silent.length > 0) ground.log("node.markOffline", "nodes");
    return silent
      .map(([id]) => id)
      .sort()
      .join();
  },
  saveGroup: (ground, { id, nodeIds }) => {
    const verb = ground.tenant.groups.has(id) ? "update" : "create";
    const time = ground.now.getTime();
    changeGroup(ground, id, () => nodeIds, { nodeIds: [], createdAt: time, updatedAt: time });
    ground.log(`group.${verb}`, `node_groups/${id}`);
  },
  deleteGroup: (ground, { id }) => {
    const was = ground.tenant.groups.delete(id);
    if (was) ground.log("group.delete", `node_groups/${id}`);
    return was;
  },
  joinGroup: (ground, { id, nodeId }) => {
    changeGroup(ground, id, (ids) => [...ids, nodeId]);
    ground.log("group.addNode", `node_groups/${id}`);
  },
  leaveGroup: (ground, { id, nodeId }) => {
    changeGroup(ground, id, (ids) => ids.filter((each) => each !== nodeId));
    ground.log("group.removeNode", `node_groups/${id}`);
  },
  createKey: (ground, { name, userId }) => {
    createKey(ground, name, userId);
    ground.log("apiKey.create", "api_keys");
  },
  createKeys: (ground, { names, userId }) => {
    for (const name of names) createKey(ground, name, userId);
    ground.log("apiKey.createMany", "api_keys");
  },
  revokeKey: (ground, _, name) => {
    const { revokedAt } = found(ground.tenant.keys.get(name));
    if (revokedAt !== undefined) return false;
    ground.tenant.revoke(name, ground.now);
    ground.log("apiKey.revoke", "api_keys");
    return true;
  },
  rotateKey: (ground, _, name) => {
    const key = found(ground.tenant.keys.get(name));
    if (key.revokedAt !== undefined) throw new Refused("RECORD_INVALID");
    ground.tenant.keys.set(name, { ...key, secrets: 2 });
    ground.log("apiKey.rotate", "api_keys");
  },
  deleteKey: ({ tenant, now, log }, _, name) => {
    const key = tenant.keys.get(name);
    if (key === undefined) return false;
    tenant.keys.delete(name);
    if (key.revokedAt === undefined) tenant.count("ApiKeys", -1, now);
    log("apiKey.delete", "api_keys");
    return true;
  },
  createSession: ({ tenant, log }, { name, userId }) => {
    if (!tenant.users.has(userId)) throw new Refused("REFERENCE_INVALID");
    tenant.sessions.set(name, userId);
    log("session.create", "sessions");
  },
  endSession: ({ tenant, log }, _, name) => {
    const was = tenant.sessions.delete(name);
    if (was) log("session.end", "sessions");
    return was;
  },
  endSessions: ({ tenant, log }, { userId }) => {
    const owned = Array.from(tenant.sessions).filter(([, owner]) => owner === userId);
    for (const [name] of owned) tenant.sessions.delete(name);
    if (owned.length > 0) log("session.endAll", `users/${userId}`);
    return owned.length;
  },
  setLimits: ({ tenant, now }, { limits }) => {
    tenant.renew(now);
    Object.assign(tenant.quota, limits);
  },
  suspend: ({ tenant }) => {
    tenant.isActive = false;
  },
  resume: ({ tenant }) => {
    tenant.isActive = true;
  },
  addUsage: ({ tenant, now }, { bandwidth, enforce }) => {
    tenant.renew(now);
    const used = tenant.quota.usedBandwidth + bandwidth;
    if (enforce && used > tenant.quota.maxBandwidth) throw new Refused("QUOTA_EXCEEDED");
    tenant.quota.usedBandwidth = used;
    tenant.usage += bandwidth;
    return used;
  },
  closeMonth: ({ tenant, now }) => tenant.renew(now),
  saveFigures: ({ tenant, now }, { nodeId, cpuPercent }) => {
    if (!tenant.nodes.has(nodeId)) throw new Refused("REFERENCE_INVALID");
    const figures = tenant.figures.get(nodeId) ?? new Map<number, number>();
    tenant.figures.set(nodeId, figures.set(now.getTime(), cpuPercent));
  },
  saveMetrics: ({ tenant, now, recorded }, operation) => {
    if (recorded === "METRIC_TOO_LATE") return recorded;
    tenant.metrics.save(snapshotOf(operation, now));
  },
  log: ({ tenant }, { action }) => {
    tenant.audit.push(`${action} else`);
  },
};
