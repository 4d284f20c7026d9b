/** Codes of errors met while a store is opened, closed or configured. */
export type OpenErrorCode =
  | "OPTION_INVALID"
  | "PATH_INVALID"
  | "STORE_NOT_FOUND"
  | "STORE_LOCKED"
  | "LOCK_TIMEOUT"
  | "STORE_INVALID"
  | "STORE_VERSION"
  | "STORE_DAMAGED"
  | "STORE_IO"
  | "ENGINE_UNSUITABLE";

/** Codes of errors about the state that a store or a transaction is in. */
export type TransactionErrorCode =
  | "STORE_CLOSED"
  | "STORE_READ_ONLY"
  | "STORE_FAILED"
  | "TX_CLOSED"
  | "TX_NOT_WRITABLE"
  | "TX_MANAGED"
  | "TX_NESTED"
  | "TX_EXPIRED"
  | "STORE_BUSY"
  | "ABORTED";

/** Codes of errors about the buckets, keys and values of one call. */
export type DataErrorCode =
  | "BUCKET_NAME_REQUIRED"
  | "BUCKET_NAME_INVALID"
  | "BUCKET_NOT_FOUND"
  | "BUCKET_EXISTS"
  | "BUCKET_SAME"
  | "BUCKET_CYCLE"
  | "BUCKET_OWNED"
  | "STORE_DIFFERENT"
  | "INCOMPATIBLE_VALUE"
  | "KEY_REQUIRED"
  | "KEY_INVALID"
  | "KEY_TOO_LARGE"
  | "VALUE_INVALID"
  | "VALUE_TOO_LARGE"
  | "SEQUENCE_INVALID"
  | "CURSOR_UNPOSITIONED"
  | "DATA_CORRUPT"
  | "BACKUP_TARGET"
  | "BACKUP_INVALID";

/** Codes of errors about collections, their records and indexes. */
export type CollectionErrorCode =
  | "COLLECTION_INVALID"
  | "COLLECTION_CHANGED"
  | "INDEX_NOT_FOUND"
  | "INDEX_NOT_READY"
  | "RECORD_INVALID"
  | "RECORD_EXISTS"
  | "RECORD_NOT_FOUND"
  | "UNIQUE_VIOLATION"
  | "TOKEN_INVALID";

/** Codes of errors about migrations. */
export type MigrationErrorCode =
  | "MIGRATION_INVALID"
  | "MIGRATION_MISMATCH"
  | "MIGRATION_NEWER"
  | "MIGRATION_IRREVERSIBLE"
  | "MIGRATION_FAILED"
  | "BUCKET_MIGRATING";

/** Codes of errors about a bbolt file that is read or imported. */
export type ImportErrorCode = "BOLT_INVALID" | "BOLT_DAMAGED" | "BOLT_BUSY" | "BOLT_REFUSED";

/** Codes of errors about the control plane's tenants, and the rules of its models. */
export type ControlPlaneErrorCode =
  | "TENANT_NOT_FOUND"
  | "TENANT_SUSPENDED"
  | "TENANT_BUSY"
  | "TENANT_NOT_EMPTY"
  | "TENANT_REQUIRED"
  | "TENANT_MISMATCH"
  | "QUOTA_EXCEEDED"
  | "REFERENCE_INVALID"
  | "ID_AMBIGUOUS"
  | "SERIES_LIMIT"
  | "METRIC_TOO_LATE"
  | "CHECKPOINT_INVALID"
  | "EXPORT_INVALID"
  | "RETENTION_FAILED";

/** Every code that a {@link DatabaseError} can bear, grouped by the phase in which it arises. */
export type ErrorCode =
  | OpenErrorCode
  | TransactionErrorCode
  | DataErrorCode
  | CollectionErrorCode
  | MigrationErrorCode
  | ImportErrorCode
  | ControlPlaneErrorCode;

/**
 * The one error class of this library.
 *
 * `code` is stable and meant for programs; `message` says what was wrong, where, and what to do; `details` holds the
 * same facts for programs, where the code's documentation names some; `cause` is the error underneath, where there is
 * one.
 */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Readonly<Record<string, unknown>> },
  ) {
    super(message, options);
    this.code = code;
    this.details = options?.details;
  }
}

/**
 * The error of a call that met another one while it read what its caller passed: getters and proxies may throw anything.
 *
 * @param what what was read, for the message
 * @param cause what was thrown
 * @returns the error with that code; the cause itself where it has a code already
 */
export function unreadable(code: ErrorCode, what: string, cause: unknown): DatabaseError {
  let why = "an error that cannot be read";
  try {
    if (cause instanceof DatabaseError) return cause;
    why = String(cause instanceof Error ? cause.message : cause).slice(0, 200);
  } catch {
    // The cause is such a thing itself.
  }
  return new DatabaseError(code, `${what} could not be read: ${why}. Pass plain data.`, { cause });
}
