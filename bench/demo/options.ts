import { parseArgs } from "node:util";

export const USAGE = `Usage: npm run demo -- [--seconds N] [--dir PATH]

  --seconds N   how long the agent samples, 1 to 3600 (6 if not given)
  --dir PATH    keep the stores in this directory: the agent's, and the control plane's in
                PATH/control-plane (temporary ones if not given)
  --help        show this text`;

export interface Options {
  readonly seconds: number;
  /** Undefined: a temporary directory. */
  readonly directory: string | undefined;
  readonly help: boolean;
}

/** A command line that is not understood. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseOptions(args: readonly string[]): Options {
  const values = parse(args);
  const seconds = Number(values.seconds);
  if (!(seconds >= 1 && seconds <= 3600)) {
    throw new UsageError(`--seconds ${values.seconds} is not a number from 1 to 3600.`);
  }
  if (values.dir === "") throw new UsageError("--dir needs a path.");
  return { seconds, directory: values.dir, help: values.help };
}

function parse(args: readonly string[]): { seconds: string; dir?: string; help: boolean } {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: "string", default: "6" },
        dir: { type: "string" },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
