/** Whom the target of a policy means. */
import { type Ip, isWithin, parseCidr } from "../common/fields.ts";
import { hasLabels } from "../common/labels.ts";
import type { NodeGroup } from "./group-record.ts";
import type { Node } from "./node-record.ts";
import type { NetworkPolicyTarget } from "./policy-record.ts";

/** Who sends or receives: a node of the tenant, or an address that is none's. */
export interface Party {
  readonly node: Node | undefined;
  readonly ip: Ip | undefined;
  /** The groups that the node is in. */
  readonly groups: readonly Pick<NodeGroup, "id" | "labels">[];
}

/** Tells whether targets mean a party. One is for one decision: it keeps the CIDRs that it has read. */
export class TargetMatcher {
  readonly #ranges = new Map<string, ReturnType<typeof parseCidr>>();

  /** An address without a node has no labels: a target that asks for some does not mean it. */
  matches({ type, values, labels }: NetworkPolicyTarget, { node, ip, groups }: Party): boolean {
    switch (type) {
      case "any":
        return hasLabels(node?.metadata, labels);
      case "node":
        return node !== undefined && isAmong(node.id, values) && hasLabels(node.metadata, labels);
      case "group":
        return groups.some((group) => isAmong(group.id, values) && hasLabels(group.labels, labels));
      case "cidr":
        return (
          ip !== undefined &&
          hasLabels(node?.metadata, labels) &&
          values.some((value) => this.#covers(value, ip))
        );
    }
  }

  #covers(cidr: string, ip: Ip): boolean {
    let range = this.#ranges.get(cidr);
    if (range === undefined) {
      range = parseCidr(cidr);
      this.#ranges.set(cidr, range);
    }
    return range !== undefined && isWithin(ip, range);
  }
}

/** No values mean any. */
function isAmong(id: string, values: readonly string[]): boolean {
  return values.length === 0 || values.includes(id);
}
