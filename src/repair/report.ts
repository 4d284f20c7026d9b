import type { Key } from "../keys/encode.ts";
import type { CheckProblem } from "../store/check.ts";
import type { Encoding } from "../store/values.ts";

/** A place in a file that is not as it was written. */
export interface DamagedFile {
  readonly file: string;
  /** The byte at which it shows, where it has a place. */
  readonly offset?: number;
  readonly reason: string;
}

/** Keys whose rows were lost, as far as they are not there: others with these keys were kept. */
export interface LostRange extends DamagedFile {
  /** The names of the bucket from the top level down; undefined for rows that the store keeps for itself. */
  readonly bucket: readonly string[] | undefined;
  /** The last key before the range that the bucket has, and the first one behind it; undefined at its ends. */
  readonly after: Key | undefined;
  readonly before: Key | undefined;
  /**
   * How many rows with keys in the range there are that may be older than what was lost: of a key that was written or
   * deleted since. All others in the range are as they were last.
   */
  readonly old: number;
}

/**
 * Commits that were lost, one does not know of which keys: rows that were last written before may be older than what
 * was lost.
 */
export interface LostHistory extends DamagedFile {
  /** The last commit before that is known; undefined where none is. */
  readonly after: number | undefined;
  /** The first commit behind that is there, with the others of its group; undefined where none is. */
  readonly before: number | undefined;
}

/** A bucket whose own record was lost. It was made anew from the rows in its place. */
export interface RecoveredBucket {
  readonly bucket: readonly string[];
  /** A guess by the rows, of "json" and "bytes"; where it was another, open the bucket with that. */
  readonly encoding: Encoding;
  readonly rows: number;
}

/** What became of a collection. */
export interface RepairedCollection {
  readonly name: string;
  /**
   * "rebuilt": its indexes were built from its records. "to build": its definition was not given; call its `build()`.
   * "failed": see the message.
   */
  readonly state: "rebuilt" | "to build" | "failed";
  readonly message?: string;
}

/** What {@link repair} found and did. */
export interface RepairReport {
  /** Whether nothing was damaged: then nothing was done. */
  readonly sound: boolean;
  /** Where the directory is as it was; undefined where nothing was done. */
  readonly copy: string | undefined;
  readonly files: readonly DamagedFile[];
  readonly ranges: readonly LostRange[];
  readonly history: readonly LostHistory[];
  readonly recovered: readonly RecoveredBucket[];
  readonly collections: readonly RepairedCollection[];
  /** The number of the last commit of the store as it is now. */
  readonly commit: number;
  /** Rows of buckets. */
  readonly rows: number;
  readonly buckets: number;
  /** What `check()` finds in the store as it is now: nothing, but where other programs wrote to it. */
  readonly problems: readonly CheckProblem[];
}
