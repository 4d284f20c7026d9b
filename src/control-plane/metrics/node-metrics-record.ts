import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { id } from "../common/fields.ts";

const share = z.number().nonnegative();
const total = z.int().nonnegative();

/** What a node tells of itself: figures as they stood at one moment. */
export const nodeFigures = z.strictObject({
  cpuPercent: share.optional(),
  memoryPercent: share.optional(),
  diskPercent: share.optional(),
  latencyMs: share.optional(),
  /** Bytes since the node was started. */
  rxBytes: total.optional(),
  txBytes: total.optional(),
  peers: total.optional(),
  uptimeSeconds: total.optional(),
});

export const nodeMetricsRecord = nodeFigures.extend({ tenantId: id, nodeId: id, timestamp: z.date() });

/** The collection `node_metrics`. */
export const nodeMetrics = collection({
  name: "node_metrics",
  schema: nodeMetricsRecord,
  key: ["tenantId", "nodeId", "timestamp"],
  // Retention goes by time.
  indexes: { time: { on: "timestamp" } },
});

export type NodeMetrics = RecordOf<typeof nodeMetrics>;
