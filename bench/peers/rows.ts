// The rows that every subject has: samples of tenants by time, and records with two indexes. Go makes the same ones.
import { pick } from "../lib/rows.ts";

/** A one-minute metrics snapshot, about 200 bytes of JSON; each map has its keys in order, as Go writes them. */
export interface Sample {
  readonly id: string;
  readonly tenantId: string;
  readonly timestamp: string;
  readonly granularity: "minute";
  readonly metrics: { readonly cpu: number; readonly load: number; readonly memory: number };
  readonly labels: { readonly node: string; readonly region: string };
}

/** Where a sample lies. */
export interface Place {
  readonly tenantId: string;
  /** In milliseconds since 1970. */
  readonly at: number;
}

/** A node's reading, about 230 bytes of JSON: found by its tenant and id, by its node and time, by tenant and status. */
export interface Reading {
  readonly tenantId: string;
  readonly id: string;
  readonly node: string;
  readonly status: "degraded" | "down" | "ok";
  readonly at: number;
  readonly labels: { readonly rack: string; readonly region: string; readonly zone: string };
  readonly cpu: number;
  readonly load: number;
  readonly memory: number;
  readonly requests: number;
}

export const SAMPLES_PER_TENANT = 100_000;
export const READINGS_PER_TENANT = 1000;
export const NODES = 40;
export const MINUTE = 60_000;
const SECOND = 1000;
const START = Date.UTC(2026, 0, 1);
const STATUSES = ["ok", "degraded", "down"] as const;

/** A sample by its number; numbers go by tenant and time. */
export function sampleOf(number: number): Sample {
  const { tenantId, at } = placeOf(number);
  return {
    id: `m-${digits(number, 7)}`,
    tenantId,
    timestamp: new Date(at).toISOString(),
    granularity: "minute",
    metrics: { cpu: fraction(number, 7919), load: (number % 400) / 100, memory: fraction(number, 104_729) },
    labels: { node: `node-${number % NODES}`, region: "eu" },
  };
}

export function placeOf(number: number): Place {
  return {
    tenantId: tenantOf(number, SAMPLES_PER_TENANT),
    at: START + (number % SAMPLES_PER_TENANT) * MINUTE,
  };
}

/** A reading by its number; numbers go by tenant and id, and by time. */
export function readingOf(number: number): Reading {
  return {
    tenantId: tenantOf(number, READINGS_PER_TENANT),
    id: `r-${digits(number, 7)}`,
    node: nodeOf(number),
    status: STATUSES[Math.floor(pick(number, 100) / 45)]!,
    at: START + number * SECOND,
    labels: { rack: `rack-${number % 12}`, region: "eu-central", zone: `eu-central-${number % 3}` },
    cpu: fraction(number, 7919),
    load: (number % 400) / 100,
    memory: fraction(number, 104_729),
    requests: (number * 31) % 50_000,
  };
}

export function rowsOf<T>(make: (number: number) => T, first: number, count: number): T[] {
  return Array.from({ length: count }, (_, index) => make(first + index));
}

/** The first of so many samples of one tenant, which looks random. */
export function startOf(turn: number, rows: number, stored: number): number {
  const start = pick(turn, stored - rows + 1);
  const tenant = Math.floor(start / SAMPLES_PER_TENANT) * SAMPLES_PER_TENANT;
  return Math.min(start, tenant + SAMPLES_PER_TENANT - rows);
}

/** The first of so many readings of one node, which looks random. */
export function nodeStartOf(turn: number, rows: number, stored: number): number {
  const perNode = Math.floor(stored / NODES);
  return pick(turn, perNode - rows + 1) * NODES + (turn % NODES);
}

/** A tenant of readings, which looks random. */
export function tenantAt(turn: number, stored: number): string {
  return tenantOf(pick(turn, Math.floor(stored / READINGS_PER_TENANT)), 1);
}

/** The same sample whoever read it: a row of columns and the control plane's own form come to it, too. */
export function canonicalSample(found: unknown): Sample {
  const row = found as Sample & Sample["metrics"] & Sample["labels"] & { readonly at: number };
  const { id, tenantId, timestamp = row.at, granularity, metrics = row, labels = row } = row;
  return {
    id,
    tenantId,
    timestamp: new Date(timestamp).toISOString(),
    granularity,
    metrics: { cpu: metrics.cpu, load: metrics.load, memory: metrics.memory },
    labels: { node: labels.node, region: labels.region },
  };
}

/** The same reading whoever read it. */
export function canonicalReading(found: unknown): Reading {
  const row = found as Reading & Reading["labels"];
  const { tenantId, id, node, status, at, labels = row, cpu, load, memory, requests } = row;
  const { rack, region, zone } = labels;
  return { tenantId, id, node, status, at, labels: { rack, region, zone }, cpu, load, memory, requests };
}

function tenantOf(number: number, perTenant: number): string {
  return `tenant-${digits(Math.floor(number / perTenant), 4)}`;
}

function nodeOf(number: number): string {
  return `node-${digits(number % NODES, 2)}`;
}

function digits(number: number, count: number): string {
  return String(number).padStart(count, "0");
}

function fraction(number: number, factor: number): number {
  return ((number * factor) % 10_000) / 10_000;
}
