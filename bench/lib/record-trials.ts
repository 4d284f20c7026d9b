// Makes operations on records runnable, as trials.ts does for those on metrics rows.
import { isDeepStrictEqual } from "node:util";
import type { RecordSession } from "../subjects/record-session.ts";
import type { Database } from "../subjects/session.ts";
import { digestOf } from "./digest.ts";
import type { IndexKind, RecordOperation } from "./model.ts";
import {
  nodeKeyOf,
  numberOf,
  PREFIXES,
  READINGS_PER_TENANT,
  type Reading,
  readingOf,
  readingsOf,
  rowsOf,
  schema,
} from "./readings.ts";
import { pick } from "./rows.ts";
import type { Trial } from "./trials.ts";

/** What a trial works on. */
export interface RecordSubject {
  readonly session: RecordSession;
  /** What the session stands on: what it left there is read past it. */
  readonly database: Database;
  /** How many records the store held from the beginning. */
  readonly stored: number;
}

/** Makes a trial of an operation. */
export async function makeRecordTrial(operation: RecordOperation, subject: RecordSubject): Promise<Trial> {
  switch (operation.kind) {
    case "record-puts":
      return putsTrial(operation.rows, subject);
    case "checks":
      return checksTrial(operation.rows);
    case "scan":
      return scanTrial(operation.by, operation.rows, subject);
  }
}

function putsTrial(count: number, { session, database }: RecordSubject): Trial {
  return {
    prepare(turn) {
      const readings = readingsOf(turn * count, count);
      return () => session.puts(readings);
    },
    async check(turn) {
      const expected = readingsOf(turn * count, count).flatMap(rowsOf);
      const found = await database.getMany(expected.map(([key]) => key));
      if (!expected.every(([, value], index) => value === found[index]))
        throw new Error("A record or an entry that was committed is missing or not as it was written.");
      // The subjects' sublevels have to hold the same rows, and no others.
      return [
        await digestOf(database, PREFIXES.records),
        await digestOf(database, PREFIXES.node),
        await digestOf(database, PREFIXES.status),
      ];
    },
  };
}

/** As a collection calls its schema. */
function checksTrial(count: number): Trial {
  const { validate } = schema["~standard"];
  return {
    prepare(turn) {
      const readings = readingsOf(turn * count, count);
      return async () => {
        for (const reading of readings) validate(reading);
      };
    },
    async check(turn) {
      const readings = readingsOf(turn * count, count);
      for (const reading of readings) {
        if (!isDeepStrictEqual(validate(reading), { value: reading }))
          throw new Error("The schema does not take what is put.");
      }
      return readings.length;
    },
  };
}

async function scanTrial(by: IndexKind, rows: number, subject: RecordSubject): Promise<Trial> {
  const { session, stored } = subject;
  // No query may begin where fewer records are left, so none begins in the last tenant.
  const start = (turn: number) => nodeKeyOf(readingOf(pick(turn, stored - READINGS_PER_TENANT)));
  const reader = await session.begin(by);
  return {
    prepare(turn) {
      const from = start(turn);
      return () => reader.scan(from, rows);
    },
    async check(turn) {
      const found = (await reader.scan(start(turn), rows)) as Partial<Reading>[];
      if (found.length !== rows) throw new Error(`A query gave ${found.length} records instead of ${rows}.`);
      return found.map((each) => faithful(each, by !== "projection"));
    },
  };
}

/** Makes sure that a record, or what an entry holds, is as it was put, and gives what all kinds of index tell. */
function faithful(found: Partial<Reading>, isRecord: boolean): unknown {
  const reading = readingOf(numberOf(found.id ?? ""));
  const { tenantId, id, node, at, status, cpu } = reading;
  const entry = { tenantId, id, node, at, status, cpu };
  if (isDeepStrictEqual(found, isRecord ? reading : entry)) return entry;
  throw new Error(`A query gave ${JSON.stringify(found)}, which was not put.`);
}
