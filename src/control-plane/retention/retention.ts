import type { Collection } from "../../collections/collection.ts";
import { DatabaseError } from "../../errors.ts";
import { checkOptions, show } from "../../store/options.ts";
import { checkWork, type WorkOptions } from "../../store/progress.ts";
import type { Store } from "../../store/store.ts";
import { type Runner, storeRunner } from "../common/scope.ts";
import type { Settings } from "../common/settings.ts";
import { COLLECTIONS } from "../transfer/tenant-rows.ts";
import { type Cleaning, KINDS, keepUp } from "./retention-kinds.ts";
import { type RetentionKind, type RetentionState, retentionStates } from "./retention-record.ts";

/** Days that records are kept, by kind; infinity keeps them for ever. */
export type RetentionDays = Readonly<Record<RetentionKind, number>>;

/** How many rows a run deleted, by kind. */
export type RetentionReport = Readonly<Partial<Record<RetentionKind, number>>>;

/** What {@link Retention.stats} tells. */
export interface RetentionStats {
  /** What became of each kind; nothing before its first run. */
  readonly kinds: Readonly<Partial<Record<RetentionKind, RetentionState>>>;
  readonly days: RetentionDays;
  readonly running: boolean;
}

/** How long records are kept unless the options say otherwise. Sessions and API keys count from their end. */
export const DEFAULT_DAYS: RetentionDays = {
  minute: 7,
  hour: 90,
  day: 1095,
  nodeMetrics: 7,
  sessions: 1,
  apiKeys: 365,
  audit: 365,
};

const NAMES = Object.keys(KINDS) as readonly RetentionKind[];
const DAY_MS = 86_400_000;
/** From so many deleted rows on, their space is given back at once. LevelDB does so by and by, too. */
const COMPACTED = 10_000;

/** Deletes what has grown old, kind by kind: one run at a time. */
export class Retention {
  readonly #store: Store;
  readonly #runner: Runner;
  readonly #settings: Settings;
  readonly #days: RetentionDays;
  readonly #closing = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #runs = 0;

  /** @internal */
  constructor(store: Store, settings: Settings, days: RetentionDays) {
    this.#store = store;
    this.#runner = storeRunner(store);
    this.#settings = settings;
    this.#days = days;
  }

  /**
   * Deletes what is older than its days, in small commits between which others go on. Before that, minutes and hours
   * that are over are rolled up, and months are billed. A run that is called while another goes on waits for it.
   *
   * @returns how many rows were deleted
   * @throws DatabaseError `RETENTION_FAILED` with `details` { errors }, after the kinds that did not fail are done;
   * `ABORTED`: what was deleted stays deleted
   */
  run(work: WorkOptions = {}): Promise<RetentionReport> {
    return this.clean(this.#days, work);
  }

  /**
   * As {@link run}, for the kinds that are named, with other days.
   *
   * @throws DatabaseError `OPTION_INVALID`, `STORE_READ_ONLY`; else as {@link run}
   */
  async clean(days: Partial<RetentionDays>, work: WorkOptions = {}): Promise<RetentionReport> {
    const wanted = checkDays(days);
    checkWork(work, "retention");
    this.#store.guardAlone(true);
    const signal = AbortSignal.any([
      this.#closing.signal,
      ...(work.signal === undefined ? [] : [work.signal]),
    ]);
    this.#runs++;
    const run = this.#last
      .then(() => this.#clean(wanted, { ...work, signal }))
      .finally(() => {
        this.#runs--;
      });
    this.#last = run.catch(() => undefined);
    return run;
  }

  /** What became of the last runs: rows deleted, watermarks, the last success and the last error, by kind. */
  async stats(): Promise<RetentionStats> {
    const states = await this.#runner.view((tx) => retentionStates.in(tx).range().toArray());
    const kinds = Object.fromEntries(states.map((state) => [state.kind, state]));
    return { kinds, days: this.#days, running: this.#runs > 0 };
  }

  /** @internal Ends a run that goes on, and waits for it. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#last;
  }

  async #clean(days: Partial<RetentionDays>, work: WorkOptions): Promise<RetentionReport> {
    const errors: { kind: string; error: unknown }[] = [];
    const attempt = async (kind: string, run: () => Promise<void>) => {
      try {
        await run();
      } catch (error) {
        if (work.signal?.aborted) throw error;
        errors.push({ kind, error });
      }
    };
    const deleted: Partial<Record<RetentionKind, number>> = {};
    const now = this.#settings.now();
    await attempt("roll-up", () => keepUp({ runner: this.#runner, settings: this.#settings, work }));
    for (const kind of NAMES) {
      const kept = days[kind] ?? Number.POSITIVE_INFINITY;
      if (kept === Number.POSITIVE_INFINITY) continue;
      const before = new Date(now.getTime() - kept * DAY_MS);
      if (Number.isNaN(before.getTime())) continue; // Before all time that there is.
      await attempt(kind, async () => {
        deleted[kind] = await this.#cleanKind(kind, { before, work });
      });
    }
    await attempt("space", () => this.#giveBack(deleted, work));
    if (errors.length > 0) throw retentionFailed(errors);
    return deleted;
  }

  async #cleanKind(
    kind: RetentionKind,
    { before, work }: Pick<Cleaning, "before" | "work">,
  ): Promise<number> {
    const [runner, settings] = [this.#runner, this.#settings];
    try {
      const deleted = await KINDS[kind].clean({ runner, settings, before, work });
      await this.#note(kind, (state) => ({
        ...state,
        deleted: state.deleted + deleted,
        deletedLast: deleted,
        before,
        lastSuccess: settings.now(),
      }));
      return deleted;
    } catch (error) {
      const { code = "UNKNOWN", message = String(error) } = error as { code?: string; message?: string };
      const lastError = { at: settings.now(), code, message: message.slice(0, 1000) };
      if (!work.signal?.aborted) await this.#note(kind, (state) => ({ ...state, lastError }));
      throw error;
    }
  }

  async #note(kind: RetentionKind, change: (state: RetentionState) => RetentionState): Promise<void> {
    await this.#runner.update(async (tx) => {
      const state = (await retentionStates.in(tx).get(kind)) ?? { kind, deleted: 0, deletedLast: 0 };
      await retentionStates.in(tx).put(change(state));
    });
  }

  /** Gives the space of what was deleted back, so that no scan has to cross what is left of it. */
  async #giveBack(deleted: RetentionReport, work: WorkOptions): Promise<void> {
    const many = NAMES.filter((kind) => (deleted[kind] ?? 0) >= COMPACTED);
    const names = new Set(many.map((kind) => KINDS[kind].collection));
    if (names.size === 0) return;
    const buckets = COLLECTIONS.filter(({ name }) => names.has(name)).flatMap(bucketsOf);
    await this.#store.compact({ buckets, signal: work.signal });
  }
}

/** The buckets that a collection lies in. */
function bucketsOf({ name, indexes }: Collection): string[] {
  return [name, ...indexes.map((index) => `idx_${name}_by_${index}`)];
}

/** @throws DatabaseError `OPTION_INVALID` */
export function checkDays(days: Partial<RetentionDays>): Partial<RetentionDays> {
  checkOptions(days ?? null, NAMES, "retention");
  for (const [kind, value] of Object.entries(days)) {
    if (value === undefined || (typeof value === "number" && value >= 0)) continue;
    throw new DatabaseError(
      "OPTION_INVALID",
      `The days that ${kind} is kept are ${show(value)}. Pass a number from 0 on, or infinity.`,
    );
  }
  return days;
}

function retentionFailed(errors: readonly { kind: string; error: unknown }[]): DatabaseError {
  const [first] = errors;
  return new DatabaseError(
    "RETENTION_FAILED",
    `Retention failed at ${errors.map(({ kind }) => kind).join(", ")}: ${show(first?.error)} What did not fail is done, and stats() keeps the errors; it is tried again with the next run.`,
    { cause: first?.error, details: { errors } },
  );
}
