/**
 * Secrets of API keys and sessions, as those who hold them have them:
 *
 *     secret = prefix "_" id random crc
 *     prefix = letter *15( letter / digit )
 *     id     = 16base62     ; public: the record is found by it
 *     random = 27base62     ; 160.8 bits
 *     crc    = 6base62      ; the CRC-32 of all that is before it
 *     base62 = "0"-"9" / "A"-"Z" / "a"-"z"     ; in this order they stand for 0 to 61
 *
 * The CRC tells typing errors before anything is read, and scanners that this is a secret: it protects nothing. What
 * is kept is the SHA-256 of the whole text. A slow hash would be for passwords, which can be guessed.
 */
import { hash, randomInt, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import type { HashedSecret } from "./secret-record.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 16;
const RANDOM_LENGTH = 27;
const CRC_LENGTH = 6;
const TAIL_LENGTH = ID_LENGTH + RANDOM_LENGTH + CRC_LENGTH;
const SECRET = new RegExp(`^[A-Za-z][A-Za-z0-9]{0,15}_[0-9A-Za-z]{${TAIL_LENGTH}}$`);
/** Characters of a secret that was made elsewhere: fewer are no secret. */
const MIN_FOREIGN = 8;
const MAX_FOREIGN = 512;
/** What is compared where there is nothing to compare. */
const NO_HASH = "0".repeat(64);

/** What the text of a secret tells about itself. */
export interface ParsedSecret {
  readonly prefix: string;
  /** The public id of what it is the secret of. */
  readonly id: string;
}

/** A new public id. */
export function createSecretId(): string {
  return randomText(ID_LENGTH);
}

/** A new secret of what has that public id. */
export function createSecret(prefix: string, id: string): string {
  const text = `${prefix}_${id}${randomText(RANDOM_LENGTH)}`;
  return text + checksum(text);
}

/** Reads what a secret tells about itself. @returns undefined for what is no secret, or was altered by mistake */
export function parseSecret(text: unknown): ParsedSecret | undefined {
  if (typeof text !== "string" || !SECRET.test(text)) return undefined;
  const end = text.length - CRC_LENGTH;
  if (checksum(text.slice(0, end)) !== text.slice(end)) return undefined;
  const start = text.length - TAIL_LENGTH;
  return { prefix: text.slice(0, start - 1), id: text.slice(start, start + ID_LENGTH) };
}

/** Whether a text may be a secret that was made elsewhere; one of ours with a typing error in its digits is none. */
export function isForeign(text: unknown): text is string {
  if (typeof text !== "string" || SECRET.test(text)) return false;
  return text.length >= MIN_FOREIGN && text.length <= MAX_FOREIGN;
}

/** A secret as it is kept. */
export function hashSecret(text: string): HashedSecret {
  return { algorithm: "sha256", hash: hash("sha256", text, "hex") };
}

/**
 * Whether a secret is the one that is kept. It takes the same work whether they agree, where they begin to differ, and
 * whether there is one at all.
 */
export function matches(kept: HashedSecret | undefined, presented: HashedSecret): boolean {
  const known = Buffer.from(kept?.hash ?? NO_HASH, "hex");
  const isSame = timingSafeEqual(known, Buffer.from(presented.hash, "hex"));
  return isSame && kept !== undefined && kept.algorithm === presented.algorithm;
}

/** Whether a time of expiry has come: what expires at a moment is invalid from that moment on. */
export function isOver(expiresAt: Date | undefined, now: Date): boolean {
  return expiresAt !== undefined && now.getTime() >= expiresAt.getTime();
}

function checksum(text: string): string {
  let rest = crc32(text);
  let written = "";
  for (let i = 0; i < CRC_LENGTH; i++) {
    written = BASE62.charAt(rest % BASE62.length) + written;
    rest = Math.floor(rest / BASE62.length);
  }
  return written;
}

/** Each character is as likely as any other. */
function randomText(length: number): string {
  let text = "";
  while (text.length < length) text += BASE62.charAt(randomInt(BASE62.length));
  return text;
}
