import type { z } from "zod";
import type { Page } from "../../collections/pages.ts";
import { checkBoolean } from "../../store/options.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import type { Scope } from "../common/scope.ts";
import { SwitchableRecords } from "../common/switchable-records.ts";
import type { Saved } from "../common/tenant-records.ts";
import { decide, type FlowDecision, policiesForNode } from "./decide.ts";
import { checkFlow, type Flow } from "./flow.ts";
import { type NetworkPolicy, networkPolicies, type networkPolicy } from "./policy-record.ts";

/** What a network policy is made from. */
export type NetworkPolicyInput = Saved<z.input<typeof networkPolicy>, "createdAt" | "updatedAt">;

/**
 * The network policies of a tenant. Targets may name nodes and groups that are not there, or not yet: such a value
 * means nobody, and a policy stays as it is when a node or a group that it names is deleted.
 */
export class NetworkPolicies extends SwitchableRecords<NetworkPolicy, NetworkPolicyInput> {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    super(scope, {
      collection: networkPolicies,
      noun: "policy",
      createdAt: "createdAt",
      updatedAt: "updatedAt",
    });
    this.#scope = scope;
  }

  /**
   * The tenant's policies in the order of their ids; the enabled ones alone in order of priority, lower ones first.
   *
   * @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID`
   */
  list(options: ListOptions & { readonly enabled?: boolean | undefined } = {}): Promise<Page<NetworkPolicy>> {
    checkList(options, ["enabled"], "policies.list()");
    const { enabled, ...page } = options;
    checkBoolean(enabled, "The option enabled");
    const prefix = [this.#scope.tenantId] as const;
    return this.#scope.view((tx) => {
      const records = networkPolicies.in(tx);
      if (enabled === true) return pageOf(records.by("enabled"), { prefix }, page);
      const where = enabled === undefined ? undefined : (policy: NetworkPolicy) => !policy.enabled;
      return pageOf(records, { prefix }, page, where);
    });
  }

  /**
   * The enabled policies whose `appliedTo` means a node, in order of priority: lower ones first, those of one priority
   * in the order of their ids. Cost: one range over the tenant's enabled policies, one over the node's groups.
   *
   * @throws DatabaseError `RECORD_NOT_FOUND` where the tenant has no such node
   */
  forNode(nodeId: string): Promise<NetworkPolicy[]> {
    return this.#scope.view((tx) => policiesForNode(tx, this.#scope.tenantId, nodeId));
  }

  /**
   * Decides whether a flow may pass, as things are at one moment. Asked are the enabled policies whose `appliedTo`
   * means the source or the destination, in order of priority, and their rules in order. The first rule that matches
   * and allows or denies decides; one that logs is noted on the way. Where none decides, the tenant's
   * `settings.policyMode` does. It changes nothing, and counts nothing.
   *
   * @throws DatabaseError `OPTION_INVALID` for what is no flow, `RECORD_NOT_FOUND` where the tenant has no such node,
   * `TENANT_NOT_FOUND`
   */
  async decide(flow: Flow): Promise<FlowDecision> {
    const checked = checkFlow(flow);
    return this.#scope.view((tx) => decide(tx, this.#scope.tenantId, checked));
  }
}
