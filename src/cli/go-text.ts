import type { GoImportReport } from "../control-plane/go-import/go-import.ts";
import type { GoBucketReport } from "../control-plane/go-import/import-record.ts";
import { type Column, formatCount, formatMany, formatTable, printable } from "./text.ts";

const COLUMNS: readonly Column[] = [
  { title: "bucket" },
  { title: "holds" },
  { title: "rows", right: true },
  { title: "imported", right: true },
  { title: "there before", right: true },
  { title: "quarantined", right: true },
  { title: "expired", right: true },
  { title: "kept as" },
];
const HOLDS = { records: "records", index: "index", kept: "kept as is" } as const;
/** Records in quarantine that are listed. */
const LISTED = 20;
/** Tenants that are named. */
const NAMED = 20;

/** What an import of a control plane's file shows people. */
export function formatGoImport(report: GoImportReport, directory: string): string[] {
  const { file, schemaVersion, sha256, buckets } = report;
  return [
    `${printable(file)}: schema version ${schemaVersion}, sha256 ${sha256}`,
    "",
    ...formatTable(COLUMNS, buckets.map(rowOf)),
    "",
    ...quarantineLines(report),
    ...tenantLines(report),
    summary(report, printable(directory)),
  ];
}

function rowOf({ bucket, kind, rows, imported, present, quarantined, expired, keptAs }: GoBucketReport) {
  const counts = [imported, present, quarantined, expired].map((count) =>
    count === 0 ? "" : formatCount(count),
  );
  return [printable(bucket), HOLDS[kind], formatCount(rows), ...counts, printable(keptAs ?? "")];
}

function quarantineLines({ quarantined, quarantinedCount, dryRun }: GoImportReport): string[] {
  if (quarantinedCount === 0) return [];
  const listed = quarantined.slice(0, LISTED);
  const rest = quarantinedCount - listed.length;
  return [
    `${formatMany(quarantinedCount, "record")} ${dryRun ? "would go" : "went"} to quarantine:`,
    ...listed.flatMap(({ id, bucket, key, code, message }) => [
      `  ${printable(id)}  ${printable(bucket)} ${JSON.stringify(printable(key))}`,
      `      ${code}: ${printable(message)}`,
    ]),
    ...(rest > 0 ? [`  … and ${formatCount(rest)} more`] : []),
    "",
  ];
}

function tenantLines({ tenantsMade, dryRun }: GoImportReport): string[] {
  if (tenantsMade.length === 0) return [];
  const rest = tenantsMade.length - NAMED;
  const names = tenantsMade.slice(0, NAMED).map(printable).join(", ");
  const verb = dryRun ? "would be made" : "made";
  return [
    `${formatMany(tenantsMade.length, "tenant")} ${verb}, which records name and the file does not have: ${names}${rest > 0 ? ` … and ${formatCount(rest)} more` : ""}`,
    "",
  ];
}

/** The last line: what happened, in words. */
function summary(report: GoImportReport, directory: string): string {
  const { buckets, dryRun, repeated, finishedAt } = report;
  const sum = (field: "imported" | "present" | "quarantined" | "expired") =>
    buckets.reduce((total, each) => total + each[field], 0);
  if (repeated)
    return `This file was imported whole into ${directory} on ${finishedAt.toISOString()}: nothing was done now, and this is the report of then.`;
  const parts = [
    `${formatMany(sum("imported"), "row")} ${dryRun ? "would be imported" : "imported"}`,
    ...countPart(sum("present"), dryRun ? "are there already" : "were there already"),
    ...countPart(sum("quarantined"), dryRun ? "would go to quarantine" : "in quarantine"),
    ...countPart(sum("expired"), "too old to be kept"),
  ];
  const indexRows = buckets.reduce((total, { kind, rows }) => total + (kind === "index" ? rows : 0), 0);
  const indexes =
    indexRows === 0
      ? ""
      : ` Indexes ${dryRun ? "would be" : "were"} built anew from the records, not from the file's ${formatMany(indexRows, "index row")}.`;
  const where = dryRun ? "Dry run, nothing was written" : `Imported into ${directory}`;
  return `${where}: ${parts.join(", ")}.${indexes}`;
}

function countPart(count: number, words: string): string[] {
  return count === 0 ? [] : [`${formatCount(count)} ${words}`];
}
