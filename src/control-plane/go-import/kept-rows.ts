/** Buckets of a Go file that have no model: they are kept as they are, beside the database's own. */
import { readKey } from "../../bolt-import/keys.ts";
import type { BucketPlan } from "../../bolt-import/plan.ts";
import { isJson, isText, spell } from "../../bolt-import/text.ts";
import { DatabaseError } from "../../errors.ts";
import type { Bucket } from "../../store/bucket.ts";
import type { BucketParent } from "../../store/bucket-parent.ts";
import type { Transaction } from "../../store/transaction.ts";
import type { Encoding } from "../../store/values.ts";
import type { GoRow } from "./held-record.ts";
import type { Outcome } from "./landing.ts";

/** A bucket into which rows go. */
export interface KeptBucket {
  /** The names from the top, as the store has them. */
  readonly path: readonly string[];
  readonly plan: BucketPlan;
  /** The plans of the buckets around it, the topmost first. */
  readonly around: readonly BucketPlan[];
}

/** Writes rows and sequences of such buckets, in one commit. */
export class KeptRows {
  readonly #tx: Transaction;
  readonly #open = new Map<string, Bucket<Uint8Array>>();

  constructor(tx: Transaction) {
    this.#tx = tx;
  }

  /**
   * Makes a bucket where there is none.
   *
   * @param sequence what it begins with where it is made
   * @throws DatabaseError `BUCKET_NAME_INVALID`, `BUCKET_OWNED`, `INCOMPATIBLE_VALUE`; `BOLT_REFUSED` for a sequence that
   * the store cannot keep: then the bucket is made without
   */
  async make(bucket: KeptBucket, sequence: bigint): Promise<void> {
    const before = await this.#find(bucket.path);
    const made = before ?? (await this.#openBucket(bucket));
    if (before !== undefined || sequence === 0n) return;
    if (sequence <= Number.MAX_SAFE_INTEGER) made.setSequence(Number(sequence));
    else
      throw new DatabaseError(
        "BOLT_REFUSED",
        `The bucket ${JSON.stringify(bucket.path.join("/"))} has the sequence ${sequence}, above 2^53-1, which the store cannot keep. Its rows are there: set another one with setSequence(), and discard this.`,
      );
  }

  /** Writes a row where its key has none. @throws DatabaseError what the store refuses, and then nothing is written */
  async add(bucket: KeptBucket, { path, key: bytes, value }: GoRow): Promise<Outcome> {
    const rows = await this.#openBucket(bucket);
    const key = readKey(bucket.plan.keys, bytes, { file: "The file", path: path.map(spell), key: bytes });
    if (await rows.has(key)) return "present";
    const { encoding } = rows.state.record;
    if (!fits(encoding, value))
      throw new DatabaseError(
        "VALUE_INVALID",
        `The bucket ${JSON.stringify(bucket.path.join("/"))}, which was there before, holds ${encoding}, and this value is none. Put it elsewhere, and discard this.`,
      );
    await rows.put(key, value);
    return "imported";
  }

  async #find(path: readonly string[]): Promise<Bucket | undefined> {
    let at: BucketParent = this.#tx;
    for (const name of path) {
      const next: Bucket | undefined = await at.bucket(name);
      if (next === undefined) return undefined;
      at = next;
    }
    return at as Bucket;
  }

  /** A bucket, with all around it, as one of bytes: what is JSON or text is written as it stood in the file. */
  async #openBucket({ path, plan, around }: KeptBucket): Promise<Bucket<Uint8Array>> {
    const known = this.#open.get(JSON.stringify(path));
    if (known !== undefined) return known;
    let parent: BucketParent = this.#tx;
    for (const [i, name] of path.slice(0, -1).entries()) {
      const { encoding } = around[i] as BucketPlan;
      parent = await parent.createBucketIfNotExists(name, { encoding } as { encoding: "json" });
    }
    const name = path.at(-1) as string;
    const { encoding } = plan;
    await parent.createBucketIfNotExists(name, { encoding } as { encoding: "json" });
    const bucket = (await parent.bucket(name, { encoding: "bytes" })) as Bucket<Uint8Array>;
    this.#open.set(JSON.stringify(path), bucket);
    return bucket;
  }
}

function fits(encoding: Encoding, value: Uint8Array): boolean {
  if (encoding === "bytes") return true;
  return encoding === "json" ? isJson(value) : isText(value);
}
