/** Brings the bbolt file of a Go control plane over. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type BoltFile, openBolt } from "../../bolt/bolt-file.ts";
import { abortError } from "../../engine/wait-list.ts";
import { DatabaseError } from "../../errors.ts";
import { report, type WorkOptions } from "../../store/progress.ts";
import type { Store } from "../../store/store.ts";
import type { Settings } from "../common/settings.ts";
import { COLLECTIONS } from "../transfer/tenant-rows.ts";
import { type BatchContext, type HeldReport, landBatch } from "./batch.ts";
import { GO_KINDS } from "./go-kinds.ts";
import { type GoSurvey, type GoTop, isIdle, surveyGoFile } from "./go-survey.ts";
import { quarantined } from "./held-record.ts";
import { type GoBucketReport, goImports } from "./import-record.ts";
import { type Item, itemsOf } from "./items.ts";

/** What an import of a Go file did. */
export interface GoImportReport {
  readonly file: string;
  /** Of the file, in hex. */
  readonly sha256: string;
  /** The schema version that the Go package noted. */
  readonly schemaVersion: number;
  /**
   * The page, 0 or 1, whose record of a commit is damaged, if one is. If it was that of the last commit, the content is
   * that of the one before.
   */
  readonly damagedMeta?: number | undefined;
  /** Whether it was tried on a copy. */
  readonly dryRun: boolean;
  /** Whether this very file was imported whole before: then nothing was done, and this is the report of that time. */
  readonly repeated: boolean;
  readonly finishedAt: Date;
  /** The buckets at the top of the file, in its order. */
  readonly buckets: readonly GoBucketReport[];
  /** Tenants that records named and nobody had: they were made. */
  readonly tenantsMade: readonly string[];
  /** The first 1000 rows that are in quarantine. */
  readonly quarantined: readonly HeldReport[];
  readonly quarantinedCount: number;
}

/** What a commit takes at the most; a larger value goes alone. */
const BATCH_ITEMS = 200;
const BATCH_BYTES = 2 ** 20;
/** Rows in quarantine that a report lists. */
const LISTED = 1000;

/**
 * Imports a file, in small commits; what is there already stays. Where it was stopped, it goes on when it is called
 * again.
 *
 * @param tenantId whose records become that name no tenant
 */
export async function importGoFile(
  store: Store,
  settings: Settings,
  path: string,
  tenantId: string,
  work: WorkOptions,
): Promise<GoImportReport> {
  store.guardAlone(true);
  await using file = await openBolt(path);
  const sha256 = await hashOf(path, work.signal);
  const done = await store.view((tx) => goImports.in(tx).get([sha256, tenantId]));
  if (done !== undefined) {
    const { tenantId: _, ...before } = done;
    return { ...before, dryRun: false, repeated: true };
  }
  const survey = await surveyGoFile(file, isTaken, work);
  const hasHeld = (await store.view((tx) => quarantined.in(tx).keys().first())) !== undefined;
  const importing = new GoImport(store, settings, file, survey, { tenantId, hasHeld }, work);
  const { damagedMeta } = file;
  const outcome = {
    file: path,
    sha256,
    schemaVersion: survey.schemaVersion,
    ...(damagedMeta === undefined ? {} : { damagedMeta }),
    ...(await importing.run()),
  };
  const finishedAt = settings.now();
  await store.update((tx) => goImports.in(tx).put({ ...outcome, tenantId, finishedAt }));
  return { ...outcome, dryRun: false, repeated: false, finishedAt };
}

/** Whether the database has a bucket of that name for itself. */
function isTaken(name: string): boolean {
  return (
    name === "migrations" ||
    COLLECTIONS.some((each) => name === each.name || name.startsWith(`idx_${each.name}_by_`))
  );
}

async function hashOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) {
      if (signal?.aborted) throw abortError(signal);
      hash.update(chunk as Buffer);
    }
  } catch (cause) {
    if (cause instanceof DatabaseError) throw cause;
    throw new DatabaseError("BOLT_INVALID", `${path} cannot be read: ${String(cause)}.`, { cause });
  }
  return hash.digest("hex");
}

class GoImport {
  readonly #store: Store;
  readonly #settings: Settings;
  readonly #file: BoltFile;
  readonly #survey: GoSurvey;
  readonly #shared: Omit<BatchContext, "kind" | "now">;
  readonly #work: WorkOptions;
  readonly #held: HeldReport[] = [];
  readonly #tenantsMade: string[] = [];
  #heldCount = 0;
  #done = 0;

  constructor(
    store: Store,
    settings: Settings,
    file: BoltFile,
    survey: GoSurvey,
    { tenantId, hasHeld }: Pick<BatchContext, "tenantId" | "hasHeld">,
    work: WorkOptions,
  ) {
    this.#store = store;
    this.#settings = settings;
    this.#file = file;
    this.#survey = survey;
    this.#shared = { tenantId, hasHeld };
    this.#work = work;
  }

  async run() {
    const { tops } = this.#survey;
    const reports = new Map<GoTop, GoBucketReport>();
    report(this.#work, 0, this.#survey.rows);
    for (const top of inOrder(tops)) reports.set(top, await this.#importTop(top));
    return {
      buckets: tops.map((top) => reports.get(top) as GoBucketReport),
      tenantsMade: this.#tenantsMade,
      quarantined: this.#held,
      quarantinedCount: this.#heldCount,
    };
  }

  async #importTop(top: GoTop): Promise<GoBucketReport> {
    const { name: bucket, rows, kind, isIndex, keptAs } = top;
    const counts = { imported: 0, present: 0, quarantined: 0, expired: 0 };
    if (isIndex || isIdle(top)) {
      this.#done += rows;
      report(this.#work, this.#done, this.#survey.rows);
      return { bucket, kind: isIndex ? "index" : "kept", rows, ...counts };
    }
    let keeps = kind === undefined;
    for await (const batch of batchesOf(itemsOf(this.#file, top, this.#survey.plans))) {
      const context = { ...this.#shared, kind, now: this.#settings.now() };
      const landed = await this.#store.update((tx) => landBatch(tx, batch, context));
      for (const name of OUTCOMES) counts[name] += landed.counts[name];
      this.#heldCount += landed.held.length;
      this.#held.push(...landed.held.slice(0, LISTED - this.#held.length));
      this.#tenantsMade.push(...landed.tenantsMade);
      keeps ||= batch.some(({ what }) => what !== "record");
      this.#done += batch.filter(({ what }) => what !== "bucket").length;
      report(this.#work, this.#done, this.#survey.rows);
    }
    const kept = keeps ? { keptAs } : {};
    return { bucket, kind: kind === undefined ? "kept" : "records", rows, ...counts, ...kept };
  }
}

const OUTCOMES = ["imported", "present", "quarantined", "expired"] as const;

/** Records in the order in which they refer to one another, then all else. */
function inOrder(tops: readonly GoTop[]): GoTop[] {
  const place = ({ kind }: GoTop) => (kind === undefined ? GO_KINDS.length : GO_KINDS.indexOf(kind));
  return [...tops].sort((a, b) => place(a) - place(b));
}

async function* batchesOf(items: AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for await (const item of items) {
    const size = item.row.key.length + item.row.value.length;
    if (batch.length === BATCH_ITEMS || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
