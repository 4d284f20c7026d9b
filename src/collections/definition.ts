import { createHash } from "node:crypto";
import { DatabaseError, unreadable } from "../errors.ts";
import { checkName } from "../store/names.ts";
import { checkBoolean, checkOptions, show } from "../store/options.ts";
import { layoutKey } from "../store/system.ts";
import { type DatePlan, isZodObject, planDates, spellPlan } from "./dates.ts";
import type { Schema } from "./schema.ts";
import type { IndexDefinition } from "./types.ts";

/** A collection as it was defined, checked and in one form. It holds no connection and never changes. */
export interface Definition {
  readonly name: string;
  readonly schema: Schema;
  /** The fields of the primary key, in order. */
  readonly key: readonly string[];
  /** Whether the one field is itself the key, not a tuple of one. */
  readonly single: boolean;
  readonly dates: DatePlan | undefined;
  /** Whether the schema is known to give an object of its own, with plain fields. */
  readonly renews: boolean;
  /** Which fields of the primary key are dates: that decides how it is encoded. */
  readonly keyDates: readonly string[];
  readonly indexes: readonly Index[];
  /** The key of the row in which the store keeps its layout. */
  readonly layoutKey: string;
  /** Under which the layout, as this definition sees it, is remembered: a process may hold two of one name. */
  readonly memoKey: string;
}

/** An index as it was defined, checked and in one form. */
export interface Index {
  readonly name: string;
  /** Its place among the collection's indexes. */
  readonly place: number;
  /** The name of the bucket that holds its entries. */
  readonly bucket: string;
  readonly on: readonly string[];
  /** Whether the one field is itself the key to ask for, not a tuple of one. */
  readonly single: boolean;
  readonly unique: boolean;
  /** The place in `on` of the field that holds an array; -1 where there is none. */
  readonly multiEntry: number;
  readonly where: ((record: object) => boolean) | undefined;
  /** The fields that entries carry, if unique the primary key's too; "record" for all; undefined for none. */
  readonly include: "record" | readonly string[] | undefined;
  /** All that decides what its entries are, as text: what the store keeps to notice a change. */
  readonly fingerprint: string;
}

/** A collection's definition as it is passed, before its types are known. */
export interface DefinitionOptions {
  readonly name: string;
  readonly schema: Schema;
  readonly key: string | readonly string[];
  readonly indexes?: Readonly<Record<string, IndexDefinition<never>>> | undefined;
}

const OPTIONS = ["name", "schema", "key", "indexes"];
const INDEX_OPTIONS = ["on", "unique", "multiEntry", "where", "include", "version"];
/** Definitions made so far in this process. */
let lastId = 0;

/** @throws DatabaseError `COLLECTION_INVALID`, `OPTION_INVALID`, `BUCKET_NAME_REQUIRED`, `BUCKET_NAME_INVALID` */
export function define(options: DefinitionOptions): Definition {
  try {
    return read(options);
  } catch (cause) {
    throw unreadable("COLLECTION_INVALID", "The definition of a collection", cause);
  }
}

function read(options: DefinitionOptions): Definition {
  checkOptions(options ?? null, OPTIONS, "A collection");
  const { name, schema } = options;
  checkName(name);
  if (typeof schema?.["~standard"]?.validate !== "function") {
    throw invalid(name, `schema is ${show(schema)}. Pass a zod 4 schema, or another Standard Schema`);
  }
  const indexes = options.indexes ?? {};
  if (typeof indexes !== "object") throw invalid(name, `indexes is ${show(indexes)}. Pass an object`);
  const key = fieldsOf(options.key, name, "key");
  const dates = planDates(schema, name);
  return Object.freeze({
    name,
    schema,
    key,
    single: typeof options.key === "string",
    dates,
    renews: isZodObject(schema),
    keyDates: datesAmong(key, dates),
    indexes: Object.freeze(
      Object.entries(indexes).map((entry, place) => defineIndex({ name, key, dates }, entry, place)),
    ),
    layoutKey: layoutKey(name),
    memoKey: `${layoutKey(name)}\0${++lastId}`,
  });
}

function defineIndex(
  { name: collection, key, dates }: Pick<Definition, "name" | "key" | "dates">,
  [name, definition]: [string, IndexDefinition<never>],
  place: number,
): Index {
  const of = `The index ${JSON.stringify(name)} of ${JSON.stringify(collection)}`;
  checkOptions(definition ?? null, INDEX_OPTIONS, of);
  const { unique, multiEntry, where, include, version } = definition;
  checkBoolean(unique, `${of}: unique`);
  const on = fieldsOf(definition.on, collection, `indexes.${name}.on`);
  const bucket = indexBucketName(collection, name);
  checkName(bucket);
  if (name === "") throw invalid(collection, "an index has an empty name. Name it after its fields");
  if (multiEntry !== undefined && !on.includes(multiEntry)) {
    throw invalid(
      collection,
      `indexes.${name}.multiEntry is ${show(multiEntry)}. Name the field in on that holds an array`,
    );
  }
  if (where !== undefined && typeof where !== "function")
    throw invalid(collection, `indexes.${name}.where is ${show(where)}. Pass a function`);
  if (version === undefined && /\{\s*\[native code\]\s*\}$/.test(String(where))) {
    throw invalid(
      collection,
      `indexes.${name}.where is a bound or native function, whose text does not tell when it changes. Wrap it in a function, or add a version`,
    );
  }
  if (version !== undefined && !Number.isSafeInteger(version))
    throw invalid(collection, `indexes.${name}.version is ${show(version)}. Pass an integer`);
  const carried =
    include === undefined || include === "record"
      ? include
      : fieldsOf(include, collection, `indexes.${name}.include`);
  const both = Array.isArray(carried) && unique === true;
  const index = {
    name,
    place,
    bucket,
    on,
    single: typeof definition.on === "string",
    unique: unique === true,
    multiEntry: multiEntry === undefined ? -1 : on.indexOf(multiEntry),
    where: where as ((record: object) => boolean) | undefined,
    include: both ? Array.from(new Set([...key, ...carried])) : carried,
  };
  return Object.freeze({ ...index, fingerprint: fingerprintOf(index, version, dates) });
}

/** The name of the bucket that holds an index's entries. */
export function indexBucketName(collection: string, index: string): string {
  return `idx_${collection}_by_${index}`;
}

function fingerprintOf(
  index: Omit<Index, "fingerprint">,
  version: number | undefined,
  dates: DatePlan | undefined,
): string {
  const { on, unique, multiEntry, include, where } = index;
  const keyDates = datesAmong(on, dates);
  // What `where` gives hangs on its text, and on which fields it finds to be dates.
  const source = where === undefined ? undefined : `${where} ${JSON.stringify(spellPlan(dates))}`;
  const hash = source === undefined ? undefined : createHash("sha256").update(source).digest("hex");
  return JSON.stringify({
    on,
    ...(keyDates.length === 0 ? {} : { dates: keyDates }),
    ...(unique ? { unique } : {}),
    ...(multiEntry < 0 ? {} : { multiEntry: on[multiEntry] }),
    ...(include === undefined ? {} : { include }),
    ...(where === undefined ? {} : { where: version ?? hash }),
    ...(where === undefined && version !== undefined ? { version } : {}),
  });
}

function datesAmong(fields: readonly string[], dates: DatePlan | undefined): string[] {
  return dates?.kind === "fields" ? fields.filter((field) => dates.fields.has(field)) : [];
}

function fieldsOf(fields: unknown, collection: string, what: string): readonly string[] {
  const list: unknown[] = Array.isArray(fields) ? fields : [fields];
  const known = list.filter((field): field is string => typeof field === "string" && field !== "");
  if (known.length !== list.length || known.length === 0)
    throw invalid(collection, `${what} is ${show(fields)}. Name a field, or several in an array`);
  const inherited = known.find((field) => field in Object.prototype);
  if (inherited !== undefined)
    throw invalid(collection, `${what} names ${inherited}, which every object has. Choose another name`);
  if (new Set(known).size !== known.length) throw invalid(collection, `${what} names a field twice`);
  return Object.freeze([...known]);
}

function invalid(collection: string, what: string): DatabaseError {
  return new DatabaseError("COLLECTION_INVALID", `The collection ${JSON.stringify(collection)}: ${what}.`);
}
