import type { Awaitable } from "../awaitable.ts";
import type { DatabaseError } from "../errors.ts";
import type { Source } from "./source.ts";
import type { WriteSet } from "./write-set.ts";

/** What was derived from the rows at a commit and holds until the buckets change: a cache that readers share. */
export type Memo = Map<string, unknown>;

/** One reader's hold on the rows at a commit. */
export interface Lease {
  readonly commit: number;
  readonly source: Source;
  readonly memo: Memo;
  /** Ends the hold. Once. */
  release(): void;
}

/** What a reader asks for. */
export interface LeaseRequest {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the lease may outstay the time limit: for backups. */
  readonly pinned?: boolean;
  /** Whether it is asked for within a view, for which the next commit may be waiting. */
  readonly nested?: boolean;
}

/** What reached the engine. */
export interface Written {
  readonly writes: WriteSet;
  /** Keys of rows that were deleted besides. */
  readonly purged: readonly string[];
  /** Whether buckets were created, moved or deleted. */
  readonly structural: boolean;
}

/** Gives readers the rows of the last commit, and keeps commits from disturbing them. */
export interface Readers {
  /** How many snapshots the engine holds for readers. */
  readonly snapshots: number;
  /** The memo of the last commit. */
  readonly memo: Memo;
  /** The rows as they are: for writers, who see all that is not in the engine yet before these. */
  readonly live: Source;
  acquire(request?: LeaseRequest): Awaitable<Lease>;
  /** Called before a group of commits goes to the engine; the group waits for it. */
  beforeWrite(): Awaitable<void>;
  /** Called when a write failed: whoever waits gets the error. */
  fail(error: DatabaseError): void;
  /** Called when it is there. `commit`: the last of the group. */
  afterWrite(commit: number, written: Written): void;
  close(): void;
}
