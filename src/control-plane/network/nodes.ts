import type { z } from "zod";
import type { Page } from "../../collections/pages.ts";
import { checkDate, checkOptions } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { parseIp } from "../common/fields.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import { readOnce } from "../common/record-rules.ts";
import type { Scope } from "../common/scope.ts";
import { type Saved, TenantRecords } from "../common/tenant-records.ts";
import { nodeMetrics } from "../metrics/node-metrics-record.ts";
import { leaveGroups } from "./groups.ts";
import { type Node, type NodeStatus, type node, nodes } from "./node-record.ts";

/** What a node is made from; without a name it has its id's. */
export type NodeInput = Saved<z.input<typeof node>, "createdAt" | "name">;

/** What a heartbeat may tell besides that the node lives. */
export interface Heartbeat {
  /** "online" by default. */
  readonly status?: NodeStatus | undefined;
  readonly ipAddress?: string | undefined;
  /** Added to what is there. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** The nodes of a tenant. */
export class Nodes extends TenantRecords<Node, NodeInput> {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    super(scope, { collection: nodes, noun: "node", counted: "nodes", createdAt: "createdAt" });
    this.#scope = scope;
  }

  /** The tenant's nodes in the order of their ids, or of one status. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  list(options: ListOptions & { readonly status?: NodeStatus | undefined } = {}): Promise<Page<Node>> {
    checkList(options, ["status"], "nodes.list()");
    const { status, ...page } = options;
    const { tenantId } = this.#scope;
    return this.#scope.view((tx) => {
      const records = nodes.in(tx);
      return status === undefined
        ? pageOf(records, { prefix: [tenantId] }, page)
        : pageOf(records.by("status"), { prefix: [status, tenantId] }, page);
    });
  }

  /** @returns undefined where the tenant has no node with this key */
  getByPublicKey(key: string): Promise<Node | undefined> {
    return this.#scope.view((tx) => nodes.in(tx).by("public_key").get([key, this.#scope.tenantId]));
  }

  /** @param address in any spelling @returns undefined where the tenant has no node with this address */
  async getByIpAddress(address: string): Promise<Node | undefined> {
    const ip = parseIp(address)?.toString();
    if (ip === undefined) return undefined;
    return this.#scope.view((tx) => nodes.in(tx).by("ip_address").get([ip, this.#scope.tenantId]));
  }

  /**
   * Notes that a node lives: `lastSeen` is now.
   *
   * @returns the node as it is now
   * @throws DatabaseError `RECORD_NOT_FOUND`, `OPTION_INVALID`; else as `save`
   */
  async heartbeat(id: string, beat: Heartbeat = {}): Promise<Node> {
    checkOptions(beat, ["status", "ipAddress", "metadata"], "nodes.heartbeat()");
    const { status = "online", ipAddress } = beat;
    const metadata = beat.metadata === undefined ? undefined : readOnce(beat.metadata, "nodes.metadata");
    // A heartbeat is no change that an audit trail is kept for.
    return this.#scope.updateUnlogged(async (tx, now) => {
      const old = await this.find(tx, id);
      const more = metadata === undefined ? {} : { metadata: { ...old.metadata, ...metadata } };
      const moved = ipAddress === undefined ? {} : { ipAddress };
      return this.store(tx, { ...old, ...more, ...moved, status, lastSeen: now }, old, now);
    });
  }

  /**
   * Sets the nodes offline that are online and were last seen before a time, or never.
   *
   * @returns their ids
   * @throws DatabaseError `OPTION_INVALID`
   */
  async markOffline(before: Date): Promise<string[]> {
    const limit = checkDate(before, "The time");
    const { tenantId } = this.#scope;
    const change = (ids: string[]) =>
      ids.length === 0 ? undefined : { action: "node.markOffline", resource: "nodes", details: { ids } };
    return this.#scope.update(change, async (tx) => {
      const records = nodes.in(tx);
      const online = await records
        .by("status")
        .range({ prefix: ["online", tenantId] })
        .toArray();
      const silent = online.filter(({ lastSeen }) => lastSeen === undefined || lastSeen < limit);
      for (const each of silent) await records.put({ ...each, status: "offline" });
      return silent.map(({ id }) => id);
    });
  }

  protected override store(tx: Transaction, record: Node, old: Node | undefined, now: Date): Promise<Node> {
    return super.store(tx, { ...record, name: record.name ?? old?.name ?? record.id }, old, now);
  }

  /** A node that goes leaves its groups, and takes its figures along. */
  protected override async release(tx: Transaction, { id }: Node, now: Date): Promise<void> {
    const { tenantId } = this.#scope;
    await leaveGroups(tx, tenantId, id, now);
    await nodeMetrics.in(tx).deleteRange({ prefix: [tenantId, id] });
  }
}
