/*
 * A resume token: base64url of
 *
 *   version (1 byte, 1)  nonce (12 bytes)  tag (16 bytes)  position
 *
 * The position is the encoded key behind which to go on, sealed by AES-256-GCM with a key that only the store has.
 * Sealed with it, though not in it, is the query it belongs to: a token that was changed, or is used with another
 * query, does not open. The nonce is random: some four billion tokens a store keep the chance of a repeat below 2^-32.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { RowRange } from "../engine/reader.ts";
import { DatabaseError } from "../errors.ts";
import { TOKENS_KEY } from "../store/system.ts";
import type { AccessPath } from "./access-path.ts";

const VERSION = 1;
const NONCE_END = 13;
const TAG_END = 29;
const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;

/** Makes a token that goes on behind a position. */
export async function sealToken(path: AccessPath, query: RowRange, position: string): Promise<string> {
  const nonce = randomBytes(NONCE_END - 1);
  const cipher = createCipheriv(ALGORITHM, await keyOf(path), nonce).setAAD(describe(path, query));
  const sealed = Buffer.concat([cipher.update(position, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), sealed]).toString("base64url");
}

/** @returns the position @throws DatabaseError `TOKEN_INVALID` */
export async function openToken(path: AccessPath, query: RowRange, token: unknown): Promise<string> {
  const key = await keyOf(path);
  try {
    if (typeof token !== "string") throw new TypeError("The token is no text.");
    const bytes = Buffer.from(token, "base64url");
    if (bytes[0] !== VERSION || bytes.toString("base64url") !== token) throw new TypeError("Not a token.");
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(1, NONCE_END), {
      authTagLength: TAG_END - NONCE_END,
    });
    decipher.setAAD(describe(path, query)).setAuthTag(bytes.subarray(NONCE_END, TAG_END));
    return Buffer.concat([decipher.update(bytes.subarray(TAG_END)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new DatabaseError(
      "TOKEN_INVALID",
      "The token in after does not belong to this query, or was changed. Pass what next gave for the same collection, index, order and bounds, or begin with the first page.",
      { cause },
    );
  }
}

/** The query that a token is bound to. */
function describe({ definition, index }: AccessPath, { from, to, reverse }: RowRange): Buffer {
  const order = index === undefined ? definition.key : [index.name, index.on, index.unique];
  return Buffer.from(JSON.stringify([definition.name, order, from, to, reverse]));
}

async function keyOf(path: AccessPath): Promise<Buffer> {
  const stored = (await path.core.get(TOKENS_KEY, "utf8")) as string | undefined;
  // A store without collections has given no tokens: none opens with a key that nobody knows.
  if (stored === undefined) return randomBytes(KEY_BYTES);
  const key = Buffer.from(JSON.parse(stored) as string, "base64url");
  if (key.length === KEY_BYTES) return key;
  throw new DatabaseError(
    "DATA_CORRUPT",
    "The secret that the store seals tokens with is damaged. Restore a backup.",
  );
}
