/** What is reported of a side. */
export interface Statistics {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly p99: number;
}

/** Summarises samples, of which there must be one. */
export function summarise(samples: readonly number[]): Statistics {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)]!;
  const lower = sorted[Math.ceil(middle) - 1]!;
  return {
    median: (lower + upper) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!,
    p99: sorted[Math.ceil(sorted.length * 0.99) - 1]!,
  };
}
