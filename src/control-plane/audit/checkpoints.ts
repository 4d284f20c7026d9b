/*
 * A checkpoint is plain JSON that says how a chain stood, and is kept where who can change the chain cannot.
 *
 *   signature = Ed25519( "meshgate-audit-checkpoint-1\n" canonical checkpoint without its signature ), in base64
 *
 * It stands for its entry and all before it: their hashes went into its own.
 */
import { createPrivateKey, createPublicKey, KeyObject, sign, verify } from "node:crypto";
import { z } from "zod";
import { validate } from "../../collections/schema.ts";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import { id } from "../common/fields.ts";
import type { AuditHead } from "./audit-record.ts";
import { canonicalJson } from "./canonical.ts";

const DOMAIN = "meshgate-audit-checkpoint-1";
const SIGNATURE_BYTES = 64;

const schema = z.strictObject({
  format: z.literal("meshgate-audit-checkpoint"),
  version: z.literal(1),
  tenantId: id,
  /** The last entry that there was; 0 for none. */
  sequence: z.int().nonnegative(),
  /** Its hash. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** When it was made. */
  at: z.iso.datetime(),
  signature: z.base64(),
});

/** How a tenant's audit trail stood at a time, signed. Plain JSON. */
export type Checkpoint = Readonly<z.infer<typeof schema>>;

/** An Ed25519 key to sign with: a KeyObject, or PEM. */
export type PrivateKey = KeyObject | string;
/** An Ed25519 key to check signatures with: a KeyObject, or PEM. */
export type PublicKey = KeyObject | string;

/** Signs how a chain stands. @throws DatabaseError `OPTION_INVALID` for what is no private Ed25519 key */
export function signCheckpoint(head: AuditHead, at: Date, privateKey: PrivateKey): Checkpoint {
  const key = keyOf(privateKey, "private");
  const { tenantId, sequence, hash } = head;
  const said = {
    format: "meshgate-audit-checkpoint",
    version: 1,
    tenantId,
    sequence,
    hash,
    at: at.toISOString(),
  } as const;
  return { ...said, signature: sign(null, signedText(said), key).toString("base64") };
}

/**
 * Checks a checkpoint, without a database.
 *
 * @param checkpoint as it was kept
 * @param publicKey the key that belongs to the one it was signed with
 * @param tenantId whose it must be; by default anyone's
 * @returns the checkpoint
 * @throws DatabaseError `CHECKPOINT_INVALID` where it is none, is another tenant's, or does not bear this key's
 * signature; `OPTION_INVALID` for what is no Ed25519 key
 */
export function verifyCheckpoint(
  checkpoint: unknown,
  publicKey: PublicKey | undefined,
  tenantId?: string,
): Checkpoint {
  const key = publicKeyOf(publicKey);
  const checked = validate(schema, checkpoint, "checkpoints");
  if (Array.isArray(checked)) {
    const why = checked.map(({ path, message }) => [path.join("."), message].filter(Boolean).join(": "));
    throw invalid(`is none: ${why.join("; ")}`);
  }
  const { signature, ...said } = checked as Checkpoint;
  if (tenantId !== undefined && said.tenantId !== tenantId)
    throw invalid(`is one of the tenant ${show(said.tenantId)}, not of ${show(tenantId)}`);
  const bytes = Buffer.from(signature, "base64");
  if (bytes.length !== SIGNATURE_BYTES || !verify(null, signedText(said), key, bytes))
    throw invalid("does not bear a signature of this key, or was changed since");
  return checked as Checkpoint;
}

/** @throws DatabaseError `OPTION_INVALID` for what is no public Ed25519 key */
export function publicKeyOf(key: PublicKey | undefined): KeyObject {
  return keyOf(key, "public");
}

function signedText(said: Omit<Checkpoint, "signature">): Buffer {
  return Buffer.from(`${DOMAIN}\n${canonicalJson(said)}`);
}

function keyOf(given: KeyObject | string | undefined, type: "private" | "public"): KeyObject {
  let key: KeyObject | undefined;
  let cause: unknown;
  try {
    if (given instanceof KeyObject) key = given;
    else if (typeof given === "string")
      key = type === "private" ? createPrivateKey(given) : createPublicKey(given);
  } catch (error) {
    cause = error;
  }
  if (key?.type === type && key.asymmetricKeyType === "ed25519") return key;
  throw new DatabaseError(
    "OPTION_INVALID",
    `A checkpoint takes ${type === "private" ? "a private key to sign it" : "a public key to check it"}, and this is none of Ed25519. Pass a KeyObject, as generateKeyPairSync("ed25519") of node:crypto gives, or PEM text.`,
    { cause },
  );
}

function invalid(why: string): DatabaseError {
  return new DatabaseError("CHECKPOINT_INVALID", `The checkpoint ${why}. Pass one as checkpoint() gave it.`);
}
