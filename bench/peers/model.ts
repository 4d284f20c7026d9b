// What a workload beside peers is made of.
import type { TrialEffort, TrialWorkload, Unit } from "../lib/model.ts";

/** Who is measured. */
export type SubjectName =
  | "bucket"
  | "collection"
  | "covering"
  | "controlPlane"
  | "classicLevel"
  | "sqliteJson"
  | "sqliteColumns"
  | "sqliteCovering"
  | "sqliteCoalesced"
  | "lmdb"
  | "lmdbCached"
  | "lmdbCovering"
  | "bbolt"
  | "bboltStructs"
  | "bboltCovering";

/** Their names in tables. */
export const LABELS: Readonly<Record<SubjectName, string>> = {
  bucket: "ours: bucket",
  collection: "ours: collection",
  covering: "ours: covering index",
  controlPlane: "ours: control plane",
  classicLevel: "classic-level, for await",
  sqliteJson: "better-sqlite3, json",
  sqliteColumns: "better-sqlite3, columns",
  sqliteCovering: "better-sqlite3, covering",
  sqliteCoalesced: "better-sqlite3, coalesced",
  lmdb: "lmdb",
  lmdbCached: "lmdb, cache",
  lmdbCovering: "lmdb, covering",
  bbolt: "Go bbolt",
  bboltStructs: "Go bbolt, structs",
  bboltCovering: "Go bbolt, covering",
};

/** What a peer needs: a package of bench/package.json, or Go with bbolt. */
export type Need = "better-sqlite3" | "lmdb" | "bbolt";

export const NEEDS: Readonly<Partial<Record<SubjectName, Need>>> = {
  sqliteJson: "better-sqlite3",
  sqliteColumns: "better-sqlite3",
  sqliteCovering: "better-sqlite3",
  sqliteCoalesced: "better-sqlite3",
  lmdb: "lmdb",
  lmdbCached: "lmdb",
  lmdbCovering: "lmdb",
  bbolt: "bbolt",
  bboltStructs: "bbolt",
  bboltCovering: "bbolt",
};

/** Samples of tenants by time, or readings with two indexes. */
export type About = "samples" | "readings";

/** One thing to do again and again. Where it is random, all subjects get the same places. */
export type Operation =
  /** So many samples of a tenant from a time on; `together` that many queries at once, the time is that of one. */
  | { readonly kind: "next"; readonly rows: number; readonly together: number }
  /** All samples of a tenant in a window of time that has so many. */
  | { readonly kind: "window"; readonly rows: number }
  /** So many samples of a tenant before a time, newest first. */
  | { readonly kind: "latest"; readonly rows: number }
  /** The oldest samples of a tenant that are there. */
  | { readonly kind: "oldest"; readonly rows: number }
  /** Samples one after another in one transaction, out of the first `among`, or out of all. */
  | { readonly kind: "gets"; readonly gets: number; readonly among?: number }
  /** The same, each in a transaction of its own. */
  | { readonly kind: "views"; readonly gets: number }
  /** The same in one call. */
  | { readonly kind: "getMany"; readonly gets: number }
  /** All readings of a tenant. */
  | { readonly kind: "list" }
  /** So many readings of a node from a time on, by an index. */
  | { readonly kind: "by-node"; readonly rows: number }
  /** Concurrent writers, each with durable commits of so many readings, one after another; the time of one commit. */
  | { readonly kind: "writes"; readonly writers: number; readonly each: number; readonly rows: number }
  /** Requests that come in at once: queries as above, and durable commits of one reading. */
  | { readonly kind: "mixed"; readonly readers: number; readonly writers: number; readonly rows: number };

/** What one run of a process tells, besides the times of its operation. */
export type Figure = "load" | "size" | "open" | "resident" | "private" | "before" | "after" | "settled";

/** A table of its own: one figure of every subject. */
export interface Report {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  /** What the figures are of, where the unit does not tell. */
  readonly measured?: string;
  /** The subject that others are compared with. */
  readonly ours: SubjectName;
  /** The least ratios, by peer, that meet the targets: the peer's median divided by ours. */
  readonly targets?: Readonly<Partial<Record<SubjectName, number>>>;
  /** The table in the results, and the column there. */
  readonly section: string;
  readonly column: string;
  /** Whether the table tells the p99, too. */
  readonly tail?: true;
  /** The picture that it is a point of, and where that lies on the axis. */
  readonly picture?: PictureName;
  readonly x?: number;
}

export type PictureName = "range" | "growth" | "writers";

/** How many rows a store has: as the effort says, or so many. */
export type Rows = About | number;

interface Common {
  readonly about: About;
  readonly rows: Rows;
  readonly subjects: readonly SubjectName[];
  /** Left out by --quick. */
  readonly full?: true;
}

/** Each subject does the same in a process of its own; they take turns by rounds. */
export interface PeerTrials extends Common {
  readonly kind: "trials";
  readonly operation: Operation;
  /** Whether it begins with a store of its own, which it may change, or reads one that all such workloads share. */
  readonly fresh: boolean;
  readonly sample: TrialWorkload["sample"];
  /** One, or two where it is mixed: reads and writes. */
  readonly reports: readonly Report[];
}

/** Each subject goes through its life in a process of its own, one after another, several times. */
export interface PeerLives extends Common {
  readonly kind: "lives";
  readonly life: "load" | "open" | "age";
  readonly reports: readonly (Report & { readonly figure: Figure })[];
}

export type PeerWorkload = PeerTrials | PeerLives;

/** How long to measure. */
export interface PeerEffort {
  readonly quick: boolean;
  readonly trials: TrialEffort;
  readonly lives: number;
  readonly rows: Readonly<Record<About, number>>;
}

/** How many rows a workload's stores have. */
export function rowsIn(workload: PeerWorkload, effort: PeerEffort): number {
  return typeof workload.rows === "number" ? workload.rows : effort.rows[workload.rows];
}
