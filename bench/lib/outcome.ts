// From samples to what is reported: statistics of each side, and how each claim fared.
import type { Claim, Unit } from "./model.ts";
import { type Statistics, summarise } from "./statistics.ts";

/** One side's figures, as the JSON file has them. */
export interface Result extends Statistics {
  readonly workload: string;
  readonly subject: string;
  readonly unit: Unit;
  readonly rounds: number;
}

/** How two sides compare, as the JSON file has it. */
export interface Ratio {
  readonly workload: string;
  readonly subject: string;
  readonly versus: string;
  /** The other side's median divided by the subject's: above 1 the subject is faster. */
  readonly ratio: number;
  /** The least ratio that meets the target, where there is one. */
  readonly target?: number;
  readonly met?: boolean;
  /** The same in words. */
  readonly finding: string;
}

/** What a table is about. */
export interface Reported {
  readonly name: string;
  readonly title: string;
  /** How sides are compared, and why in this way: printed below the title. */
  readonly method: string;
  readonly unit: Unit;
  /** What the figures are of, where the unit does not tell. */
  readonly measured?: string;
  readonly claims: readonly Claim[];
}

/** One line of a table, with its unit where that is another one. */
export interface ReportedSide {
  readonly label: string;
  readonly unit?: Unit;
}

export interface Outcome {
  readonly workload: Reported;
  readonly results: readonly Result[];
  readonly ratios: readonly Ratio[];
}

/** Summarises the samples of a workload, which are in its sides' units. */
export function toOutcome(
  workload: Reported,
  sides: readonly ReportedSide[],
  samples: readonly number[][],
  rounds: number,
): Outcome {
  const results = sides.map((side, index) => ({
    workload: workload.name,
    subject: side.label,
    unit: side.unit ?? workload.unit,
    ...summarise(samples[index]!),
    rounds,
  }));
  const find = (label: string) => results.find((result) => result.subject === label)!;
  const ratios = workload.claims.map((claim) => toRatio(workload, claim, find));
  return { workload, results, ratios };
}

function toRatio(workload: Reported, claim: Claim, find: (label: string) => Result): Ratio {
  const { median: ours, unit } = find(claim.label);
  const base = { workload: workload.name, subject: claim.label };
  if ("limit" in claim) {
    const ratio = claim.limit / ours;
    const limit = `${claim.limit} ${unit}`;
    const finding = `${figure(ours)} ${unit}, target at most ${limit}`;
    return { ...base, versus: limit, ratio, target: 1, met: ratio >= 1, finding };
  }
  if ("of" in claim) {
    const ratio = find(claim.of).median / ours;
    return { ...base, versus: claim.of, ratio, finding: `${figure(100 / ratio)} % of ${quote(claim.of)}` };
  }
  if ("perSecond" in claim) return { ...base, ...toRate(claim, ours) };
  const { versus } = claim;
  // A rate is the better the higher it is, all else the lower.
  const ratio = unit === "rows/s" ? ours / find(versus).median : find(versus).median / ours;
  const faster = `${figure(ratio)} times as fast as ${quote(versus)}`;
  const { measured = unit === "MiB" ? "memory" : "time" } = workload;
  const slower = `${figure(1 / ratio)}x the ${measured} of ${quote(versus)}`;
  if ("atLeast" in claim) {
    const finding = `${faster}, target at least ${claim.atLeast}`;
    return { ...base, versus, ratio, target: claim.atLeast, met: ratio >= claim.atLeast, finding };
  }
  if (claim.atMost === undefined) return { ...base, versus, ratio, finding: ratio >= 2 ? faster : slower };
  const target = 1 / claim.atMost;
  const finding = `${slower}, target at most ${claim.atMost}x`;
  return { ...base, versus, ratio, target, met: ratio >= target, finding };
}

/** What comes of a time in microseconds that is told as a rate. */
function toRate(
  { perSecond: what, atLeast }: Extract<Claim, { readonly perSecond: string }>,
  micros: number,
): Omit<Ratio, "workload" | "subject"> {
  const rate = 1_000_000 / micros;
  const finding = `${figure(rate)} ${what}/s`;
  if (atLeast === undefined) return { versus: `1 ${what}/s`, ratio: rate, finding };
  const ratio = rate / atLeast;
  const versus = `${atLeast} ${what}/s`;
  return { versus, ratio, target: 1, met: ratio >= 1, finding: `${finding}, target at least ${atLeast}` };
}

function quote(label: string): string {
  return `"${label}"`;
}

/** A number with three significant digits, and none after the point from a hundred on. */
export function figure(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
