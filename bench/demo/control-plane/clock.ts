/**
 * The clock of the control plane. It goes as this machine's does, and can be set forward: days pass in moments, and
 * everything that asks for the time believes it.
 */
export class Clock {
  #ahead: number;

  /** @param start what it shows at first, in milliseconds since 1970 */
  constructor(start: number) {
    this.#ahead = start - Date.now();
  }

  readonly now = (): Date => new Date(Date.now() + this.#ahead);

  /** Sets it forward, or leaves it where it is later already. */
  setTo(time: number): void {
    this.#ahead = Math.max(this.#ahead, time - Date.now());
  }

  advance(ms: number): void {
    this.#ahead += ms;
  }
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
