import { DatabaseError } from "../errors.ts";
import type { Key } from "../keys/encode.ts";
import { checkBoolean, checkFunction, checkOptions, show } from "../store/options.ts";

/** How the keys of a bucket are read, where a name says it. */
export type BoltKeys = "auto" | "text" | "bytes" | "json" | "uint64";

/** How the values of a bucket are kept, where a name says it. */
export type BoltValues = "auto" | "text" | "json" | "bytes";

/** How a bucket is imported. */
export interface BoltRule {
  /**
   * How its keys are read:
   *
   * - "auto", the default: as "text" where all of them, and the names of the buckets directly in it, are valid UTF-8;
   *   else all as "bytes"
   * - "text": UTF-8
   * - "bytes": strings of one character a byte, in the same order; `Buffer.from(key, "latin1")` gives the bytes back
   * - "json": JSON texts of keys of this library
   * - "uint64": eight bytes, the highest first, as numbers
   * - a function: as the key that it makes of the bytes, once for each
   *
   * The names of the buckets in it are read in the same way with "text" and "bytes", else as with "auto".
   */
  readonly keys?: BoltKeys | ((key: Uint8Array) => Key) | undefined;
  /**
   * How its values are kept, byte for byte in any case: with "auto", the default, as JSON where all of them are JSON,
   * else as text where all are valid UTF-8, else as bytes.
   */
  readonly values?: BoltValues | undefined;
  /** Whether its sequence is taken over; true by default. */
  readonly sequence?: boolean | undefined;
}

/** How the buckets of a file are imported, as far as the caller says. */
export interface BoltRules {
  /**
   * The rules of some buckets, by their names from the top, joined with "/"; `false`: the bucket stays behind, with all
   * that is in it. Each must be in the file, and not in one that stays behind.
   */
  readonly buckets?: Readonly<Record<string, BoltRule | false>> | undefined;
  /**
   * Gives the rules of all others, by their names from the top; undefined: the default rule. A name that is not UTF-8
   * has one character a byte. Called once for each bucket, before anything is written.
   */
  readonly rule?: ((path: readonly string[]) => BoltRule | false | undefined) | undefined;
}

/** A rule with nothing left open. */
export interface FullRule {
  readonly keys: BoltKeys | ((key: Uint8Array) => Key);
  readonly values: BoltValues;
  readonly sequence: boolean;
}

const KEYS: readonly unknown[] = ["auto", "text", "bytes", "json", "uint64"];
const VALUES: readonly unknown[] = ["auto", "text", "json", "bytes"];

/** What a caller's rules say of each bucket. */
export class RuleBook {
  readonly #buckets: ReadonlyMap<string, FullRule | false>;
  readonly #rule: BoltRules["rule"];
  readonly #unused: Set<string>;

  /** @throws DatabaseError `OPTION_INVALID` */
  constructor({ buckets = {}, rule }: BoltRules) {
    if (typeof buckets !== "object" || buckets === null)
      throw invalid(
        `The option buckets is ${show(buckets)}. Pass an object with a rule for each bucket's name`,
      );
    if (rule !== undefined) checkFunction(rule, "rule");
    this.#buckets = new Map(
      Object.entries(buckets).map(([name, each]) => [
        name,
        fullRule(each, `The rule buckets[${JSON.stringify(name)}]`),
      ]),
    );
    this.#rule = rule;
    this.#unused = new Set(this.#buckets.keys());
  }

  /** The rule of a bucket; false where it stays behind. @throws DatabaseError `OPTION_INVALID`, what `rule` throws */
  of(path: readonly string[]): FullRule | false {
    if (this.#buckets.size > 0) {
      const name = path.join("/");
      const found = this.#buckets.get(name);
      this.#unused.delete(name);
      if (found !== undefined) return found;
    }
    if (this.#rule === undefined) return DEFAULT_RULE;
    return fullRule(this.#rule([...path]), `What rule() gave for ${JSON.stringify(path.join("/"))}`);
  }

  /** Refuses rules of buckets that were not asked for: a misspelled name must not pass. @throws DatabaseError `OPTION_INVALID` */
  checkAllUsed(file: string): void {
    const [name] = this.#unused;
    if (name === undefined) return;
    throw invalid(
      `The option buckets has a rule for ${JSON.stringify(name)}, and ${file} has no such bucket to import. Correct the name, or use rule()`,
    );
  }
}

/** The rule of a bucket of which nothing is said. */
export const DEFAULT_RULE: FullRule = { keys: "auto", values: "auto", sequence: true };

function fullRule(rule: unknown, what: string): FullRule | false {
  if (rule === undefined) return DEFAULT_RULE;
  if (rule === false) return false;
  if (typeof rule !== "object" || rule === null)
    throw invalid(`${what} is ${show(rule)}. Pass an object, or false to leave the bucket out`);
  checkOptions(rule, ["keys", "values", "sequence"], what);
  const { keys = "auto", values = "auto", sequence = true } = rule as BoltRule;
  if (typeof keys !== "function" && !KEYS.includes(keys))
    throw invalid(`${what} has keys: ${show(keys)}. Pass ${KEYS.map(show).join(", ")}, or a function`);
  if (!VALUES.includes(values))
    throw invalid(`${what} has values: ${show(values)}. Pass ${VALUES.map(show).join(", ")}`);
  checkBoolean(sequence, `${what}: sequence`);
  return { keys, values, sequence };
}

function invalid(message: string): DatabaseError {
  return new DatabaseError("OPTION_INVALID", `${message}.`);
}
