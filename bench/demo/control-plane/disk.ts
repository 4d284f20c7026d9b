import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** The bytes of all files in a directory. Files that go meanwhile have none. */
export async function sizeOf(directory: string): Promise<number> {
  const sizes = await Promise.all(
    (await filesOf(directory)).map((file) => stat(file).catch(() => ({ size: 0 }))),
  );
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** In how many files of a directory a text is found. */
export async function filesWith(directory: string, text: string): Promise<number> {
  const found = await Promise.all(
    (await filesOf(directory)).map(async (file) => (await readFile(file)).includes(text)),
  );
  return found.filter(Boolean).length;
}

async function filesOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
