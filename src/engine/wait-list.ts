import { DatabaseError } from "../errors.ts";

interface Waiter {
  wake(): void;
  gone: boolean;
}

/** Those who wait for something, first come first served. A waiter whose signal aborts leaves the line. */
export class WaitList {
  #waiters: Waiter[] = [];
  #head = 0;
  #size = 0;

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
    return new Promise((resolve, reject) => {
      const leave = () => {
        waiter.gone = true;
        this.#size--;
        reject(abortError(signal as AbortSignal));
      };
      const waiter: Waiter = {
        gone: false,
        wake: () => {
          signal?.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** Wakes the first in line. @returns false where nobody waits */
  wakeOne(): boolean {
    while (this.#head < this.#waiters.length) {
      const waiter = this.#waiters[this.#head++];
      this.#trim();
      if (waiter === undefined || waiter.gone) continue;
      this.#size--;
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
  return new DatabaseError("ABORTED", "The signal aborted before the work was done; nothing was changed.", {
    cause: signal.reason,
  });
}
