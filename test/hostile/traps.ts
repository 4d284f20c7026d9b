/** Errors that a caller's own code throws: they are no fault of the library, and may reach the caller as they are. */

import { Trap } from "../control-plane/isolation/traps.ts";

export { Trap };

let thrown: unknown[] = [];

/** Notes what is about to be thrown by the caller's own code. */
export function own<T>(error: T): T {
  thrown.push(error);
  return error;
}

/** Throws a trap. */
export function trap(): never {
  throw own(new Trap());
}

/** Whether the caller's own code threw it since {@link forgetTraps}. */
export function isOwn(error: unknown): boolean {
  if (thrown.includes(error)) return true;
  try {
    return error instanceof Trap;
  } catch {
    return false;
  }
}

export function forgetTraps(): void {
  thrown = [];
}
