import type { z } from "zod";
import type { Page } from "../../collections/pages.ts";
import { DatabaseError } from "../../errors.ts";
import { isArray, mapKeys } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import type { Scope } from "../common/scope.ts";
import { type Saved, TenantRecords } from "../common/tenant-records.ts";
import { type NodeGroup, type nodeGroup, nodeGroups } from "./group-record.ts";
import { type Node, nodes } from "./node-record.ts";

/** What a group is made from. */
export type NodeGroupInput = Saved<z.input<typeof nodeGroup>, "createdAt" | "updatedAt">;

/** The groups of a tenant's nodes. */
export class NodeGroups extends TenantRecords<NodeGroup, NodeGroupInput> {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    super(scope, { collection: nodeGroups, noun: "group", createdAt: "createdAt", updatedAt: "updatedAt" });
    this.#scope = scope;
  }

  /** The tenant's groups in the order of their ids, or those with a node. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  list(options: ListOptions & { readonly nodeId?: string | undefined } = {}): Promise<Page<NodeGroup>> {
    checkList(options, ["nodeId"], "groups.list()");
    const { nodeId, ...page } = options;
    const { tenantId } = this.#scope;
    return this.#scope.view((tx) => {
      const records = nodeGroups.in(tx);
      return nodeId === undefined
        ? pageOf(records, { prefix: [tenantId] }, page)
        : pageOf(records.by("node"), { prefix: [tenantId, nodeId] }, page);
    });
  }

  /** The nodes of a group, in its order. Cost: a point read each. @throws DatabaseError `RECORD_NOT_FOUND` */
  nodes(id: string): Promise<Node[]> {
    return this.#scope.view(async (tx) => {
      const { tenantId, nodeIds } = await this.find(tx, id);
      const found = await nodes.in(tx).getMany(nodeIds.map((nodeId) => [tenantId, nodeId]));
      return found.filter((node) => node !== undefined);
    });
  }

  /** Adds a node to a group that it may be in already. @throws DatabaseError as `update` */
  addNode(id: string, nodeId: string): Promise<NodeGroup> {
    return this.#change("addNode", id, nodeId, (ids) => [...ids, nodeId]);
  }

  /** Takes a node out of a group that it may not be in. @throws DatabaseError as `update` */
  removeNode(id: string, nodeId: string): Promise<NodeGroup> {
    return this.#change("removeNode", id, nodeId, (ids) => ids.filter((each) => each !== nodeId));
  }

  #change(verb: string, id: string, nodeId: string, change: (ids: string[]) => string[]): Promise<NodeGroup> {
    const entry = () => ({ action: `group.${verb}`, resource: `node_groups/${id}`, details: { nodeId } });
    return this.#scope.update(entry, async (tx, now) => {
      const old = await this.find(tx, id);
      return this.store(tx, { ...old, nodeIds: change(old.nodeIds), updatedAt: now }, old, now);
    });
  }

  protected override async store(
    tx: Transaction,
    record: NodeGroup,
    old: NodeGroup | undefined,
    now: Date,
  ): Promise<NodeGroup> {
    const { tenantId } = this.#scope;
    // What is no array is for the schema to refuse.
    if (!isArray(record.nodeIds)) return super.store(tx, record, old, now);
    const nodeIds = Array.from(new Set(mapKeys(record.nodeIds, "A group", (nodeId) => nodeId)));
    // Those that were in it before are there: a node that goes is taken out.
    const added = nodeIds.filter((nodeId) => !old?.nodeIds.includes(nodeId));
    await requireNodes(tx, tenantId, record.id, added);
    return super.store(tx, { ...record, nodeIds }, old, now);
  }
}

/** @param groupId the group that is to name them @throws DatabaseError `REFERENCE_INVALID` */
export async function requireNodes(
  tx: Transaction,
  tenantId: string,
  groupId: string,
  nodeIds: readonly string[],
): Promise<void> {
  for (const nodeId of nodeIds) {
    if (await nodes.in(tx).has([tenantId, nodeId])) continue;
    throw new DatabaseError(
      "REFERENCE_INVALID",
      `The group ${JSON.stringify(groupId)} names the node ${JSON.stringify(nodeId)}, which the tenant ${JSON.stringify(tenantId)} does not have. Save the node first.`,
      { details: { tenantId, collection: nodes.name, id: nodeId } },
    );
  }
}

/** Takes a node out of all groups. */
export async function leaveGroups(
  tx: Transaction,
  tenantId: string,
  nodeId: string,
  now: Date,
): Promise<void> {
  const records = nodeGroups.in(tx);
  const within = await records
    .by("node")
    .range({ prefix: [tenantId, nodeId] })
    .toArray();
  for (const group of within)
    await records.put({ ...group, nodeIds: group.nodeIds.filter((id) => id !== nodeId), updatedAt: now });
}
