export type { Awaitable } from "./awaitable.ts";
export {
  type BoltBucket,
  type BoltElement,
  type BoltFile,
  type BoltRow,
  openBolt,
} from "./bolt/bolt-file.ts";
export {
  type BoltImportOptions,
  type BoltImportReport,
  type ImportedBucket,
  importBolt,
} from "./bolt-import/import-bolt.ts";
export type { KeyForm } from "./bolt-import/keys.ts";
export type { BoltKeys, BoltRule, BoltRules, BoltValues } from "./bolt-import/rules.ts";
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
export type {
  ApiKey,
  ApiKeyFilter,
  ApiKeyInput,
  ApiKeyPatch,
  ApiKeys,
  NewApiKey,
  RotateOptions,
} from "./control-plane/access/api-keys.ts";
export type { Session } from "./control-plane/access/session-record.ts";
export type { NewSession, SessionFilter, SessionInput, Sessions } from "./control-plane/access/sessions.ts";
export type { Role, User, UserInput, Users } from "./control-plane/access/users.ts";
export type {
  ApiKeyIdentity,
  ApiKeyRefusal,
  ApiKeyVerification,
  VerifyOptions as ApiKeyVerifyOptions,
} from "./control-plane/access/verify-key.ts";
export type { SessionRefusal, SessionVerification } from "./control-plane/access/verify-session.ts";
export type { AlertRule, NotificationChannel } from "./control-plane/alerts/alert-record.ts";
export type { AlertRuleInput, AlertRules } from "./control-plane/alerts/alert-rules.ts";
export type { NotificationChannelInput, NotificationChannels } from "./control-plane/alerts/channels.ts";
export type { AuditEntry, AuditListOptions, AuditTrail } from "./control-plane/audit/audit.ts";
export type { AuditProblem, AuditProblemKind } from "./control-plane/audit/audit-chain.ts";
export type { AuditHead, AuditLog, AuditLogInput } from "./control-plane/audit/audit-record.ts";
export type {
  AuditBroken,
  AuditReport,
  AuditSound,
  VerifyAuditOptions,
} from "./control-plane/audit/audit-verify.ts";
export type { Checkpoint, PrivateKey, PublicKey } from "./control-plane/audit/checkpoints.ts";
export type { ListOptions } from "./control-plane/common/pages.ts";
export type { Actor } from "./control-plane/common/scope.ts";
export type { Database, DatabaseStats } from "./control-plane/database.ts";
export { DatabaseManager } from "./control-plane/database-manager.ts";
export type { DatabaseOptions, RetentionOptions } from "./control-plane/database-options.ts";
export type { DatabaseTransaction } from "./control-plane/database-transaction.ts";
export type { HeldReport } from "./control-plane/go-import/batch.ts";
export type { GoImportReport } from "./control-plane/go-import/go-import.ts";
export type { HeldStatus } from "./control-plane/go-import/held-record.ts";
export type { GoImportOptions } from "./control-plane/go-import/import-options.ts";
export type { GoBucketReport } from "./control-plane/go-import/import-record.ts";
export type {
  Quarantine,
  QuarantineEntry,
  QuarantineListOptions,
} from "./control-plane/go-import/quarantine.ts";
export type { Aggregate, Point } from "./control-plane/metrics/aggregate.ts";
export type { Metrics, NamedSeries } from "./control-plane/metrics/metrics.ts";
export type { MetricsListOptions } from "./control-plane/metrics/metrics-list.ts";
export type { Granularity, MetricsSnapshot, Totals } from "./control-plane/metrics/metrics-record.ts";
export type { NodeMetricsInput, NodeMetricsLog } from "./control-plane/metrics/node-metrics.ts";
export type { NodeMetrics } from "./control-plane/metrics/node-metrics-record.ts";
export type { RollUpReport } from "./control-plane/metrics/roll-up.ts";
export type { LatestValue, Series, SeriesOptions } from "./control-plane/metrics/series.ts";
export type { MetricsSnapshotInput } from "./control-plane/metrics/snapshot-writer.ts";
export type { FlowDecision, RuleReference } from "./control-plane/network/decide.ts";
export type { Flow, FlowEnd } from "./control-plane/network/flow.ts";
export type { NodeGroup } from "./control-plane/network/group-record.ts";
export type { NodeGroupInput, NodeGroups } from "./control-plane/network/groups.ts";
export type { Node, NodeStatus } from "./control-plane/network/node-record.ts";
export type { Heartbeat, NodeInput, Nodes } from "./control-plane/network/nodes.ts";
export type { NetworkPolicies, NetworkPolicyInput } from "./control-plane/network/policies.ts";
export type {
  NetworkPolicy,
  NetworkPolicyRule,
  NetworkPolicyTarget,
} from "./control-plane/network/policy-record.ts";
export type { Operations } from "./control-plane/operations.ts";
export type {
  Retention,
  RetentionDays,
  RetentionReport,
  RetentionStats,
} from "./control-plane/retention/retention.ts";
export type { RetentionKind, RetentionState } from "./control-plane/retention/retention-record.ts";
export type { SystemOperations } from "./control-plane/system-operations.ts";
export type { TenantHandle } from "./control-plane/tenant-handle.ts";
export type { TenantOperations } from "./control-plane/tenant-operations.ts";
export type { BillingRecord } from "./control-plane/tenants/billing-record.ts";
export type { Quota, QuotaLimits, Recount } from "./control-plane/tenants/quota.ts";
export type { TenantQuota } from "./control-plane/tenants/quota-record.ts";
export type { Tenant, TenantInput, TenantSettings } from "./control-plane/tenants/tenant-record.ts";
export type { Tenants } from "./control-plane/tenants/tenants.ts";
export type { Recovery } from "./engine/leveldb/go-back.ts";
export {
  type CollectionErrorCode,
  type ControlPlaneErrorCode,
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
export type { Logger } from "./migrations/logger.ts";
export type { MigrateOptions, MigrateReport } from "./migrations/migrate.ts";
export { type MigrationStatus, type Migrations, migrations } from "./migrations/migrations.ts";
export type { MigrationProgress } from "./migrations/run-step.ts";
export type { Batch, BatchedStep, Migration, Step } from "./migrations/step.ts";
export { type RepairOptions, repair } from "./repair/repair.ts";
export type {
  DamagedFile,
  LostHistory,
  LostRange,
  RecoveredBucket,
  RepairedCollection,
  RepairReport,
} from "./repair/report.ts";
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
export { restore } from "./store/restore.ts";
export type { Durability, Store, StoreStats } from "./store/store.ts";
export type { Transaction } from "./store/transaction.ts";
export type { BeginOptions, TransactionOptions } from "./store/transaction-options.ts";
export type { Encoding } from "./store/values.ts";
export { type VerifiedBackup, verifyBackup } from "./store/verify-backup.ts";
