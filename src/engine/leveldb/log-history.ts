import { fixed32, fixed64 } from "./byte-reader.ts";
import { damaged } from "./damage.ts";
import type { FileReader } from "./file-reader.ts";
import { type LogFlaw, scanLog } from "./log-file.ts";
import type { LateStart } from "./lost-log.ts";
import type { ManifestState } from "./manifest-file.ts";

/**
 * A record of a log is a batch: its first sequence number (8 bytes), how many rows it writes (4), the writes. LevelDB
 * gives every write the next sequence number, so that a batch which is gone, or is of another log, leaves a gap.
 */
const HEAD = 12;

/** Where batches are missing, though later ones are there: what comes before it is whole. */
export interface Hole {
  readonly path: string;
  readonly offset: number;
}

/** Goes through the logs of a database, from the oldest to the newest, as if they were one. */
export class LogHistory {
  readonly #state: ManifestState;
  /** The sequence number that the next batch has; undefined before the first one. */
  #next: number | undefined;
  /** The log before the one that is gone through. */
  #before: string | undefined;
  #lateStart: LateStart | undefined;
  /** The end of an earlier log, where it is torn: no batch may follow it. */
  #torn: { readonly path: string; readonly flaw: LogFlaw } | undefined;

  #hole: Hole | undefined;

  constructor(state: ManifestState) {
    this.#state = state;
  }

  /** The hole because of which `verify` has failed, where it was one. */
  get hole(): Hole | undefined {
    return this.#hole;
  }

  /** Known when all logs were verified. */
  get lateStart(): LateStart | undefined {
    return this.#lateStart;
  }

  /**
   * Verifies the next log.
   *
   * @returns its end, where that is torn
   * @throws DatabaseError `STORE_DAMAGED`, the system's error where the file cannot be read
   */
  async verify(reader: FileReader, path: string): Promise<LogFlaw | undefined> {
    await reader.open(path);
    let first: number | undefined;
    const follow = (record: Uint8Array, offset: number) => {
      // Only where no log before has a batch.
      if (this.#next === undefined) first = fixed64(record, 0);
      this.#follow(path, record, offset);
    };
    const flaws = await scanLog(reader, follow, { keep: HEAD });
    const before = this.#before;
    this.#before = path;
    if (before !== undefined && first !== undefined) this.#lateStart = { path: before, sequence: first };
    for (const flaw of flaws) {
      // What follows shows that it is no torn end: a batch is written when the one before is.
      if (flaw.until !== undefined) throw this.#refuse(path, flaw);
      this.#torn ??= { path, flaw };
      return flaw;
    }
    return undefined;
  }

  #follow(path: string, record: Uint8Array, offset: number): void {
    if (this.#torn !== undefined) throw this.#refuse(this.#torn.path, this.#torn.flaw);
    if (record.length < HEAD) throw damaged(path, "a batch is too short", offset);
    const sequence = fixed64(record, 0);
    const isNext = this.#next === undefined ? mayBeginWith(this.#state, sequence) : sequence === this.#next;
    if (!isNext) {
      if (this.#isAhead(sequence)) this.#hole = { path, offset };
      throw damaged(path, "batches are missing before this one, or the log is not of this store", offset);
    }
    this.#next = sequence + fixed32(record, 8);
  }

  /**
   * Whether a batch that does not follow comes too late, rather than from elsewhere: after the last one, or after a log
   * that was needed and has nothing left.
   */
  #isAhead(sequence: number): boolean {
    if (this.#next !== undefined) return sequence > this.#next;
    return this.#before !== undefined && sequence > (this.#state.starts.at(-1)?.sequence ?? 0);
  }

  #refuse(path: string, { offset, reason }: LogFlaw): Error {
    this.#hole = { path, offset };
    return damaged(path, `${reason}, and later batches follow`, offset);
  }
}

/** Whether the oldest log of a state may begin with this sequence number. */
export function mayBeginWith({ starts, isFirstLog }: ManifestState, sequence: number): boolean {
  const start = starts.at(-1);
  // The log of the opening begins with what was written first after it. A later one is made before the manifest tells
  // of it, so that some of its batches may be older than that.
  if (start === undefined || isFirstLog) return sequence === (start?.sequence ?? 0) + 1;
  const before = Math.max(starts.at(-2)?.sequence ?? 0, start.inTables);
  return sequence <= start.sequence + 1 && sequence > before;
}
