import { type BoltFile, openBolt } from "../bolt/bolt-file.ts";
import { DatabaseError } from "../errors.ts";
import { checkOptions, checkPath, show } from "../store/options.ts";
import { checkWork, type WorkOptions } from "../store/progress.ts";
import { checkStore, type Store } from "../store/store.ts";
import type { Encoding } from "../store/values.ts";
import { fill } from "./fill.ts";
import type { KeyForm } from "./keys.ts";
import type { BucketPlan } from "./plan.ts";
import { type BoltRules, RuleBook } from "./rules.ts";
import { type Existing, Stage } from "./stage.ts";
import { abortedImport, Steps } from "./steps.ts";
import { readName, Survey, type Surveyed } from "./survey.ts";

/**
 * Options of {@link importBolt}. `onProgress` counts the rows twice, as they are read through first and as they are
 * written; the total is known once they were read through.
 */
export interface BoltImportOptions extends BoltRules, WorkOptions {
  /**
   * What becomes of buckets at the top of the store that bear the names of imported ones: with "refuse", the default,
   * nothing is imported; with "replace" they go in the commit in which the new ones appear.
   */
  readonly existing?: Existing | undefined;
}

/** A bucket at the top that was imported. */
export interface ImportedBucket {
  readonly name: string;
  /** How its keys were read, "function" standing for the rule's own, and how its values are kept. */
  readonly keys: KeyForm;
  readonly encoding: Encoding;
  /** Those within it at any depth. */
  readonly buckets: number;
  /** Its own, and those of the buckets within. */
  readonly rows: number;
}

/** What {@link importBolt} brought over. */
export interface BoltImportReport {
  /** Buckets at any depth. */
  readonly buckets: number;
  readonly rows: number;
  /** Bytes of the rows' keys and values in the file. */
  readonly bytes: number;
  /** The buckets at the top, in the order of the file. */
  readonly tops: readonly ImportedBucket[];
  /** The buckets that stayed behind by a rule, with all in them: their names from the top. */
  readonly leftOut: readonly (readonly string[])[];
}

const OPTIONS = ["buckets", "rule", "existing", "signal", "onProgress"];

/** The stores into which an import is under way. */
const importing = new WeakSet<Store>();

/**
 * Imports a bbolt file: buckets to buckets, nested ones too, with their rows and sequences. Values are kept byte for
 * byte, keys as the rules have it; what a rule cannot take is refused, and never changed to fit.
 *
 * The buckets appear in one commit, when all is there; before that, and after an error, an abort or a crash, the store
 * has none of them. Until the end they are gathered in a bucket `bolt-import`, which nobody else should use. What a
 * crash left of it the next import deletes; `deleteBucket()` does, too.
 *
 * Cost: the file is read twice, the first time to see that it is sound and how its buckets are to be read; rows are
 * written in commits of up to 1000 rows or 1 MiB, beside other work. Memory: two commits, or the largest value twice, and a
 * byte for each bucket.
 *
 * @param file the path of the file, to which nobody may write meanwhile
 * @param store one import at a time goes into a store
 * @returns how much there was
 * @throws DatabaseError `BOLT_INVALID`, `BOLT_DAMAGED`, `BOLT_BUSY` as `openBolt()`; `BOLT_REFUSED` with `details` `file`,
 * `path` (the names from the top) and `key` for what a rule cannot take; the codes of a bucket's calls, with the same
 * details, for names and keys that the store cannot take; `BUCKET_EXISTS` for names that are taken, or beside another
 * import; `BUCKET_OWNED`, `BUCKET_MIGRATING` for what cannot be replaced; `OPTION_INVALID`, `PATH_INVALID`, `ABORTED`,
 * `TX_NESTED`, `STORE_CLOSED`, `STORE_READ_ONLY`, `STORE_FAILED`; and what `rule` and `onProgress` throw
 */
export async function importBolt(
  file: string,
  store: Store,
  options: BoltImportOptions = {},
): Promise<BoltImportReport> {
  const rules = checkCall(file, store, options);
  store.guardAlone(true);
  if (importing.has(store)) {
    throw new DatabaseError(
      "BUCKET_EXISTS",
      "Another import goes into this store, and has its bucket there. Wait for its end.",
    );
  }
  importing.add(store);
  try {
    await using source = await openBolt(file);
    await Stage.clear(store, options.signal);
    const steps = new Steps(options);
    const surveyed = await survey(source, rules, steps);
    const names = namesOf(surveyed);
    await transfer(source, surveyed, store, names, options, steps);
    return reportOf(surveyed, names);
  } catch (error) {
    // A commit that waited for its turn says that what was committed before stays, which here it does not.
    const isAborted = error instanceof DatabaseError && error.code === "ABORTED";
    throw isAborted ? abortedImport(error.cause) : error;
  } finally {
    importing.delete(store);
  }
}

function checkCall(file: string, store: Store, options: BoltImportOptions): RuleBook {
  checkPath(file, "importBolt()", "file");
  checkStore(store, "importBolt()");
  checkOptions(options, OPTIONS, "importBolt()");
  const { signal, onProgress, existing = "refuse" } = options;
  checkWork({ signal, onProgress }, "importBolt()");
  if (existing !== "refuse" && existing !== "replace")
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option existing is ${show(existing)}. Pass "refuse" or "replace".`,
    );
  return new RuleBook(options);
}

async function survey(source: BoltFile, rules: RuleBook, steps: Steps): Promise<Surveyed> {
  const found = new Survey(source.path, rules);
  for await (const element of source.walk()) {
    found.add(element);
    steps.count(element);
  }
  return found.finish();
}

function namesOf({ plans, tops }: Surveyed): string[] {
  const root = plans.get(0) as BucketPlan;
  return tops.map(({ name }) => readName(root, name));
}

/** Writes what was surveyed, all or nothing. */
async function transfer(
  source: BoltFile,
  surveyed: Surveyed,
  store: Store,
  names: readonly string[],
  options: BoltImportOptions,
  steps: Steps,
): Promise<void> {
  const { existing = "refuse", signal } = options;
  steps.expect(surveyed.rows);
  const stage = await Stage.begin(store, names, existing, signal);
  try {
    await fill(stage, source, surveyed, steps);
    steps.report();
    await stage.finish(names, existing);
  } catch (error) {
    // On a closed or failed store it stays, out of the way, until the next import.
    await stage.discard().catch(() => undefined);
    throw error;
  }
}

function reportOf(
  { tops, buckets, rows, bytes, leftOut }: Surveyed,
  names: readonly string[],
): BoltImportReport {
  return {
    buckets,
    rows,
    bytes,
    tops: tops.map(({ plan, ...counts }, i) => ({
      name: names[i] as string,
      keys: plan.keys,
      encoding: plan.encoding,
      buckets: counts.buckets,
      rows: counts.rows,
    })),
    leftOut,
  };
}
