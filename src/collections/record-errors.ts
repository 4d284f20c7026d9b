import { DatabaseError } from "../errors.ts";
import { decodeKey } from "../keys/decode.ts";
import type { Definition, Index } from "./definition.ts";
import { keyOfPrimary } from "./record-codec.ts";

/** An error for a value that another record has already. */
export function uniqueViolation(
  definition: Definition,
  index: Index,
  entryKey: string,
  holder: string,
  primary: string,
): DatabaseError {
  const { name } = definition;
  const values = decodeKey(entryKey) as unknown[];
  const value = index.single ? values[0] : values;
  const key = keyOfPrimary(definition, holder);
  const own = keyOfPrimary(definition, primary);
  return new DatabaseError(
    "UNIQUE_VIOLATION",
    `The record ${JSON.stringify(own)} of ${JSON.stringify(name)} cannot have the value ${JSON.stringify(value)} in the unique index ${JSON.stringify(index.name)}: the record ${JSON.stringify(key)} has it. Choose another value, or change that record first.`,
    { details: { collection: name, index: index.name, value, key } },
  );
}

/** An error for a record that is there already. */
export function recordExists(definition: Definition, primary: string): DatabaseError {
  const { name } = definition;
  const key = keyOfPrimary(definition, primary);
  return new DatabaseError(
    "RECORD_EXISTS",
    `There is a record ${JSON.stringify(key)} in ${JSON.stringify(name)} already. Use put() to replace it, or update().`,
    { details: { collection: name, key } },
  );
}

/** An error for a record that is not there. */
export function recordNotFound(definition: Definition, primary: string): DatabaseError {
  const { name } = definition;
  const key = keyOfPrimary(definition, primary);
  return new DatabaseError(
    "RECORD_NOT_FOUND",
    `There is no record ${JSON.stringify(key)} in ${JSON.stringify(name)}. Use put() to write one.`,
    { details: { collection: name, key } },
  );
}

/** @throws DatabaseError `RECORD_INVALID` for an update that would change the primary key */
export function refuseMoved(definition: Definition, from: string, to: string): void {
  if (from === to) return;
  const keys = [from, to].map((primary) => JSON.stringify(keyOfPrimary(definition, primary)));
  throw new DatabaseError(
    "RECORD_INVALID",
    `An update of ${JSON.stringify(definition.name)} would change the primary key from ${keys[0]} to ${keys[1]}. Delete the record, and insert it under the new key.`,
  );
}
