/** Granularities of metrics, and the periods of UTC that roll-ups cover. */
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import { type Granularity, granularity } from "./metrics-record.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** The last moment that a date can hold, and less zero the first. */
const LAST_MS = 8_640_000_000_000_000;

export const GRANULARITIES: readonly Granularity[] = granularity.options;

/** From which snapshots others are made, and where it is noted how far that is. */
export interface Level {
  readonly source: "minute" | "hour";
  readonly target: "hour" | "day";
  /** Of the target's periods, in milliseconds. */
  readonly length: number;
  readonly until: "hoursUntil" | "daysUntil";
}

export const HOURS: Level = { source: "minute", target: "hour", length: HOUR_MS, until: "hoursUntil" };
export const DAYS: Level = { source: "hour", target: "day", length: DAY_MS, until: "daysUntil" };

/** The begin of the period that a moment lies in, in milliseconds; periods begin at multiples of their length. */
export function startOf(ms: number, length: number): number {
  return Math.max(Math.floor(ms / length) * length, -LAST_MS);
}

/** @returns undefined for what no date can hold */
export function toDate(ms: number): Date | undefined {
  return Math.abs(ms) <= LAST_MS ? new Date(ms) : undefined;
}

/** The later of two moments, of which either may be missing. */
export function laterOf(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? b : a;
}

/** @throws DatabaseError `OPTION_INVALID` */
export function checkGranularity(value: unknown): Granularity {
  if (GRANULARITIES.includes(value as Granularity)) return value as Granularity;
  throw new DatabaseError(
    "OPTION_INVALID",
    `The granularity is ${show(value)}. Pass one of: ${GRANULARITIES.join(", ")}.`,
  );
}
