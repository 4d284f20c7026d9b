import { DatabaseError } from "../errors.ts";

/** The longest time for which a timer can be set, in milliseconds. */
export const MAX_DELAY: number = 2 ** 31 - 1;

interface Waiter {
  readonly signal: AbortSignal | undefined;
  readonly wake: () => void;
  readonly leave: (error: DatabaseError) => void;
  gone: boolean;
}

/** Those who wait for something, first come first served. A waiter whose signal aborts leaves the line. */
export class WaitList {
  #waiters: Waiter[] = [];
  #head = 0;
  #size = 0;
  /** Who waits with a signal: one listener serves all that share it, as a program's one shutdown signal. */
  readonly #bySignal = new Map<AbortSignal, Set<Waiter>>();

  get size(): number {
    return this.#size;
  }

  /**
   * Waits to be woken.
   *
   * @throws DatabaseError `ABORTED` once the signal aborts; its reason is the cause
   */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(abortError(signal));
    this.#size++;
    return new Promise((wake, leave) => {
      const waiter: Waiter = { signal, wake, leave, gone: false };
      this.#waiters.push(waiter);
      if (signal !== undefined) this.#listen(signal, waiter);
    });
  }

  #listen(signal: AbortSignal, waiter: Waiter): void {
    const sharing = this.#bySignal.get(signal);
    if (sharing !== undefined) {
      sharing.add(waiter);
      return;
    }
    this.#bySignal.set(signal, new Set([waiter]));
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  readonly #onAbort = (event: Event): void => {
    const signal = event.target as AbortSignal;
    const leaving = this.#bySignal.get(signal) ?? [];
    this.#bySignal.delete(signal);
    for (const waiter of leaving) {
      waiter.gone = true;
      this.#size--;
      waiter.leave(abortError(signal));
    }
  };

  #forget(waiter: Waiter): void {
    const { signal } = waiter;
    if (signal === undefined) return;
    const sharing = this.#bySignal.get(signal);
    sharing?.delete(waiter);
    if (sharing?.size !== 0) return;
    this.#bySignal.delete(signal);
    signal.removeEventListener("abort", this.#onAbort);
  }

  /** Wakes the first in line. @returns false where nobody waits */
  wakeOne(): boolean {
    while (this.#head < this.#waiters.length) {
      const waiter = this.#waiters[this.#head++];
      this.#trim();
      if (waiter === undefined || waiter.gone) continue;
      this.#size--;
      this.#forget(waiter);
      waiter.wake();
      return true;
    }
    return false;
  }

  wakeAll(): void {
    while (this.wakeOne());
  }

  /** Forgets those already served, now and then: shifting an array on each call would cost its length. */
  #trim(): void {
    if (this.#head < 1024 && this.#head < this.#waiters.length) return;
    this.#waiters = this.#waiters.slice(this.#head);
    this.#head = 0;
  }
}

/** The error of work that its caller cancelled. */
export function abortError(signal: AbortSignal): DatabaseError {
  return new DatabaseError(
    "ABORTED",
    "The signal aborted before the work was done. No transaction was begun after that; what long work had committed before stays.",
    { cause: signal.reason },
  );
}

/** The error of a call that is one too many. */
export function busyError(limit: number): DatabaseError {
  return new DatabaseError(
    "STORE_BUSY",
    `${limit} calls are under way or wait, which is as many as maxOpen allows. Nothing was done: await earlier calls before you make further ones.`,
    { details: { limit } },
  );
}
