import { type Awaitable, chain } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import type { Key } from "../keys/encode.ts";
import type { Bucket } from "./bucket.ts";
import { type BucketState, migratingError, pathOf } from "./bucket-state.ts";
import { bucketNames, createBucket, deleteBucket, findBucket, refuseValue, STAGE_OWNER } from "./catalog.ts";
import type { TransactionCore } from "./core.ts";
import { checkName } from "./names.ts";
import { checkOptions } from "./options.ts";
import { codecOf, type Encoding, type ValueCodec } from "./values.ts";

/** How a bucket is opened. */
export interface BucketOptions<E extends Encoding = Encoding> {
  /** How its values are kept: "json" (the default), "utf8" or "bytes". What it is created with is its default later. */
  readonly encoding?: E | undefined;
}

/** What buckets lie in: a transaction (the top level) or a bucket. */
export abstract class BucketParent {
  /** @internal */
  readonly core: TransactionCore;
  /** @internal */
  readonly state: BucketState;

  /** @internal */
  constructor(core: TransactionCore, state: BucketState) {
    this.core = core;
    this.state = state;
  }

  /** @internal */
  protected abstract handle(state: BucketState, codec: ValueCodec): Bucket<unknown, Key>;

  /** @internal Throws where the transaction is over or the bucket deleted. */
  guard(): void {
    this.core.guardOpen();
    if (this.state.deleted) throw deletedError(this.state);
    refuseMigrating(this.core, this.state);
  }

  /** @internal As guard, for writes. */
  guardWritable(): void {
    this.core.guardWritable();
    if (this.state.deleted) throw deletedError(this.state);
    refuseReserved(this.core, this.state);
  }

  /**
   * Opens a bucket that lies here.
   *
   * @param name the bucket's name
   * @param options how its values are read and written; by default as it was created
   * @returns the bucket, or undefined where there is none of that name
   * @throws DatabaseError `TX_CLOSED`, `BUCKET_NAME_REQUIRED`, `BUCKET_NAME_INVALID`, `OPTION_INVALID`,
   * `BUCKET_MIGRATING`
   */
  bucket<V = unknown, K extends Key = Key>(
    name: string,
    options?: BucketOptions<"json">,
  ): Awaitable<Bucket<V, K> | undefined>;
  bucket<K extends Key = Key>(
    name: string,
    options: BucketOptions<"utf8">,
  ): Awaitable<Bucket<string, K> | undefined>;
  bucket<K extends Key = Key>(
    name: string,
    options: BucketOptions<"bytes">,
  ): Awaitable<Bucket<Uint8Array, K> | undefined>;
  bucket(name: string, options?: BucketOptions): Awaitable<unknown> {
    this.guard();
    checkName(name);
    const codec = codecIn(options);
    return chain(findBucket(this.core, this.state, name), (state) => {
      if (state === undefined) return undefined;
      refuseMigrating(this.core, state);
      return this.handle(state, codec ?? codecOf(state.record.encoding));
    });
  }

  /**
   * Creates a bucket here.
   *
   * @throws DatabaseError `BUCKET_EXISTS`, `INCOMPATIBLE_VALUE` where a value bears the name, `TX_NOT_WRITABLE`, and as
   * {@link bucket}
   */
  createBucket<V = unknown, K extends Key = Key>(
    name: string,
    options?: BucketOptions<"json">,
  ): Promise<Bucket<V, K>>;
  createBucket<K extends Key = Key>(name: string, options: BucketOptions<"utf8">): Promise<Bucket<string, K>>;
  createBucket<K extends Key = Key>(
    name: string,
    options: BucketOptions<"bytes">,
  ): Promise<Bucket<Uint8Array, K>>;
  async createBucket(name: string, options?: BucketOptions): Promise<unknown> {
    this.guardWritable();
    checkName(name);
    const codec = codecIn(options) ?? codecOf("json");
    return this.core.inTurn(async () => {
      this.guardWritable();
      if ((await findBucket(this.core, this.state, name)) !== undefined) {
        throw new DatabaseError(
          "BUCKET_EXISTS",
          `There is a bucket ${JSON.stringify(name)} already. Open it with bucket(), or use createBucketIfNotExists().`,
        );
      }
      return this.handle(await createBucket(this.core, this.state, name, codec.encoding), codec);
    });
  }

  /** Opens a bucket here, creating it where there is none. Errors as {@link createBucket}, but `BUCKET_EXISTS`. */
  createBucketIfNotExists<V = unknown, K extends Key = Key>(
    name: string,
    options?: BucketOptions<"json">,
  ): Promise<Bucket<V, K>>;
  createBucketIfNotExists<K extends Key = Key>(
    name: string,
    options: BucketOptions<"utf8">,
  ): Promise<Bucket<string, K>>;
  createBucketIfNotExists<K extends Key = Key>(
    name: string,
    options: BucketOptions<"bytes">,
  ): Promise<Bucket<Uint8Array, K>>;
  async createBucketIfNotExists(name: string, options?: BucketOptions): Promise<unknown> {
    this.guardWritable();
    checkName(name);
    const codec = codecIn(options);
    return this.core.inTurn(async () => {
      this.guardWritable();
      const found = await findBucket(this.core, this.state, name);
      const state = found ?? (await createBucket(this.core, this.state, name, codec?.encoding ?? "json"));
      return this.handle(state, codec ?? codecOf(state.record.encoding));
    });
  }

  /**
   * Deletes a bucket here, with its rows and all buckets within it. Cost: that of the buckets, not of their rows, which
   * are reclaimed after the commit.
   *
   * @throws DatabaseError `BUCKET_NOT_FOUND`, `INCOMPATIBLE_VALUE` where a value bears the name, `BUCKET_OWNED` for a
   * collection's, `TX_NOT_WRITABLE`
   */
  async deleteBucket(name: string): Promise<void> {
    this.guardWritable();
    checkName(name);
    return this.core.inTurn(async () => {
      this.guardWritable();
      const bucket = await requireBucket(this.core, this.state, name);
      // What an import left may be deleted, though not written to.
      if (bucket.record.owner !== STAGE_OWNER) refuseReserved(this.core, bucket);
      await deleteBucket(this.core, bucket);
    });
  }

  /** The names of the buckets here, in order. */
  async buckets(): Promise<string[]> {
    this.guard();
    return this.state.record.nested ? bucketNames(this.core, this.state) : [];
  }
}

/** @throws DatabaseError `BUCKET_NOT_FOUND`, `INCOMPATIBLE_VALUE` */
export async function requireBucket(
  core: TransactionCore,
  parent: BucketState,
  name: string,
): Promise<BucketState> {
  const state = await findBucket(core, parent, name);
  if (state !== undefined) return state;
  await refuseValue(core, parent, name);
  throw new DatabaseError(
    "BUCKET_NOT_FOUND",
    `There is no bucket ${JSON.stringify(name)} in ${pathOf(parent)}.`,
  );
}

/** Keeps a bucket from changes that are not for the caller to make. @throws DatabaseError `BUCKET_MIGRATING`, `BUCKET_OWNED` */
export function refuseReserved(core: TransactionCore, bucket: BucketState): void {
  refuseMigrating(core, bucket);
  refuseOwned(bucket);
}

/** @throws DatabaseError `BUCKET_MIGRATING` for a bucket of which a migration has changed a part */
function refuseMigrating(core: TransactionCore, bucket: BucketState): void {
  if (bucket.record.migrating !== undefined && !core.migrating)
    throw migratingError(`bucket ${pathOf(bucket)}`, bucket.record.migrating);
}

/** @throws DatabaseError `BUCKET_OWNED` for a bucket that holds a collection's rows, or what an import has so far */
function refuseOwned(bucket: BucketState): void {
  const { owner } = bucket.record;
  if (owner === undefined) return;
  if (owner === STAGE_OWNER) {
    throw new DatabaseError(
      "BUCKET_OWNED",
      `The bucket ${pathOf(bucket)} holds what an import has not finished. It goes when the import ends or, after a crash, when the next one begins; deleteBucket() deletes it at once.`,
    );
  }
  throw new DatabaseError(
    "BUCKET_OWNED",
    `The bucket ${pathOf(bucket)} holds rows of the collection ${JSON.stringify(owner)}, whose indexes must stay in step. Write through the collection.`,
  );
}

function codecIn(options: BucketOptions | undefined): ValueCodec | undefined {
  checkOptions(options, ["encoding"], "A bucket");
  return options?.encoding === undefined ? undefined : codecOf(options.encoding);
}

function deletedError(state: BucketState): DatabaseError {
  return new DatabaseError(
    "BUCKET_NOT_FOUND",
    `The bucket ${pathOf(state)} was deleted in this transaction. Create it again, and use the new handle.`,
  );
}
