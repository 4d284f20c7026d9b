// Makes operations runnable: a turn's number decides its input, and what it gives can be checked afterwards.
import type { Database, Session } from "../subjects/session.ts";
import type { Operation, TrialSide } from "./model.ts";
import { keyOf, pick, type Row, type RowKey, recordOf } from "./rows.ts";

/** One turn of a trial, ready to be timed. */
export type Task = () => Promise<unknown>;

/** An operation on an open store. */
export interface Trial {
  /** Makes the input of a turn, before the clock starts. */
  prepare(turn: number): Task;
  /** What the turn gives, or has left in the store, in a form in which subjects agree. */
  check(turn: number): Promise<unknown>;
}

/** What a trial works on. */
export interface Subject {
  readonly session: Session;
  /** What the session stands on: what it left there is read past it. */
  readonly database: Database;
  /** How many rows the store held from the beginning. */
  readonly stored: number;
}

/** How many units of work a turn holds: times are reported per unit. */
export function unitsOf(operation: TrialSide["operation"]): number {
  switch (operation.kind) {
    case "gets":
      return operation.gets;
    case "writers":
      return operation.writers * operation.each;
    case "verifications":
      return operation.count;
    case "save-users":
    case "appends":
    case "trail":
      return operation.rows;
    default:
      return 1;
  }
}

/** Makes a trial of an operation. */
export async function makeTrial(operation: Operation, subject: Subject): Promise<Trial> {
  const { session, stored } = subject;
  switch (operation.kind) {
    case "range": {
      const reader = await session.begin();
      const read: Read = (from, limit) => reader.range(from, limit);
      return rangeTrial(operation.rows, stored, read, session.comparable);
    }
    case "view-range":
      return rangeTrial(operation.rows, stored, session.range, session.comparable);
    case "values": {
      const reader = await session.begin();
      return rangeTrial(operation.rows, stored, reader.values, (values) => values);
    }
    case "gets": {
      const reader = await session.begin();
      return getsTrial(operation.gets, stored, reader.gets);
    }
    case "view-get":
      return getsTrial(1, stored, ([key]) => session.get(key!));
    case "puts":
      return putsTrial(operation.rows, operation.awaited, subject);
    case "writers":
      return writersTrial(operation.writers, operation.each, subject);
  }
}

type Read = (from: RowKey, limit: number) => Promise<unknown[]>;

function rangeTrial(
  rows: number,
  stored: number,
  read: Read,
  comparable: (rows: unknown[]) => unknown[],
): Trial {
  const start = (turn: number) => keyOf(pick(turn, stored - rows));
  return {
    prepare(turn) {
      const from = start(turn);
      return () => read(from, rows);
    },
    async check(turn) {
      const found = await read(start(turn), rows);
      if (found.length !== rows) throw new Error(`A range gave ${found.length} rows instead of ${rows}.`);
      return comparable(found);
    },
  };
}

function getsTrial(gets: number, stored: number, read: (keys: RowKey[]) => Promise<unknown>): Trial {
  const keysOf = (turn: number): RowKey[] =>
    Array.from({ length: gets }, (_, index) => keyOf(pick(turn * gets + index, stored)));
  return {
    prepare(turn) {
      const keys = keysOf(turn);
      return () => read(keys);
    },
    async check(turn) {
      const values = [await read(keysOf(turn))].flat();
      if (values.length !== gets || values.includes(undefined)) throw new Error("A row is missing.");
      return values;
    },
  };
}

function putsTrial(count: number, awaited: boolean, { session, database }: Subject): Trial {
  return {
    prepare(turn) {
      const rows = newRows(turn * count, count);
      return () => session.puts(rows, awaited);
    },
    check: (turn) => readBack(database, newRows(turn * count, count)),
  };
}

function writersTrial(writers: number, each: number, { session, database }: Subject): Trial {
  const count = writers * each;
  const write = async (transactions: Row[][], writer: number): Promise<void> => {
    for (let index = writer; index < count; index += writers) await session.puts(transactions[index]!, true);
  };
  return {
    prepare(turn) {
      const transactions = newRows(turn * count, count).map((row) => [row]);
      return () => Promise.all(Array.from({ length: writers }, (_, writer) => write(transactions, writer)));
    },
    check: (turn) => readBack(database, newRows(turn * count, count)),
  };
}

function newRows(first: number, count: number): Row[] {
  return Array.from({ length: count }, (_, index) => ({
    key: keyOf(first + index),
    value: recordOf(first + index),
  }));
}

/** The rows as they lie on disk: every subject has to write the same text under the same key. */
async function readBack(database: Database, rows: readonly Row[]): Promise<unknown> {
  const texts = await database.getMany(rows.map((row) => row.key.text));
  if (!rows.every((row, index) => JSON.stringify(row.value) === texts[index])) {
    throw new Error("A row that was committed is missing or not as it was written.");
  }
  return texts;
}
