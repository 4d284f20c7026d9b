/**
 * Go's JSON as our models have it: names in camel case, times as dates, and nothing where Go wrote a zero value for what
 * was never set. What is read is a draft: the model's schema has the last word.
 */
import type { RecordIssue } from "../../collections/schema.ts";

/** A record on its way into a model. */
export type Draft = Record<string, unknown>;

/** Where in a record a value stands, in the model's names, and what was found wrong in the record. */
export interface Place {
  readonly path: readonly (string | number)[];
  readonly issues: RecordIssue[];
}

/** Takes a value over; undefined where it says nothing. It is never called for null. */
export type Reader = (value: unknown, at: Place) => unknown;

interface Field {
  readonly read: Reader;
  /** Its name in the model, where that is not Go's in camel case. */
  readonly to?: string;
  /** Whether it must be there: where a default would be a guess. */
  readonly isNeeded?: boolean;
}

/** How the fields of a record are taken over, by Go's names. */
export type Fields = Readonly<Record<string, Reader | Field>>;

/** Takes a value as it is. */
export const asIs: Reader = (value) => value;

/** Passes over a value that the model has elsewhere. */
export const passedOver: Reader = () => undefined;

/** Takes text, but for none. */
export const unlessEmpty: Reader = (value) => (value === "" ? undefined : value);

/** Takes a number, but for 0. */
export const unlessZero: Reader = (value) => (value === 0 ? undefined : value);

/** A field of another name in the model. */
export function as(to: string, read: Reader): Field {
  return { to, read };
}

/** A field that must be there. */
export function needed(read: Reader): Field {
  return { read, isNeeded: true };
}

/** Takes the items of an array. */
export function list(read: Reader): Reader {
  return (value, at) => (Array.isArray(value) ? value.map((item, i) => read(item, within(at, i))) : value);
}

/** Takes the fields of an object, and finds fault with those that it should not have. */
export function object(fields: Fields): Reader {
  return record(fields).read;
}

/** What reads a record, and the names that its fields have in the model. */
export interface RecordReader {
  readonly names: ReadonlySet<string>;
  readonly read: Reader;
}

/** As {@link object}, for a record as a whole. */
export function record(fields: Fields): RecordReader {
  const known = new Map(Object.entries(fields).map(([name, each]) => [name, fieldOf(name, each)]));
  const needs = Array.from(known.values()).filter(({ isNeeded }) => isNeeded);
  const read: Reader = (value, at) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const draft: Draft = {};
    for (const [name, given] of Object.entries(value)) {
      const field = known.get(name);
      if (field === undefined) fault(within(at, name), "The model has no such field");
      else if (given !== null) {
        const taken = field.read(given, within(at, field.to));
        if (taken !== undefined) draft[field.to] = taken;
      }
    }
    for (const { to } of needs) if (draft[to] === undefined) faultOnce(within(at, to));
    return draft;
  };
  return { names: new Set(Array.from(known.values(), ({ to }) => to)), read };
}

function fieldOf(name: string, each: Reader | Field): Field & { readonly to: string } {
  const to = camelCase(name);
  return typeof each === "function" ? { read: each, to } : { to, ...each };
}

/** A field that could not be read is not found to be missing, too. */
function faultOnce({ path, issues }: Place): void {
  const isKnown = issues.some(
    (issue) => issue.path.length === path.length && issue.path.at(-1) === path.at(-1),
  );
  if (!isKnown) fault({ path, issues }, "It is not said, and must not be guessed");
}

function within({ path, issues }: Place, name: string | number): Place {
  return { path: [...path, name], issues };
}

/** Notes what is wrong with a value. */
export function fault({ issues, path }: Place, message: string): undefined {
  issues.push({ path, message });
  return undefined;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
