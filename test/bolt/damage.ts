import { open, truncate, writeFile } from "node:fs/promises";
import { DatabaseError } from "@meshgate/database";
import { openBolt } from "../../src/bolt/bolt-file.ts";
import { soon } from "../helpers/places.ts";
import type { ByteOwner } from "./layout.ts";
import { linesOf } from "./lines.ts";

const FILE_MS = 10_000;

/** What came of reading a file. */
export type Outcome =
  | { readonly error: DatabaseError }
  | { readonly lines: readonly string[]; readonly damagedMeta: number | undefined };

/** A random number from 0 to 1, by a seed. */
export function randomBy(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Reads all of a file; an error other than the reader's own is thrown on. */
export async function readAll(path: string): Promise<Outcome> {
  try {
    await using file = await openBolt(path);
    return {
      lines: await soon(() => linesOf(file), FILE_MS, `the walk of ${path}`),
      damagedMeta: file.damagedMeta,
    };
  } catch (error) {
    if (!(error instanceof DatabaseError) || !/^BOLT_(INVALID|DAMAGED)$/.test(error.code)) throw error;
    if (!/page \d+/i.test(error.message))
      throw new Error(`names no page: ${error.message}`, { cause: error });
    return { error };
  }
}

/** A file that is damaged again and again, one byte or its end at a time. */
export class Victim {
  readonly path: string;
  readonly #bytes: Buffer;

  constructor(path: string, bytes: Buffer) {
    this.path = path;
    this.#bytes = bytes;
  }

  async withByte(at: number, byte: number): Promise<Outcome> {
    await this.#put(at, Uint8Array.of(byte));
    try {
      return await readAll(this.path);
    } finally {
      await this.#put(at, this.#bytes.subarray(at, at + 1));
    }
  }

  async withSize(size: number): Promise<Outcome> {
    await truncate(this.path, size);
    try {
      return await readAll(this.path);
    } finally {
      await writeFile(this.path, this.#bytes);
    }
  }

  async #put(at: number, bytes: Uint8Array): Promise<void> {
    const handle = await open(this.path, "r+");
    await handle.write(bytes, 0, bytes.length, at);
    await handle.close();
  }
}

/**
 * Whether a file with one byte changed was read as it may be, which is in full, but for what no reader could notice.
 *
 * @param before what the file held a commit earlier; undefined if unknown
 */
export function isAllowed(
  outcome: Outcome,
  owner: ByteOwner,
  whole: readonly string[],
  before: readonly string[] | undefined,
): boolean {
  if ("error" in outcome) return true;
  const { lines, damagedMeta } = outcome;
  if (owner.kind === "meta" && damagedMeta !== undefined)
    return before === undefined || lines.join("\n") === before.join("\n");
  const differing = lines.flatMap((line, i) => (line === whole[i] ? [] : [i]));
  if (lines.length !== whole.length) return false;
  if (differing.length === 0) return true;
  const [at] = differing;
  if (differing.length > 1 || at !== owner.line) return false;
  const [kind, depth, key, rest] = (lines[at] as string).split(" ");
  const [oldKind, oldDepth, oldKey, oldRest] = (whole[at] as string).split(" ");
  // An empty bucket that is taken for a row lies one deeper, as rows do.
  if (owner.kind === "empty bucket's flag") return kind === "R" && oldKind === "B" && key === oldKey;
  if (kind !== oldKind || depth !== oldDepth) return false;
  if (owner.kind === "key") return rest === oldRest;
  if (owner.kind === "value" || owner.kind === "sequence") return key === oldKey;
  return owner.kind === "last size";
}
