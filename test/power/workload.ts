/**
 * What the recorded programs write: transaction n is determined by the seed and n alone, so that the whole store is
 * known for each number of transactions that it holds.
 */
import { type Bucket, type Collection, collection, type Store, type Transaction } from "@meshgate/database";
import { z } from "zod";
import { Random } from "./random.ts";

const schema = z.object({
  id: z.int(),
  code: z.string(),
  group: z.string(),
  tags: z.array(z.string()),
  n: z.int(),
  text: z.string(),
});
export type Item = z.infer<typeof schema>;

const items = collection({
  name: "items",
  schema,
  key: "id",
  indexes: {
    code: { on: "code", unique: true },
    group: { on: ["group", "n"], include: ["code"] },
    tag: { on: "tags", multiEntry: "tags" },
    newest: { on: "n", include: "record" },
  },
});

/** Every collection that a check has to look at. */
export const COLLECTIONS: readonly Pick<Collection, "name" | "verify">[] = [items];

/** What one transaction does. */
interface Change {
  readonly put: readonly Item[];
  readonly deleted: readonly number[];
  /** Whether the bucket "scratch" is deleted, so that its rows are reclaimed beside later work, and made anew. */
  readonly renews: boolean;
  readonly scratch: readonly string[];
}

const IDS = 300;
const RENEWS_EVERY = 60;

/** Whether transaction n deletes a bucket. */
export function renews(n: number): boolean {
  return n % RENEWS_EVERY === 0;
}

function changeOf(seed: number, n: number): Change {
  const random = new Random(seed, n);
  const put = new Map<number, Item>();
  for (let i = 1 + random.below(6); i > 0; i--) {
    const id = random.below(IDS);
    put.set(id, {
      id,
      code: `${id}-${random.chance(0.5) ? "" : n}`,
      group: `g${random.below(5)}`,
      tags: Array.from({ length: random.below(3) }, (_, tag) => `t${tag}-${random.below(4)}`),
      n,
      text: "x".repeat(random.below(random.chance(0.05) ? 40_000 : 400)),
    });
  }
  const deleted = Array.from({ length: random.below(3) }, () => random.below(IDS)).filter(
    (id) => !put.has(id),
  );
  const scratch = Array.from(
    { length: random.below(60) },
    (_, i) => `${n}.${i} ${"y".repeat(random.below(50))}`,
  );
  return { put: [...put.values()], deleted, renews: renews(n), scratch };
}

/** All that a store holds. */
export interface State {
  /** How many transactions it has: the last one's number, or -1 before the buckets were made. */
  readonly last: number;
  readonly items: readonly Item[];
  readonly scratch: readonly string[];
}

/** What a store holds after transaction `last`. */
export function stateAfter(seed: number, last: number): State {
  const found = new Map<number, Item>();
  let scratch: string[] = [];
  for (let n = 1; n <= last; n++) {
    const change = changeOf(seed, n);
    for (const item of change.put) found.set(item.id, item);
    for (const id of change.deleted) found.delete(id);
    if (change.renews) scratch = [];
    scratch.push(...change.scratch);
  }
  const sorted = [...found.values()].sort((a, b) => a.id - b.id);
  return { last, items: sorted, scratch };
}

/** Makes what transactions write to. */
export async function prepare(tx: Transaction): Promise<void> {
  const state = await tx.createBucket<number, string>("state");
  await state.put("last", 0);
  await tx.createBucket("scratch");
}

/** The number of the last transaction that a store holds. */
export async function lastOf(tx: Transaction): Promise<number> {
  const state = await tx.bucket<number, string>("state");
  return (await state?.get("last")) ?? -1;
}

/** Runs transaction n. */
export async function run(tx: Transaction, seed: number, n: number): Promise<void> {
  const change = changeOf(seed, n);
  const records = items.in(tx);
  for (const id of change.deleted) await records.delete(id);
  for (const item of change.put) await records.put(item);
  if (change.renews) {
    await tx.deleteBucket("scratch");
    await tx.createBucket("scratch");
  }
  const scratch = (await tx.bucket("scratch")) as Bucket;
  for (const [i, text] of change.scratch.entries()) await scratch.put([n, i], text);
  await ((await tx.bucket("state")) as Bucket).put("last", n);
}

/** Reads all that a store holds. */
export function readState(store: Store): Promise<State> {
  return store.view(async (tx) => {
    const last = await lastOf(tx);
    const scratch = await tx.bucket<string>("scratch");
    return {
      last,
      items: last < 1 ? [] : await items.in(tx).range().toArray(),
      scratch: (await scratch?.values().toArray()) ?? [],
    };
  });
}
