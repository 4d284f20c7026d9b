import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Entry } from "./entry.ts";
import { addFlaw, type Flaw, hasLog, LATEST, type Survey, UNRANKED } from "./findings.ts";
import { fileName } from "./live-files.ts";
import { isFlaw, recordsOf } from "./log-file.ts";
import { mayBeginWith } from "./log-history.ts";
import type { ManifestState } from "./manifest-file.ts";
import { compareEntries } from "./merge.ts";
import { decodeBatch, type WriteBatch } from "./write-batch.ts";

export interface LogSurveyOptions {
  /** What the manifest tells, where it can be relied on. */
  readonly state: ManifestState | undefined;
  /** The key whose values number the writes. */
  readonly watched: Uint8Array;
}

/** Reads logs through, the oldest first, and adds what is sound in them to a survey, and what is missing. */
export async function surveyLogs(
  directory: string,
  logs: readonly string[],
  options: LogSurveyOptions,
  found: Survey,
): Promise<void> {
  const history = new History(options, found);
  const { state } = options;
  if (state !== undefined && !hasLog(state, logs)) {
    const file = fileName(state.logNumber, "log");
    history.miss({ file, reason: "the manifest needs this log, and it is gone" });
  }
  for (const file of logs) {
    for (const item of recordsOf(await readFile(join(directory, file)))) {
      const { offset } = item;
      if (isFlaw(item)) history.miss({ file, offset, reason: item.reason });
      else history.read(file, offset, item.record);
    }
  }
  history.end(logs);
}

/** The batches of all logs, one after another: each begins with the sequence number after the one before. */
class History {
  readonly #found: Survey;
  readonly #state: ManifestState | undefined;
  readonly #watched: Uint8Array;
  readonly #entries: Entry[] = [];
  readonly #gaps: { flaw: Flaw; after: string | undefined; before: string | undefined }[] = [];
  /** The sequence number that the next batch has. */
  #next: number | undefined;
  #value: string | undefined;
  /** What was damaged since the last batch. */
  #missed: Flaw | undefined;

  constructor({ state, watched }: LogSurveyOptions, found: Survey) {
    this.#state = state;
    this.#watched = watched;
    this.#found = found;
  }

  miss(flaw: Flaw): void {
    addFlaw(this.#found, flaw);
    this.#missed ??= flaw;
  }

  read(file: string, offset: number, record: Uint8Array): void {
    let batch: WriteBatch;
    try {
      batch = decodeBatch(record);
    } catch (error) {
      const reason = `a record has a right checksum, but ${(error as RangeError).message}`;
      this.miss({ file, offset, reason });
      return;
    }
    const { sequence, entries } = batch;
    if (!this.#follows(sequence)) {
      const flaw = this.#missed ?? { file, offset, reason: "batches are missing before this one" };
      addFlaw(this.#found, flaw);
      this.#gaps.push({ flaw, after: this.#value, before: undefined });
    }
    this.#missed = undefined;
    this.#next = sequence + entries.length;
    for (const entry of entries) {
      this.#entries.push(entry);
      if (entry.value !== undefined && Buffer.compare(entry.key, this.#watched) === 0)
        this.#see(Buffer.from(entry.value).toString());
    }
  }

  #follows(sequence: number): boolean {
    if (this.#next !== undefined) return sequence === this.#next;
    if (this.#state === undefined || this.#missed !== undefined) return this.#missed === undefined;
    return mayBeginWith(this.#state, sequence);
  }

  #see(value: string): void {
    this.#value = value;
    for (const gap of this.#gaps) gap.before ??= value;
  }

  end(logs: readonly string[]): void {
    const { flaws, writes, sources } = this.#found;
    const gaps = [...this.#gaps];
    // A flaw that was known before may be one that does not show: a log that was cut between two records.
    const known = flaws.find(({ file }) => logs.includes(file));
    const last = this.#missed ?? (gaps.length === 0 ? known : undefined);
    if (last !== undefined) gaps.push({ flaw: last, after: this.#value, before: undefined });
    for (const { flaw, after, before } of gaps) writes.push({ ...flaw, after, before });
    if (this.#entries.length === 0) return;
    this.#entries.sort(compareEntries);
    const [first] = this.#entries;
    const rank = this.#state === undefined ? UNRANKED : LATEST;
    sources.push({
      file: undefined,
      first: (first as Entry).key,
      rank,
      open: async () => this.#entries.values(),
    });
  }
}
