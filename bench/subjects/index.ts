import type { SubjectName } from "../lib/model.ts";
import { openOurs } from "./ours.ts";
import { openRaw, openRawTuples } from "./raw.ts";
import type { OpenSession } from "./session.ts";

/** Every subject by its name. */
export const subjects: Readonly<Record<SubjectName, OpenSession>> = {
  ours: openOurs,
  raw: openRaw,
  rawTuples: openRawTuples,
};
