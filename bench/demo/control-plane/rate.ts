/** How often something was done, and in what time. */
export interface Rate {
  readonly times: number;
  readonly ms: number;
  readonly perSecond: number;
}

/**
 * Does something again and again, one after another.
 *
 * @param ms for how long
 * @throws the signal's reason where it aborts
 */
export async function measureRate(
  ms: number,
  signal: AbortSignal,
  work: () => Promise<unknown>,
): Promise<Rate> {
  const began = performance.now();
  let times = 0;
  while (performance.now() - began < ms) {
    signal.throwIfAborted();
    await work();
    times++;
  }
  return rateOf(times, performance.now() - began);
}

export function rateOf(times: number, ms: number): Rate {
  return { times, ms, perSecond: (times / ms) * 1000 };
}
