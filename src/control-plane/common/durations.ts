/** Lengths of time, as Go and Prometheus write them. */
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";

const MAX_LENGTH = 64;
const PART = /(\d+)(?:\.(\d+))?(ns|us|µs|μs|ms|s|m|h|d|w|y)/g;
const DURATION = new RegExp(`^(?:0|(?:${PART.source})+)$`);

/** In nanoseconds, as Go counts; days and longer ones are Prometheus'. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
  y: 31_536_000_000_000_000n,
};
/** The longest that Go can tell: some 292 years. */
const MAX_DURATION = 2n ** 63n - 1n;
/** What is said of text that is none. */
export const DURATION_MESSAGE = "A duration reads as 90s, 5m or 1h30m, and is at most 292 years";

/**
 * Reads a duration: a day has 24 hours, a year 365 days.
 *
 * @returns milliseconds, with a fraction where there is one
 * @throws DatabaseError `OPTION_INVALID` for what is no duration
 */
export function durationMs(written: string): number {
  const total = nanosecondsOf(written);
  if (total === undefined)
    throw new DatabaseError("OPTION_INVALID", `${DURATION_MESSAGE}, got ${show(written)}.`);
  // Whole milliseconds are told apart, so that none is lost to rounding.
  return Number(total / 1_000_000n) + Number(total % 1_000_000n) / 1e6;
}

/** What is finer than a nanosecond is cut off. @returns undefined for what is no duration */
export function nanosecondsOf(written: string): bigint | undefined {
  if (typeof written !== "string" || written.length > MAX_LENGTH || !DURATION.test(written)) return undefined;
  let total = 0n;
  for (const [, whole = "", fraction = "", unit = ""] of written.matchAll(PART))
    total += (BigInt(whole + fraction) * (UNITS[unit] as bigint)) / 10n ** BigInt(fraction.length);
  return total <= MAX_DURATION ? total : undefined;
}
