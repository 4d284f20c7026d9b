import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { id, ipAddress, labels, name, publicKey } from "../common/fields.ts";

const status = z.enum(["online", "offline", "maintenance", "unknown"]);

export const node = z.strictObject({
  tenantId: id,
  id,
  name,
  /** WireGuard's. No two nodes of a tenant have the same. */
  publicKey,
  /** Its address in the mesh. No two nodes of a tenant have the same. */
  ipAddress: ipAddress.optional(),
  status: status.default("unknown"),
  lastSeen: z.date().optional(),
  createdAt: z.date(),
  metadata: labels.default({}),
});

/** The collection `nodes`. Look-ups that cross tenants lead with what is looked up, the tenant follows. */
export const nodes = collection({
  name: "nodes",
  schema: node,
  key: ["tenantId", "id"],
  indexes: {
    id: { on: "id" },
    status: { on: ["status", "tenantId"] },
    public_key: { on: ["publicKey", "tenantId"], unique: true },
    ip_address: { on: ["ipAddress", "tenantId"], unique: true },
  },
});

export type Node = RecordOf<typeof nodes>;
export type NodeStatus = Node["status"];
