/** Says of a call whether it went as the library promises: it works, or is refused with a code. */
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { DatabaseError } from "@meshgate/database";
import { settles } from "../helpers/places.ts";
import { forgetTraps, isOwn } from "./traps.ts";

const LATE_MS = 10_000;
const CODES: ReadonlySet<string> = new Set(
  Array.from(
    readFileSync(new URL("../../src/errors.ts", import.meta.url), "utf8").matchAll(/"([A-Z]+(?:_[A-Z]+)*)"/g),
    ([, code]) => code as string,
  ),
);

/** What came of a call: `own` where the caller's own code threw, and its error came back as it was. */
export type Outcome = "accepted" | "refused" | "own" | "crashed";

export interface Call {
  /** Class and method. */
  readonly name: string;
  readonly seed: number;
  readonly args: readonly unknown[];
  run(): unknown;
}

/** What calls ended in, over a whole run. */
export class Judge {
  readonly crashes: string[] = [];
  readonly counts: Record<Outcome, number> = { accepted: 0, refused: 0, own: 0, crashed: 0 };
  /** By method, how often the caller's own error came through. */
  readonly passed = new Map<string, number>();
  #current = "";

  constructor() {
    process.on("unhandledRejection", this.#onStray);
  }

  readonly #onStray = (error: unknown): void => {
    // A callback of the caller's that should not wait may reject later: nobody is to handle that.
    if (isOwn(error)) return;
    this.crashes.push(`unhandled rejection, during or after ${this.#current}: ${shown(error)}`);
  };

  end(): void {
    process.off("unhandledRejection", this.#onStray);
  }

  async judge(call: Call): Promise<Outcome> {
    this.#current = `${call.name} (${call.seed})`;
    if (process.env["MESHGATE_FUZZ_TRACE"] !== undefined) console.log(this.#current, shown(call.args));
    forgetTraps();
    const outcome = await this.#outcomeOf(call);
    this.counts[outcome]++;
    if (outcome === "own") this.passed.set(call.name, (this.passed.get(call.name) ?? 0) + 1);
    return outcome;
  }

  crash(call: Call, what: string): void {
    this.crashes.push(`${call.name} (${call.seed}): ${what}\n    with ${shown(call.args)}`);
  }

  async #outcomeOf(call: Call): Promise<Outcome> {
    const running = (async () => call.run())();
    if (!(await settles(running, LATE_MS))) {
      this.crash(call, "is not over after 10 s");
      return "crashed";
    }
    try {
      await running;
      return "accepted";
    } catch (error) {
      if (isOwn(error) || (error instanceof TypeError && OWN_FAULTS.test(error.message))) return "own";
      if (isCoded(error, call)) return "refused";
      this.crash(call, `${shown(error)}`);
      return "crashed";
    }
  }
}

/** What the language says of a caller's callback that cannot be called, or whose iterator gives what is no result. */
const OWN_FAULTS =
  /^(Cannot perform 'apply' on a proxy that has been revoked|Iterator result .* is not an object|Class constructor A cannot be invoked without 'new')$/;
/** A message may hold the path of a file, and little else of what the caller passed. */
const MAX_MESSAGE = 5000;

function isCoded(error: unknown, { name, args: [path] }: Call): boolean {
  // What a program calls its own fields is shown as it is.
  if (name === ".collection") return error instanceof DatabaseError && CODES.has(error.code);
  const most = MAX_MESSAGE + (typeof path === "string" ? 2 * path.length : 0);
  return error instanceof DatabaseError && CODES.has(error.code) && error.message.length < most;
}

/** A value as text, without asking it for anything. */
function shown(value: unknown): string {
  try {
    if (value instanceof Error) return (value.stack ?? "").split("\n").slice(0, 5).join(" | ").slice(0, 600);
    const options = {
      showProxy: true,
      customInspect: false,
      depth: 3,
      maxArrayLength: 8,
      maxStringLength: 60,
    };
    return inspect(value, { ...options, breakLength: Number.POSITIVE_INFINITY }).slice(0, 400);
  } catch {
    return "something that cannot be shown";
  }
}
