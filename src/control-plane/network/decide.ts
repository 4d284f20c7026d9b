/** What becomes of a flow between two nodes or addresses. */
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { parseIp, portRange } from "../common/fields.ts";
import { requireTenant } from "../tenants/tenant-record.ts";
import type { Flow, FlowEnd } from "./flow.ts";
import { nodeGroups } from "./group-record.ts";
import { nodes } from "./node-record.ts";
import { type NetworkPolicy, type NetworkPolicyRule, networkPolicies } from "./policy-record.ts";
import { type Party, TargetMatcher } from "./targets.ts";

/** A rule: its policy's id, and its place among the policy's rules, from 0 on. */
export interface RuleReference {
  readonly policyId: string;
  readonly rule: number;
}

/** What was decided, and by what. */
export interface FlowDecision {
  /** That of the first rule that matches; the verdict where none does. */
  readonly action: "allow" | "deny" | "log";
  /** The policy of the first rule that matches, its name, and the rule's place in it; undefined where none does. */
  readonly policyId: string | undefined;
  readonly policyName: string | undefined;
  readonly rule: number | undefined;
  /** What becomes of the flow. */
  readonly verdict: "allow" | "deny";
  /** The first rule that matches and allows or denies; undefined where none does. */
  readonly verdictBy: RuleReference | undefined;
  /** The rules before it that match and ask for the flow to be logged, in order. */
  readonly logged: readonly RuleReference[];
  /** Whether no rule allowed or denied the flow, and the verdict is that of the tenant's `policyMode`. */
  readonly isDefault: boolean;
}

/**
 * Asks the tenant's policies, in order of priority, about a flow that was checked. Cost: one range over the enabled
 * policies, to the one that decides; a few reads for the nodes and, where a policy names groups, for theirs.
 *
 * @throws DatabaseError `RECORD_NOT_FOUND` for a node that the tenant does not have, `TENANT_NOT_FOUND`
 */
export async function decide(tx: Transaction, tenantId: string, flow: Flow): Promise<FlowDecision> {
  const matcher = new TargetMatcher();
  const logged: RuleReference[] = [];
  let source = await findParty(tx, tenantId, flow.source);
  let destination = await findParty(tx, tenantId, flow.destination);
  let hasGroups = false;
  let first: { policy: NetworkPolicy; rule: number } | undefined;
  const decision = (verdict: "allow" | "deny", verdictBy: RuleReference | undefined): FlowDecision => ({
    action: first?.policy.rules[first.rule]?.action ?? verdict,
    policyId: first?.policy.id,
    policyName: first?.policy.name,
    rule: first?.rule,
    verdict,
    verdictBy,
    logged,
    isDefault: verdictBy === undefined,
  });
  for await (const policy of enabledPolicies(tx, tenantId)) {
    if (!hasGroups && namesGroups(policy)) {
      source = await withGroups(tx, tenantId, source);
      destination = await withGroups(tx, tenantId, destination);
      hasGroups = true;
    }
    const { id: policyId, appliedTo, rules } = policy;
    if (!matcher.matches(appliedTo, source) && !matcher.matches(appliedTo, destination)) continue;
    for (const [rule, each] of rules.entries()) {
      if (!covers(each, flow)) continue;
      if (!matcher.matches(each.source, source) || !matcher.matches(each.destination, destination)) continue;
      first ??= { policy, rule };
      if (each.action !== "log") return decision(each.action, { policyId, rule });
      logged.push({ policyId, rule });
    }
  }
  const { settings } = await requireTenant(tx, tenantId);
  return decision(settings.policyMode === "permissive" ? "allow" : "deny", undefined);
}

/**
 * The enabled policies that apply to a node, lower priorities first, those of one priority in the order of their ids.
 *
 * @throws DatabaseError `RECORD_NOT_FOUND`
 */
export async function policiesForNode(
  tx: Transaction,
  tenantId: string,
  nodeId: string,
): Promise<NetworkPolicy[]> {
  const matcher = new TargetMatcher();
  const node = await withGroups(tx, tenantId, await findParty(tx, tenantId, { nodeId }));
  const applying: NetworkPolicy[] = [];
  for await (const policy of enabledPolicies(tx, tenantId))
    if (matcher.matches(policy.appliedTo, node)) applying.push(policy);
  return applying;
}

function enabledPolicies(tx: Transaction, tenantId: string) {
  return networkPolicies
    .in(tx)
    .by("enabled")
    .range({ prefix: [tenantId] });
}

/** The party at an end of a flow, still without its groups. */
async function findParty(tx: Transaction, tenantId: string, end: FlowEnd): Promise<Party> {
  const records = nodes.in(tx);
  if (end.nodeId === undefined) {
    const ip = parseIp(end.ipAddress);
    const node = ip && (await records.by("ip_address").get([ip.toString(), tenantId]));
    return { node, ip, groups: [] };
  }
  const node = await records.get([tenantId, end.nodeId]);
  if (node !== undefined)
    return { node, ip: node.ipAddress === undefined ? undefined : parseIp(node.ipAddress), groups: [] };
  throw new DatabaseError(
    "RECORD_NOT_FOUND",
    `The tenant ${JSON.stringify(tenantId)} has no node ${show(end.nodeId)}. Save it first, or pass an ipAddress.`,
    { details: { collection: nodes.name, key: [tenantId, end.nodeId] } },
  );
}

async function withGroups(tx: Transaction, tenantId: string, party: Party): Promise<Party> {
  if (party.node === undefined) return party;
  const within = nodeGroups
    .in(tx)
    .by("node")
    .range({ prefix: [tenantId, party.node.id] });
  return { ...party, groups: await within.toArray() };
}

function namesGroups({ appliedTo, rules }: NetworkPolicy): boolean {
  if (appliedTo.type === "group") return true;
  return rules.some(({ source, destination }) => source.type === "group" || destination.type === "group");
}

/** Whether a rule is about a flow's protocol and port. */
function covers({ protocol, ports }: NetworkPolicyRule, flow: Flow): boolean {
  if (protocol !== "any" && protocol !== flow.protocol) return false;
  if (ports.length === 0) return true;
  const { port } = flow;
  if (port === undefined) return false;
  return ports.some((written) => {
    const [from, to] = portRange(written);
    return from <= port && port <= to;
  });
}
