// The records of the collections that are measured: a node's readings of one minute, about 200 bytes of JSON each.
import { z } from "zod";
import { collection } from "./library.ts";
import { encode, pick } from "./rows.ts";

const STATUSES = ["ok", "degraded", "down"] as const;
const NODES = 40;
const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const ID_DIGITS = 7;

/** How many readings a tenant has. */
export const READINGS_PER_TENANT = 10_000;

/** What checks them. */
export const schema = z.object({
  tenantId: z.string().min(1),
  id: z.string().min(1),
  node: z.string(),
  status: z.enum(STATUSES),
  at: z.int(),
  labels: z.record(z.string(), z.string()),
  cpu: z.number().min(0).max(1),
  memory: z.number().min(0).max(1),
  load: z.number(),
  requests: z.int(),
});

/** One record. */
export type Reading = z.infer<typeof schema>;

/** A key of the indexes over nodes. */
export type NodeKey = readonly [tenantId: string, node: string, at: number];

const BASE = { name: "readings", schema, key: ["tenantId", "id"] } as const;
const byNode = { on: ["tenantId", "node", "at"] } as const;

/** The collection that is written to: two plain indexes. */
export const written = collection({
  ...BASE,
  indexes: { node: byNode, status: { on: ["tenantId", "status"] } },
});

/** The collection that is read: one order in three kinds of index. */
export const scanned = collection({
  ...BASE,
  indexes: {
    plain: byNode,
    covering: { ...byNode, include: "record" },
    projection: { ...byNode, include: ["status", "cpu"] },
  },
});

/** The collection before an index is built, and with it. */
export const unindexed = collection(BASE);
export const indexed = collection({ ...BASE, indexes: { node: byNode } });

/** Where the rows lie on disk. */
export const PREFIXES = {
  records: "!readings!",
  node: "!idx_readings_by_node!",
  status: "!idx_readings_by_status!",
  plain: "!idx_readings_by_plain!",
} as const;

/** A reading by its number: numbers follow the primary key. */
export function readingOf(number: number): Reading {
  return {
    tenantId: tenantOf(number),
    id: `r-${String(number).padStart(ID_DIGITS, "0")}`,
    node: `node-${String(number % NODES).padStart(2, "0")}`,
    status: STATUSES[Math.floor(pick(number, 100) / 45)]!,
    at: START + (number % READINGS_PER_TENANT) * MINUTE,
    labels: { region: "eu-central", zone: `eu-central-${number % 3}`, rack: `rack-${number % 12}` },
    cpu: fraction(number, 7919),
    memory: fraction(number, 104_729),
    load: (number % 400) / 100,
    requests: (number * 31) % 50_000,
  };
}

/** The number of a reading. */
export function numberOf(id: string): number {
  return Number(id.slice(-ID_DIGITS));
}

export function readingsOf(first: number, count: number): Reading[] {
  return Array.from({ length: count }, (_, index) => readingOf(first + index));
}

export function nodeKeyOf({ tenantId, node, at }: Reading): NodeKey {
  return [tenantId, node, at];
}

/** The rows that a reading with two plain indexes comes to, as charwise and JSON write them. */
export function rowsOf(reading: Reading): [key: string, value: string][] {
  const { tenantId, id, node, status, at } = reading;
  return [
    [PREFIXES.records + encode([tenantId, id]), JSON.stringify(reading)],
    [PREFIXES.node + encode([tenantId, node, at, tenantId, id]), ""],
    [PREFIXES.status + encode([tenantId, status, tenantId, id]), ""],
  ];
}

function tenantOf(number: number): string {
  return `tenant-${String(Math.floor(number / READINGS_PER_TENANT)).padStart(3, "0")}`;
}

function fraction(number: number, factor: number): number {
  return ((number * factor) % 10_000) / 10_000;
}
