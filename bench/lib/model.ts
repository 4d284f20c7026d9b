// What a workload is made of. Workloads are data: who runs which operation on which store, and what is claimed.
import type { ControlPlaneName, ControlPlaneOperation } from "./control-plane-model.ts";

/** Who is measured. */
export type SubjectName = "ours" | "raw" | "rawTuples";

/** Who is measured where it is about records and their indexes. */
export type RecordSubjectName = "collection" | "buckets" | "rawRecords" | "rawSnapshot";

/** What kind of index a query is answered by; the last gives what its entries hold, not records. */
export type IndexKind = "plain" | "covering" | "projection";

/** Stores of metrics rows, built once per run, compacted, and the same for every subject. */
export type MetricsName = "small" | "medium" | "large";

/** Stores of a collection, likewise: with the indexes that are read, with none, and a tenth of that. */
export type CollectionName = "scanned" | "unindexed" | "tenth";

/** Metrics rows for migrations: to be rewritten, a tenth of that, and a store that went through its list already. */
export type MigrationName = "outdated" | "outdatedTenth" | "upToDate";

/** A directory with a bbolt file as a Go control plane writes them, which is there only where Go is. */
export type GoFileName = "goFile";

export type DatasetName = MetricsName | CollectionName | MigrationName | ControlPlaneName | GoFileName;

/** Whether a commit waits for the disk. */
export type Durability = "durable" | "relaxed";

/** One thing to do again and again. */
export type Operation =
  /** One query for `[key, value]` rows, from a random row on, in a transaction that stays open. */
  | { readonly kind: "range"; readonly rows: number }
  /** The same, in a transaction of its own. */
  | { readonly kind: "view-range"; readonly rows: number }
  /** One query for values alone, in a transaction that stays open. */
  | { readonly kind: "values"; readonly rows: number }
  /** Gets of random rows, in a transaction that stays open; the time is that of one get. */
  | { readonly kind: "gets"; readonly gets: number }
  /** A transaction of its own for one get. */
  | { readonly kind: "view-get" }
  /** One transaction that puts that many new rows; `awaited` tells whether each put is. */
  | { readonly kind: "puts"; readonly rows: number; readonly awaited: boolean }
  /** Concurrent writers, each with one-put transactions one after the other; the time is that of one transaction. */
  | { readonly kind: "writers"; readonly writers: number; readonly each: number };

/** The same for records, each of which has indexes. */
export type RecordOperation =
  /** One transaction that puts that many new records. */
  | { readonly kind: "record-puts"; readonly rows: number }
  /** The schema's checks of the same records, and nothing else. */
  | { readonly kind: "checks"; readonly rows: number }
  /** One query by an index, from a random key on, in a transaction that stays open. */
  | { readonly kind: "scan"; readonly by: IndexKind; readonly rows: number };

interface CommonSide {
  /** Its name in the table and in the JSON file. */
  readonly label: string;
  readonly durability?: Durability;
}

/** One line of a workload's table. */
export interface Side extends CommonSide {
  readonly about?: "metrics";
  readonly subject: SubjectName;
  readonly operation: Operation;
  /** The rows it finds: a dataset, or nothing, where it begins with an empty store of its own. */
  readonly store: MetricsName | "empty";
}

/** The same where it is about records. */
export interface RecordSide extends CommonSide {
  readonly about: "records";
  readonly subject: RecordSubjectName;
  readonly operation: RecordOperation;
  readonly store: CollectionName | "empty";
}

/** The same where it is about a control plane's database: its operations themselves say who is measured. */
export interface ControlPlaneSide extends CommonSide {
  readonly about: "control-plane";
  readonly operation: ControlPlaneOperation;
  readonly store: ControlPlaneName | "empty";
}

export type TrialSide = Side | RecordSide | ControlPlaneSide;

/** A side that is measured as a whole process: `bare` is Node alone, `migrated` has migrate() called when it opened. */
export interface ProcessSide {
  readonly label: string;
  readonly subject: "ours" | "raw" | "bare" | "migrated";
  readonly store: MetricsName | "upToDate";
  /** What of it to tell, where that is not what the workload measures. */
  readonly measure?: ProcessMeasure;
}

/**
 * How long opening a store took, or opening it once more; what memory the process then has; how long opening took
 * together with migrate(), and what migrate() took of that, at first or when the store was opened once more.
 */
export type ProcessMeasure = "open" | "reopen" | "memory" | "migrated" | "migrate" | "remigrate";

/** What a process does with its copy of a store. */
export type CopyRun =
  /** Builds an index; `writer` tells whether another writer has small transactions committed meanwhile. */
  | { readonly program: "build"; readonly writer: boolean }
  /** Changes every row. */
  | { readonly program: "rewrite"; readonly subject: "ours" | "raw" }
  /** Imports a bbolt file: as a Go control plane's, or buckets to buckets; by the command, whose heap is kept small, or not. */
  | { readonly program: "import"; readonly subject: "control-plane" | "plain"; readonly command: boolean }
  /** Rolls metrics up and deletes the old ones; `writer` as above. */
  | { readonly program: "retain"; readonly writer: boolean };

/** A figure of such a run: each has a unit of its own, and one run gives several. */
export interface CopySide {
  readonly label: string;
  readonly store: CollectionName | MigrationName | ControlPlaneName | GoFileName;
  readonly run: CopyRun;
  readonly figure: CopyFigure;
  readonly unit: Unit;
}

/** Which programs give which of them, and what they tell, is written where the programs are. */
export type CopyFigure =
  | "rate"
  | "resident"
  | "memory"
  | "heap"
  | "pause"
  | "update"
  | "meanwhile"
  | "rollUpRate"
  | "rollUpPause";

export type Unit = "us" | "ms" | "MiB" | "rows/s" | "MB/s";

/** A figure to report; with a bound it is a target. */
export type Claim =
  /** The time of `label` divided by that of `versus` is to be at most this. */
  | { readonly label: string; readonly versus: string; readonly atMost?: number }
  /** `label` is to be at least this many times as fast as `versus`. */
  | { readonly label: string; readonly versus: string; readonly atLeast: number }
  /** The median of `label` is to be at most this, in its unit. */
  | { readonly label: string; readonly limit: number }
  /** How many the median of `label`, which is in microseconds, makes a second; it is to be at least that many. */
  | { readonly label: string; readonly perSecond: string; readonly atLeast?: number }
  /** What share of the median of `of` that of `label` is. */
  | { readonly label: string; readonly of: string };

interface Common {
  readonly name: string;
  readonly title: string;
  /** How sides are compared, and why in this way: printed below the title. */
  readonly method: string;
  readonly unit: Unit;
  readonly claims: readonly Claim[];
}

/**
 * How the sides of a group are run: `together` in one process, over one open database where they read the same dataset,
 * taking turns operation by operation; or `apart`, each in a process and a store of its own, taking turns by rounds.
 */
export type Placement = "together" | "apart";

/** Sides take turns, group by group; each group is run several times, in fresh processes. */
export interface TrialWorkload extends Common {
  readonly kind: "trials";
  readonly placement: Placement;
  readonly groups: readonly (readonly TrialSide[])[];
  /** A sample is a round's mean, or every single operation. */
  readonly sample: "round" | "operation";
}

/** Every sample is a new process, which opens a store: how long that took, or what memory the process then has. */
export interface ProcessWorkload extends Common {
  readonly kind: "processes";
  readonly measure: ProcessMeasure;
  readonly sides: readonly ProcessSide[];
}

/** Every round does each run once, in a new process and on a copy of its store. */
export interface CopyWorkload extends Common {
  readonly kind: "copies";
  /** How many rounds, where one takes long and has many samples. */
  readonly rounds?: number;
  readonly sides: readonly CopySide[];
}

export type Workload = TrialWorkload | ProcessWorkload | CopyWorkload;

/** The lines of a workload's table. */
export function sidesOf(workload: Workload): readonly (TrialSide | ProcessSide | CopySide)[] {
  return workload.kind === "trials" ? workload.groups.flat() : workload.sides;
}

/** How long to measure sides that are together, or apart. */
export interface TrialEffort {
  /** How many times a group is run in fresh processes. */
  readonly launches: number;
  /** How many rounds each of them takes. */
  readonly rounds: number;
  /** How long one side's share of a round takes, on the average of the sides. */
  readonly roundMs: number;
  /** How long one side's share of the warm-up takes. */
  readonly warmUpMs: number;
}

/** How long to measure. */
export interface Effort {
  readonly trials: Readonly<Record<Placement, TrialEffort>>;
  readonly processRounds: number;
  readonly copyRounds: number;
  readonly rows: Readonly<Record<DatasetName, number>>;
}

/** Where the datasets lie; those that could not be made here are absent. */
export type Directories = Readonly<Partial<Record<DatasetName, string>>>;

/** Hears of progress: what is being done, and how much of it is done. */
export type Progress = (what: string, done: number, of: number) => void;
