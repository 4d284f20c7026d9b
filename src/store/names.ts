import { DatabaseError } from "../errors.ts";

/*
 * A bucket's name as part of a sublevel's prefix, where abstract-level allows the bytes 0x23 to 0x7E:
 *
 *   prefix  = { "!" part "!" }              the sublevels from the root to the bucket
 *   part    = escaped [ "~" id ]            the id where the plain prefix was taken when the bucket was made
 *   escaped = the name's UTF-8 bytes, with those outside 0x23..0x7E, "%" and "~" written "%" and two hex digits
 *
 * Names that begin with "~" are therefore free for the library's own sublevels.
 */
const PLAIN = /^[#$&-}]+$/;
/** The size limit of a name in UTF-8 bytes. */
export const MAX_NAME_BYTES = 1024;
/** The size limit of a sublevel's prefix: each row's key begins with it. */
const MAX_PREFIX = 16384;

/**
 * Checks a bucket's name.
 *
 * @throws DatabaseError `BUCKET_NAME_REQUIRED` for an empty or missing one, `BUCKET_NAME_INVALID` for one that is no
 * well-formed string or longer than 1024 bytes
 */
export function checkName(name: unknown): asserts name is string {
  if (name === "" || name === undefined || name === null) {
    throw new DatabaseError(
      "BUCKET_NAME_REQUIRED",
      "A bucket needs a name: pass a string that is not empty.",
    );
  }
  if (typeof name !== "string" || !name.isWellFormed()) {
    throw new DatabaseError("BUCKET_NAME_INVALID", "A bucket's name is a string without lone surrogates.");
  }
  if (name.length * 3 > MAX_NAME_BYTES && Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new DatabaseError("BUCKET_NAME_INVALID", `A bucket's name takes at most ${MAX_NAME_BYTES} bytes.`);
  }
}

/**
 * The prefix of a bucket's sublevel within its parent's; `id` where the plain one is taken.
 *
 * @throws DatabaseError `BUCKET_NAME_INVALID` where the names of all buckets around it grow too long
 */
export function childPrefix(parentPrefix: string, name: string, id?: number): string {
  const prefix = `${parentPrefix}!${escapeName(name)}${id === undefined ? "" : `~${id}`}!`;
  if (prefix.length <= MAX_PREFIX) return prefix;
  throw new DatabaseError(
    "BUCKET_NAME_INVALID",
    `The names from the top level down to the bucket take ${prefix.length} bytes, the limit is ${MAX_PREFIX}. Nest less deeply.`,
  );
}

function escapeName(name: string): string {
  if (PLAIN.test(name)) return name;
  return Array.from(Buffer.from(name), (byte) => {
    const character = String.fromCharCode(byte);
    return PLAIN.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

/** The names of the buckets from the top level down to that of a sublevel's prefix, as they were when it was made. */
export function namesIn(prefix: string): string[] {
  return prefix
    .slice(1, -1)
    .split("!!")
    .map((part) => decodeURIComponent(part.replace(/~\d+$/, "")));
}
