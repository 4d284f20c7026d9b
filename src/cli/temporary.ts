import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseError } from "../errors.ts";

/** Runs work in a directory of its own, which is deleted afterwards. @throws DatabaseError `STORE_IO` */
export async function inTemporary<T>(work: (directory: string) => Promise<T>): Promise<T> {
  let directory: string;
  try {
    directory = await mkdtemp(join(tmpdir(), "meshgate-db-"));
  } catch (cause) {
    throw new DatabaseError(
      "STORE_IO",
      `No directory could be made in ${tmpdir()}: ${String(cause)}. Set TMPDIR to one that can be written to.`,
      { cause },
    );
  }
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}
