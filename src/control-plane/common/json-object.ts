/** JSON objects of any shape, as callers pass them. */
import type { z } from "zod";

type Json = z.core.util.JSONType;

/** A JSON object. */
export type JsonObject = Record<string, Json>;

/** zod passes over a field of this name in silence, and a condition that is dropped widens what it was to narrow. */
const PROTO = "__proto__";
export const PROTO_REFUSED = `No field can have the name ${PROTO}`;

export function hasNoProto(value: unknown): boolean {
  return typeof value !== "object" || value === null || !Object.hasOwn(value, PROTO);
}

/** Levels at the most: with those around it, an object stays within what the store takes. */
const MAX_LEVELS = 100;

type Path = readonly (string | number)[];

/** Why a value is no JSON, and where in it. */
export class NotJson {
  readonly message: string;
  readonly path: (string | number)[];

  constructor(message: string, path: Path) {
    this.message = message;
    this.path = [...path];
  }
}

/** A copy of a value, or what is first found wrong with it: one that contains itself must come to an end. */
export function copyJson(value: unknown, path: Path = []): Json | NotJson {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (path.length === MAX_LEVELS) return new NotJson(`It is deeper than ${MAX_LEVELS} levels`, path);
  if (Array.isArray(value)) return copyArray(value, path);
  if (!isPlain(value)) return new NotJson("JSON has nothing for this", path);
  if (!hasNoProto(value)) return new NotJson(PROTO_REFUSED, path);
  const copy: JsonObject = {};
  for (const [name, field] of Object.entries(value)) {
    const copied = copyJson(field, [...path, name]);
    if (copied instanceof NotJson) return copied;
    copy[name] = copied;
  }
  return copy;
}

function copyArray(value: readonly unknown[], path: Path): Json | NotJson {
  const copy: Json[] = [];
  // Not `map`, which passes over holes.
  for (let i = 0; i < value.length; i++) {
    const copied = copyJson(value[i], [...path, i]);
    if (copied instanceof NotJson) return copied;
    copy.push(copied);
  }
  return copy;
}

/** Whether a value is an object as a literal makes it. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isSimple = prototype === Object.prototype || prototype === null;
  return isSimple && Object.getOwnPropertySymbols(value).length === 0;
}
