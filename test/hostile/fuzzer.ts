/** Calls methods with what they should not be called with, and sees to it that all public ones are called. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { inspect } from "node:util";
import type { Database, Store, Transaction } from "@meshgate/database";
import { Random } from "../control-plane/audit/audit-random.ts";
import { dump } from "../helpers/stores.ts";
import { type Call, Judge, type Outcome } from "./judge.ts";
import { mutated } from "./mutate.ts";
import { noteInternals, PARTS, type Part, publicClasses, publicMethods } from "./surface.ts";
import { hostile, quietFunction } from "./values.ts";

const files = await readdir(new URL("../../src", import.meta.url), { recursive: true });
noteInternals(files.filter((name) => name.endsWith(".ts")));

/** Only that method, as in `Bucket.put`, to look into one failure. */
const ONLY = process.env["MESHGATE_FUZZ_ONLY"];
/** What handlers of commits throw goes where a listener's error would, which ends the process. */
const QUIET: ReadonlySet<string> = new Set(["onCommit"]);

type Methods = Record<PropertyKey, (...args: unknown[]) => unknown>;

/** One thing that a caller can call methods of. */
export interface Target {
  /** What it is called in messages, and its class. */
  readonly of: string;
  readonly target: object;
}

export class Fuzzer {
  readonly judge: Judge = new Judge();
  readonly seed: number;
  /** The prototypes of the objects whose methods were called, by the method. */
  readonly #called = new Map<PropertyKey, Set<object>>();
  #next: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#next = seed;
  }

  /** The public methods of an object that are to be called. */
  methodsOf(of: string, target: object): PropertyKey[] {
    return publicMethods(target).filter((name) => ONLY === undefined || ONLY === `${of}.${String(name)}`);
  }

  /** Whether what comes next should be done, once in so many times. */
  once(times: number): boolean {
    return this.#next % times === 0;
  }

  random(): Random {
    return new Random(this.#next);
  }

  /**
   * Calls a method once.
   *
   * @param valid makes arguments as they should be, of which some are spoilt
   * @param use what a caller does with the result
   */
  async call(
    { of, target }: Target,
    name: PropertyKey,
    valid: (random: Random) => readonly unknown[],
    use: (result: unknown) => unknown = walk,
  ): Promise<{ readonly call: Call; readonly outcome: Outcome }> {
    const seed = this.#next++;
    const random = new Random(seed);
    const args = mutated(valid(random), random, QUIET.has(String(name)) ? quietFunction : hostile);
    const run = async () => use(await (target as Methods)[name]?.(...args));
    const call: Call = { name: `${of}.${String(name)}`, seed, args, run };
    this.note(target, name);
    return { call, outcome: await this.judge.judge(call) };
  }

  /** Whether a method of a class, or one of its heirs, was called. */
  #hasCalled(prototype: object, name: PropertyKey): boolean {
    const called = Array.from(this.#called.get(name) ?? []);
    return called.some((each) => each === prototype || Object.prototype.isPrototypeOf.call(prototype, each));
  }

  note(target: object, name: PropertyKey): void {
    const called = this.#called.get(name) ?? new Set();
    this.#called.set(name, called.add(Object.getPrototypeOf(target) as object));
  }

  /** The public methods of some classes that nobody has called. */
  async uncalled(part: Part): Promise<string[]> {
    if (ONLY !== undefined) return [];
    return (await publicClasses())
      .filter(({ name }) => PARTS[name] === part)
      .flatMap(({ name, prototype }) =>
        publicMethods(prototype)
          .filter((method) => !this.#hasCalled(prototype, method))
          .map((method) => `${name}.${String(method)}`),
      );
  }

  /** The crashes, one of each kind, with how often it came. */
  findings(): string[] {
    const kinds = new Map<string, { count: number; first: string }>();
    for (const crash of this.judge.crashes) {
      const kind = crash
        .replace(/\(\d+\)/, "")
        .split(/\n|\|/)
        .slice(0, 2)
        .join();
      const found = kinds.get(kind) ?? { count: 0, first: crash };
      found.count++;
      kinds.set(kind, found);
    }
    return Array.from(kinds.values(), ({ count, first }) => `${count} × ${first}`);
  }

  /** Says what the run came to. */
  report(what: string): void {
    this.judge.end();
    const { accepted, refused, own } = this.judge.counts;
    const passed = Array.from(this.judge.passed, ([name, times]) => `${name} ${times}`).join(", ");
    console.log(
      `${what}: MESHGATE_SEED=${this.seed}, ${accepted} calls worked, ${refused} were refused, ${own} failed by the caller's own code (${passed})`,
    );
  }
}

/** Walks some of a result that can be walked. */
export async function walk(result: unknown): Promise<void> {
  if (typeof result !== "object" || result === null || !(Symbol.asyncIterator in result)) return;
  let left = 3;
  for await (const _ of result as AsyncIterable<unknown>) if (left-- === 0) break;
}

/** All that a store holds, or a transaction sees, as a short text. */
export async function digest(source: Store | Transaction | Database): Promise<string> {
  const store = "store" in source ? source.store : source;
  const text = inspect(await dump(store), { depth: null, maxArrayLength: null, maxStringLength: null });
  return createHash("sha1").update(text).digest("hex");
}
