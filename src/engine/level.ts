import type { AbstractLevel } from "abstract-level";

/** Any abstract-level 3 database, whatever its default encodings. */
// biome-ignore lint/suspicious/noExplicitAny: the types of its keys and values do not matter, since each call names its encodings
export type AnyLevel = AbstractLevel<any, any, any>;

/** How the engine itself sees a database. */
export type Level = AbstractLevel<string | Buffer | Uint8Array, string, string>;

/** A stored value: text, or bytes where a bucket holds bytes. */
export type Value = string | Uint8Array;

/** How values cross to and from the engine. Text is the faster way: bytes cost an object each. */
export type Format = "utf8" | "view";

/** A row as an engine gives it: whole key and value. What a read did not ask for is undefined. */
export type Row = [key: string, value: Value];

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Gives a value in the wanted format: pending writes keep the one in which they were put. */
export function inFormat(value: Value, format: Format): Value {
  if (format === "utf8") return typeof value === "string" ? value : decoder.decode(value);
  return typeof value === "string" ? encoder.encode(value) : value;
}
