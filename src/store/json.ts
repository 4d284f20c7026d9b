import { DatabaseError, unreadable } from "../errors.ts";

const MAX_DEPTH = 500;

/** Why a value cannot be kept as JSON, and where in it. */
interface Flaw {
  readonly path: (string | number)[];
  readonly what: string;
}

/** Whether {@link toJson} left fields out. */
export interface AbsentFields {
  found: boolean;
}

interface Findings {
  /** Where a field that is undefined counts as absent, instead of as a flaw. */
  readonly absent: AbsentFields | undefined;
  /** JSON text can hold -0, but JSON.stringify writes 0. */
  negativeZero: boolean;
}

/**
 * Writes a value as JSON text that reads back as the same value.
 *
 * @param absent given where a field of an object may be undefined, and is then left out; told whether there was one
 * @throws DatabaseError `VALUE_INVALID` for all that JSON would drop or change without a word, with the path to it
 */
export function toJson(value: unknown, absent?: AbsentFields): string {
  const findings: Findings = { absent, negativeZero: false };
  let flaw: Flaw | undefined;
  let text: string | undefined;
  try {
    flaw = findFlaw(value, 0, findings);
    if (flaw === undefined) text = findings.negativeZero ? writeExactly(value) : JSON.stringify(value);
  } catch (cause) {
    throw unreadable("VALUE_INVALID", "The value", cause);
  }
  if (flaw === undefined && text !== undefined) return text;
  const where =
    flaw === undefined || flaw.path.length === 0 ? "The value" : `The value at ${spell(flaw.path)}`;
  throw new DatabaseError(
    "VALUE_INVALID",
    `${where} is ${flaw?.what ?? "not JSON"}, which JSON would drop or change. Pass plain data, or use a bucket with encoding "bytes".`,
  );
}

function findFlaw(value: unknown, depth: number, findings: Findings): Flaw | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return undefined;
    case "number":
      if (!Number.isFinite(value)) return { path: [], what: String(value) };
      if (value === 0 && Object.is(value, -0)) findings.negativeZero = true;
      return undefined;
    case "object":
      if (value === null) return undefined;
      if (depth === MAX_DEPTH) return { path: [], what: `nested deeper than ${MAX_DEPTH} levels, or cyclic` };
      return Array.isArray(value) ? arrayFlaw(value, depth, findings) : objectFlaw(value, depth, findings);
    default:
      return { path: [], what: value === undefined ? "undefined" : `a ${typeof value}` };
  }
}

function arrayFlaw(array: readonly unknown[], depth: number, findings: Findings): Flaw | undefined {
  if (Object.getPrototypeOf(array) !== Array.prototype) {
    return { path: [], what: `not a plain array${className(array)}` };
  }
  for (let i = 0; i < array.length; i++) {
    const flaw = findFlaw(array[i], depth + 1, findings);
    if (flaw !== undefined) return within(flaw, i);
  }
  if (Object.keys(array).length !== array.length) return { path: [], what: "an array with named properties" };
  return hiddenFlaw(array);
}

function objectFlaw(object: object, depth: number, findings: Findings): Flaw | undefined {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    return { path: [], what: `not a plain object${className(object)}` };
  }
  // Unlike Object.keys, for-in makes no array; what else it may meet, inherited fields, could only be refused.
  for (const key in object) {
    const field = (object as Record<string, unknown>)[key];
    if (typeof field === "string") continue;
    if (field === undefined && findings.absent !== undefined) {
      findings.absent.found = true;
      continue;
    }
    const flaw = findFlaw(field, depth + 1, findings);
    if (flaw !== undefined) return within(flaw, key);
  }
  return hiddenFlaw(object);
}

/**
 * What fields do not show: keys that JSON passes over, and a method by which an object would write something else.
 *
 * Properties that are not enumerable count as no data, as for spreading and structuredClone.
 */
function hiddenFlaw(object: object): Flaw | undefined {
  const symbols = Object.getOwnPropertySymbols(object);
  if (symbols.length > 0) return { path: [], what: `something with the key ${String(symbols[0])}` };
  const isCustom = typeof (object as { toJSON?: unknown }).toJSON === "function";
  return isCustom ? { path: [], what: "something with a method toJSON" } : undefined;
}

function className(object: object): string {
  const made = object.constructor;
  return typeof made === "function" && made.name !== "" ? ` (${made.name})` : "";
}

function within(flaw: Flaw, step: string | number): Flaw {
  flaw.path.unshift(step);
  return flaw;
}

function spell(path: readonly (string | number)[]): string {
  const steps = path.slice(0, 20).map((step) => {
    if (typeof step === "number") return `[${step}]`;
    return /^[A-Za-z_$][\w$]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
  });
  return `${steps.join("").replace(/^\./, "")}${path.length > 20 ? "…" : ""}`;
}

/** As JSON.stringify for a value without flaws, but for -0. */
function writeExactly(value: unknown): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(writeExactly).join(",")}]`;
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([key, field]) => `${JSON.stringify(key)}:${writeExactly(field)}`);
  return `{${fields.join(",")}}`;
}
