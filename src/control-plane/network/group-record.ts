import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { id, labels, name, text } from "../common/fields.ts";

export const nodeGroup = z.strictObject({
  tenantId: id,
  id,
  name,
  description: text.default(""),
  /** Nodes of the tenant, each once. */
  nodeIds: z.array(id).default([]),
  labels: labels.default({}),
  createdAt: z.date(),
  updatedAt: z.date(),
});

/** The collection `node_groups`. */
export const nodeGroups = collection({
  name: "node_groups",
  schema: nodeGroup,
  key: ["tenantId", "id"],
  indexes: { id: { on: "id" }, node: { on: ["tenantId", "nodeIds"], multiEntry: "nodeIds" } },
});

export type NodeGroup = RecordOf<typeof nodeGroups>;
