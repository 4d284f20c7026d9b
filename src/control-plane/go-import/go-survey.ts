/** What there is to know of a Go file before anything of it is written. */
import type { BoltFile } from "../../bolt/bolt-file.ts";
import type { BucketPlan, Plans } from "../../bolt-import/plan.ts";
import { RuleBook } from "../../bolt-import/rules.ts";
import { readName, Survey } from "../../bolt-import/survey.ts";
import { decodeText } from "../../bolt-import/text.ts";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import { report, type WorkOptions } from "../../store/progress.ts";
import type { GoKind } from "./go-kind.ts";
import {
  GO_INDEXES,
  GO_KINDS,
  GO_MIGRATIONS,
  GO_OTHERS,
  GO_VERSION_KEY,
  LAST_GO_VERSION,
} from "./go-kinds.ts";

/** A bucket at the top of the file. */
export interface GoTop {
  /** As text; that of a bucket that is kept is what it has in the file, read as its plan has it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Its number among all buckets of the file, in the order of a walk. */
  readonly number: number;
  readonly kind: GoKind | undefined;
  readonly isIndex: boolean;
  /** Its rows, and those of the buckets within. */
  readonly rows: number;
  /** The name of the bucket that takes what has no model. */
  readonly keptAs: string;
}

export interface GoSurvey {
  readonly schemaVersion: number;
  readonly tops: readonly GoTop[];
  readonly plans: Plans;
  readonly rows: number;
}

/** Elements between two reports. */
const STRIDE = 1000;

/**
 * Reads a file through, which proves it sound.
 *
 * @param isTaken whether the database has a bucket of that name for itself
 * @throws DatabaseError as `openBolt`; `BOLT_INVALID` where it is not of a control plane, `MIGRATION_NEWER`, `ABORTED`
 */
export async function surveyGoFile(
  file: BoltFile,
  isTaken: (name: string) => boolean,
  work: WorkOptions,
): Promise<GoSurvey> {
  const rule = ([top, ...within]: readonly string[]) =>
    // What has a model is read as that.
    within.length === 0 && isKnown(top as string)
      ? { values: "bytes" as const, sequence: false }
      : { sequence: false };
  const survey = new Survey(file.path, new RuleBook({ rule }));
  let schemaVersion = 0;
  let seen = 0;
  for await (const element of file.walk()) {
    survey.add(element);
    if (element.kind === "row" && element.path.length === 1) {
      const isVersion =
        decodeText(element.path[0] as Uint8Array) === GO_MIGRATIONS &&
        decodeText(element.key) === GO_VERSION_KEY;
      if (isVersion) schemaVersion = versionIn(element.value, file.path);
    }
    if (++seen % STRIDE === 0) report(work, 0);
  }
  const { tops, plans, rows } = survey.finish();
  const root = plans.get(0) as BucketPlan;
  const names = tops.map(({ name }) => readName(root, name));
  if (!names.some(isKnown) && !names.includes(GO_MIGRATIONS)) throw noControlPlane(file.path);
  let number = 0;
  const found = tops.map(({ name: bytes, buckets, rows: count }, i) => {
    const name = names[i] as string;
    const kind = GO_KINDS.find(({ bucket }) => bucket === name);
    const isIndex = GO_INDEXES.has(name);
    const top = { name, bytes, number: number + 1, kind, isIndex, rows: count };
    number += 1 + buckets;
    return { ...top, keptAs: keptName(name, kind !== undefined || isTaken(name), names) };
  });
  return { schemaVersion, tops: found, plans, rows };
}

/** Whether nothing becomes of a bucket of the Go package that has no model. */
export function isIdle({ name, rows }: GoTop): boolean {
  return GO_OTHERS.has(name) && rows === 0;
}

function isKnown(name: string): boolean {
  return GO_INDEXES.has(name) || GO_KINDS.some(({ bucket }) => bucket === name);
}

function keptName(name: string, isTaken: boolean, names: readonly string[]): string {
  if (!isTaken) return name;
  let free = `${name}.go`;
  while (names.includes(free)) free += ".go";
  return free;
}

function versionIn(value: Uint8Array, path: string): number {
  const text = decodeText(value) ?? "";
  const version = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (version === undefined)
    throw new DatabaseError(
      "BOLT_INVALID",
      `${path}: the row ${GO_VERSION_KEY} of the bucket ${GO_MIGRATIONS} reads ${show(text)}, which is no version. Take a file that the control plane can open.`,
      { details: { path } },
    );
  if (version <= LAST_GO_VERSION) return version;
  throw new DatabaseError(
    "MIGRATION_NEWER",
    `${path} is of schema version ${version}, and this release knows those up to ${LAST_GO_VERSION}. Use a newer release.`,
    { details: { path, version } },
  );
}

function noControlPlane(path: string): DatabaseError {
  return new DatabaseError(
    "BOLT_INVALID",
    `${path} has none of the buckets of a control plane. Bring any other bbolt file over with importBolt().`,
    { details: { path } },
  );
}
