/** The steps of an import within one commit: buckets to be made, and rows to be put into them. */
import type { Awaitable } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import { encodeKey, type Key } from "../keys/encode.ts";
import { Bucket } from "../store/bucket.ts";
import type { BucketState } from "../store/bucket-state.ts";
import { createBucket, findBucket, prepareBuckets } from "../store/catalog.ts";
import type { TransactionCore } from "../store/core.ts";
import { checkName } from "../store/names.ts";
import { codecOf, type Encoding } from "../store/values.ts";
import { located, type Place, refused } from "./refusals.ts";

/** A bucket to be made. */
export interface StagedBucket {
  readonly kind: "bucket";
  readonly place: Place;
  /** How deep it lies: 1 at the top. */
  readonly depth: number;
  readonly name: string;
  readonly encoding: Encoding;
  readonly sequence: number;
}

/** A row to be put into the bucket that was made last at that depth. */
export interface StagedRow {
  readonly kind: "row";
  readonly place: Place;
  readonly depth: number;
  readonly key: Key;
  readonly value: Uint8Array;
  /** Whether another row may have come to the same key. */
  readonly canCollide: boolean;
}

export type Staged = StagedBucket | StagedRow;

/** Rows are written as the bytes that they are, whatever the bucket's encoding. */
const RAW = codecOf("bytes");

/**
 * Takes a step.
 *
 * @param states the stage, and the buckets into which rows go, from the top
 * @returns a promise only where there is something to wait for: most steps are rows, and a promise each would double
 * what they cost
 * @throws DatabaseError `BOLT_REFUSED`, and what the store refuses, with the place
 */
export function write(core: TransactionCore, states: BucketState[], step: Staged): Awaitable<void> {
  const { depth } = step;
  if (step.kind === "bucket") return settle(step, makeInto(core, states, step));
  states.length = depth + 1;
  const within = states[depth] as BucketState;
  if (step.canCollide) return settle(step, putApart(new Bucket(core, within, RAW), step));
  try {
    // Keys that cannot collide lie apart from the names beside them, too, as they do in bbolt: no need to look.
    core.set(within.record.prefix + encodeKey(step.key), step.value);
  } catch (error) {
    throw located(step.place, error);
  }
}

function settle({ place }: Staged, done: Promise<void>): Promise<void> {
  return done.catch((error) => {
    throw located(place, error);
  });
}

async function makeInto(core: TransactionCore, states: BucketState[], step: StagedBucket): Promise<void> {
  states.length = step.depth;
  states.push(await make(core, states.at(-1) as BucketState, step));
}

async function make(
  core: TransactionCore,
  parent: BucketState,
  { name, encoding, sequence, depth }: StagedBucket,
): Promise<BucketState> {
  checkName(name);
  if ((await findBucket(core, parent, name)) !== undefined) throw meddled(name);
  const made =
    depth === 1
      ? (await prepareBuckets(core, parent, [{ name, encoding, home: core.root }]))()[0]
      : await createBucket(core, parent, name, encoding);
  if (sequence > 0) new Bucket(core, made as BucketState, RAW).setSequence(sequence);
  return made as BucketState;
}

/** Puts a row whose key another row, or a bucket beside it, may have. */
async function putApart(bucket: Bucket, { place, key, value }: StagedRow): Promise<void> {
  encodeKey(key); // What is no key is refused as such.
  if (await bucket.has(key)) {
    throw refused(
      place,
      "comes to the same key as another one",
      'Give the bucket the rule { keys: "bytes" }, or a function that tells them apart.',
    );
  }
  await bucket.put(key, value);
}

/** The error where others used the stage. */
export function meddled(name: string): DatabaseError {
  return new DatabaseError(
    "BUCKET_OWNED",
    `The bucket ${JSON.stringify(name)} was created, moved or deleted by others during the import that it belongs to. Import again, and leave its buckets alone until the end.`,
  );
}
