// Makes a bbolt file as a Go control plane writes them, with the program that the tests use.
import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const at = (path: string) => fileURLToPath(new URL(`../../test/${path}`, import.meta.url));
const SEED = "11";
const PAGE_SIZE = "4096";
/** Of a thousand records. */
const FAULTS = "2";

/** The file's name in its directory. */
export const GO_FILE = "meshgate-go.db";

/**
 * @param scale how many audit entries and snapshots there are, about; the rest follows from it
 * @returns why there is no such file here, if there is none
 */
export async function writeGoFile(
  directory: string,
  scale: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  await mkdir(directory);
  const writer = join(directory, "writer");
  try {
    await run(at("bolt/go/install.sh"), [writer, at("control-plane/go-import/go")], { signal });
  } catch (error) {
    signal.throwIfAborted();
    const { stdout } = error as { stdout?: string };
    return stdout?.trim().split("\n").at(-1) || String(error);
  }
  const options = { signal, maxBuffer: 2 ** 30 };
  await run(writer, ["make", join(directory, GO_FILE), SEED, PAGE_SIZE, String(scale), FAULTS], options);
  return undefined;
}
