import { checkBoolean, checkFunction, checkOptions, checkSignal } from "./options.ts";

/** Options of `Store.update` and `Store.view`. */
export interface TransactionOptions {
  /** Ends the wait for the transaction's turn; once its callback runs, it has no effect. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `Store.begin`. */
export interface BeginOptions extends TransactionOptions {
  /** Whether the transaction can write; false by default. */
  readonly writable?: boolean | undefined;
}

/** @throws DatabaseError `OPTION_INVALID` */
export function checkCall(
  fn: unknown,
  options: TransactionOptions | undefined,
  of: string,
): AbortSignal | undefined {
  checkFunction(fn, of);
  checkOptions(options, ["signal"], of);
  checkSignal(options?.signal);
  return options?.signal;
}

/** @throws DatabaseError `OPTION_INVALID` */
export function checkBegin(options: BeginOptions): { writable: boolean; signal: AbortSignal | undefined } {
  checkOptions(options, ["writable", "signal"], "begin()");
  const { writable, signal } = options;
  checkBoolean(writable, "The option writable");
  checkSignal(signal);
  return { writable: writable === true, signal };
}
