// Makes operations runnable: a turn's number decides its input, and what it gives can be checked afterwards.
import { pick } from "../lib/rows.ts";
import type { Task } from "../lib/trials.ts";
import type { Operation } from "./model.ts";
import {
  canonicalReading,
  canonicalSample,
  nodeStartOf,
  placeOf,
  type Reading,
  readingOf,
  rowsOf,
  SAMPLES_PER_TENANT,
  startOf,
  tenantAt,
} from "./rows.ts";
import type { ReadingStore, SampleStore } from "./subjects/subject.ts";

/** How many of the readings that a turn wrote are looked up one by one. */
const MAX_PROBES = 100;

/** An operation on an open store. */
export interface PeerTrial {
  /** Makes the input of a turn, before the clock starts. */
  prepare(turn: number): Task;
  /** What the turn gives, or has left in the store, in the form that is the same for all subjects. */
  check(turn: number): Promise<readonly unknown[]>;
}

/** How many units of work a turn holds: times are reported per unit. */
export function unitsOf(operation: Operation): number {
  switch (operation.kind) {
    case "next":
      return operation.together;
    case "gets":
    case "views":
    case "getMany":
      return operation.gets;
    case "writes":
      return operation.writers * operation.each;
    default:
      return 1;
  }
}

/** Makes a trial on samples, of which there are `stored`. */
export function sampleTrial(operation: Operation, store: SampleStore, stored: number): PeerTrial {
  switch (operation.kind) {
    case "next": {
      const { rows, together } = operation;
      const starts = (turn: number) =>
        Array.from({ length: together }, (_, index) =>
          placeOf(startOf(turn * together + index, rows, stored)),
        );
      if (together === 1) return readTrial(starts, ([from]) => store.next(from!, rows), canonicalSample);
      const read = (from: ReturnType<typeof starts>) =>
        Promise.all(from.map(async (each) => store.next(each, rows)));
      return readTrial(starts, read, canonicalSample);
    }
    case "window": {
      const bounds = (turn: number) => {
        const start = startOf(turn, operation.rows, stored);
        return { from: placeOf(start), to: placeOf(start + operation.rows - 1).at + 1 };
      };
      return readTrial(bounds, ({ from, to }) => store.window(from, to), canonicalSample);
    }
    case "latest": {
      const end = (turn: number) => {
        const { tenantId, at } = placeOf(startOf(turn, operation.rows, stored) + operation.rows - 1);
        return { tenantId, at: at + 1 };
      };
      return readTrial(end, (before) => store.latest(before, operation.rows), canonicalSample);
    }
    case "oldest":
      return readTrial(
        () => ({ tenantId: placeOf(0).tenantId, at: 0 }),
        (from) => store.next(from, operation.rows),
        canonicalSample,
      );
    default:
      return getsTrial(operation, store, stored);
  }
}

function getsTrial(operation: Operation, store: SampleStore, stored: number): PeerTrial {
  if (operation.kind !== "gets" && operation.kind !== "views" && operation.kind !== "getMany")
    throw new Error(`${operation.kind} is nothing to do with samples.`);
  const { gets } = operation;
  const span = Math.min(stored, (operation.kind === "gets" ? operation.among : undefined) ?? stored);
  const places = (turn: number) =>
    Array.from({ length: gets }, (_, index) => placeOf(pick(turn * gets + index, span)));
  if (operation.kind === "gets") return readTrial(places, (keys) => store.gets(keys), canonicalSample);
  if (operation.kind === "getMany") return readTrial(places, (keys) => store.getMany(keys), canonicalSample);
  const views = async (keys: ReturnType<typeof places>) => {
    const found: unknown[] = [];
    for (const key of keys) found.push(await store.get(key));
    return found;
  };
  return readTrial(places, views, canonicalSample);
}

/** Makes a trial on readings, of which there are `stored`. */
export function readingTrial(operation: Operation, store: ReadingStore, stored: number): PeerTrial {
  switch (operation.kind) {
    case "list":
      return readTrial(
        (turn) => tenantAt(turn, stored),
        (tenantId) => store.list(tenantId),
        canonicalReading,
      );
    case "by-node": {
      const start = (turn: number) => readingOf(nodeStartOf(turn, operation.rows, stored));
      const read = ({ node, at }: Reading) => store.byNode(node, at, operation.rows);
      return readTrial(start, read, canonicalReading);
    }
    case "writes":
      return writesTrial(operation, store, stored);
    case "mixed":
      return mixedTrial(operation, store, stored);
    default:
      throw new Error(`${operation.kind} is nothing to do with readings.`);
  }
}

function readTrial<Input>(
  inputOf: (turn: number) => Input,
  read: (input: Input) => unknown,
  canonical: (found: unknown) => unknown,
): PeerTrial {
  return {
    prepare(turn) {
      const input = inputOf(turn);
      return async () => read(input);
    },
    async check(turn) {
      return ((await read(inputOf(turn))) as unknown[]).flat().map(canonical);
    },
  };
}

function writesTrial(
  { writers, each, rows }: Extract<Operation, { kind: "writes" }>,
  store: ReadingStore,
  stored: number,
): PeerTrial {
  const commits = writers * each;
  const first = (turn: number) => stored + turn * commits * rows;
  return {
    prepare(turn) {
      const inputs = rowsOf((commit) => rowsOf(readingOf, first(turn) + commit * rows, rows), 0, commits);
      const write = async (writer: number) => {
        for (let commit = writer; commit < commits; commit += writers) await store.write(inputs[commit]!);
      };
      return () => Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    },
    check: (turn) => readBack(store, rowsOf(readingOf, first(turn), commits * rows)),
  };
}

/** Each request's latency counts from the moment at which all of them came in. Gives reads first, then writes. */
function mixedTrial(
  { readers, writers, rows }: Extract<Operation, { kind: "mixed" }>,
  store: ReadingStore,
  stored: number,
): PeerTrial {
  const written = (turn: number) => rowsOf(readingOf, stored + turn * writers, writers);
  const starts = (turn: number) =>
    rowsOf((index) => readingOf(nodeStartOf(turn * readers + index, rows, stored)), 0, readers);
  return {
    prepare(turn) {
      const from = starts(turn);
      const news = written(turn);
      return async () => {
        const begin = performance.now();
        const timed = async (request: () => unknown) => {
          await request();
          return performance.now() - begin;
        };
        const reads: Promise<number>[] = [];
        const writes: Promise<number>[] = [];
        for (let index = 0; index < Math.max(readers, writers); index++) {
          const [start, reading] = [from[index], news[index]];
          if (start) reads.push(timed(() => store.byNode(start.node, start.at, rows)));
          if (reading) writes.push(timed(() => store.write([reading])));
        }
        return [await Promise.all(reads), await Promise.all(writes)];
      };
    },
    async check(turn) {
      const found: unknown[] = [];
      for (const { node, at } of starts(turn)) found.push(...(await store.byNode(node, at, rows)));
      return [...found.map(canonicalReading), ...(await readBack(store, written(turn)))];
    },
  };
}

/** What was written: some of it by its key and by both indexes, and all of its tenants. */
async function readBack(store: ReadingStore, readings: readonly Reading[]): Promise<unknown[]> {
  const found: unknown[] = [];
  const step = Math.ceil(readings.length / MAX_PROBES);
  for (let index = 0; index < readings.length; index += step) {
    const { tenantId, id, node, at } = readings[index]!;
    found.push(await store.get(tenantId, id), ...(await store.byNode(node, at, 1)));
  }
  const { tenantId, status } = readings[0]!;
  found.push(...(await store.byStatus(tenantId, status)));
  for (const each of new Set(readings.map((reading) => reading.tenantId)))
    found.push(...(await store.list(each)));
  return found.map(canonicalReading);
}

/** How many samples of the first tenant there are, of those that were loaded. */
export function firstTenantOf(stored: number): number {
  return Math.min(stored, SAMPLES_PER_TENANT);
}
