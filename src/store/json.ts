import { DatabaseError } from "../errors.ts";
import { show } from "./options.ts";

const MAX_DEPTH = 500;

/** Why a value cannot be kept as JSON, and where in it. */
interface Flaw {
  readonly path: (string | number)[];
  readonly what: string;
}

interface Findings {
  /** JSON text can hold -0, but JSON.stringify writes 0. */
  negativeZero: boolean;
}

/**
 * Writes a value as JSON text that reads back as the same value.
 *
 * @throws DatabaseError `VALUE_INVALID` for all that JSON would drop or change without a word, with the path to it
 */
export function toJson(value: unknown): string {
  const findings: Findings = { negativeZero: false };
  let flaw: Flaw | undefined;
  let text: string | undefined;
  try {
    flaw = findFlaw(value, 0, findings);
    if (flaw === undefined) text = findings.negativeZero ? writeExactly(value) : JSON.stringify(value);
  } catch (cause) {
    throw new DatabaseError(
      "VALUE_INVALID",
      `The value could not be read: ${show(cause)}. Pass plain data.`,
      { cause },
    );
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
  // Its items, and "length".
  return Reflect.ownKeys(array).length === array.length + 1 ? undefined : hiddenFlaw(array);
}

function objectFlaw(object: object, depth: number, findings: Findings): Flaw | undefined {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) {
    return { path: [], what: `not a plain object${className(object)}` };
  }
  let fields = 0;
  // Unlike Object.keys, for-in makes no array; what else it may meet, inherited fields, could only be refused.
  for (const key in object) {
    const flaw = findFlaw((object as Record<string, unknown>)[key], depth + 1, findings);
    if (flaw !== undefined) return within(flaw, key);
    fields++;
  }
  return Reflect.ownKeys(object).length === fields ? undefined : hiddenFlaw(object);
}

/** Tells of the property of an array or object that JSON does not see. */
function hiddenFlaw(object: object): Flaw {
  const symbol = Object.getOwnPropertySymbols(object)[0];
  if (symbol !== undefined) return { path: [], what: `something with the key ${String(symbol)}` };
  if (Array.isArray(object)) return { path: [], what: "an array with named properties" };
  const hidden = Object.getOwnPropertyNames(object).find((name) => !Object.keys(object).includes(name));
  return { path: [], what: `an object with the hidden property ${JSON.stringify(hidden)}` };
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
  const fields = Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}:${writeExactly(field)}`);
  return `{${fields.join(",")}}`;
}
