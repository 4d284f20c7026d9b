import { DatabaseError } from "../errors.ts";
import { TransactionCore } from "../store/core.ts";
import { checkBoolean, checkOptions, isInstance, show } from "../store/options.ts";
import type { WorkOptions } from "../store/progress.ts";
import { checkStore, type Store } from "../store/store.ts";
import { Transaction } from "../store/transaction.ts";
import { type BuildReport, build } from "./build.ts";
import { textToDates } from "./dates.ts";
import { type Definition, type DefinitionOptions, define } from "./definition.ts";
import { Records } from "./records.ts";
import { drop } from "./registry.ts";
import type { InputOf, OutputOf, Schema } from "./schema.ts";
import type {
  CollectionTypes,
  Exact,
  IndexDefinition,
  IndexTypesOf,
  KeyDefinition,
  PrimaryKey,
} from "./types.ts";
import { type VerifyReport, verify } from "./verify.ts";

/** How a collection is bound to a transaction. */
export interface BindOptions {
  /** Whether records are checked by the schema when they are read, too; false by default. */
  readonly validate?: boolean | undefined;
}

/**
 * Records of one kind: their schema, their primary key, their indexes. An immutable value that holds no connection;
 * made by {@link collection}, bound to a transaction by {@link in}.
 */
export class Collection<C extends CollectionTypes = CollectionTypes> {
  readonly #definition: Definition;

  /** @internal */
  constructor(definition: Definition) {
    this.#definition = definition;
    Object.freeze(this);
  }

  /** The collection's name, which is also that of the bucket that holds its records. */
  get name(): string {
    return this.#definition.name;
  }

  /** The names of its indexes. */
  get indexes(): readonly (keyof C["indexes"] & string)[] {
    return this.#definition.indexes.map((index) => index.name);
  }

  /**
   * The collection's records in a transaction. Cost: none.
   *
   * @throws DatabaseError `OPTION_INVALID`
   */
  in(transaction: Transaction, options?: BindOptions): Records<C> {
    checkTransaction(transaction, "in()");
    checkOptions(options, ["validate"], "in()");
    checkBoolean(options?.validate, "The option validate");
    return new Records<C>(transaction.core, this.#definition, options?.validate === true);
  }

  /**
   * Makes the store's indexes those of this definition. To be called once, at start, after indexes were added, changed
   * or dropped: until then, writes are refused. An index that is new or changed is built in small batches, while
   * readers and writers go on, and is kept up by them meanwhile; queries by it are refused until it is ready. One that
   * is dropped gives its space back. A crash at any moment costs no more than a batch: the next call goes on.
   *
   * @param options progress is told in records; an abort keeps what was built
   * @throws DatabaseError `UNIQUE_VIOLATION` where two records have the same value of a new unique index,
   * `COLLECTION_CHANGED` where the primary key is another, `KEY_INVALID` for a record that cannot be indexed,
   * `BUCKET_EXISTS` where a bucket has the place of an index, `ABORTED`
   */
  async build(store: Store, options: WorkOptions = {}): Promise<BuildReport> {
    checkStore(store, "build()");
    return build(store, this.#definition, options);
  }

  /**
   * Compares every record with its schema and its entries, and every entry with its record, in bounded memory, beside
   * readers and writers. Cost: it reads everything.
   *
   * @param options progress is told in rows
   * @throws DatabaseError `ABORTED`, `COLLECTION_CHANGED`
   */
  async verify(store: Store, options: WorkOptions = {}): Promise<VerifyReport> {
    checkStore(store, "verify()");
    return verify(store, this.#definition, options, false);
  }

  /**
   * As {@link verify}, and mends entries that are missing, stale or dangling. Records stay as they are: those that are
   * at fault themselves, and two with the same value of a unique index, are for the caller to mend.
   *
   * @throws DatabaseError `ABORTED`, what was mended stays mended; `COLLECTION_CHANGED`
   */
  async reindex(store: Store, options: WorkOptions = {}): Promise<VerifyReport> {
    checkStore(store, "reindex()");
    return verify(store, this.#definition, options, true);
  }

  /** @internal A record from its JSON, in which dates are text. */
  revive(json: object): object {
    const { dates } = this.#definition;
    return dates === undefined ? json : (textToDates(json, dates) as object);
  }

  /** Deletes the collection with all its records and indexes. @returns whether there was one */
  async drop(transaction: Transaction): Promise<boolean> {
    checkTransaction(transaction, "drop()");
    transaction.guardWritable();
    return transaction.core.inTurn(async () => {
      transaction.guardWritable();
      return drop(transaction.core, this.#definition);
    });
  }
}

function checkTransaction(transaction: unknown, of: string): asserts transaction is Transaction {
  // What only inherits from a transaction has no core.
  if (isInstance(transaction, Transaction) && isInstance(transaction.core, TransactionCore)) return;
  throw new DatabaseError(
    "OPTION_INVALID",
    `${of} takes a transaction, as update() and view() pass it, got ${show(transaction)}.`,
  );
}

/** How a collection is defined. */
export interface CollectionOptions<S extends Schema, K, I> {
  /** Also the name of the bucket that holds the records. */
  readonly name: string;
  /** Checks what is written; what it gives is what is kept, and must be something that it takes. */
  readonly schema: S & (OutputOf<S> extends InputOf<S> ? unknown : never);
  /** The field that is the primary key, or the fields that make it up, in order. */
  readonly key: K & KeyDefinition<OutputOf<S>>;
  /** By name; the index `email` of `users` lies in the bucket `idx_users_by_email`. */
  readonly indexes?: (I & Exact<OutputOf<S>, I>) | undefined;
}

/**
 * Defines a collection.
 *
 * @example
 * const users = collection({
 *   name: "users",
 *   schema: z.object({ tenantId: z.string(), id: z.string(), email: z.email() }),
 *   key: ["tenantId", "id"],
 *   indexes: { email: { on: "email", unique: true } },
 * });
 *
 * @throws DatabaseError `COLLECTION_INVALID`, `OPTION_INVALID`, `BUCKET_NAME_REQUIRED`, `BUCKET_NAME_INVALID`
 */
export function collection<
  S extends Schema,
  const K extends KeyDefinition<OutputOf<S>>,
  // biome-ignore lint/complexity/noBannedTypes: no indexes
  const I extends Readonly<Record<string, IndexDefinition<OutputOf<S>>>> = {},
>(
  options: CollectionOptions<S, K, I>,
): Collection<{
  input: InputOf<S>;
  record: Extract<OutputOf<S>, object>;
  key: PrimaryKey<OutputOf<S>, K>;
  indexes: { [N in keyof I]: IndexTypesOf<OutputOf<S>, K, I[N]> };
}> {
  return new Collection(define(options as unknown as DefinitionOptions));
}

/** The type of a collection's records. */
export type RecordOf<T> = T extends Collection<infer C> ? C["record"] : never;
/** The type of a collection's primary key. */
export type KeyOf<T> = T extends Collection<infer C> ? C["key"] : never;
