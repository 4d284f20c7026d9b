/** Values of a metric, and what they come to. Averages are never averaged: sums and counts are added up. */
import type { MetricsSnapshot, Totals } from "./metrics-record.ts";
import { startOf } from "./periods.ts";

/** What becomes of the values in a step. */
export type Aggregate = "avg" | "min" | "max" | "sum" | "count" | "last" | "rate";

export const AGGREGATES: readonly Aggregate[] = ["avg", "min", "max", "sum", "count", "last", "rate"];

/** A value of a metric, or what several came to. */
export interface Point {
  /** Of the snapshot; where values were aggregated, the begin of their step. */
  readonly timestamp: Date;
  readonly value: number;
}

/** Sums of great numbers stay numbers: what is infinite cannot be kept. */
function bounded(value: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
}

/** What a snapshot says of a metric. @returns undefined where it says nothing */
export function totalsOf({ metrics, rollUp }: MetricsSnapshot, metric: string): Totals | undefined {
  if (!Object.hasOwn(metrics, metric)) return undefined;
  if (rollUp !== undefined && Object.hasOwn(rollUp, metric)) return rollUp[metric];
  const value = metrics[metric] as number;
  return { count: 1, sum: value, min: value, max: value, first: value, last: value, increase: 0 };
}

/** What two periods come to, of which one follows the other. */
export function join(before: Totals, after: Totals): Totals {
  return {
    count: before.count + after.count,
    sum: bounded(before.sum + after.sum),
    min: Math.min(before.min, after.min),
    max: Math.max(before.max, after.max),
    first: before.first,
    last: after.last,
    increase: bounded(before.increase + increaseOf(before.last, after.first) + after.increase),
  };
}

export function averageOf({ sum, count }: Totals): number {
  return sum / count;
}

/** By how much a counter grew from one value to the next: one that fell was reset, and began at zero. */
function increaseOf(from: number, to: number): number {
  return to >= from ? bounded(to - from) : to;
}

interface Step {
  readonly start: number;
  totals: Totals;
  /** When the last value was. */
  lastAt: number;
}

/** Adds up values step by step; without steps, each is one of its own. */
export class Steps {
  readonly #length: number | undefined;
  readonly #steps: Step[] = [];
  readonly #byStart = new Map<number, Step>();

  /** @param length in milliseconds */
  constructor(length: number | undefined) {
    this.#length = length;
  }

  add(at: number, totals: Totals): void {
    const start = this.#length === undefined ? at : startOf(at, this.#length);
    const step = this.#length === undefined ? undefined : this.#byStart.get(start);
    if (step !== undefined) {
      // Of several series, one comes after the other.
      const isLater = at >= step.lastAt;
      step.totals = isLater ? join(step.totals, totals) : join(totals, step.totals);
      if (isLater) step.lastAt = at;
      return;
    }
    const added = { start, totals, lastAt: at };
    this.#steps.push(added);
    if (this.#length !== undefined) this.#byStart.set(start, added);
  }

  /** In the order of time. */
  points(aggregate: Exclude<Aggregate, "rate">): Point[] {
    const steps = this.#steps.sort((a, b) => a.start - b.start);
    return steps.map(({ start, totals }) => ({
      timestamp: new Date(start),
      value: aggregate === "avg" ? averageOf(totals) : totals[aggregate],
    }));
  }
}

/**
 * How fast a counter grows, a second. What it grew between two snapshots is told at the later one; what two snapshots
 * of the same moment tell counts with the next.
 */
export class Rates {
  readonly #length: number | undefined;
  readonly #grown = new Map<number, { increase: number; ms: number }>();
  #before: { at: number; last: number } | undefined;
  #carried = 0;

  /** @param length of a step in milliseconds */
  constructor(length: number | undefined) {
    this.#length = length;
  }

  /** Adds what one series says, in the order of time. */
  add(at: number, { first, last, increase }: Totals): void {
    const before = this.#before;
    this.#before = { at, last };
    if (before === undefined) return;
    this.#carried += increaseOf(before.last, first) + increase;
    if (at === before.at) return;
    const start = this.#length === undefined ? at : startOf(at, this.#length);
    const grown = this.#grown.get(start) ?? { increase: 0, ms: 0 };
    this.#grown.set(start, {
      increase: grown.increase + this.#carried,
      ms: grown.ms + at - before.at,
    });
    this.#carried = 0;
  }

  points(): Point[] {
    return Array.from(this.#grown, ([start, { increase, ms }]) => ({
      timestamp: new Date(start),
      value: bounded((increase / ms) * 1000),
    }));
  }
}

/** The sum of what several series have at each moment. */
export function addUp(lists: readonly (readonly Point[])[]): Point[] {
  const sums = new Map<number, number>();
  for (const { timestamp, value } of lists.flat())
    sums.set(timestamp.getTime(), bounded((sums.get(timestamp.getTime()) ?? 0) + value));
  return Array.from(sums, ([ms, value]) => ({ timestamp: new Date(ms), value })).sort(
    (a, b) => a.timestamp.getTime() - b.timestamp.getTime(),
  );
}
