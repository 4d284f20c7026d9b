import type { Store, Transaction } from "@meshgate/database";
import type { Sample, Source } from "../sampler.ts";
import { readSeries, readWatermark } from "./series.ts";

/** How a store compares with what was acknowledged before a crash. */
export interface Audit {
  /** Acknowledged commits that are there: the receipt, and each row with its figure but for what retention deleted. */
  readonly found: number;
  readonly missing: readonly Sample[];
  /** Commits that are there though the crash came before their acknowledgement did. */
  readonly unacknowledged: number;
  /** Commits of which only a part is there. */
  readonly torn: number;
  /** Rows of acknowledged commits that retention had deleted. */
  readonly expired: number;
}

/** What the store holds of one source since a time. */
interface Kept {
  /** How many rows were written, by time. */
  readonly receipts: ReadonlyMap<number, number>;
  readonly series: readonly Series[];
}

interface Series {
  readonly metric: string;
  readonly figures: ReadonlyMap<number, number>;
  /** Rows before this were deleted on purpose. */
  readonly watermark: number;
}

/** Looks for every acknowledged commit in one snapshot of the store, and for whatever else was written since. */
export function audit(
  store: Store,
  sources: readonly Source[],
  acknowledged: readonly Sample[],
): Promise<Audit> {
  const since = acknowledged.reduce((earliest, { at }) => Math.min(earliest, at), Date.now());
  return store.view(async (tx) => {
    const audits = [];
    for (const source of sources) {
      const kept = await readKept(tx, source, since);
      audits.push(
        compare(
          kept,
          acknowledged.filter((sample) => sample.source === source.name),
        ),
      );
    }
    return audits.reduce(add);
  });
}

async function readKept(tx: Transaction, source: Source, since: number): Promise<Kept> {
  const read = async (bucket: string, series: string) =>
    new Map((await readSeries(tx, bucket, series, since)).map(([[, at], figure]) => [at, figure]));
  const series = [];
  for (const metric of source.metrics) {
    const watermark = await readWatermark(tx, "samples", metric);
    series.push({ metric, figures: await read("samples", metric), watermark });
  }
  return { receipts: await read("receipts", source.name), series };
}

function compare({ receipts, series }: Kept, acknowledged: readonly Sample[]): Audit {
  const isThere = ({ at, figures }: Sample) =>
    receipts.has(at) &&
    series.every((each) => at < each.watermark || each.figures.get(at) === figures[each.metric]);
  const isWhole = (at: number) =>
    receipts.get(at) === series.length && series.every((each) => at < each.watermark || each.figures.has(at));
  const missing = acknowledged.filter((sample) => !isThere(sample));
  const known = new Set(acknowledged.map(({ at }) => at));
  const written = new Set(
    [receipts, ...series.map((each) => each.figures)].flatMap((rows) => [...rows.keys()]),
  );
  return {
    found: acknowledged.length - missing.length,
    missing,
    unacknowledged: [...written].filter((at) => !known.has(at)).length,
    torn: [...written].filter((at) => !isWhole(at)).length,
    expired: series.flatMap((each) => acknowledged.filter(({ at }) => at < each.watermark)).length,
  };
}

function add(a: Audit, b: Audit): Audit {
  return {
    found: a.found + b.found,
    missing: [...a.missing, ...b.missing],
    unacknowledged: a.unacknowledged + b.unacknowledged,
    torn: a.torn + b.torn,
    expired: a.expired + b.expired,
  };
}
