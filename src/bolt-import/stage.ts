/*
 * What an import has written so far, in a bucket at the top that is nobody's:
 *
 *   bolt-import, or bolt-import-2 …       the stage: its record's owner is the empty name, which no collection has
 *     users, sessions …                   the buckets that are to lie at the top, in the sublevels of that place
 *
 * The last commit moves them there, a row for each, and deletes the stage. Until then a crash leaves the stage alone,
 * which the next import deletes.
 */
import type { Awaitable } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import { refuseReserved } from "../store/bucket-parent.ts";
import type { BucketState } from "../store/bucket-state.ts";
import {
  bucketNames,
  deleteBucket,
  dropBuckets,
  findBucket,
  prepareBuckets,
  STAGE_OWNER,
  settleBucket,
} from "../store/catalog.ts";
import type { TransactionCore } from "../store/core.ts";
import type { Store } from "../store/store.ts";
import { meddled, type Staged, write } from "./staged.ts";

/** What becomes of buckets that bear the names of imported ones. */
export type Existing = "refuse" | "replace";

/** What one commit takes at the most; a larger value goes alone. */
const BATCH_STEPS = 1000;
const BATCH_BYTES = 2 ** 20;
const NAME = "bolt-import";

/** Buckets and rows on their way into a store: all of them, or none. */
export class Stage {
  readonly #store: Store;
  readonly #name: string;
  readonly #signal: AbortSignal | undefined;
  #batch: Staged[] = [];
  #bytes = 0;
  /** The names of the buckets into which rows go, from the top, as the last commit left them. */
  #open: readonly string[] = [];

  private constructor(store: Store, name: string, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#name = name;
    this.#signal = signal;
  }

  /**
   * Makes the stage.
   *
   * @param tops the names of the buckets that will lie at the top
   * @throws DatabaseError `BUCKET_EXISTS` for a name that is taken; with "replace" `BUCKET_OWNED`, `BUCKET_MIGRATING`
   */
  static async begin(
    store: Store,
    tops: readonly string[],
    existing: Existing,
    signal: AbortSignal | undefined,
  ): Promise<Stage> {
    const name = await inTurn(store, signal, async (core) => {
      for (const top of tops) await checkFree(core, top, existing);
      const taken = new Set(tops);
      let free = NAME;
      for (let i = 2; taken.has(free) || (await findBucket(core, core.root, free)) !== undefined; i++)
        free = `${NAME}-${i}`;
      (await prepareBuckets(core, core.root, [{ name: free, encoding: "json", owner: STAGE_OWNER }]))();
      return free;
    });
    return new Stage(store, name, signal);
  }

  /** Deletes what a killed import left. */
  static async clear(store: Store, signal: AbortSignal | undefined): Promise<void> {
    const left = await store.view(({ core }) => stagesIn(core), { signal });
    if (left.length === 0) return;
    await inTurn(store, signal, async (core) => {
      for (const stage of await stagesIn(core)) await deleteBucket(core, stage);
    });
  }

  /**
   * Takes the next step, and commits now and then.
   *
   * @returns a promise only where it commits
   * @throws DatabaseError what the store refuses, with the place
   */
  add(step: Staged): Awaitable<void> {
    const bytes = (step.place.key?.length ?? 0) + (step.kind === "row" ? step.value.length : 0);
    const isFull = this.#batch.length === BATCH_STEPS || this.#bytes + bytes > BATCH_BYTES;
    const flushed = isFull ? this.#flush() : undefined;
    this.#batch.push(step);
    this.#bytes += bytes;
    return flushed;
  }

  /** Puts the buckets in their places, and those with "replace" away that lie there, in one commit. */
  async finish(tops: readonly string[], existing: Existing): Promise<void> {
    await this.#flush();
    await inTurn(this.#store, this.#signal, async (core) => {
      const stage = await this.#find(core);
      const staged: BucketState[] = [];
      for (const top of tops) {
        const old = await checkFree(core, top, existing);
        if (old !== undefined) await deleteBucket(core, old);
        staged.push((await findBucket(core, stage, top)) ?? this.#lost());
      }
      for (const bucket of staged) settleBucket(core, bucket, core.root);
      dropBuckets(core, [stage]);
    });
  }

  /** Takes all back. */
  async discard(): Promise<void> {
    this.#batch = [];
    await inTurn(this.#store, undefined, async (core) => {
      const stage = await findBucket(core, core.root, this.#name);
      if (stage?.record.owner === STAGE_OWNER) await deleteBucket(core, stage);
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    if (batch.length === 0) return;
    this.#open = await inTurn(this.#store, this.#signal, async (core) => {
      const states = [await this.#find(core)];
      for (const name of this.#open)
        states.push((await findBucket(core, states.at(-1) as BucketState, name)) ?? this.#lost());
      for (const step of batch) {
        const done = write(core, states, step);
        if (done instanceof Promise) await done;
      }
      return states.slice(1).map(({ name }) => name);
    });
  }

  async #find(core: TransactionCore): Promise<BucketState> {
    const stage = await findBucket(core, core.root, this.#name);
    return stage?.record.owner === STAGE_OWNER ? stage : this.#lost();
  }

  #lost(): never {
    throw meddled(this.#name);
  }
}

/** Runs a commit of the import as one piece of work. */
function inTurn<T>(
  store: Store,
  signal: AbortSignal | undefined,
  work: (core: TransactionCore) => Promise<T>,
): Promise<T> {
  return store.update(({ core }) => core.inTurn(() => work(core)), { signal });
}

async function stagesIn(core: TransactionCore): Promise<BucketState[]> {
  const stages: BucketState[] = [];
  for (const name of await bucketNames(core, core.root)) {
    const bucket = await findBucket(core, core.root, name);
    if (bucket?.record.owner === STAGE_OWNER) stages.push(bucket);
  }
  return stages;
}

/** @returns the bucket of that name at the top, where it may be replaced */
async function checkFree(
  core: TransactionCore,
  name: string,
  existing: Existing,
): Promise<BucketState | undefined> {
  const found = await findBucket(core, core.root, name);
  if (found === undefined) return undefined;
  if (existing === "replace") {
    refuseReserved(core, found);
    return found;
  }
  throw new DatabaseError(
    "BUCKET_EXISTS",
    `There is a bucket ${JSON.stringify(name)} at the top of the store, and one in the file. Move or delete it, leave the other out with buckets: { ${JSON.stringify(name)}: false }, or pass existing: "replace".`,
    { details: { path: [name] } },
  );
}
