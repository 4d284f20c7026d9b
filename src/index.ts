export type { Awaitable } from "./awaitable.ts";
export {
  DatabaseError,
  type DataErrorCode,
  type ErrorCode,
  type OpenErrorCode,
  type TransactionErrorCode,
} from "./errors.ts";
export type { KeyBounds, KeyPrefix } from "./keys/bounds.ts";
export { decodeKey } from "./keys/decode.ts";
export { encodeKey, type Key } from "./keys/encode.ts";
export type { BackupOptions, BackupReport } from "./store/backup.ts";
export type { Bucket, BucketStats } from "./store/bucket.ts";
export type { BucketOptions, BucketParent } from "./store/bucket-parent.ts";
export type { CheckOptions, CheckProblem, CheckReport } from "./store/check.ts";
export type { CompactOptions } from "./store/compact.ts";
export type { Cursor, Element } from "./store/cursor.ts";
export { openStore, type StoreOptions } from "./store/open-store.ts";
export type { Progress } from "./store/progress.ts";
export type { Range } from "./store/range.ts";
export type { RangeOptions } from "./store/range-options.ts";
export type { BeginOptions, Durability, Store, StoreStats, TransactionOptions } from "./store/store.ts";
export type { Transaction } from "./store/transaction.ts";
export type { Encoding } from "./store/values.ts";
