import { DatabaseError } from "../errors.ts";
import { show } from "../store/options.ts";

/** What a logger needs to have: `console` and pino do. */
export interface Logger {
  info(message: string): void;
  error(message: string): void;
}

/**
 * Checks a logger.
 *
 * @returns one that never throws: what was done stays done, and what failed says why, whether that can be logged or not
 * @throws DatabaseError `OPTION_INVALID`
 */
export function checkLogger(given: unknown): Logger | undefined {
  if (given === undefined) return undefined;
  try {
    const { info, error } = given as Partial<Logger>;
    if (typeof info === "function" && typeof error === "function")
      return { info: quiet(given, info), error: quiet(given, error) };
  } catch {
    // Null, or what does not let itself be read.
  }
  throw new DatabaseError(
    "OPTION_INVALID",
    `The option logger is ${show(given)}. Pass an object with the methods info and error, as console.`,
  );
}

function quiet(logger: unknown, log: (message: string) => void): (message: string) => void {
  return (message) => {
    try {
      Reflect.apply(log, logger, [message]);
    } catch {
      // A logger's failure is no failure of the work.
    }
  };
}
