/*
 * What a backup tells of itself, in its file "meshgate.backup": one JSON object.
 *
 *   { "format": 1, "commit": number, "rows": number, "bytes": number, "rowDigest": text, "made": ISO date,
 *     "digest": text }
 *
 *   rowDigest = over all rows: see row-digest.ts
 *   digest    = SHA-256, in hexadecimal digits, of the JSON text of the other members in this order
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseError } from "../errors.ts";

export const BACKUP_FILE = "meshgate.backup";
const FORMAT = 1;

/** What a backup holds. */
export interface BackupFacts {
  /** The number of the commit that it is of. */
  readonly commit: number;
  /** How many rows, the store's own among them. */
  readonly rows: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
  readonly rowDigest: string;
  readonly made: Date;
}

function textOf({ commit, rows, bytes, rowDigest, made }: BackupFacts): { json: object; digest: string } {
  const json = { format: FORMAT, commit, rows, bytes, rowDigest, made: made.toISOString() };
  return { json, digest: createHash("sha256").update(JSON.stringify(json)).digest("hex") };
}

function spell(json: object, digest: string): string {
  return `${JSON.stringify({ ...json, digest })}\n`;
}

/** Writes the file, and syncs it. */
export async function writeBackupFile(directory: string, facts: BackupFacts): Promise<void> {
  const { json, digest } = textOf(facts);
  await writeFile(join(directory, BACKUP_FILE), spell(json, digest), { flush: true });
}

/**
 * Reads the file.
 *
 * @throws DatabaseError `BACKUP_INVALID` where there is none, or none that this release can read; `STORE_IO`
 */
export async function readBackupFile(directory: string): Promise<BackupFacts> {
  let text: string;
  try {
    text = await readFile(join(directory, BACKUP_FILE), "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new DatabaseError(
        "BACKUP_INVALID",
        `${directory} is no backup: it has no file ${BACKUP_FILE}, which backup() writes. Pass a directory that backup() made.`,
        { details: { directory, file: BACKUP_FILE, reason: "missing" }, cause },
      );
    }
    throw new DatabaseError("STORE_IO", `The backup ${directory} could not be read: ${String(cause)}.`, {
      cause,
    });
  }
  const facts = parse(text);
  if (typeof facts !== "string") return facts;
  throw new DatabaseError(
    "BACKUP_INVALID",
    `${join(directory, BACKUP_FILE)} ${facts}, so nothing tells whether the backup is as it was made. Use another backup.`,
    { details: { directory, file: BACKUP_FILE, reason: facts } },
  );
}

/** @returns the facts, or what is wrong with the text */
function parse(text: string): BackupFacts | string {
  try {
    const stored = JSON.parse(text) as Record<string, unknown>;
    const { format, commit, rows, bytes, rowDigest, made } = stored;
    if (typeof format === "number" && format > FORMAT) return `has format ${format} of a later release`;
    const facts = { commit, rows, bytes, rowDigest, made: new Date(String(made)) } as BackupFacts;
    // Byte for byte, so that no change at all passes for none.
    const { json, digest } = textOf(facts);
    return text === spell(json, digest) ? facts : "is damaged: its own digest does not fit";
  } catch {
    return "is damaged";
  }
}
