import type { Value } from "../engine/level.ts";
import { verifyFiles } from "../engine/leveldb/verify-files.ts";
import { MAX_CHUNK } from "../engine/reader.ts";
import type { Memo } from "../engine/readers.ts";
import { DatabaseError } from "../errors.ts";
import { successor } from "../keys/bounds.ts";
import { decodeKey } from "../keys/decode.ts";
import { encodeKey } from "../keys/encode.ts";
import type { BucketRecord } from "./bucket-state.ts";
import { parseRecord } from "./catalog.ts";
import type { TransactionCore } from "./core.ts";
import { checkWork, report, type WorkOptions } from "./progress.ts";
import {
  ALL_BUCKETS,
  ALL_ROWS,
  isSystemRow,
  prefixOf,
  SEQUENCES,
  SYSTEM_PREFIXES,
  sublevelKey,
} from "./system.ts";
import type { Transactions } from "./transactions.ts";

export type CheckOptions = WorkOptions;

/** Something that does not fit. */
export interface CheckProblem {
  /** The sublevel's prefix and the encoded key, as the engine holds them; "" for a data file. */
  readonly row: string;
  /** The data file that is damaged, by its name in the store's directory. */
  readonly file?: string;
  readonly message: string;
}

/** What {@link Store.check} found. */
export interface CheckReport {
  /** Whether there were no problems. */
  readonly ok: boolean;
  /** Rows of buckets, those still to be reclaimed among them. */
  readonly rows: number;
  readonly buckets: number;
  /** The first hundred. */
  readonly problems: readonly CheckProblem[];
  /** How many there were in all. */
  readonly problemCount: number;
}

const REPORTED = 100;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Verifies the data files, then walks every row in slices, each at the last commit, so that no snapshot is held for
 * long.
 *
 * @param directory where the data files lie; undefined for an engine that has none
 * @throws DatabaseError `ABORTED`, `STORE_DAMAGED` where a row cannot be read though no file is found to be damaged
 */
export async function check(
  transactions: Transactions,
  directory: string | undefined,
  options: CheckOptions,
): Promise<CheckReport> {
  checkWork(options, "check()");
  const checker = new Checker();
  if (directory !== undefined) {
    const damages = await verifyFiles(directory, () => report(options, 0));
    for (const damage of damages) checker.damage(damage);
  }
  try {
    await walk(transactions, checker, options);
  } catch (error) {
    // What keeps the walk from going on is already told.
    const isTold = error instanceof DatabaseError && error.code === "STORE_DAMAGED" && checker.isDamaged;
    if (!isTold) throw error;
  }
  return checker.report();
}

async function walk(transactions: Transactions, checker: Checker, options: CheckOptions): Promise<void> {
  for (let from: string | undefined = ALL_ROWS.from; from !== undefined; ) {
    const lease = await transactions.lease(options.signal);
    const core = transactions.reader(lease);
    try {
      await checker.learn(core, lease.memo);
      from = await checker.slice(core, from);
    } finally {
      core.end();
      lease.release();
    }
    report(options, checker.rows);
  }
}

class Checker {
  rows = 0;
  /** Whether a data file is damaged. */
  isDamaged = false;
  #memo: Memo | undefined;
  /** Buckets by their sublevels' prefixes. */
  #buckets = new Map<string, BucketRecord>();
  #ids = new Set<number>();
  /** For each bucket that has others within, one of these: its record's key. */
  readonly #parents = new Map<number, string>();
  /** Prefixes of deleted buckets, whose rows are being reclaimed. */
  #dropped = new Set<string>();
  readonly #problems: CheckProblem[] = [];
  #problemCount = 0;

  /** Reads the buckets' records, anew where buckets changed since the last slice. */
  async learn(core: TransactionCore, memo: Memo): Promise<void> {
    if (memo === this.#memo) return;
    this.#memo = memo;
    this.#buckets = new Map();
    this.#ids = new Set();
    for (let from = ALL_BUCKETS.from; ; ) {
      const rows = await read(core, from, ALL_BUCKETS.to);
      const last = rows.at(-1);
      if (last === undefined) break;
      for (const [key, value] of rows) this.#learnBucket(key, value);
      from = successor(last[0]);
    }
    this.#checkParents();
  }

  #learnBucket(key: string, value: Value): void {
    try {
      const record = parseRecord(utf8.decode(value as Uint8Array));
      const [parent] = decodeKey(key, "!~buckets!".length) as [number];
      const twin = this.#buckets.get(record.prefix);
      if (twin !== undefined) this.#problem(key, `shares its sublevel with the bucket of id ${twin.id}`);
      if (this.#ids.has(record.id)) this.#problem(key, `shares its id ${record.id} with another bucket`);
      this.#ids.add(record.id);
      this.#buckets.set(record.prefix, record);
      this.#parents.set(parent, key);
    } catch (error) {
      this.#problem(key, `is no bucket's record: ${String(error)}`);
    }
  }

  #checkParents(): void {
    const byId = new Map(Array.from(this.#buckets.values(), (record) => [record.id, record]));
    for (const [parent, key] of this.#parents) {
      if (parent === 0) continue;
      if (byId.get(parent) === undefined)
        this.#problem(key, `lies in a bucket that is not there (id ${parent})`);
      else if (byId.get(parent)?.nested === false)
        this.#problem(key, `lies in a bucket that denies it (id ${parent})`);
    }
    this.#parents.clear();
  }

  /** Checks the next rows. @returns where the slice after them begins; undefined at the end */
  async slice(core: TransactionCore, from: string): Promise<string | undefined> {
    const rows = await read(core, from, ALL_ROWS.to);
    for (const [key, value] of rows) {
      if (!isSystemRow(key)) this.rows++;
      const problem = await this.#flaw(core, key, value as Uint8Array);
      if (problem !== undefined) this.#problem(key, problem);
    }
    const last = rows.at(-1);
    return last === undefined ? undefined : successor(last[0]);
  }

  async #flaw(core: TransactionCore, key: string, value: Uint8Array): Promise<string | undefined> {
    const prefix = prefixOf(key);
    try {
      const decoded = decodeKey(key, prefix.length);
      if (prefix + encodeKey(decoded) !== key) return "has a key that this library would write otherwise";
    } catch {
      return "has a key that this library does not write";
    }
    if (prefix === SEQUENCES)
      return this.#ids.has(decodeKey(key, prefix.length) as number) ? undefined : "is of no bucket";
    if (SYSTEM_PREFIXES.includes(prefix)) return undefined;
    if (prefix === "") return "lies outside of all sublevels";
    const bucket = this.#buckets.get(prefix);
    if (bucket !== undefined) return valueFlaw(bucket, value);
    if (this.#dropped.has(prefix)) return undefined;
    if ((await core.get(sublevelKey(prefix), "utf8")) !== '"dropped"')
      return "lies in a sublevel of no bucket";
    this.#dropped.add(prefix);
    return undefined;
  }

  /** Notes a data file that is damaged. */
  damage({ message, details }: DatabaseError): void {
    this.isDamaged = true;
    this.#note({ row: "", file: String(details?.["file"]), message });
  }

  #problem(row: string, message: string): void {
    this.#note({ row, message: `${JSON.stringify(row)} ${message}` });
  }

  #note(problem: CheckProblem): void {
    this.#problemCount++;
    if (this.#problems.length < REPORTED) this.#problems.push(problem);
  }

  report(): CheckReport {
    return {
      ok: this.#problemCount === 0,
      rows: this.rows,
      buckets: this.#buckets.size,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }
}

function valueFlaw(bucket: BucketRecord, value: Uint8Array): string | undefined {
  if (bucket.encoding === "bytes") return undefined;
  try {
    const text = utf8.decode(value);
    if (bucket.encoding === "json") JSON.parse(text);
    return undefined;
  } catch {
    return `has a value that is not ${bucket.encoding}`;
  }
}

async function read(core: TransactionCore, from: string, to: string): Promise<[string, Value][]> {
  const limit = MAX_CHUNK;
  const reader = core.read({
    from,
    to,
    reverse: false,
    limit,
    keys: true,
    values: true,
    format: "view",
    firstChunk: limit,
  });
  try {
    return await reader.chunk(MAX_CHUNK);
  } finally {
    core.close(reader);
  }
}
