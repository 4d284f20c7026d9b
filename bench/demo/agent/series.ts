/*
 * What the agent keeps: series of figures over time, in buckets whose keys are tuples.
 *
 *   samples     [metric, ms]      -> figure   every reading, kept for the retention time
 *   receipts    [source, ms]      -> rows     how many rows a transaction wrote, so that a crash can be audited
 *   means       [metric, ms]      -> figure   the mean of each window of samples, kept for good
 *   watermarks  [bucket, series]  -> ms       older rows of the series were deleted
 *
 * Tuples sort part by part: the rows of a series lie side by side in the order of time, so a span of time is one range.
 */
import type { Transaction } from "@meshgate/database";
import type { Sample } from "../sampler.ts";

type SeriesKey = [series: string, at: number];
export type Row = [key: SeriesKey, figure: number];

/** Writes a sample and its receipt. After a crash all of these rows are there, or none. */
export async function writeSample(tx: Transaction, sample: Sample): Promise<void> {
  const samples = await tx.createBucketIfNotExists<number, SeriesKey>("samples");
  const receipts = await tx.createBucketIfNotExists<number, SeriesKey>("receipts");
  const figures = Object.entries(sample.figures);
  for (const [metric, figure] of figures) await samples.put([metric, sample.at], figure);
  await receipts.put([sample.source, sample.at], figures.length);
}

/** Writes the means of the window of time that begins at `from`. */
export async function writeMeans(
  tx: Transaction,
  from: number,
  means: ReadonlyMap<string, number>,
): Promise<void> {
  const bucket = await tx.createBucketIfNotExists<number, SeriesKey>("means");
  for (const [metric, figure] of means) await bucket.put([metric, from], figure);
}

/** Reads a series from one time (inclusive) to another (exclusive), oldest first. */
export async function readSeries(
  tx: Transaction,
  bucket: string,
  series: string,
  from = 0,
  to: number = Number.MAX_SAFE_INTEGER,
): Promise<Row[]> {
  const rows = await tx.bucket<number, SeriesKey>(bucket);
  if (rows === undefined) return [];
  // Deleted rows leave tombstones until they are compacted: a scan that begins at the watermark crosses none.
  const start = Math.max(from, await readWatermark(tx, bucket, series));
  return rows.range({ gte: [series, start], lt: [series, to] }).toArray();
}

/** Deletes the rows of a series before a time, and remembers that time. @returns how many there were */
export async function deleteBefore(
  tx: Transaction,
  bucket: string,
  series: string,
  cutoff: number,
): Promise<number> {
  const rows = await tx.createBucketIfNotExists<number, SeriesKey>(bucket);
  const watermarks = await tx.createBucketIfNotExists<number>("watermarks");
  const start = await readWatermark(tx, bucket, series);
  const expired = await rows.keys({ gte: [series, start], lt: [series, cutoff] }).toArray();
  for (const key of expired) await rows.delete(key);
  await watermarks.put([bucket, series], cutoff);
  return expired.length;
}

/** The time before which the rows of a series were deleted. */
export async function readWatermark(tx: Transaction, bucket: string, series: string): Promise<number> {
  const watermarks = await tx.bucket<number>("watermarks");
  return (await watermarks?.get([bucket, series])) ?? 0;
}
