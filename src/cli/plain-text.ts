import type { BoltImportReport } from "../bolt-import/import-bolt.ts";
import type { PlainImport } from "./import-plain.ts";
import { type Column, formatBytes, formatCount, formatMany, formatTable, printable } from "./text.ts";

const COLUMNS: readonly Column[] = [
  { title: "bucket" },
  { title: "rows", right: true },
  { title: "within", right: true },
  { title: "keys" },
  { title: "values" },
];

/** What an import of any bbolt file shows people. */
export function formatPlainImport(report: BoltImportReport, order: PlainImport): string[] {
  const { buckets, rows, bytes, tops } = report;
  const lines = tops.map((top) => [
    printable(top.name),
    formatCount(top.rows),
    top.buckets === 0 ? "" : formatMany(top.buckets, "bucket"),
    top.keys,
    top.encoding,
  ]);
  const what = `${formatMany(buckets, "bucket")} with ${formatMany(rows, "row")}, ${formatBytes(bytes)}`;
  const file = printable(order.file);
  return [
    ...(lines.length === 0 ? [] : [...formatTable(COLUMNS, lines), ""]),
    order.dryRun
      ? `Dry run, nothing was kept: ${file} can be imported, ${what}.`
      : `Imported ${file} into ${printable(order.directory)}: ${what}.`,
  ];
}
