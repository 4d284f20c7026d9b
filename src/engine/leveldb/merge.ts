/** Brings the entries of many files into one order. */
import type { Entry } from "./entry.ts";

/** Entries in order: by key, the latest of a key first. */
export interface EntrySource {
  /** No key is below. */
  readonly first: Uint8Array;
  open(): Promise<Iterator<Entry>>;
}

/** An entry, and which of the sources it is of. */
export interface MergedEntry<S extends EntrySource> {
  readonly entry: Entry;
  readonly source: S;
}

interface Head<S extends EntrySource> extends MergedEntry<S> {
  readonly rest: Iterator<Entry>;
}

/** Entries given at a time, and their bytes: work in between stops no other for long. */
const CHUNK = 1000;
const CHUNK_BYTES = 1 << 20;

/** The order of entries in LevelDB: by the bytes of the key, the latest of a key first. */
export function compareEntries(a: Entry, b: Entry): number {
  return Buffer.compare(a.key, b.key) || b.sequence - a.sequence;
}

/**
 * All entries in order, some at a time. A source is opened only when its first key has its turn, so that few are open
 * together: the tables of one level follow one another.
 */
export async function* merge<S extends EntrySource>(sources: readonly S[]): AsyncGenerator<MergedEntry<S>[]> {
  const waiting = sources.toSorted((a, b) => Buffer.compare(b.first, a.first));
  // The head that comes next is the last. Few are open: a heap would gain nothing.
  const heads: Head<S>[] = [];
  let chunk: MergedEntry<S>[] = [];
  let bytes = 0;
  while (true) {
    for (let next = waiting.at(-1); next !== undefined && isDue(next, heads.at(-1)); next = waiting.at(-1)) {
      waiting.pop();
      insert(heads, next, await next.open());
    }
    const head = heads.pop();
    if (head === undefined) break;
    chunk.push(head);
    bytes += head.entry.value?.length ?? 0;
    if (chunk.length === CHUNK || bytes > CHUNK_BYTES) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    insert(heads, head.source, head.rest);
  }
  if (chunk.length > 0) yield chunk;
}

function isDue(source: EntrySource, head: MergedEntry<EntrySource> | undefined): boolean {
  return head === undefined || Buffer.compare(source.first, head.entry.key) <= 0;
}

function insert<S extends EntrySource>(heads: Head<S>[], source: S, rest: Iterator<Entry>): void {
  const next = rest.next();
  if (next.done === true) return;
  const head = { entry: next.value, source, rest };
  let at = heads.length;
  while (at > 0 && compareEntries((heads[at - 1] as Head<S>).entry, head.entry) < 0) at--;
  heads.splice(at, 0, head);
}
