import { DatabaseError } from "../errors.ts";

interface LevelError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/** The codes and messages of an engine's error and of all that caused it, the outermost first. */
function causes(error: unknown): { codes: unknown[]; message: string } {
  const codes: unknown[] = [];
  let message = "";
  for (
    let at = error as LevelError | undefined;
    at != null && codes.length < 8;
    at = at.cause as LevelError
  ) {
    codes.push(at.code);
    message = String(at.message ?? at);
  }
  return { codes, message };
}

/**
 * Gives the library's own error for a read that the engine refused.
 *
 * @returns `TX_EXPIRED`, `TX_CLOSED`, `STORE_CLOSED`, `STORE_DAMAGED` or `STORE_IO`
 */
export function readError(error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const { codes, message } = causes(error);
  if (codes.includes("LEVEL_SNAPSHOT_NOT_OPEN")) {
    return new DatabaseError(
      "TX_EXPIRED",
      "The transaction outstayed maxTransactionAge while others committed. Read in shorter transactions, or raise the option.",
      { cause: error },
    );
  }
  if (codes.includes("LEVEL_ITERATOR_NOT_OPEN")) return endedError(error);
  if (codes.includes("LEVEL_DATABASE_NOT_OPEN")) {
    return new DatabaseError("STORE_CLOSED", "The engine was closed while it was read.", { cause: error });
  }
  if (codes.includes("LEVEL_CORRUPTION")) {
    return new DatabaseError(
      "STORE_DAMAGED",
      `A data file is damaged: ${message}. Run check(), then restore a backup.`,
      {
        cause: error,
      },
    );
  }
  return new DatabaseError("STORE_IO", `The engine could not read: ${message}.`, { cause: error });
}

/** The error of a read that its transaction's end has cut off. */
export function endedError(cause?: unknown): DatabaseError {
  const message = "The transaction ended while it was read. Await every call in it.";
  return new DatabaseError("TX_CLOSED", message, cause === undefined ? {} : { cause });
}

/**
 * Gives the library's own error for an engine that did not open.
 *
 * @returns `STORE_LOCKED`, `STORE_NOT_FOUND`, `STORE_DAMAGED` or `STORE_IO`
 */
export function openError(error: unknown, location: string): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const { codes, message } = causes(error);
  if (codes.includes("LEVEL_LOCKED")) {
    return new DatabaseError(
      "STORE_LOCKED",
      `${location} is held by another process. Close it there, or wait with the option lockTimeout.`,
      { cause: error },
    );
  }
  if (message.includes("does not exist (create_if_missing is false)")) {
    return new DatabaseError("STORE_NOT_FOUND", `There is no store at ${location}.`, { cause: error });
  }
  if (codes.includes("LEVEL_CORRUPTION")) {
    return new DatabaseError(
      "STORE_DAMAGED",
      `The store at ${location} is damaged: ${message}. Restore a backup, or repair a copy of the directory.`,
      { cause: error },
    );
  }
  return new DatabaseError("STORE_IO", `The store at ${location} could not be opened: ${message}.`, {
    cause: error,
  });
}
