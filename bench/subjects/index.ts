import type { RecordSubjectName, SubjectName } from "../lib/model.ts";
import { openBuckets, openCollection } from "./collection.ts";
import { openOurs } from "./ours.ts";
import { openRaw, openRawTuples } from "./raw.ts";
import { openRawRecords, openRawSnapshot } from "./raw-records.ts";
import type { OpenRecordSession } from "./record-session.ts";
import type { OpenSession } from "./session.ts";

/** Every subject by its name. */
export const subjects: Readonly<Record<SubjectName, OpenSession>> = {
  ours: openOurs,
  raw: openRaw,
  rawTuples: openRawTuples,
};

/** Every subject on records. */
export const recordSubjects: Readonly<Record<RecordSubjectName, OpenRecordSession>> = {
  collection: openCollection,
  buckets: openBuckets,
  rawRecords: openRawRecords,
  rawSnapshot: openRawSnapshot,
};
