import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { cidr, id, labels, name, ports, text } from "../common/fields.ts";

const values = z.array(z.string().max(512)).max(4096);

/** Which nodes, or addresses, are meant. Where both values and labels are given, both must hold. */
export const policyTarget = z
  .strictObject({
    type: z.enum(["node", "group", "cidr", "any"]),
    /** Ids of nodes or groups, or CIDRs; none means whatever the labels choose. */
    values: values.default([]),
    /** Found in a node's metadata, or a group's labels. */
    labels: labels.default({}),
  })
  .superRefine(({ type, values: given, labels: wanted }, context) => {
    const refuse = (message: string, ...at: number[]) =>
      context.addIssue({ code: "custom", path: ["values", ...at], message });
    const named = `A target of the type "${type}"`;
    if (type === "any" && given.length > 0) refuse(`${named} has no values`);
    if (type === "cidr" && given.length === 0) refuse(`${named} needs values`);
    // A target that says nothing would hold for all: who means that says "any".
    if ((type === "node" || type === "group") && given.length === 0 && Object.keys(wanted).length === 0)
      refuse(`${named} needs values or labels`);
    if (type === "any") return;
    const form = type === "cidr" ? cidr : id;
    for (const [i, value] of given.entries())
      for (const { message } of form.safeParse(value).error?.issues ?? []) refuse(message, i);
  })
  .transform((target) =>
    target.type === "cidr" ? { ...target, values: target.values.map((value) => cidr.parse(value)) } : target,
  );

export const policyRule = z
  .strictObject({
    action: z.enum(["allow", "deny", "log"]),
    protocol: z.enum(["tcp", "udp", "icmp", "any"]).default("any"),
    /** Ports of the destination; none means all. */
    ports: z.array(ports).max(1024).default([]),
    source: policyTarget,
    destination: policyTarget,
  })
  .refine(({ protocol, ports: given }) => protocol !== "icmp" || given.length === 0, {
    path: ["ports"],
    message: "ICMP has no ports",
  });

export const networkPolicy = z.strictObject({
  tenantId: id,
  id,
  name,
  description: text.default(""),
  /** The first that matches a flow decides it. */
  rules: z.array(policyRule).max(1024),
  /** The nodes that it holds for: it is asked about flows from and to them. */
  appliedTo: policyTarget,
  /** Lower ones come first. */
  priority: z
    .int()
    .min(-1_000_000)
    .max(1_000_000)
    // Keys have no -0.
    .overwrite((given) => given + 0)
    .default(100),
  enabled: z.boolean().default(true),
  createdAt: z.date(),
  updatedAt: z.date(),
});

/** The collection `network_policies`. */
export const networkPolicies = collection({
  name: "network_policies",
  schema: networkPolicy,
  key: ["tenantId", "id"],
  indexes: {
    id: { on: "id" },
    enabled: {
      on: ["tenantId", "priority"],
      where: (policy) => policy.enabled,
      include: "record",
      version: 1,
    },
  },
});

export type NetworkPolicy = RecordOf<typeof networkPolicies>;
export type NetworkPolicyRule = NetworkPolicy["rules"][number];
export type NetworkPolicyTarget = NetworkPolicy["appliedTo"];
