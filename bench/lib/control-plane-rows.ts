// What the control plane's stores hold: every row by its number, in the order of the keys.
import { pick } from "./rows.ts";

/** The bucket with the same rows as the collection that is read. */
export const PLAIN = "plain";
/** The bucket with the secrets of the API keys, which the control plane itself does not keep. */
export const SECRETS = "secrets";
/** Where the secret of a key lies that is no more. */
export const UNKNOWN = "unknown";

/** How many rows a tenant has, by store. */
export const PER_TENANT = { users: 1000, snapshots: 10_000, apiKeys: 10, trail: 10_000 } as const;

/** Tenants of a store that begins empty: commits go to one after the other. */
export const TENANTS = 100;

const ROLES = ["admin", "user", "viewer"] as const;
const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const HOUR = 3_600_000;
const NODES = 10;
const MINUTES: number = PER_TENANT.snapshots / NODES;

/** The hours of a tenant's snapshots: they begin with the first one. */
export const HOURS: number = Math.ceil((MINUTES * MINUTE) / HOUR);
/** A time at which all of these hours are over, and due to be rolled up. */
export const ROLL_UP_DUE: Date = new Date(START + HOURS * HOUR + HOUR / 4);

export function tenantOf(number: number): string {
  return `tenant-${String(number).padStart(3, "0")}`;
}

/** A user with its tenant: a thousand for each, again and again. */
export function userOf(number: number) {
  const digits = String(number).padStart(7, "0");
  return {
    tenantId: tenantOf(Math.floor(number / PER_TENANT.users) % TENANTS),
    id: `user-${digits}`,
    email: `user-${digits}@example.com`,
    passwordHash: `$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0$${digits.repeat(6)}`,
    role: ROLES[pick(number, ROLES.length)]!,
    createdAt: new Date(START + number * 1000),
  };
}

export type BenchUser = ReturnType<typeof userOf>;

/** A snapshot with its tenant: one of each node, minute by minute. */
export function snapshotOf(number: number) {
  const node = number % NODES;
  return {
    tenantId: tenantOf(Math.floor(number / PER_TENANT.snapshots)),
    id: `m-${String(number).padStart(7, "0")}`,
    timestamp: timeOf(Math.floor((number % PER_TENANT.snapshots) / NODES)),
    granularity: "minute" as const,
    metrics: { cpu: fraction(number, 7919), memory: fraction(number, 104_729), load: (number % 400) / 100 },
    labels: { node: `node-${node}`, region: "eu" },
  };
}

/** The number of a tenant's first snapshot in the last hours. */
export function firstOfLast(hours: number): number {
  return ((HOURS - hours) * HOUR * NODES) / MINUTE;
}

/** A window of time that holds a number of snapshots. */
export interface Window {
  readonly tenantId: string;
  readonly from: Date;
  readonly to: Date;
}

/** A window that looks random, out of a number of snapshots. */
export function windowOf(turn: number, rows: number, stored: number): Window {
  const minutes = rows / NODES;
  const starts = MINUTES - minutes + 1;
  const place = pick(turn, (stored / PER_TENANT.snapshots) * starts);
  const minute = place % starts;
  return {
    tenantId: tenantOf(Math.floor(place / starts)),
    from: timeOf(minute),
    to: timeOf(minute + minutes),
  };
}

/** The same for the whole of a tenant. */
export function allOf(tenantId: string): Window {
  return { tenantId, from: timeOf(0), to: timeOf(MINUTES) };
}

/** An API key without its secret. */
export function apiKeyOf(number: number) {
  return { name: `agent ${number}`, permissions: ["nodes:read", "nodes:write", "metrics:*"] };
}

/** An entry of an audit trail. */
export function entryOf(number: number) {
  return {
    id: `log-${String(number).padStart(7, "0")}`,
    userId: `user-${number % 50}`,
    action: number % 3 === 0 ? "node.update" : "login",
    resource: `nodes/node-${number % 40}`,
    details: { fields: ["status"], attempt: number % 5 },
    ipAddress: `10.0.${number % 200}.7`,
    timestamp: new Date(START + number * 1000),
    success: number % 20 !== 0,
  };
}

/** Rows by their numbers. */
export function rowsOf<T>(make: (number: number) => T, first: number, count: number): T[] {
  return Array.from({ length: count }, (_, index) => make(first + index));
}

function timeOf(minute: number): Date {
  return new Date(START + minute * MINUTE);
}

function fraction(number: number, factor: number): number {
  return ((number * factor) % 10_000) / 10_000;
}
