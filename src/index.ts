export type { Awaitable } from "./awaitable.ts";
export {
  type BoltBucket,
  type BoltElement,
  type BoltFile,
  type BoltRow,
  openBolt,
} from "./bolt/bolt-file.ts";
export type { BuildReport } from "./collections/build.ts";
export type { Many } from "./collections/bulk.ts";
export {
  type BindOptions,
  type Collection,
  type CollectionOptions,
  collection,
  type KeyOf,
  type RecordOf,
} from "./collections/collection.ts";
export type { IndexQueries } from "./collections/index-queries.ts";
export type { Page, PageOptions, Pages } from "./collections/pages.ts";
export type { ProblemKind, RecordProblem } from "./collections/problem.ts";
export type { Explanation, Queries } from "./collections/queries.ts";
export type { Records } from "./collections/records.ts";
export type { InputOf, OutputOf, RecordIssue, Schema } from "./collections/schema.ts";
export type { CollectionTypes, IndexDefinition, IndexTypes, Scalar } from "./collections/types.ts";
export type { VerifyReport } from "./collections/verify.ts";
export {
  type CollectionErrorCode,
  DatabaseError,
  type DataErrorCode,
  type ErrorCode,
  type ImportErrorCode,
  type MigrationErrorCode,
  type OpenErrorCode,
  type TransactionErrorCode,
} from "./errors.ts";
export type { KeyBounds, KeyPrefix } from "./keys/bounds.ts";
export { decodeKey } from "./keys/decode.ts";
export { encodeKey, type Key } from "./keys/encode.ts";
export type { DryRunOptions, DryRunStep, RowChanges } from "./migrations/dry-run.ts";
export { type EachRowOptions, eachRow, type RowContext } from "./migrations/each-row.ts";
export type { AppliedMigration, RunningMigration } from "./migrations/history.ts";
export type { Logger, MigrateOptions, MigrateReport } from "./migrations/migrate.ts";
export { type MigrationStatus, type Migrations, migrations } from "./migrations/migrations.ts";
export type { MigrationProgress } from "./migrations/run-step.ts";
export type { Batch, BatchedStep, Migration, Step } from "./migrations/step.ts";
export type { BackupOptions, BackupReport } from "./store/backup.ts";
export type { Bucket, BucketStats } from "./store/bucket.ts";
export type { BucketOptions, BucketParent } from "./store/bucket-parent.ts";
export type { CheckOptions, CheckProblem, CheckReport } from "./store/check.ts";
export type { CompactOptions } from "./store/compact.ts";
export type { Cursor, Element } from "./store/cursor.ts";
export { openStore, type StoreOptions } from "./store/open-store.ts";
export type { Progress, WorkOptions } from "./store/progress.ts";
export type { Range } from "./store/range.ts";
export type { RangeOptions } from "./store/range-options.ts";
export type { BeginOptions, Durability, Store, StoreStats, TransactionOptions } from "./store/store.ts";
export type { Transaction } from "./store/transaction.ts";
export type { Encoding } from "./store/values.ts";
