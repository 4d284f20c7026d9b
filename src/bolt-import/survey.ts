import type { BoltBucket, BoltElement, BoltRow } from "../bolt/bolt-file.ts";
import type { Key } from "../keys/encode.ts";
import type { Encoding } from "../store/values.ts";
import { readKey } from "./keys.ts";
import { LeftOut } from "./left-out.ts";
import { type BucketPlan, Plans } from "./plan.ts";
import { type Place, refused } from "./refusals.ts";
import type { FullRule, RuleBook } from "./rules.ts";
import { decodeBytes, isJson, isText, spell } from "./text.ts";

/** What is known of a bucket while the walk is in it. */
interface Tally {
  readonly number: number;
  readonly path: readonly string[];
  readonly rule: FullRule;
  rows: number;
  textKeys: boolean;
  textNames: boolean;
  jsonValues: boolean;
  textValues: boolean;
}

/** What is found of a bucket at the top. */
export interface TopSurvey {
  readonly name: Uint8Array;
  plan: BucketPlan;
  buckets: number;
  rows: number;
}

/** What there is to know of a file before anything of it is written. */
export interface Surveyed {
  /** The plan of the root comes first, then those of the buckets that the walk did not pass over. */
  readonly plans: Plans;
  /** The functions that make the keys of buckets, by the buckets' numbers. */
  readonly makers: ReadonlyMap<number, (key: Uint8Array) => Key>;
  readonly tops: readonly TopSurvey[];
  /** The buckets that stay behind, without those in them: their names from the top. */
  readonly leftOut: readonly (readonly string[])[];
  readonly buckets: number;
  readonly rows: number;
  /** Bytes of the keys and values. */
  readonly bytes: number;
}

/**
 * Looks at all that a walk gives, or at some buckets at the top, and decides how each bucket is to be imported. Memory:
 * a byte for each bucket, and what is said of those at the top.
 */
export class Survey {
  readonly #file: string;
  readonly #rules: RuleBook;
  readonly #plans = new Plans();
  readonly #makers = new Map<number, (key: Uint8Array) => Key>();
  readonly #tops: TopSurvey[] = [];
  readonly #leftOut: string[][] = [];
  readonly #skip = new LeftOut();
  /** The buckets that the walk is in, the root first. */
  readonly #open: Tally[];
  #buckets = 0;
  #rows = 0;
  #bytes = 0;

  /** @param file the path, for messages */
  constructor(file: string, rules: RuleBook) {
    this.#file = file;
    this.#rules = rules;
    this.#open = [tally(this.#plans.add(), [], { keys: "auto", values: "auto", sequence: false })];
  }

  /** Takes the next element of a walk. @throws DatabaseError `BOLT_REFUSED`, `OPTION_INVALID`, what `rule` throws */
  add(element: BoltElement): void {
    if (this.#skip.has(element)) return;
    this.#closeTo(element.kind === "bucket" ? element.path.length : element.path.length + 1);
    if (element.kind === "bucket") this.#enter(element);
    else this.#look(element);
  }

  /** Ends the survey. @throws DatabaseError `OPTION_INVALID` for rules of buckets that there are not */
  finish(): Surveyed {
    this.#closeTo(0);
    this.#rules.checkAllUsed(this.#file);
    return {
      plans: this.#plans,
      makers: this.#makers,
      tops: this.#tops,
      leftOut: this.#leftOut,
      buckets: this.#buckets,
      rows: this.#rows,
      bytes: this.#bytes,
    };
  }

  #enter(bucket: BoltBucket): void {
    const parent = this.#open.at(-1) as Tally;
    const name = bucket.path.at(-1) as Uint8Array;
    const path = [...parent.path, spell(name)];
    const rule = this.#rules.of(path);
    const number = this.#plans.add();
    if (rule === false) {
      this.#leftOut.push(path);
      this.#skip.leave(bucket);
      return;
    }
    const place = { file: this.#file, path };
    if (rule.sequence && bucket.sequence > Number.MAX_SAFE_INTEGER) {
      throw refused(
        place,
        `has the sequence ${bucket.sequence}, above 2^53-1, which a store cannot keep`,
        "Give it the rule { sequence: false }, which begins a new one.",
      );
    }
    parent.textNames &&= isText(name);
    if (parent.rule.keys === "text" && !parent.textNames) {
      throw refused(place, "has a name that is not UTF-8", 'Give the bucket around it { keys: "bytes" }.');
    }
    if (typeof rule.keys === "function") this.#makers.set(number, rule.keys);
    const found = tally(number, path, rule);
    this.#open.push(found);
    this.#buckets++;
    // Its plan is not known before its end.
    if (path.length === 1) this.#tops.push({ name, plan: planOf(found), buckets: 0, rows: 0 });
    else (this.#tops.at(-1) as TopSurvey).buckets++;
  }

  #look({ key, value }: BoltRow): void {
    const bucket = this.#open.at(-1) as Tally;
    const { keys, values } = bucket.rule;
    const place = { file: this.#file, path: bucket.path, key };
    if (keys === "auto") bucket.textKeys &&= isText(key);
    else if (typeof keys !== "function") readKey(keys, key, place);
    bucket.jsonValues &&= (values === "auto" || values === "json") && isJson(value);
    // JSON is text, so only what is no JSON needs a look.
    bucket.textValues &&= bucket.jsonValues || (values !== "bytes" && isText(value));
    checkValue(bucket, place);
    bucket.rows++;
    this.#rows++;
    this.#bytes += key.length + value.length;
    (this.#tops.at(-1) as TopSurvey).rows++;
  }

  /** Ends the buckets that the walk has left, so that so many are open. */
  #closeTo(open: number): void {
    while (this.#open.length > open) {
      const left = this.#open.pop() as Tally;
      const plan = planOf(left);
      this.#plans.set(left.number, plan);
      if (left.path.length === 1) (this.#tops.at(-1) as TopSurvey).plan = plan;
    }
  }
}

/** A bucket's name, or a row's key of the same form. */
export function readName(plan: BucketPlan, name: Uint8Array): string {
  return plan.names === "bytes" ? decodeBytes(name) : spell(name);
}

function tally(number: number, path: readonly string[], rule: FullRule): Tally {
  return {
    number,
    path,
    rule,
    rows: 0,
    textKeys: true,
    textNames: true,
    jsonValues: true,
    textValues: true,
  };
}

/** Refuses a value that the rule cannot take. */
function checkValue({ rule, jsonValues, textValues }: Tally, place: Place): void {
  if (rule.values === "json" && !jsonValues) {
    const advice = textValues ? '{ values: "text" } or { values: "auto" }' : '{ values: "bytes" }';
    throw refused(place, "has a value that is not JSON", `Give the bucket the rule ${advice}.`);
  }
  if (rule.values === "text" && !textValues) {
    throw refused(
      place,
      "has a value that is not UTF-8",
      'Give the bucket the rule { values: "bytes" } or { values: "auto" }.',
    );
  }
}

function planOf({ rule, rows, textKeys, textNames, jsonValues, textValues }: Tally): BucketPlan {
  const { keys, values, sequence } = rule;
  const isAllText = textKeys && textNames;
  const found = jsonValues || rows === 0 ? "json" : textValues ? "utf8" : "bytes";
  const encodings: Record<FullRule["values"], Encoding> = {
    auto: found,
    text: "utf8",
    json: "json",
    bytes: "bytes",
  };
  const encoding = encodings[values];
  if (keys === "auto") {
    const form = isAllText ? "text" : "bytes";
    return { keys: form, names: form, encoding, sequence };
  }
  if (keys === "bytes") return { keys, names: "bytes", encoding, sequence };
  const form = typeof keys === "function" ? "function" : keys;
  return { keys: form, names: textNames ? "text" : "bytes", encoding, sequence };
}
