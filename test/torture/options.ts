import { parseArgs } from "node:util";

/** What can be run. */
export const PARTS = ["kills", "stale", "leaks"] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly seed: number;
  readonly kills: number;
  readonly overwrites: number;
  readonly transactions: number;
  readonly parts: readonly Part[];
  /** The file for the summary; undefined for none. */
  readonly json: string | undefined;
}

const USAGE = `Usage: npm run torture -- [--only PART]... [--seed N] [--json FILE]
  --only PART       runs this part alone: ${PARTS.join(", ")}
  --kills N         kills programs that write (500), and looks through what they leave
  --overwrites N    overwrites hot keys under 64 readers (10000000), and compares all reads
  --transactions N  runs small transactions (1000000), and compares memory and handles
  --seed N          what the random choices follow from; printed, and new each time by default
  --json FILE       writes the summary to FILE
`;

/** Reads the command line; one that cannot be read ends the process with advice. */
export function readOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: "string", multiple: true },
        kills: { type: "string", default: "500" },
        overwrites: { type: "string", default: "10000000" },
        transactions: { type: "string", default: "1000000" },
        seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
        json: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    return {
      seed: countOf("seed", values.seed),
      kills: countOf("kills", values.kills),
      overwrites: countOf("overwrites", values.overwrites),
      transactions: countOf("transactions", values.transactions),
      parts: (values.only ?? PARTS).map(partOf),
      json: values.json,
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

function countOf(name: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new Error(`--${name} ${text} is no whole number.`);
}

function partOf(name: string): Part {
  const part = PARTS.find((each) => each === name);
  if (part === undefined) throw new Error(`No part is named ${name}.`);
  return part;
}
