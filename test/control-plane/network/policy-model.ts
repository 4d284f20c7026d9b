/** Random tenants with policies, and a naive model of what becomes of flows there: a plain walk over plain data. */
import type { FlowDecision } from "../../../src/control-plane/network/decide.ts";
import type { Flow, FlowEnd } from "../../../src/control-plane/network/flow.ts";
import type { NetworkPolicyInput } from "../../../src/control-plane/network/policies.ts";

type Rule = NetworkPolicyInput["rules"][number];
type Labels = Record<string, string>;
type Random = (below: number) => number;

/** An address as a number, and as the database is told of it. */
interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
  readonly written: string;
}

interface Net {
  readonly family: 4 | 6;
  readonly value: bigint;
  readonly bits: number;
}

interface Target {
  readonly type: "node" | "group" | "cidr" | "any";
  readonly ids: readonly string[];
  readonly nets: readonly Net[];
  readonly labels: Labels;
  readonly input: Rule["source"];
}

interface ModelRule {
  readonly action: "allow" | "deny" | "log";
  readonly protocol: string;
  readonly ports: readonly (readonly [number, number])[];
  readonly source: Target;
  readonly destination: Target;
}

interface ModelPolicy {
  readonly id: string;
  readonly priority: number;
  readonly enabled: boolean;
  readonly appliedTo: Target;
  readonly rules: readonly ModelRule[];
  readonly input: NetworkPolicyInput;
}

interface ModelNode {
  readonly id: string;
  readonly address: Address | undefined;
  readonly metadata: Labels;
}

export interface World {
  readonly random: Random;
  readonly policyMode: "strict" | "permissive";
  readonly nodes: readonly ModelNode[];
  readonly groups: readonly { readonly id: string; readonly nodeIds: string[]; readonly labels: Labels }[];
  readonly policies: readonly ModelPolicy[];
}

/** An end of a flow: a node, or an address that may turn out to be one's. */
type End = { readonly node: ModelNode } | { readonly address: Address };

interface ModelFlow {
  readonly source: End;
  readonly destination: End;
  readonly protocol: string;
  readonly port: number | undefined;
}

const BASE_SEED = Number(process.env["MESHGATE_SEED"] ?? Date.now() % 1_000_000);

/** The seed of a world: tests name it where they fail, and `MESHGATE_SEED` sets that of the first. */
export function worldSeed(i: number): number {
  return BASE_SEED + i;
}

/** SplitMix64: seeds that lie side by side give sequences that have nothing in common. */
function generator(seed: number): Random {
  const mask = 0xffffffffffffffffn;
  let state = BigInt(seed);
  return (below) => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let mixed = ((state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask;
    return Number((mixed ^ (mixed >> 31n)) % BigInt(below));
  };
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)] as T;
}

/** Few of many, so that what is looked for is often there. */
function some<T>(random: Random, from: readonly T[], most: number): T[] {
  return Array.from({ length: random(most + 1) }, () => pick(random, from));
}

function labelsOf(random: Random, most: number): Labels {
  const names = some(random, ["role", "zone"], most);
  return Object.fromEntries(names.map((name) => [name, pick(random, ["a", "b"])]));
}

const V4_BASE = 0x0a000000n;
const V6_BASE = 0xfd00n << 112n;

/** One of few addresses, which lie in nets of several sizes, in one of several spellings. */
function addressOf(random: Random): Address {
  const low = BigInt(random(4)) * 256n + BigInt(random(6));
  if (random(2) === 0) {
    const value = V4_BASE + low;
    const mapped = `::ffff:${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
    return { family: 4, value, written: pick(random, [spell4(value), `::ffff:${spell4(value)}`, mapped]) };
  }
  const value = V6_BASE + (low << BigInt(random(2) * 64));
  const whole = spell6(value);
  const short = whole.replace(/(?:(?:^|:)0+(?=:|$)){2,}:?/, "::");
  return { family: 6, value, written: pick(random, [whole, whole.toUpperCase(), short]) };
}

function spell4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
}

function spell6(value: bigint): string {
  const hex = value.toString(16).padStart(32, "0");
  return (hex.match(/.{4}/g) as string[]).join(":");
}

/** A net around an address, often with bits of its own below the prefix. */
function netOf(random: Random): Net & { written: string } {
  const { family, value } = addressOf(random);
  const bits =
    family === 4 ? pick(random, [0, 8, 22, 24, 30, 32]) : pick(random, [0, 7, 64, 112, 120, 126, 128]);
  const written = family === 6 ? spell6(value) : spell4(value);
  return { family, value, bits, written: `${written}/${bits}` };
}

function targetOf(random: Random, nodeIds: readonly string[], groupIds: readonly string[]): Target {
  const type = pick(random, ["node", "group", "cidr", "any", "any", "any", "any"] as const);
  const labels = labelsOf(random, random(5) === 0 ? 2 : 0);
  const from = { node: [...nodeIds, "nobody"], group: [...groupIds, "nobody"], cidr: [], any: [] }[type];
  const nets = type === "cidr" ? [netOf(random), ...some(random, [0], 2).map(() => netOf(random))] : [];
  const isOpen = type === "any" || type === "cidr" || Object.keys(labels).length > 0;
  const ids =
    type === "any" || type === "cidr"
      ? []
      : [...(isOpen ? [] : [pick(random, from)]), ...some(random, from, 2)];
  const values = type === "cidr" ? nets.map(({ written }) => written) : ids;
  return { type, ids, nets, labels, input: { type, values, labels } };
}

function ruleOf(random: Random, target: () => Target): ModelRule {
  const protocol = pick(random, ["tcp", "udp", "icmp", "any", "any"]);
  const ports =
    protocol === "icmp" || random(2) === 0
      ? []
      : [[443, 443] as const, [random(300), 300 + random(300)] as const];
  const action = pick(random, ["allow", "deny", "log"] as const);
  return { action, protocol, ports, source: target(), destination: target() };
}

function policyOf(random: Random, id: string, target: () => Target): ModelPolicy {
  const rules = Array.from({ length: random(5) }, () => ruleOf(random, target));
  const priority = random(5) - 2;
  const enabled = random(5) > 0;
  const appliedTo = target();
  const input = {
    id,
    name: `the policy ${id}`,
    priority,
    enabled,
    appliedTo: appliedTo.input,
    rules: rules.map(({ action, protocol, ports, source, destination }) => ({
      action,
      protocol: protocol as "any",
      ports: ports.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)),
      source: source.input,
      destination: destination.input,
    })),
  };
  return { id, priority, enabled, appliedTo, rules, input };
}

export function makeWorld(seed: number): World {
  const random = generator(seed);
  const taken = new Set<string>();
  const nodes = Array.from({ length: 1 + random(8) }, (_, i): ModelNode => {
    const address = addressOf(random);
    const name = `${address.family}:${address.value}`;
    const hasOne = random(4) > 0 && !taken.has(name);
    if (hasOne) taken.add(name);
    return { id: `n${i}`, address: hasOne ? address : undefined, metadata: labelsOf(random, 2) };
  });
  const nodeIds = nodes.map(({ id }) => id);
  const groups = Array.from({ length: random(4) }, (_, i) => ({
    id: `g${i}`,
    nodeIds: Array.from(new Set(some(random, nodeIds, 4))),
    labels: labelsOf(random, 2),
  }));
  const target = () => targetOf(random, nodeIds, ["g0", "g1", "g2"]);
  // Ids whose order is not that in which they are made, nor that of numbers.
  const ids = ["p10", "p9", "P1", "p1", "é", "z", "p2", "p"].slice(0, 1 + random(8));
  const policies = ids.map((id) => policyOf(random, id, target));
  return { random, policyMode: random(2) === 0 ? "strict" : "permissive", nodes, groups, policies };
}

/** A random flow of a world, for the database and for the model. */
export function flowOf({ random, nodes }: World): { flow: Flow; modelled: ModelFlow } {
  const end = (): [FlowEnd, End] => {
    if (random(2) === 0) {
      const node = pick(random, nodes);
      return [{ nodeId: node.id }, { node }];
    }
    const address = addressOf(random);
    return [{ ipAddress: address.written }, { address }];
  };
  const [source, modelSource] = end();
  const [destination, modelDestination] = end();
  const protocol = pick(random, ["tcp", "udp", "icmp"] as const);
  const port =
    protocol === "icmp" || random(4) === 0 ? undefined : pick(random, [443, random(700), 0, 65_535]);
  return {
    flow: { source, destination, protocol, ...(port === undefined ? {} : { port }) },
    modelled: { source: modelSource, destination: modelDestination, protocol, port },
  };
}

function nodeAt(world: World, end: End): ModelNode | undefined {
  if ("node" in end) return end.node;
  const { family, value } = end.address;
  return world.nodes.find(({ address }) => address?.family === family && address.value === value);
}

function hasAll(found: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => found[name] === value);
}

function meant(world: World, target: Target, end: End): boolean {
  const node = nodeAt(world, end);
  const address = "address" in end ? end.address : node?.address;
  const fits = (id: string) => target.ids.length === 0 || target.ids.includes(id);
  const isLabelled =
    Object.keys(target.labels).length === 0 || (node !== undefined && hasAll(node.metadata, target.labels));
  if (target.type === "any") return isLabelled;
  if (target.type === "node") return node !== undefined && fits(node.id) && isLabelled;
  if (target.type === "group") {
    const groups = world.groups.filter(({ nodeIds }) => node !== undefined && nodeIds.includes(node.id));
    return groups.some(({ id, labels }) => fits(id) && hasAll(labels, target.labels));
  }
  if (address === undefined || !isLabelled) return false;
  return target.nets.some(({ family, value, bits }) => {
    const rest = BigInt((family === 4 ? 32 : 128) - bits);
    return family === address.family && value >> rest === address.value >> rest;
  });
}

/** The enabled policies in the order in which they are asked. */
function inOrder({ policies }: World): ModelPolicy[] {
  const byId = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  return policies
    .filter(({ enabled }) => enabled)
    .sort((a, b) => a.priority - b.priority || byId(a.id, b.id));
}

export function modelForNode(world: World, id: string): string[] {
  const node = world.nodes.find((each) => each.id === id) as ModelNode;
  return inOrder(world)
    .filter(({ appliedTo }) => meant(world, appliedTo, { node }))
    .map((policy) => policy.id);
}

export function modelDecision(world: World, flow: ModelFlow): FlowDecision {
  const { source, destination, protocol, port } = flow;
  const matching = inOrder(world)
    .filter(({ appliedTo }) => meant(world, appliedTo, source) || meant(world, appliedTo, destination))
    .flatMap((policy) => policy.rules.map((rule, i) => ({ policy, rule, i })))
    .filter(({ rule }) => rule.protocol === "any" || rule.protocol === protocol)
    .filter(({ rule }) => {
      if (rule.ports.length === 0) return true;
      return port !== undefined && rule.ports.some(([from, to]) => from <= port && port <= to);
    })
    .filter(({ rule }) => meant(world, rule.source, source) && meant(world, rule.destination, destination));
  const deciding = matching.findIndex(({ rule }) => rule.action !== "log");
  const noted = deciding === -1 ? matching : matching.slice(0, deciding);
  const by = matching[deciding];
  const byDefault = world.policyMode === "strict" ? "deny" : "allow";
  const verdict = by === undefined ? byDefault : (by.rule.action as "allow" | "deny");
  const [first] = matching;
  return {
    action: first?.rule.action ?? verdict,
    policyId: first?.policy.id,
    policyName: first?.policy.input.name,
    rule: first?.i,
    verdict,
    verdictBy: by === undefined ? undefined : { policyId: by.policy.id, rule: by.i },
    logged: noted.map(({ policy, i }) => ({ policyId: policy.id, rule: i })),
    isDefault: by === undefined,
  };
}
