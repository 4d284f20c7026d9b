/** Bytes as text, where they are text: nothing is bent to make them fit. */
import { Buffer, constants, isUtf8 } from "node:buffer";

/** Whether the bytes are UTF-8, and short enough for a string. Bytes above that limit could not be read back as text. */
export function isText(bytes: Uint8Array): boolean {
  return bytes.length <= constants.MAX_STRING_LENGTH && isUtf8(bytes);
}

/**
 * Decodes UTF-8 strictly; a byte order mark stays as it is.
 *
 * @returns undefined where the bytes are not UTF-8, or too many for a string
 */
export function decodeText(bytes: Uint8Array): string | undefined {
  return isText(bytes) ? view(bytes).toString("utf8") : undefined;
}

/** One character a byte: the order of the bytes stays, and `Buffer.from(text, "latin1")` gives them back. */
export function decodeBytes(bytes: Uint8Array): string {
  return view(bytes).toString("latin1");
}

/** A name or key as rules, reports and messages have it: as text where it is text, else a character a byte. */
export function spell(bytes: Uint8Array): string {
  return decodeText(bytes) ?? decodeBytes(bytes);
}

/** Whether the bytes are a JSON text. */
export function isJson(bytes: Uint8Array): boolean {
  const text = decodeText(bytes);
  if (text === undefined) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
