/**
 * Writers overwrite hot keys, and readers of random lifetime read them. LevelDB 1.20 can show an old value of such a
 * key, or one that was deleted, while many snapshots of random lifetime are held.
 *
 * A value tells the commit that wrote it, so that each read can be compared with the history of its key: that of a
 * reader up to its commit, that of a writer up to the writer before it.
 */
import { setImmediate as turn } from "node:timers/promises";
import { type Bucket, openStore, type StoreOptions, type Transaction } from "@meshgate/database";
import { Random } from "../../control-plane/model/random.ts";
import { History } from "./history.ts";
import { Milestones } from "./milestones.ts";
import { READS, type StaleRead } from "./reads.ts";

export interface SoakOptions {
  readonly directory: string;
  readonly seed: number;
  /** How values are kept. Those in JSON that are read often are kept in memory, too. */
  readonly encoding: "utf8" | "json";
  /** Values of hot keys that are overwritten, or deleted, in all. */
  readonly overwrites: number;
  readonly readers?: number;
  readonly writers?: number;
  readonly keys?: number;
  /** Overwrites in a transaction at the most. */
  readonly most?: number;
  /** Characters of a value at the most. */
  readonly size?: number;
  /** The longest that a reader lives, in commits. */
  readonly lifetime?: number;
  /** Those of the store, besides that it is relaxed. */
  readonly store?: StoreOptions;
  readonly onProgress?: (report: SoakReport) => void;
}

/** What the soak came to. */
export interface SoakReport {
  readonly seed: number;
  overwrites: number;
  commits: number;
  /** Reads that were compared. */
  reads: number;
  /** Readers that came and went, and the commits that the longest of them lived. */
  readers: number;
  longest: number;
  /** The most snapshots that were held at a time. */
  snapshots: number;
  stale: number;
  /** The first of them. */
  readonly examples: StaleRead[];
}

const BUCKET = "hot";
const EXAMPLES = 10;
const PROGRESS_EVERY = 64;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { readers = 64, writers = 8, directory, store: settings } = options;
  await using store = await openStore(directory, { durability: "relaxed", ...settings });
  await store.update((tx) =>
    options.encoding === "utf8" ? tx.createBucket(BUCKET, { encoding: "utf8" }) : tx.createBucket(BUCKET),
  );
  const run = new Soak(options);
  const working = Array.from({ length: writers }, () => run.write((fn) => store.update(fn)));
  const reading = Array.from({ length: readers }, (_, i) =>
    run.read(async (fn) => {
      run.report.snapshots = Math.max(run.report.snapshots, store.stats().snapshots);
      if (i % 2 === 0) return store.view(fn);
      await using tx = await store.begin();
      await fn(tx);
    }),
  );
  await Promise.all(working).finally(() => run.end());
  await Promise.all(reading);
  return run.report;
}

type Work = (tx: Transaction) => Promise<void>;

class Soak {
  readonly report: SoakReport;
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #history: History;
  readonly #keys: number;
  readonly #size: number;
  /** What values are cut from: it cannot be compressed, so that files grow as they would with real data. */
  readonly #text: string;
  readonly #milestones = new Milestones();
  /** The last commit that was acknowledged. */
  #acknowledged = 0;
  #isOver = false;

  constructor(options: SoakOptions) {
    const { seed, keys = 5000, size = 2000 } = options;
    this.#options = options;
    this.#random = new Random(seed);
    this.#history = new History(keys);
    this.#keys = keys;
    this.#size = size;
    this.#text = Array.from({ length: 1 << 18 }, () => String.fromCharCode(33 + this.#random.below(94))).join(
      "",
    );
    const counts = { overwrites: 0, commits: 0, reads: 0, readers: 0, longest: 0, snapshots: 0, stale: 0 };
    this.report = { seed, ...counts, examples: [] };
  }

  end(): void {
    this.#isOver = true;
    this.#milestones.reach(Number.POSITIVE_INFINITY);
  }

  /** Overwrites until all is done. */
  async write(update: (work: Work) => Promise<void>): Promise<void> {
    while (this.report.overwrites < this.#options.overwrites) {
      let commit = 0;
      await update(async (tx) => {
        commit = tx.id;
        await this.#overwrite(tx);
      });
      this.report.commits++;
      this.#acknowledged = Math.max(this.#acknowledged, commit);
      this.#milestones.reach(this.#acknowledged);
      if (this.report.commits % PROGRESS_EVERY !== 0) continue;
      this.#options.onProgress?.(this.report);
      // Readers that are awake read now.
      await turn();
    }
  }

  async #overwrite(tx: Transaction): Promise<void> {
    const hot = await bucketOf(tx);
    // Read without a snapshot: this is where an old value would be taken for the present one.
    await this.#compare(hot, tx.id - 1, "writer");
    for (const key of this.#anyKeys()) {
      const before = await hot.get(key);
      if (!this.#check("get before a put", key, before, tx.id - 1)) await this.#lookAgain(hot, key);
      const isThere = !this.#random.chance(0.02);
      if (isThere) await hot.put(key, `${tx.id} ${this.#anyText()}`);
      else await hot.delete(key);
      this.#history.add(key, tx.id, isThere);
      this.report.overwrites++;
    }
  }

  /** Keys for a writer: some here and there, or some that follow one another. */
  #anyKeys(): Set<number> {
    const count = 1 + this.#random.below(this.#options.most ?? 60);
    const first = this.#random.below(this.#keys);
    const isScattered = this.#random.chance(0.8);
    const any = (_: unknown, i: number) =>
      isScattered ? this.#random.below(this.#keys) : (first + i) % this.#keys;
    return new Set(Array.from({ length: count }, any));
  }

  #anyText(): string {
    const start = this.#random.below(this.#text.length - this.#size);
    return this.#text.slice(start, start + this.#random.below(this.#size));
  }

  /** Reads in one transaction after another, until the writers are done. */
  async read(begin: (work: Work) => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      const least = this.#acknowledged;
      await begin(async (tx) => {
        if (tx.id < least) this.#note({ by: "begin", key: -1, commit: tx.id, found: tx.id, wanted: least });
        this.#history.enter(tx.id);
        try {
          await this.#live(tx);
        } finally {
          this.#history.leave(tx.id);
        }
      });
      this.report.readers++;
    }
  }

  /** A reader's life: it reads, waits for commits, and reads again; some with a walk that is under way all the time. */
  async #live(tx: Transaction): Promise<void> {
    const hot = await bucketOf(tx);
    const walk = this.#random.chance(0.5)
      ? hot.range({ gte: this.#random.below(this.#keys) })[Symbol.asyncIterator]()
      : undefined;
    // Most lives are short, some very long.
    const lifetime = Math.floor((this.#options.lifetime ?? 2000) * this.#random.next() ** 6);
    const stops = 1 + this.#random.below(3);
    for (let stop = 0; stop <= stops; stop++) {
      if (stop > 0) await this.#milestones.wait(tx.id + Math.ceil((lifetime * stop) / stops));
      await this.#compare(hot, tx.id, "reader");
      for (let i = 0; walk !== undefined && i < 5; i++) {
        const { value: row, done } = await walk.next();
        if (done) break;
        this.#check("walk", row[0], row[1], tx.id);
      }
    }
    await walk?.return?.();
    this.report.longest = Math.max(this.report.longest, this.#acknowledged - tx.id);
  }

  async #compare(hot: Bucket<string, number>, commit: number, who: string): Promise<void> {
    const read = this.#random.pick(READS);
    const found = await read.run(hot, this.#random, this.#keys);
    for (const [key, value] of found) this.#check(`${read.name} of a ${who}`, key, value, commit);
  }

  /** @returns whether the value is that of the last commit to the key, up to a commit */
  #check(by: string, key: number, value: string | undefined, commit: number): boolean {
    this.report.reads++;
    const found = value === undefined ? undefined : Number.parseInt(value, 10);
    const wanted = this.#history.at(key, commit);
    if (found !== wanted) this.#note({ by, key, commit, found, wanted });
    return found === wanted;
  }

  /** Tells what a range shows where a get was wrong: a get stops at the first file with the key, a range reads all. */
  async #lookAgain(hot: Bucket<string, number>, key: number): Promise<void> {
    const [value] = await hot.values({ gte: key, lte: key }).toArray();
    const example = this.report.examples.at(-1);
    if (example?.key === key) example.byRange = value === undefined ? undefined : Number.parseInt(value, 10);
  }

  #note(stale: StaleRead): void {
    this.report.stale++;
    if (this.report.examples.length < EXAMPLES) this.report.examples.push(stale);
  }
}

async function bucketOf(tx: Transaction): Promise<Bucket<string, number>> {
  return (await tx.bucket(BUCKET)) as Bucket<string, number>;
}
