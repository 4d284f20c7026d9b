import { checkWork, report, type WorkOptions } from "../store/progress.ts";
import type { Store } from "../store/store.ts";
import type { Transaction } from "../store/transaction.ts";
import { AccessPath } from "./access-path.ts";
import type { Definition, Index } from "./definition.ts";
import { Inspector } from "./inspect.ts";
import { readLayout, refuseChanged } from "./layout.ts";
import type { RecordProblem } from "./problem.ts";
import { countRows, lastKey, type Slice } from "./slices.ts";

/** What `verify()` and `reindex()` of a collection found. */
export interface VerifyReport {
  /** Whether nothing is wrong, or all that was is mended. */
  readonly ok: boolean;
  readonly records: number;
  readonly entries: number;
  /** The first hundred. */
  readonly problems: readonly RecordProblem[];
  /** How many there were in all. */
  readonly problemCount: number;
  /** How many of them were mended. */
  readonly mended: number;
}

const REPORTED = 100;

/** Rows to be walked: the records, or the entries of an index, as far as there are now. */
interface Span {
  readonly index: Index | undefined;
  readonly prefix: string;
  readonly until: string;
}

/**
 * Compares all records with their entries and their schema, then all entries with their records, slice by slice. In
 * writers it mends what it can.
 */
export async function verify(
  store: Store,
  definition: Definition,
  options: WorkOptions,
  mend: boolean,
): Promise<VerifyReport> {
  checkWork(options, mend ? "reindex()" : "verify()");
  const { signal } = options;
  const spans = await store.view((tx) => spansOf(tx, definition), { signal });
  let total = 0;
  for (const { prefix, until } of spans) total += await countRows(store, prefix, until, signal);
  const problems: RecordProblem[] = [];
  let problemCount = 0;
  let mended = 0;
  let rows = 0;
  let records = 0;
  for (const span of spans) {
    for (let after: string | undefined; ; ) {
      const found: RecordProblem[] = [];
      const look = (tx: Transaction) => lookAt(tx, definition, span, after, found);
      const slice = await (mend ? store.update(look, { signal }) : store.view(look, { signal }));
      problems.push(...found.slice(0, REPORTED - problems.length));
      problemCount += found.length;
      mended += found.filter((problem) => problem.mended).length;
      if (slice === undefined) break;
      after = slice.last;
      rows += slice.rows;
      if (span.index === undefined) records += slice.rows;
      report(options, rows, Math.max(total, rows));
    }
  }
  return { ok: problemCount === mended, records, entries: rows - records, problems, problemCount, mended };
}

async function spansOf({ core }: Transaction, definition: Definition): Promise<Span[]> {
  const layout = await readLayout(core, definition);
  if (layout === undefined) return [];
  refuseChanged(definition, layout);
  const ready = layout.indexes.filter((live) => live.ready);
  const spans: Span[] = [];
  for (const { index, prefix } of [{ index: undefined, prefix: layout.prefix }, ...ready]) {
    const until = await lastKey(core, prefix);
    if (until !== undefined) spans.push({ index, prefix, until });
  }
  return spans;
}

async function lookAt(
  { core }: Transaction,
  definition: Definition,
  { index, until }: Span,
  after: string | undefined,
  found: RecordProblem[],
): Promise<Slice | undefined> {
  const layout = await readLayout(core, definition);
  if (layout === undefined) return undefined;
  refuseChanged(definition, layout);
  const inspector = new Inspector(core, definition, layout, (problem) => found.push(problem));
  return index === undefined
    ? inspector.records({ after, until })
    : inspector.entries(new AccessPath(core, definition, index), { after, until });
}
