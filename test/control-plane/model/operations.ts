/** Operations on a tenant, as data. A transaction of them follows from a number. */
import { HOUR, keyOf, MINUTE } from "../databases.ts";
import { Random } from "./random.ts";

export interface UserFields {
  readonly id: string;
  readonly email: string;
  readonly role: "admin" | "user" | "viewer";
}

export interface NodeFields {
  readonly id: string;
  readonly publicKey: string;
  readonly ipAddress?: string;
  readonly status: "online" | "offline";
}

export interface Limits {
  readonly maxUsers?: number;
  readonly maxNodes?: number;
  readonly maxApiKeys?: number;
  readonly maxBandwidth?: number;
}

/** One type for each kind. */
type Named<Kind extends string, Fields> = Kind extends string ? { readonly kind: Kind } & Fields : never;

export type Operation =
  | { readonly kind: "saveUser"; readonly user: UserFields }
  | { readonly kind: "saveUsers"; readonly users: readonly UserFields[] }
  | { readonly kind: "updateUser"; readonly id: string; readonly patch: Partial<Omit<UserFields, "id">> }
  | Named<"deleteUsers" | "deleteNodes", { readonly ids: readonly string[] }>
  | Named<"deleteUser" | "deleteNode" | "heartbeat" | "deleteGroup", { readonly id: string }>
  | { readonly kind: "saveNode"; readonly node: NodeFields }
  | { readonly kind: "saveNodes"; readonly nodes: readonly NodeFields[] }
  | { readonly kind: "updateNode"; readonly id: string; readonly patch: Partial<Omit<NodeFields, "id">> }
  | { readonly kind: "markOffline"; readonly ago: number }
  | { readonly kind: "saveGroup"; readonly id: string; readonly nodeIds: readonly string[] }
  | Named<"joinGroup" | "leaveGroup", { readonly id: string; readonly nodeId: string }>
  | { readonly kind: "createKeys"; readonly names: readonly string[]; readonly userId?: string }
  | { readonly kind: "createKey"; readonly name: string; readonly userId?: string }
  | Named<"revokeKey" | "rotateKey" | "deleteKey" | "endSession", { readonly nth: number }>
  | { readonly kind: "createSession"; readonly name: string; readonly userId: string }
  | { readonly kind: "endSessions"; readonly userId: string }
  | { readonly kind: "setLimits"; readonly limits: Limits }
  | { readonly kind: "addUsage"; readonly bandwidth: number; readonly enforce: boolean }
  | Named<"closeMonth" | "suspend" | "resume", object>
  | { readonly kind: "saveFigures"; readonly nodeId: string; readonly cpuPercent: number }
  | {
      readonly kind: "saveMetrics";
      readonly ago: number;
      readonly id: string;
      readonly value: number;
      readonly node: string;
    }
  | { readonly kind: "log"; readonly action: string };

export type OperationOf<K extends Operation["kind"]> = Extract<Operation, { readonly kind: K }>;

export interface Step {
  readonly tenantId: string;
  /** Whether it has an actor, of whom the audit trail is told. */
  readonly isLogged: boolean;
  readonly operation: Operation;
}

/** A transaction. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Whether all operations are called at once, or each when the one before it is done. */
  readonly together: boolean;
  readonly throws: boolean;
}

/** The tenants whose operations are told to the journal. */
export const MODELLED = ["alpha", "beta"] as const;

const USERS = Array.from({ length: 12 }, (_, n) => `u${n}`);
const NODES = Array.from({ length: 14 }, (_, n) => `n${n}`);
const GROUPS = ["g0", "g1", "g2", "g3"];

/** The transaction that a number stands for. */
export function planOf(seed: number): Plan {
  const random = new Random(seed);
  const steps = Array.from({ length: 1 + random.below(6) }, (_, i) => ({
    tenantId: random.pick(MODELLED),
    isLogged: random.chance(0.5),
    operation: operationOf(random, `${seed}-${i}`, "mesh.example"),
  }));
  return { steps, together: random.chance(0.5), throws: random.chance(0.12) };
}

type Maker = (random: Random, name: string, domain: string) => Operation;

const KINDS: readonly Maker[] = [
  (random, _, domain) => ({ kind: "saveUser", user: userOf(random, domain) }),
  (random, _, domain) => ({ kind: "saveUser", user: userOf(random, domain) }),
  (random, _, domain) => ({
    kind: "saveUsers",
    users: Array.from({ length: 1 + random.below(4) }, () => userOf(random, domain)),
  }),
  (random, _, domain) => {
    const { id, ...patch } = userOf(random, domain);
    return { kind: "updateUser", id, patch: random.chance(0.5) ? { role: patch.role } : patch };
  },
  (random) => ({ kind: "deleteUser", id: random.pick(USERS) }),
  (random) => ({ kind: "deleteUsers", ids: random.some(USERS, 3) }),
  (random) => ({ kind: "saveNode", node: nodeOf(random) }),
  (random) => ({ kind: "saveNode", node: nodeOf(random) }),
  (random) => ({
    kind: "saveNodes",
    nodes: Array.from({ length: 1 + random.below(4) }, () => nodeOf(random)),
  }),
  (random) => {
    const { id, ...patch } = nodeOf(random);
    return { kind: "updateNode", id, patch };
  },
  (random) => ({ kind: "deleteNode", id: random.pick(NODES) }),
  (random) => ({ kind: "deleteNodes", ids: random.some(NODES, 3) }),
  (random) => ({ kind: "heartbeat", id: random.pick(NODES) }),
  (random) => ({ kind: "markOffline", ago: random.below(12) * HOUR }),
  (random) => ({ kind: "saveGroup", id: random.pick(GROUPS), nodeIds: random.some(NODES, 3) }),
  (random) => ({ kind: "saveGroup", id: random.pick(GROUPS), nodeIds: random.some(NODES, 1) }),
  (random) => ({ kind: "deleteGroup", id: random.pick(GROUPS) }),
  (random) => ({ kind: "joinGroup", id: random.pick(GROUPS), nodeId: random.pick(NODES) }),
  (random) => ({ kind: "joinGroup", id: random.pick(GROUPS), nodeId: random.pick(NODES) }),
  (random) => ({ kind: "leaveGroup", id: random.pick(GROUPS), nodeId: random.pick(NODES) }),
  (random, name) => ({ kind: "createKey", name, ...ownerOf(random) }),
  (random, name) => ({ kind: "createKey", name, ...ownerOf(random) }),
  (random, name) => ({ kind: "createKeys", names: [`${name}a`, `${name}b`], ...ownerOf(random) }),
  (random) => ({ kind: "revokeKey", nth: random.below(100) }),
  (random) => ({ kind: "rotateKey", nth: random.below(100) }),
  (random) => ({ kind: "deleteKey", nth: random.below(100) }),
  (random, name) => ({ kind: "createSession", name, userId: random.pick(USERS) }),
  (random) => ({ kind: "endSession", nth: random.below(100) }),
  (random) => ({ kind: "endSessions", userId: random.pick(USERS) }),
  (random) => ({ kind: "setLimits", limits: limitsOf(random) }),
  (random) => ({ kind: "addUsage", bandwidth: random.below(1000), enforce: random.chance(0.7) }),
  (random) => ({ kind: "addUsage", bandwidth: random.below(1000), enforce: random.chance(0.7) }),
  () => ({ kind: "closeMonth" }),
  (random) => ({ kind: random.chance(0.2) ? "suspend" : "resume" }),
  (random) => ({ kind: "saveFigures", nodeId: random.pick(NODES), cpuPercent: random.below(100) }),
  metricsOf,
  metricsOf,
  metricsOf,
  metricsOf,
  (random) => ({ kind: "log", action: `did.${random.below(5)}` }),
];

/** @param name of what it may create @param domain of emails, which no two users have, whatever their tenants */
export function operationOf(random: Random, name: string, domain: string): Operation {
  return random.pick(KINDS)(random, name, domain);
}

/** Emails are few, and those of all tenants: they meet. */
function userOf(random: Random, domain: string): UserFields {
  return {
    id: random.pick(USERS),
    email: `e${random.below(20)}@${domain}`,
    role: random.pick(["admin", "user", "viewer"]),
  };
}

function nodeOf(random: Random): NodeFields {
  const ip = random.chance(0.7) ? { ipAddress: `10.0.0.${random.below(20)}` } : {};
  return {
    id: random.pick(NODES),
    publicKey: keyOf(random.below(20)),
    status: random.pick(["online", "offline"]),
    ...ip,
  };
}

function ownerOf(random: Random): { userId?: string } {
  return random.chance(0.7) ? { userId: random.pick(USERS) } : {};
}

/** Often below what is used already. */
function limitsOf(random: Random): Limits {
  return random.pick<Limits>([
    { maxUsers: 3 + random.below(12) },
    { maxNodes: 3 + random.below(12) },
    { maxApiKeys: 2 + random.below(12) },
    { maxBandwidth: random.below(40_000) },
    { maxUsers: 50, maxNodes: 50, maxApiKeys: 20, maxBandwidth: 100_000 },
  ]);
}

/** Mostly of the last hours; some come late, some too late. */
function metricsOf(random: Random): Operation {
  const ago = random.chance(0.8) ? random.below(180) : random.below(5 * 24 * 60);
  return {
    kind: "saveMetrics",
    ago: ago * MINUTE,
    id: random.pick(["a", "b"]),
    value: random.below(1000),
    node: random.pick(NODES.slice(0, 3)),
  };
}
