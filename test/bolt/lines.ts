import { createHash } from "node:crypto";
import type { BoltElement, BoltFile } from "../../src/bolt/bolt-file.ts";

const MAX_SHOWN = 256;

/** An element as a line, as the program in `go` prints it. */
export function lineOf(element: BoltElement): string {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  if (element.kind === "bucket") {
    const name = element.path.at(-1) as Uint8Array;
    return `B ${element.path.length - 1} ${hex(name)} ${element.sequence}`;
  }
  const { path, key, value } = element;
  const shown =
    value.length <= MAX_SHOWN
      ? hex(value)
      : `${value.length}:${createHash("sha256").update(value).digest("hex")}`;
  return `R ${path.length} ${hex(key)} ${shown}`;
}

/** All that a file holds, a line each. */
export async function linesOf(file: BoltFile): Promise<string[]> {
  const lines: string[] = [];
  for await (const element of file.walk()) lines.push(lineOf(element));
  return lines;
}

/** The lines of a text that the program in `go` wrote. */
export function splitLines(text: string): string[] {
  return text.split("\n").slice(0, -1);
}
