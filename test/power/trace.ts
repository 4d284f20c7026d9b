/**
 * Reads what strace wrote (with -f -y -xx), one call a line:
 *
 *   line = thread call "(" arguments ")" " = " result     a call that no other thread interrupted
 *        | thread call "(" arguments "<unfinished ...>"   its beginning
 *        | thread "<... " call " resumed>" rest           its end
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/** A call of the system, as a program made it. */
export interface Call {
  readonly name: string;
  /** The arguments as strace writes them; descriptors as number and path: `17<\x2f…>`. */
  readonly args: string;
  /** What the call gave; -1 where it failed, undefined where the program died before it was told. */
  readonly result: number | undefined;
  /** The lines of the trace at which it began and ended: nothing is known of the order of what lies between. */
  readonly begin: number;
  readonly end: number;
}

const WHOLE = /^(\d+) +([a-z_0-9]+)\((.*)\) += (-?\d+|\?)(?:<[^>]*>)?(?: [A-Z].*)?$/s;
const BEGUN = /^(\d+) +([a-z_0-9]+)\((.*)<unfinished \.\.\.>$/s;
const RESUMED = /^(\d+) +<\.\.\. [a-z_0-9]+ resumed>(.*)$/s;

/** Reads the calls of a trace in the order in which they ended; those that never did come last. */
export async function readTrace(file: string): Promise<Call[]> {
  const calls: Call[] = [];
  const begun = new Map<string, { text: string; begin: number }>();
  let at = 0;
  const add = (text: string, begin: number, end: number) => {
    const match = WHOLE.exec(text);
    if (match === null) return;
    const [, , name = "", args = "", result = ""] = match;
    calls.push({ name, args, result: result === "?" ? undefined : Number(result), begin, end });
  };
  for await (const line of createInterface({
    input: createReadStream(file, "latin1"),
    crlfDelay: Infinity,
  })) {
    at++;
    const unfinished = BEGUN.exec(line);
    const resumed = unfinished === null ? RESUMED.exec(line) : null;
    if (unfinished !== null) {
      const [, thread = "", name = "", args = ""] = unfinished;
      begun.set(thread, { text: `${thread} ${name}(${args}`, begin: at });
    } else if (resumed !== null) {
      const [, thread = "", rest = ""] = resumed;
      const start = begun.get(thread);
      begun.delete(thread);
      if (start !== undefined) add(start.text + rest, start.begin, at);
    } else {
      add(line, at, at);
    }
  }
  for (const { text, begin } of begun.values()) add(`${text}) = ?`, begin, at + 1);
  return calls;
}

/** The strings among a call's arguments, but not the paths of descriptors. */
export function stringsIn(args: string): Buffer[] {
  const strings = args.replaceAll(/<[^>]*>/g, "").matchAll(/"([^"]*)"/g);
  return Array.from(strings, ([, text = ""]) => Buffer.from(text.replaceAll("\\x", ""), "hex"));
}

/** The descriptor that is a call's first argument. */
export function descriptorIn(args: string): number {
  return Number.parseInt(args, 10);
}
