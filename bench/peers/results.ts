// What is kept of a run: a table in Markdown, and pictures.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../lib/machine.ts";
import type { Ratio, Result } from "../lib/outcome.ts";
import { toMarkdown } from "./table.ts";

/** A run, as the JSON file has it. */
export interface Measured {
  readonly machine: Machine & {
    readonly versions: Readonly<Record<string, string>>;
    readonly quick: boolean;
    readonly cache: string;
    readonly durability: string;
  };
  /** Why peers were left out, by name. */
  readonly missing: Readonly<Record<string, string>>;
  readonly results: readonly Result[];
  readonly ratios: readonly Ratio[];
}

/**
 * Writes the table and the pictures.
 *
 * @param directory made where it is absent; undefined: nothing is written
 * @param canDraw whether what draws is installed
 */
export async function writeResults(
  measured: Measured,
  directory: string | undefined,
  canDraw: boolean,
): Promise<void> {
  if (directory === undefined) return;
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "peers.md"), toMarkdown(measured));
  const written = ["peers.md"];
  if (canDraw) {
    const { draw } = await import("./pictures.ts");
    for (const [name, svg] of await draw(measured.results)) {
      writeFileSync(join(directory, name), svg);
      written.push(name);
    }
  } else {
    process.stdout.write("! without pictures: vega-lite is not installed in bench/\n");
  }
  process.stdout.write(`${written.join(", ")} are in ${directory}\n`);
}
