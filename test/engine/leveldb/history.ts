/** A store's history that follows from a seed: what each commit writes, and so what the store holds after each. */
import type { Store } from "@meshgate/database";

/** Numbers that follow from a seed. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** How the commits of a history look. */
export interface Plan {
  readonly seed: number;
  readonly rows: number;
  /** Distinct keys: few make many overwritten rows and deletions. */
  readonly keys: number;
  /** Characters of a value, at most. They do not compress. */
  readonly size: number;
}

type Rows = ReadonlyMap<number, string>;

const ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/** What commit n writes: a text, or undefined for a deletion. */
function writesOf(plan: Plan, n: number): [key: number, value: string | undefined][] {
  const random = randomFrom(plan.seed * 1_000_003 + n);
  return Array.from({ length: plan.rows }, () => {
    const key = random(plan.keys);
    if (random(5) === 0) return [key, undefined];
    const length = 1 + random(plan.size);
    let text = `${n}:`;
    while (text.length < length) text += ALPHABET[random(64)];
    return [key, text];
  });
}

/** Makes commit n; the first one makes the bucket. */
export async function commit(store: Store, plan: Plan, n: number): Promise<void> {
  await store.update(async (tx) => {
    const bucket = await tx.createBucketIfNotExists("rows", { encoding: "utf8" });
    for (const [key, value] of writesOf(plan, n)) {
      if (value === undefined) await bucket.delete(key);
      else await bucket.put(key, value);
    }
  });
}

/** What the store holds after each commit, told from the first on and kept. */
export class History {
  readonly plan: Plan;
  readonly #texts: string[] = ["[]"];
  readonly #rows = new Map<number, string>();

  constructor(plan: Plan) {
    this.plan = plan;
  }

  /** The rows after commit n, as text. */
  at(n: number): string {
    while (this.#texts.length <= n) {
      for (const [key, value] of writesOf(this.plan, this.#texts.length)) {
        if (value === undefined) this.#rows.delete(key);
        else this.#rows.set(key, value);
      }
      this.#texts.push(textOf(this.#rows));
    }
    return this.#texts[n] as string;
  }
}

function textOf(rows: Rows): string {
  return JSON.stringify([...rows].sort(([a], [b]) => a - b));
}

/** What the store holds, as text. */
export function rowsIn(store: Store): Promise<string> {
  return store.view(async (tx) => {
    const bucket = await tx.bucket("rows", { encoding: "utf8" });
    return JSON.stringify((await bucket?.range().toArray()) ?? []);
  });
}
