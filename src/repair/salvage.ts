/** Brings the rows that are sound into a new database. */

import type { Level } from "../engine/level.ts";
import type { LostKeys, Survey, SurveyedSource } from "../engine/leveldb/findings.ts";
import { type MergedEntry, merge } from "../engine/leveldb/merge.ts";
import { report, type WorkOptions } from "../store/progress.ts";
import { COMMIT_KEY, isSystemRow, prefixOf } from "../store/system.ts";

/** A row that the store keeps for itself. */
export interface SystemRow {
  readonly value: string;
  /** Greater for what was written later. */
  readonly sequence: number;
  /** Whether it may be older than what was lost. */
  readonly isOld: boolean;
}

export interface Salvaged {
  /** By whole keys; not written yet. */
  readonly system: Map<string, SystemRow>;
  /** How many rows there are, by the prefixes of sublevels. */
  readonly rows: Map<string, number>;
  /** For each range, how many rows in it may be old, by the prefixes of sublevels. */
  readonly old: Map<LostKeys, Map<string, number>>;
  /** The greatest number of a commit that was met. */
  commit: number | undefined;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const COMMIT: Uint8Array = Buffer.from(COMMIT_KEY);
const VIEWS = { keyEncoding: "view", valueEncoding: "view" } as const;

/** Cost: it reads everything that is sound. @throws DatabaseError `ABORTED`; the engine's and the system's errors */
export async function salvage(survey: Survey, level: Level, work: WorkOptions): Promise<Salvaged> {
  const salvaged: Salvaged = { system: new Map(), rows: new Map(), old: new Map(), commit: undefined };
  const doubts = new Doubts(survey.keys);
  let last: Uint8Array | undefined;
  let done = 0;
  for await (const chunk of merge(survey.sources)) {
    const batch = level.batch();
    for (const merged of chunk) {
      const { key, value, sequence } = merged.entry;
      if (Buffer.compare(key, COMMIT) === 0) seeCommit(salvaged, value);
      // Only the latest entry of a key counts.
      if (last !== undefined && Buffer.compare(key, last) === 0) continue;
      last = key;
      if (value === undefined) continue;
      const text = decoder.decode(key);
      const doubted = doubts.of(merged);
      const prefix = prefixOf(text);
      for (const range of doubted) count(within(salvaged.old, range), prefix);
      if (isSystemRow(text)) {
        salvaged.system.set(text, { value: decoder.decode(value), sequence, isOld: doubted.length > 0 });
        continue;
      }
      count(salvaged.rows, prefix);
      batch.put<Uint8Array, Uint8Array>(key, value, VIEWS);
      done++;
    }
    await batch.write();
    report(work, done);
  }
  return salvaged;
}

function seeCommit(salvaged: Salvaged, value: Uint8Array | undefined): void {
  const commit = Number(decoder.decode(value));
  if (value !== undefined && Number.isSafeInteger(commit))
    salvaged.commit = Math.max(commit, salvaged.commit ?? 0);
}

function count(counts: Map<string, number>, prefix: string): void {
  counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
}

function within(old: Salvaged["old"], range: LostKeys): Map<string, number> {
  const counts = old.get(range) ?? new Map<string, number>();
  old.set(range, counts);
  return counts;
}

/** Tells which entries may be older than what was lost. They come in the order of their keys. */
class Doubts {
  /** The ranges that begin later, the next one last. */
  readonly #waiting: LostKeys[];
  #around: LostKeys[] = [];

  constructor(ranges: readonly LostKeys[]) {
    this.#waiting = ranges.toSorted((a, b) => Buffer.compare(b.from ?? NONE, a.from ?? NONE));
  }

  /** The ranges from which a later entry of the key may be lost. */
  of({ entry, source }: MergedEntry<SurveyedSource>): readonly LostKeys[] {
    for (let next = this.#waiting.at(-1); next !== undefined; next = this.#waiting.at(-1)) {
      if (Buffer.compare(next.from ?? NONE, entry.key) > 0) break;
      this.#around.push(next);
      this.#waiting.pop();
    }
    if (this.#around.length === 0) return [];
    this.#around = this.#around.filter(({ to }) => to === undefined || Buffer.compare(to, entry.key) >= 0);
    return this.#around.filter(
      // What precedes a block of the same table is later than what the block has of that key.
      ({ rank, file, from }) =>
        rank >= source.rank &&
        !(file === source.file && from !== undefined && Buffer.compare(from, entry.key) === 0),
    );
  }
}

const NONE = new Uint8Array(0);
