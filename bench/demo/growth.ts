/** Turns counters that only grow (bytes since boot, ticks of work) into their growth over the last moments. */
export class Growth {
  readonly #spanMs: number;
  #readings: { at: number; counters: readonly number[] }[] = [];

  /** @param spanMs the time over which growth is measured: longer is smoother */
  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  /**
   * Takes a reading.
   *
   * @returns how much each counter grew since the oldest reading in the span, and the seconds between the two
   */
  add(at: number, counters: readonly number[]): { grown: number[]; seconds: number } {
    this.#readings.push({ at, counters });
    while (this.#readings.length > 2 && this.#readings[0]!.at < at - this.#spanMs) this.#readings.shift();
    const oldest = this.#readings[0]!;
    return {
      // A counter that went back (a device was replaced) has not grown.
      grown: counters.map((counter, i) => Math.max(0, counter - (oldest.counters[i] ?? counter))),
      seconds: (at - oldest.at) / 1000,
    };
  }
}

/** Division where nothing by nothing is nothing: no time has passed at the first reading. */
export function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
