import { setTimeout as sleep } from "node:timers/promises";
import { abortError, MAX_DELAY } from "../engine/wait-list.ts";

/** What a throttle knows of time. */
export interface Clock {
  /** The time in milliseconds. */
  now(): number;
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

const REAL: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};

/** Holds work to a number of bytes a second. */
export class Throttle {
  readonly #bytesPerSecond: number;
  readonly #clock: Clock;
  /** When all that was spent so far is paid for. */
  #due = Number.NEGATIVE_INFINITY;

  /** @param bytesPerSecond Infinity for no limit */
  constructor(bytesPerSecond: number, clock: Clock = REAL) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#clock = clock;
  }

  /**
   * Waits as long as the bytes are to take.
   *
   * @throws DatabaseError `ABORTED`
   */
  async spend(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) return;
    // Time that passed without work is no credit: it would be spent in one rush.
    this.#due = Math.max(this.#due, this.#clock.now()) + (bytes / this.#bytesPerSecond) * 1000;
    for (let left = this.#left(); left > 0; left = this.#left()) {
      try {
        await this.#clock.sleep(Math.min(Math.ceil(left), MAX_DELAY), signal);
      } catch (error) {
        throw signal?.aborted ? abortError(signal) : error;
      }
    }
  }

  #left(): number {
    return this.#due - this.#clock.now();
  }
}
