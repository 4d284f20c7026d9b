import { isUint8Array } from "node:util/types";
import type { Format, Value } from "../engine/level.ts";
import { DatabaseError, unreadable } from "../errors.ts";
import { toJson } from "./json.ts";
import { show } from "./options.ts";

/** How a bucket keeps its values. */
export type Encoding = "json" | "utf8" | "bytes";

/** Writes and reads the values of a bucket. */
export interface ValueCodec {
  readonly encoding: Encoding;
  readonly format: Format;
  /** @throws DatabaseError `VALUE_INVALID`, `VALUE_TOO_LARGE` */
  encode(value: unknown): Value;
  /** @throws anything where the stored value is not of this encoding */
  decode(stored: Value): unknown;
}

/** The size limit of a value in bytes, as in bbolt. */
export const MAX_VALUE_BYTES: number = 2 ** 31 - 2;

const json: ValueCodec = {
  encoding: "json",
  format: "utf8",
  encode: (value) => limited(toJson(value)),
  decode: (stored) => JSON.parse(stored as string),
};

const utf8: ValueCodec = {
  encoding: "utf8",
  format: "utf8",
  encode: (value) => {
    if (typeof value !== "string") throw wrongType(value, "utf8", "a string");
    if (!value.isWellFormed()) {
      throw new DatabaseError(
        "VALUE_INVALID",
        "The value has a lone surrogate, which UTF-8 cannot hold. Pass well-formed text.",
      );
    }
    return limited(value);
  },
  decode: (stored) => stored,
};

const bytes: ValueCodec = {
  encoding: "bytes",
  format: "view",
  encode: (value) => {
    // Not instanceof, which what only inherits from a Uint8Array passes, too.
    if (!isUint8Array(value)) throw wrongType(value, "bytes", "a Uint8Array");
    try {
      // Kept as they are now: the caller may use the array again before the commit.
      return new Uint8Array(limited(value));
    } catch (cause) {
      // Bytes that were transferred to another thread are not there any more.
      throw unreadable("VALUE_INVALID", "The bytes", cause);
    }
  },
  // A copy of the caller's own: pending writes, and rows that an engine keeps in memory, must stay as they are.
  decode: (stored) => new Uint8Array(stored as Uint8Array),
};

const codecs: Record<Encoding, ValueCodec> = { json, utf8, bytes };

/** The codec of an encoding. @throws DatabaseError `OPTION_INVALID` for another name */
export function codecOf(encoding: Encoding): ValueCodec {
  if (typeof encoding === "string" && Object.hasOwn(codecs, encoding)) return codecs[encoding];
  throw new DatabaseError(
    "OPTION_INVALID",
    `The encoding ${show(encoding)} is unknown. Use "json", "utf8" or "bytes".`,
  );
}

function limited<T extends Value>(value: T): T {
  // A UTF-16 unit takes at most three bytes.
  if (value.length * 3 > MAX_VALUE_BYTES) {
    const size = typeof value === "string" ? Buffer.byteLength(value) : value.length;
    if (size > MAX_VALUE_BYTES) {
      throw new DatabaseError(
        "VALUE_TOO_LARGE",
        `The value takes ${size} bytes, the limit is ${MAX_VALUE_BYTES}. Split it over several keys.`,
      );
    }
  }
  return value;
}

function wrongType(value: unknown, encoding: Encoding, wanted: string): DatabaseError {
  return new DatabaseError(
    "VALUE_INVALID",
    `A bucket with encoding "${encoding}" takes ${wanted}, got ${show(value)}.`,
  );
}
