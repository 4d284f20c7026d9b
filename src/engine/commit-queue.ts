import { DatabaseError } from "../errors.ts";
import type { Level } from "./level.ts";
import type { Readers, Written } from "./readers.ts";
import { WriteSet } from "./write-set.ts";

/** Transactions that reach the engine in one atomic batch, with one sync. */
class Group implements Written {
  readonly writes: WriteSet;
  /** Keys of rows that no transaction can reach any more, to be deleted. */
  readonly purged: string[] = [];
  readonly done: Promise<void>;
  lastCommit = 0;
  structural = false;
  resolve!: () => void;
  reject!: (error: DatabaseError) => void;

  constructor(writes: WriteSet) {
    this.writes = writes;
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Whoever waits for it sees the failure; a group nobody waits for must not end the process.
    this.done.catch(() => undefined);
  }
}

export interface CommitQueueOptions {
  /** Whether each group waits until it is on disk. */
  readonly sync: boolean;
  /** The last commit that the engine holds. */
  readonly commit: number;
  /** Gives the row that tells the last commit; it is part of every group. */
  readonly commitRow: (commit: number) => [key: string, value: string];
  /** Whether another transaction is about to seal, so that its writes can join the group that gathers. */
  readonly expectsMore: () => boolean;
}

interface TextOptions {
  readonly keyEncoding?: "utf8";
  readonly valueEncoding?: "utf8";
}

/**
 * Sealed writes held in memory before further transactions wait, in bytes. Enough for hundreds of small transactions to
 * share a sync; more would only be copied by the garbage collector, again and again, while the engine writes.
 */
const MAX_GATHERED = 512 << 10;
/** Operations put into a batch before other work gets its turn on the thread. */
const OPERATIONS_PER_TURN = 4096;

/**
 * The one way to the engine for writes: group commit.
 *
 * While one batch is under way, the transactions that seal meanwhile gather into the next. So the cost of a sync is
 * shared, and nothing is ever written out of order. After a write error everything fails: LevelDB may lose writes that
 * it acknowledges after one.
 */
export class CommitQueue {
  readonly #level: Level;
  readonly #readers: Readers;
  readonly #options: CommitQueueOptions;
  /** What an operation on text needs to be told. */
  readonly #text: TextOptions;
  #gathering: Group | undefined;
  #inFlight: Group | undefined;
  #held = 0;
  #scheduled = false;
  #sealed: number;
  #written: number;
  #groups = 0;
  #failure: DatabaseError | undefined;

  constructor(level: Level, readers: Readers, options: CommitQueueOptions) {
    this.#level = level;
    this.#readers = readers;
    this.#options = options;
    // Options make each operation of a batch several times as dear, and mostly they would say what is the default.
    const isText = level.keyEncoding().commonName === "utf8" && level.valueEncoding().commonName === "utf8";
    this.#text = isText ? {} : { keyEncoding: "utf8", valueEncoding: "utf8" };
    this.#sealed = options.commit;
    this.#written = options.commit;
  }

  /** The commit that the last sealed transaction has or will have. */
  get lastCommit(): number {
    return this.#sealed;
  }

  /** The last commit that the engine holds. */
  get writtenCommit(): number {
    return this.#written;
  }

  /** How many groups were written. */
  get groups(): number {
    return this.#groups;
  }

  /** The error after which nothing is written any more, if there was one. */
  get failure(): DatabaseError | undefined {
    return this.#failure;
  }

  /** Writes sealed but not yet in the engine, the latest first. A writer reads through these. */
  layers(): WriteSet[] {
    const layers: WriteSet[] = [];
    if (this.#gathering !== undefined) layers.push(this.#gathering.writes);
    if (this.#inFlight !== undefined) layers.push(this.#inFlight.writes);
    return layers;
  }

  /**
   * Takes a transaction's writes; their order is the order of these calls.
   *
   * @returns resolves when they are in the engine (and on disk, where the queue syncs)
   */
  seal(writes: WriteSet, structural: boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    let group = this.#gathering;
    if (group === undefined) {
      // The first transaction's writes become the group's own: a large one is never copied.
      group = new Group(writes);
      this.#gathering = group;
    } else {
      group.writes.absorb(writes);
    }
    this.#sealed++;
    group.lastCommit = this.#sealed;
    group.structural ||= structural;
    this.#schedule();
    return group.done;
  }

  /** Deletes rows that no transaction can reach any more. @returns resolves when the engine has done it */
  purge(keys: readonly string[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const group = this.#gathering ?? new Group(new WriteSet());
    this.#gathering = group;
    for (const key of keys) group.purged.push(key);
    this.#schedule();
    return group.done;
  }

  /** Resolves when all that was sealed so far is in the engine. */
  settled(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return (this.#gathering ?? this.#inFlight)?.done ?? Promise.resolve();
  }

  /** Whether there is room for more writes: always, but for a flood. */
  get hasRoom(): boolean {
    return this.#gathering === undefined || this.#gathering.writes.bytes <= MAX_GATHERED || this.#held > 0;
  }

  /** Resolves when there is room for more writes. */
  async room(): Promise<void> {
    while (!this.hasRoom) {
      this.#launch();
      await this.#inFlight?.done.catch(() => undefined);
    }
  }

  /** Keeps what seals from now on together in one group, until the returned function is called. */
  hold(): () => void {
    this.#held++;
    return () => {
      this.#held--;
      this.#schedule();
    };
  }

  /**
   * Launches what gathered as soon as that is sensible: at once where no transaction is about to seal, else when the
   * current round of microtasks is over, in which all that need no I/O will have sealed.
   */
  #schedule(): void {
    if (this.#inFlight !== undefined || this.#gathering === undefined || this.#held > 0) return;
    if (this.#options.expectsMore()) this.#scheduleSoon();
    else this.#launch();
  }

  #scheduleSoon(): void {
    if (this.#scheduled || this.#gathering === undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#launch();
    });
  }

  #launch(): void {
    const group = this.#gathering;
    if (this.#inFlight !== undefined || group === undefined || this.#held > 0) return;
    this.#inFlight = group;
    this.#gathering = undefined;
    this.#write(group).then(
      () => {
        this.#inFlight = undefined;
        this.#groups++;
        group.resolve();
        // Whoever waited for the group may have more to seal: that joins what has gathered.
        this.#scheduleSoon();
      },
      (error) => this.#fail(error, group),
    );
  }

  async #write(group: Group): Promise<void> {
    await this.#readers.beforeWrite();
    const batch = this.#level.batch();
    let operations = 0;
    for (const [key, write] of group.writes.entries()) {
      if (write === null) batch.del(key, this.#text);
      else if (typeof write === "string") batch.put(key, write, this.#text);
      else batch.put<string, Uint8Array>(key, write, PUT_BYTES);
      if (++operations % OPERATIONS_PER_TURN === 0) await new Promise(setImmediate);
    }
    for (const key of group.purged) batch.del(key, this.#text);
    const commits = group.lastCommit > 0;
    // Purges end with it, too: LevelDB forgets deletes, and a batch that left nothing in a table would seem to be lost.
    batch.put(...this.#options.commitRow(commits ? group.lastCommit : this.#written), this.#text);
    // Purges sync, too: the last of them removes the mark that others would be repeated by. Where LevelDB begins a new
    // log between the two, a sync of that one leaves the deletes of the rows behind.
    const options: { sync: boolean } = { sync: this.#options.sync };
    await batch.write(options);
    if (commits) this.#written = group.lastCommit;
    this.#readers.afterWrite(this.#written, group);
  }

  #fail(error: unknown, group: Group): void {
    this.#failure = new DatabaseError(
      "STORE_FAILED",
      "The engine could not write, so nothing more is read or written. Free space or mend the disk, then close and reopen the store: all acknowledged commits are there.",
      { cause: error },
    );
    this.#inFlight = undefined;
    this.#readers.fail(this.#failure);
    group.reject(this.#failure);
    this.#gathering?.reject(this.#failure);
    this.#gathering = undefined;
  }
}

const PUT_BYTES = { keyEncoding: "utf8", valueEncoding: "view" } as const;
