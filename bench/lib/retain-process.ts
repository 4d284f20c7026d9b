// The process that rolls metrics up and deletes the old ones, with a writer beside it.
import { isDeepStrictEqual } from "node:util";
import type { ControlPlane } from "./control-plane-datasets.ts";
import {
  allOf,
  firstOfLast,
  PER_TENANT,
  ROLL_UP_DUE,
  rowsOf,
  snapshotOf,
  tenantOf,
} from "./control-plane-rows.ts";
import type { CopyTask } from "./copies.ts";
import { runTask, untilIdle } from "./copy-process.ts";
import { DatabaseManager } from "./library.ts";
import type { CopyRun } from "./model.ts";

type RetainTask = CopyTask<Extract<CopyRun, { program: "retain" }>>;

/** What it measured: rates in snapshots a second, times in milliseconds. */
interface RetainFigures {
  /** Rolling minutes up to hours. */
  readonly rollUpRate: readonly number[];
  /** The longest of the other writer's updates while each batch was worked on; none without a writer. */
  readonly rollUpPause: readonly number[];
  /** Deleting minutes, and giving their space back. */
  readonly rate: readonly number[];
  readonly pause: readonly number[];
  /** Each of its updates while minutes are deleted. */
  readonly meanwhile: readonly number[];
  /** The same when nothing else is going on. */
  readonly update: readonly number[];
}

const QUIET_UPDATES = 500;
const BEATS = "beats";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The last hours are kept: the limit lies in the middle of one, which stays whole. */
const KEPT_HOURS = 2;
const KEPT_DAYS = (KEPT_HOURS - 0.5) * (HOUR_MS / DAY_MS) + (ROLL_UP_DUE.getTime() % HOUR_MS) / DAY_MS;

async function run({ directory, stored, writer: isWritten }: RetainTask): Promise<RetainFigures> {
  const db = await DatabaseManager.open(directory, { retention: false, now: () => ROLL_UP_DUE });
  await db.store.update((tx) => tx.createBucket(BEATS));
  await untilIdle();
  const writer = new Writer(db);
  const run = (work: Work) => (isWritten ? writer.beside(work) : alone(work));
  // Retention that is to delete nothing rolls up what is due.
  const rolledUp = await run((onProgress) => db.retention.clean({}, { onProgress }));
  const cleaned = await run((onProgress) => db.retention.clean({ minute: KEPT_DAYS }, { onProgress }));
  const tenants = stored / PER_TENANT.snapshots;
  const deleted = tenants * firstOfLast(KEPT_HOURS);
  if (cleaned.report.minute !== deleted)
    throw new Error(`Retention deleted ${cleaned.report.minute} snapshots instead of ${deleted}.`);
  await untilIdle();
  const update: number[] = [];
  while (isWritten && update.length < QUIET_UPDATES) update.push(await writer.update());
  await check(db, tenants);
  await writer.check();
  await db.close();
  return {
    rollUpRate: [stored / rolledUp.seconds],
    rollUpPause: rolledUp.pauses,
    rate: [deleted / cleaned.seconds],
    pause: cleaned.pauses,
    meanwhile: cleaned.updates,
    update,
  };
}

type Report = Awaited<ReturnType<ControlPlane["retention"]["run"]>>;
/** Has retention do something; it tells of each batch. */
type Work = (onProgress: () => void) => Promise<Report>;

/** How long work took, and what became of it; times in milliseconds. */
interface Done {
  readonly report: Report;
  readonly seconds: number;
  /** Each update of the writer. */
  readonly updates: readonly number[];
  /** The longest update during each batch. */
  readonly pauses: readonly number[];
}

async function alone(work: Work): Promise<Done> {
  const start = performance.now();
  const report = await work(() => undefined);
  return { report, seconds: (performance.now() - start) / 1000, updates: [], pauses: [] };
}

/** Has small durable updates made, one after the other: each puts one row. */
class Writer {
  readonly #db: ControlPlane;
  #written = 0;

  constructor(db: ControlPlane) {
    this.#db = db;
  }

  /** Makes one, and tells the milliseconds that it took. */
  async update(): Promise<number> {
    const number = this.#written++;
    const start = performance.now();
    await this.#db.store.update(async (tx) => (await tx.bucket(BEATS))!.put(number, { number }));
    return performance.now() - start;
  }

  /** Makes them as long as work is under way. */
  async beside(work: Work): Promise<Done> {
    const updates: number[] = [];
    const pauses: number[] = [];
    let ended = false;
    let longest = 0;
    const onProgress = () => {
      // An update that lasts beyond a batch counts for the one in which it ends.
      if (longest > 0) pauses.push(longest);
      longest = 0;
    };
    const start = performance.now();
    const running = work(onProgress).finally(() => {
      ended = true;
    });
    running.catch(() => undefined); // It is awaited below.
    while (!ended) {
      const time = await this.update();
      updates.push(time);
      longest = Math.max(longest, time);
    }
    const report = await running;
    const seconds = (performance.now() - start) / 1000;
    onProgress();
    return { report, seconds, updates, pauses };
  }

  /** Makes sure that all are there. */
  async check(): Promise<void> {
    const found = await this.#db.store.view(async (tx) => (await tx.bucket(BEATS))!.count());
    if (found !== this.#written) throw new Error(`Of ${this.#written} updates ${found} are left.`);
  }
}

/** Makes sure that the minutes of the last hours are left and no others, that all were rolled up, and the index. */
async function check(db: ControlPlane, tenants: number): Promise<void> {
  let left = 0;
  for (let tenant = 0; tenant < tenants; tenant++) {
    const { tenantId, from, to } = allOf(tenantOf(tenant));
    const first = firstOfLast(KEPT_HOURS);
    const expected = rowsOf(snapshotOf, tenant * PER_TENANT.snapshots + first, PER_TENANT.snapshots - first);
    const minutes = await db.getMetricsSnapshots(tenantId, "minute", from, to);
    const kept = minutes.map(({ series: _, ...snapshot }) => snapshot);
    if (!isDeepStrictEqual(kept, expected)) throw new Error(`Other minutes of ${tenantId} are left.`);
    const hours = await db.getMetricsSnapshots(tenantId, "hour", from, to);
    const counted = hours.reduce((sum, hour) => sum + (hour.rollUp?.["cpu"]?.count ?? 0), 0);
    if (counted !== PER_TENANT.snapshots)
      throw new Error(`The hours of ${tenantId} count ${counted} minutes.`);
    left += minutes.length + hours.length;
  }
  await db.store.view(async (tx) => {
    const rows = await (await tx.bucket("metrics_snapshots"))!.count();
    const index = await tx.bucket("idx_metrics_snapshots_by_series", { encoding: "utf8" });
    const entries = await index!.count();
    if (rows !== left || entries !== left)
      throw new Error(`There are ${rows} snapshots and ${entries} entries instead of ${left}.`);
  });
}

await runTask<RetainTask>(run);
