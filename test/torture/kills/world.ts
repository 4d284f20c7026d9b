/**
 * What the programs that are killed write. The work is parted among slots; a slot has one commit under way at a time,
 * numbered from 1 on, and what a commit writes follows from slot and number. So does what the store must hold of a slot
 * whose last commit is known.
 */
import { collection, type NodeInput, type UserInput } from "@meshgate/database";
import { z } from "zod";

/**
 * "whole": each commit writes to collections, buckets and the control plane. "plain": to collections and buckets alone.
 * "calls": each commit is one call of the control plane.
 */
export type SlotKind = "whole" | "plain" | "calls";

const KINDS: readonly SlotKind[] = [
  ...Array<SlotKind>(8).fill("whole"),
  ...Array<SlotKind>(8).fill("plain"),
  ...Array<SlotKind>(6).fill("calls"),
];

/** All slots, each of which has a transaction in flight all the time. */
export const SLOTS: readonly number[] = KINDS.map((_, slot) => slot);
/** For how many commits, or rounds of calls, a record stays before a later one deletes it. */
export const WINDOW = 12;
/** The calls that make up a round of a slot of calls. */
export const CALLS = ["user", "node", "metric", "user gone", "node gone"] as const;
export const PARTS: readonly number[] = [0, 1, 2];
export const TENANTS: readonly string[] = ["t0", "t1"];

export function kindOf(slot: number): SlotKind {
  return KINDS[slot] as SlotKind;
}

export function tenantOf(slot: number): string {
  return TENANTS[slot % TENANTS.length] as string;
}

/** The name under which a slot acts, which the audit trail tells. */
export function actorOf(slot: number): string {
  return `slot-${slot}`;
}

/** Which call the commit of a number is, and in which round. */
export function callOf(n: number): { readonly call: (typeof CALLS)[number]; readonly round: number } {
  const call = CALLS[(n - 1) % CALLS.length] as (typeof CALLS)[number];
  return { call, round: Math.floor((n - 1) / CALLS.length) + 1 };
}

/** A record with an index of each kind. */
export const items = collection({
  name: "torture_items",
  schema: z.object({
    slot: z.int(),
    n: z.int(),
    handle: z.string(),
    tags: z.array(z.string()),
    at: z.date(),
    size: z.int(),
    text: z.string(),
  }),
  key: ["slot", "n"],
  indexes: {
    handle: { on: "handle", unique: true },
    tag: { on: ["tags", "slot"], multiEntry: "tags" },
    at: { on: ["slot", "at"], include: "record" },
    large: { on: "size", include: ["handle"], where: (item) => item.size > 300, version: 1 },
  },
});

/** Several records of one commit. */
export const parts = collection({
  name: "torture_parts",
  schema: z.object({ slot: z.int(), n: z.int(), part: z.int(), text: z.string() }),
  key: ["slot", "n", "part"],
  indexes: { part: { on: ["part", "slot"] } },
});

/** The last commit of each slot: records that are overwritten all the time. */
export const counters = collection({
  name: "torture_counters",
  schema: z.object({ slot: z.int(), last: z.int() }),
  key: "slot",
  indexes: { last: { on: ["last", "slot"], unique: true } },
});

/** Buckets of rows, and of buckets, with a row or a bucket for each commit. */
export const ROWS = "torture_rows";
export const NESTS = "torture_nests";

const EPOCH = Date.UTC(2026, 0, 1);

export const timeOf = (n: number): Date => new Date(EPOCH + n * 60_000);
/** From 0 up to 699: sizes differ, so that records reach over the blocks of files in many ways. */
export const sizeOf = (slot: number, n: number): number => (slot * 389 + n * 211) % 700;
export const textOf = (slot: number, n: number): string =>
  `${slot}.${n} `.repeat(150).slice(0, sizeOf(slot, n));

export function itemOf(slot: number, n: number) {
  const size = sizeOf(slot, n);
  const tags = [`slot-${slot}`, `third-${n % 3}`, `size-${size % 5}`];
  return { slot, n, handle: `h-${slot}-${n}`, tags, at: timeOf(n), size, text: textOf(slot, n) };
}

export function partOf(slot: number, n: number, part: number) {
  return { slot, n, part, text: textOf(slot, n + part) };
}

export const nameOf = (slot: number, n: number): string => `${slot}-${n}`;

export const userIdOf = (slot: number, n: number): string => `u-${nameOf(slot, n)}`;
export const nodeIdOf = (slot: number, n: number): string => `n-${nameOf(slot, n)}`;

export function userOf(slot: number, n: number): UserInput {
  const id = userIdOf(slot, n);
  return { id, email: `${id}@torture.example`, role: n % 2 === 0 ? "user" : "viewer" };
}

export function nodeOf(slot: number, n: number): NodeInput {
  const key = Buffer.alloc(32, 7);
  key.writeUInt32BE(n, 0);
  key.writeUInt32BE(slot, 4);
  return {
    id: nodeIdOf(slot, n),
    publicKey: key.toString("base64"),
    ipAddress: `10.${slot}.${(n >> 8) & 255}.${n & 255}`,
  };
}

export function metricOf(slot: number, n: number) {
  return {
    id: `m-${nameOf(slot, n)}`,
    timestamp: timeOf(n),
    granularity: "minute" as const,
    metrics: { load: n, slot },
    labels: { slot: String(slot) },
  };
}
