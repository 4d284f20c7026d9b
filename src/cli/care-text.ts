/** What the commands that look after stores show people. */
import type { LostHistory, LostRange, RepairReport } from "../repair/report.ts";
import type { BackupReport } from "../store/backup.ts";
import type { CheckReport } from "../store/check.ts";
import type { VerifiedBackup } from "../store/verify-backup.ts";
import { formatBytes, formatCount, formatMany, printable } from "./text.ts";

const SHOWN = 20;

function some(lines: readonly string[]): string[] {
  const rest = lines.length - SHOWN;
  const shown = lines.slice(0, SHOWN).map((line) => `  ${printable(line)}`);
  return rest > 0 ? [...shown, `  … and ${formatCount(rest)} more`] : shown;
}

function contents({ commit, rows, bytes }: BackupReport): string {
  return `commit ${formatCount(commit)}, ${formatMany(rows, "row")}, ${formatBytes(bytes)}`;
}

export function formatBackup(report: BackupReport, directory: string, backup: string): string[] {
  return [`Backed up ${printable(directory)} to ${printable(backup)}: ${contents(report)}.`];
}

export function formatVerified(report: VerifiedBackup, backup: string): string[] {
  return [`${printable(backup)} is whole: ${contents(report)}, made ${report.made.toISOString()}.`];
}

export function formatRestored(report: VerifiedBackup, backup: string, directory: string): string[] {
  return [
    `Restored ${printable(backup)} to ${printable(directory)}: ${contents(report)}, made ${report.made.toISOString()}.`,
  ];
}

export function formatCheck(report: CheckReport, directory: string): string[] {
  const { rows, buckets, problems, problemCount } = report;
  const what = `${formatMany(buckets, "bucket")}, ${formatMany(rows, "row")}`;
  if (report.ok) return [`${printable(directory)} is sound: ${what}.`];
  return [
    ...some(problems.map(({ message }) => message)),
    "",
    `${printable(directory)} has ${formatMany(problemCount, "problem")} in ${what}.`,
  ];
}

export function formatRepair(report: RepairReport, directory: string): string[] {
  const { sound, copy, files, ranges, history, recovered, collections, problems } = report;
  const what = `${formatMany(report.buckets, "bucket")}, ${formatMany(report.rows, "row")}, commit ${formatCount(report.commit)}`;
  const wrong = section(
    "Problems that are left:",
    problems.map(({ message }) => message),
  );
  if (sound) return [...wrong, `No file of ${printable(directory)} is damaged; nothing was done: ${what}.`];
  return [
    ...section(
      "Damaged files:",
      files.map(
        ({ file, offset, reason }) => `${file}${offset === undefined ? "" : ` at byte ${offset}`}: ${reason}`,
      ),
    ),
    ...section("Rows lost, as far as they are not there:", ranges.map(rangeText)),
    ...section("Commits lost, one does not know of which rows:", history.map(historyText)),
    ...section(
      "Buckets made anew from their rows:",
      recovered.map(
        ({ bucket, encoding, rows }) => `${bucket.join("/")}: ${formatMany(rows, "row")}, as ${encoding}`,
      ),
    ),
    ...section(
      "Collections:",
      collections.map(
        ({ name, state, message }) => `${name}: ${state}${message === undefined ? "" : `. ${message}`}`,
      ),
    ),
    ...wrong,
    `Repaired ${printable(directory)}: ${what}. As it was, it is at ${printable(copy ?? "")}.`,
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...some(lines), ""];
}

function rangeText({ bucket, after, before, old }: LostRange): string {
  const place = bucket === undefined ? "the store's own" : bucket.join("/");
  const from = after === undefined ? "the beginning" : JSON.stringify(after);
  const to = before === undefined ? "the end" : JSON.stringify(before);
  const kept = old === 0 ? "" : `; ${formatMany(old, "row")} there may be older than what was lost`;
  return bucket === undefined ? `${place}${kept}` : `${place}: between ${from} and ${to}${kept}`;
}

function historyText({ after, before, file, reason }: LostHistory): string {
  if (after === undefined && before === undefined)
    return `${file}: ${reason}: any row may be older than it was, or have been deleted`;
  const since = after === undefined ? "" : ` after ${formatCount(after)}`;
  return `commits${since}${before === undefined ? "" : ` before ${formatCount(before)}`}: rows last written before may be older`;
}
