import { DatabaseError, type ErrorCode } from "../errors.ts";
import { decodeText } from "./text.ts";

/** Where in a file something is. */
export interface Place {
  readonly file: string;
  /** The names of the buckets from the top. */
  readonly path: readonly string[];
  readonly key?: Uint8Array;
}

/** What the store itself refuses of a row or a bucket. */
const STORE_CODES: readonly ErrorCode[] = [
  "BUCKET_NAME_REQUIRED",
  "BUCKET_NAME_INVALID",
  "BUCKET_EXISTS",
  "INCOMPATIBLE_VALUE",
  "KEY_REQUIRED",
  "KEY_INVALID",
  "KEY_TOO_LARGE",
  "VALUE_TOO_LARGE",
];

/** Enough of a key or path to find it by: either may have thousands of bytes. */
const MAX_SHOWN = 80;

/**
 * The error for what a rule cannot take.
 *
 * @param what follows the place in the message
 * @param advice names the rule that would take it
 */
export function refused(place: Place, what: string, advice: string, cause?: unknown): DatabaseError {
  return new DatabaseError(
    "BOLT_REFUSED",
    `${place.file}: ${describe(place)} ${what}. ${advice} Nothing was imported.`,
    { details: detailsOf(place), ...(cause === undefined ? {} : { cause }) },
  );
}

/** Adds the place to an error with which the store refused a row or a bucket; any other is passed on as it is. */
export function located(place: Place, cause: unknown): unknown {
  if (!(cause instanceof DatabaseError) || !STORE_CODES.includes(cause.code)) return cause;
  return new DatabaseError(
    cause.code,
    `${place.file}: ${describe(place)} cannot be kept as the rule has it. ${cause.message} Nothing was imported.`,
    { details: { ...cause.details, ...detailsOf(place) }, cause },
  );
}

function describe({ path, key }: Place): string {
  const bucket = `bucket ${JSON.stringify(clip(path.join("/")))}`;
  return key === undefined ? `the ${bucket}` : `the key ${clip(showKey(key))} in ${bucket}`;
}

function clip(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function detailsOf({ file, path, key }: Place): Record<string, unknown> {
  return { file, path, ...(key === undefined ? {} : { key: showKey(key) }) };
}

/** As text, or, where it is none, in hexadecimal digits. */
function showKey(key: Uint8Array): string {
  const text = decodeText(key);
  return text === undefined ? `0x${Buffer.from(key).toString("hex")}` : JSON.stringify(text);
}
