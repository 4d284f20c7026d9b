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
  | "ABORTED";

/** Codes of errors about the buckets, keys and values of one call. */
export type DataErrorCode =
  | "BUCKET_NAME_REQUIRED"
  | "BUCKET_NAME_INVALID"
  | "BUCKET_NOT_FOUND"
  | "BUCKET_EXISTS"
  | "BUCKET_SAME"
  | "BUCKET_CYCLE"
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
  | "BACKUP_TARGET";

/** Every code that a {@link DatabaseError} can bear, grouped by the phase in which it arises. */
export type ErrorCode = OpenErrorCode | TransactionErrorCode | DataErrorCode;

/**
 * The one error class of this library.
 *
 * `code` is stable and meant for programs; `message` says what was wrong, where, and what to do;
 * `cause` is the error underneath, where there is one.
 */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
