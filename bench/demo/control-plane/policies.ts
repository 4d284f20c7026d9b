import type { Database } from "@meshgate/database";
import { count, withProgress } from "../terminal.ts";
import { OPERATOR, type Plane, say, type Tenant } from "./plane.ts";
import { measureRate } from "./rate.ts";

const RATE_MS = 150;

type Policy = Parameters<Database["saveNetworkPolicy"]>[0];
type Rule = Policy["rules"][number];
type Target = Policy["appliedTo"];
type Flow = Parameters<Tenant["policies"]["decide"]>[0];

const ANY: Target = { type: "any" };
const GATEWAYS: Target = { type: "group", values: ["gateways"] };
const OFFICE: Target = { type: "cidr", values: ["192.0.2.0/24"] };
const SSH: Pick<Rule, "protocol" | "ports" | "destination"> = {
  protocol: "tcp",
  ports: ["22"],
  destination: ANY,
};

const SSH_RULES: Rule[] = [
  { ...SSH, action: "log", source: ANY },
  { ...SSH, action: "allow", source: OFFICE },
  { ...SSH, action: "deny", source: ANY },
];
const METRICS_RULES: Rule[] = [
  { action: "allow", protocol: "tcp", ports: ["9100-9110"], source: GATEWAYS, destination: ANY },
];

/** Flows, with the policy and the rule that must decide them. */
const FLOWS: readonly (Flow & { readonly wanted: string })[] = [
  {
    source: { ipAddress: "192.0.2.7" },
    destination: { nodeId: "node-1" },
    protocol: "tcp",
    port: 22,
    wanted: "allow by ssh, rule 2",
  },
  {
    source: { ipAddress: "198.51.100.9" },
    destination: { nodeId: "node-1" },
    protocol: "tcp",
    port: 22,
    wanted: "deny by ssh, rule 3",
  },
  {
    source: { nodeId: "node-2" },
    destination: { nodeId: "node-4" },
    protocol: "tcp",
    port: 9100,
    wanted: "allow by metrics, rule 1",
  },
  {
    source: { nodeId: "node-4" },
    destination: { nodeId: "node-3" },
    protocol: "udp",
    port: 53,
    wanted: "deny by the tenant's policyMode",
  },
];

/** Saves policies, and asks them about flows. */
export async function decideFlows(plane: Plane): Promise<void> {
  const { db, checks, signal, facts } = plane;
  const [{ id }] = plane.sites;
  const tenant = db.tenant(id);
  const policies = tenant.as(OPERATOR).policies;
  // Lower priorities are asked first, whatever the order in which they were saved.
  await policies.save({ id: "metrics", name: "Metrics", priority: 20, appliedTo: ANY, rules: METRICS_RULES });
  await policies.save({ id: "ssh", name: "SSH", priority: 10, appliedTo: GATEWAYS, rules: SSH_RULES });
  const names = async (node: string) => (await tenant.policies.forNode(node)).map((policy) => policy.id);
  checks.equal("policies of a gateway", await names("node-1"), ["ssh", "metrics"]);
  checks.equal("policies of another node", await names("node-4"), ["metrics"]);
  for (const { wanted, ...flow } of FLOWS) {
    const { verdict, verdictBy, logged } = await tenant.policies.decide(flow);
    const by =
      verdictBy === undefined
        ? "the tenant's policyMode"
        : `${verdictBy.policyId}, rule ${verdictBy.rule + 1}`;
    checks.equal(`${describe(flow)} is decided`, `${verdict} by ${by}`, wanted);
    say(`${describe(flow)}: ${verdict} by ${by}${logged.length > 0 ? ", and logged" : ""}.`);
  }
  const [flow] = FLOWS.map(({ wanted: _, ...each }) => each) as [Flow];
  const rate = await withProgress(
    () => "   deciding again and again",
    measureRate(RATE_MS, signal, () => tenant.policies.decide(flow)),
  );
  facts.push(["decisions", `${count(rate.perSecond)} a second, of ${describe(flow)}`]);
}

function describe({ source, destination, protocol, port }: Flow): string {
  const name = (end: Flow["source"]) => end.nodeId ?? end.ipAddress;
  return `${protocol} ${port} from ${name(source)} to ${name(destination)}`;
}
