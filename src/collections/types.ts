import type { KeyPrefix } from "../keys/bounds.ts";
import type { Key } from "../keys/encode.ts";

/** What a key is made of. */
export type Scalar = string | number | boolean | null | Date;

/** The types that belong to one collection. */
export interface CollectionTypes {
  /** What writes take: the schema's input. */
  readonly input: unknown;
  /** What reads give: the schema's output. */
  readonly record: object;
  /** The primary key. */
  readonly key: Key;
  readonly indexes: Readonly<Record<string, IndexTypes>>;
}

/** The types that belong to one index. */
export interface IndexTypes {
  /** What its entries are found by. */
  readonly key: Key;
  /** What its entries carry. */
  readonly entry: object;
}

/** The fields of a record that can be part of its primary key: always there, and of a scalar type. */
export type KeyField<R> = {
  [F in keyof R & string]-?: R[F] extends Scalar ? F : never;
}[keyof R & string];

/** The fields that can be indexed: scalars, which may be absent. */
export type ScalarField<R> = {
  [F in keyof R & string]-?: Exclude<R[F], undefined> extends Scalar ? F : never;
}[keyof R & string];

/** The fields that hold an array of scalars, for multi-entry indexes. */
export type ArrayField<R> = {
  [F in keyof R & string]-?: Exclude<R[F], undefined> extends readonly Scalar[] ? F : never;
}[keyof R & string];

/** How a primary key is defined: by one field, which then is the key, or by several, which make a tuple. */
export type KeyDefinition<R> = KeyField<R> | readonly [KeyField<R>, ...KeyField<R>[]];

/** How an index is defined. */
export interface IndexDefinition<R> {
  /** The field, or fields in order, that entries are found by. A record without one of them has no entry. */
  readonly on: IndexedField<R> | readonly [IndexedField<R>, ...IndexedField<R>[]];
  /** Whether no two records may have the same values. */
  readonly unique?: boolean | undefined;
  /** The one field in `on` that holds an array: the record has an entry for each distinct item of it. */
  readonly multiEntry?: ArrayField<R> | undefined;
  /** Which records have entries; by default all that have the fields. It must depend on the record alone. */
  readonly where?: ((record: R) => boolean) | undefined;
  /** What entries carry besides the fields in `on` and the primary key: further fields, or the whole record. */
  readonly include?: "record" | readonly (keyof R & string)[] | undefined;
  /** Raised where `where` changes; without it, the function's source text tells. */
  readonly version?: number | undefined;
}

type IndexedField<R> = ScalarField<R> | ArrayField<R>;

/** Refuses properties that an index does not have, which inference alone would let pass. */
export type Exact<R, I> = {
  [N in keyof I]: { [P in keyof I[N]]: P extends keyof IndexDefinition<R> ? I[N][P] : never };
};

/** The primary key's type. */
export type PrimaryKey<R, K> = K extends readonly string[]
  ? { -readonly [P in keyof K]: FieldType<R, K[P]> }
  : FieldType<R, K>;

/** The types of an index, from its definition; `PK` is the definition of the primary key. */
export interface IndexTypesOf<R, PK, D> {
  readonly key: IndexKey<R, D>;
  readonly entry: D extends { readonly include: "record" } ? R : Carried<R, PK, D>;
}

type IndexKey<R, D> = D extends { readonly on: infer On }
  ? On extends readonly string[]
    ? { -readonly [P in keyof On]: IndexedType<R, On[P], D> }
    : IndexedType<R, On, D>
  : never;

/** The fields that a projecting index carries: a multi-entry field as the one item that the entry is of. */
type Carried<R, PK, D> = Flat<
  Pick<R, Extract<Names<PK> | Included<D>, keyof R>> & {
    [F in Exclude<Indexed<D>, Included<D>>]: IndexedType<R, F, D>;
  }
>;

type Flat<T> = { [F in keyof T]: T[F] };
type Names<N> = N extends readonly (infer F)[] ? F & string : N & string;
type Indexed<D> = D extends { readonly on: infer On } ? Names<On> : never;
type Included<D> = D extends { readonly include: readonly (infer F)[] } ? F & string : never;
type FieldType<R, F> = F extends keyof R ? Extract<Exclude<R[F], undefined>, Key> : never;
type IndexedType<R, F, D> = D extends { readonly multiEntry: F }
  ? F extends keyof R
    ? Exclude<R[F], undefined> extends readonly (infer Item)[]
      ? Extract<Item, Key>
      : never
    : never
  : FieldType<R, F>;

/** A key of an index, or the first parts of one. */
export type IndexPrefix<I extends IndexTypes> = KeyPrefix<I["key"]>;
