import { DatabaseError, unreadable } from "../errors.ts";

/**
 * What checks a record: a zod 4 schema, or any other that follows Standard Schema version 1
 * (https://standardschema.dev) and answers without waiting.
 */
export interface Schema<Input = unknown, Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema takes. */
export type InputOf<S extends Schema> = NonNullable<S["~standard"]["types"]>["input"];
/** What it gives: the record as it is kept. */
export type OutputOf<S extends Schema> = NonNullable<S["~standard"]["types"]>["output"];

/** One thing that is wrong with a record, in `details.issues` of `RECORD_INVALID`. */
export interface RecordIssue {
  /** From the record inwards: names of fields and places in arrays. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const SHOWN = 5;
/** Of an issue, or a key. */
const SHOWN_CHARACTERS = 300;

/**
 * Checks a value.
 *
 * @returns the record, or what is wrong with the value
 * @throws DatabaseError `COLLECTION_INVALID`; `RECORD_INVALID` where the value, or the schema, throws as it is read
 */
export function validate(schema: Schema, value: unknown, collection: string): object | RecordIssue[] {
  try {
    return resultOf(schema["~standard"].validate(value), collection);
  } catch (cause) {
    throw unreadable("RECORD_INVALID", `A record of the collection ${JSON.stringify(collection)}`, cause);
  }
}

function resultOf(
  result: ReturnType<Schema["~standard"]["validate"]>,
  collection: string,
): object | RecordIssue[] {
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new DatabaseError(
      "COLLECTION_INVALID",
      `The schema of the collection ${JSON.stringify(collection)} answers asynchronously, or throws. Use checks that do neither: a commit does not wait for them.`,
    );
  }
  if (result.issues !== undefined) return result.issues.map(toIssue);
  const { value: record } = result;
  if (typeof record === "object" && record !== null && !Array.isArray(record)) return record;
  return [{ path: [], message: "A record is an object, and the schema gave none" }];
}

function toIssue(issue: SchemaIssue): RecordIssue {
  const path = (issue.path ?? []).map((step) => {
    const key = typeof step === "object" ? step.key : step;
    return typeof key === "number" ? key : String(key);
  });
  return { path, message: issue.message };
}

/**
 * An error for a record that does not fit.
 *
 * @param key the record's primary key, where it has one
 */
export function recordInvalid(
  collection: string,
  key: unknown,
  issues: readonly RecordIssue[],
): DatabaseError {
  const named =
    key === undefined ? "A record" : `The record ${JSON.stringify(key)?.slice(0, SHOWN_CHARACTERS)}`;
  const lines = issues.slice(0, SHOWN).map(({ path, message }) => {
    const where = path.length === 0 ? "" : ` at ${path.join(".")}`;
    return `${where}: ${message}`.slice(0, SHOWN_CHARACTERS);
  });
  const more = issues.length > SHOWN ? ` (and ${issues.length - SHOWN} more)` : "";
  return new DatabaseError(
    "RECORD_INVALID",
    `${named} of the collection ${JSON.stringify(collection)} does not fit its schema${lines.join(";")}${more}.`,
    { details: { collection, key, issues } },
  );
}
