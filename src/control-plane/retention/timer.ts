/** A timer for work that goes on in the background: it keeps no process alive, and never runs twice at a time. */

/** The share of the interval by which each run is moved, so that many programs do not run at once. */
const JITTER = 0.1;
/** The first run comes soon: a program that is started often must not be one in which nothing ever runs. */
const FIRST_MS = 60_000;

export class Timer {
  readonly #every: number;
  readonly #run: () => Promise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param every milliseconds between the end of a run and the next; the first comes sooner @param run must not throw */
  constructor(every: number, run: () => Promise<unknown>) {
    this.#every = every;
    this.#run = run;
    this.#wait(Math.min(every, FIRST_MS));
  }

  /** Runs no more. What runs goes on. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    if (this.#isStopped) return;
    const moved = ms * (1 + JITTER * (2 * Math.random() - 1));
    this.#timer = setTimeout(async () => {
      await this.#run();
      this.#wait(this.#every);
    }, moved);
    this.#timer.unref();
  }
}
