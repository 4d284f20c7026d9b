import type { z } from "zod";
import { forMany, type Many } from "../../collections/bulk.ts";
import { DatabaseError } from "../../errors.ts";
import { checkDate, show } from "../../store/options.ts";
import type { WorkOptions } from "../../store/progress.ts";
import type { Transaction } from "../../store/transaction.ts";
import { parse } from "../common/parse.ts";
import { ownCopy } from "../common/record-rules.ts";
import type { Scope } from "../common/scope.ts";
import { nodes } from "../network/node-record.ts";
import { type NodeMetrics, type nodeFigures, nodeMetrics, nodeMetricsRecord } from "./node-metrics-record.ts";

/** What a node tells of itself, and when; without a timestamp, it is of now. */
export type NodeMetricsInput = z.input<typeof nodeFigures> & {
  readonly nodeId: string;
  readonly tenantId?: string | undefined;
  readonly timestamp?: Date | undefined;
};

/** What the nodes of a tenant tell of themselves, over time. It goes with its node. */
export class NodeMetricsLog {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /**
   * Writes what a node tells; what it told of the same moment is replaced. The audit trail is told nothing.
   *
   * @returns the record as it is kept
   * @throws DatabaseError `RECORD_INVALID`, `REFERENCE_INVALID` where the tenant has no such node, `TENANT_MISMATCH`,
   * `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`
   */
  save(figures: NodeMetricsInput): Promise<NodeMetrics> {
    return this.#scope.updateUnlogged((tx, now) => this.#save(tx, figures, now, new Set()));
  }

  /**
   * Writes what nodes tell, in one commit. @returns how many records
   *
   * @throws DatabaseError as {@link save}, and then none is written, unless the caller's own transaction goes on;
   * `ABORTED`
   */
  saveMany(list: Many<NodeMetricsInput>, work: WorkOptions = {}): Promise<number> {
    const known = new Set<string>();
    return this.#scope.updateUnlogged((tx, now) =>
      forMany(list, work, (figures) => this.#save(tx, figures, now, known)),
    );
  }

  /**
   * What a node told from one moment on, up to another without it, in the order of time. Cost: one range.
   *
   * @throws DatabaseError `OPTION_INVALID`, `KEY_INVALID`
   */
  range(nodeId: string, from: Date, to: Date): Promise<NodeMetrics[]> {
    checkDate(from, "The begin of the range");
    checkDate(to, "The end of the range");
    const { tenantId } = this.#scope;
    return this.#scope.view((tx) =>
      nodeMetrics
        .in(tx)
        .range({ gte: [tenantId, nodeId, from], lt: [tenantId, nodeId, to] })
        .toArray(),
    );
  }

  /** What a node told last. @returns undefined where it told nothing @throws DatabaseError `KEY_INVALID` */
  latest(nodeId: string): Promise<NodeMetrics | undefined> {
    const prefix = [this.#scope.tenantId, nodeId] as const;
    return this.#scope.view((tx) => nodeMetrics.in(tx).first({ prefix, reverse: true, limit: 1 }));
  }

  /** @param known nodes that were seen in this transaction */
  async #save(
    tx: Transaction,
    figures: NodeMetricsInput,
    now: Date,
    known: Set<string>,
  ): Promise<NodeMetrics> {
    const { tenantId } = this.#scope;
    const given = ownCopy(tenantId, figures, nodeMetrics.name);
    const { timestamp = now } = given;
    const record = { ...given, tenantId, timestamp };
    const { nodeId } = parse(nodeMetricsRecord, record, nodeMetrics.name);
    if (!known.has(nodeId) && !(await nodes.in(tx).has([tenantId, nodeId]))) {
      throw new DatabaseError(
        "REFERENCE_INVALID",
        `The tenant ${JSON.stringify(tenantId)} has no node ${show(nodeId)}. Save the node first.`,
        { details: { tenantId, collection: nodes.name, id: nodeId } },
      );
    }
    known.add(nodeId);
    return nodeMetrics.in(tx).put(record);
  }
}
