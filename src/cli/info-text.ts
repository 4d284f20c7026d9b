import type { BucketInfo, StoreInfo } from "./info.ts";
import {
  type Column,
  formatBytes,
  formatCount,
  formatFacts,
  formatMany,
  formatTable,
  printable,
} from "./text.ts";

const COLUMNS: readonly Column[] = [
  { title: "bucket" },
  { title: "rows", right: true },
  { title: "bytes", right: true },
  { title: "encoding" },
  { title: "sequence", right: true },
  { title: "holds" },
];
const INDENT = "  ";

/** What `info` shows people. */
export function formatInfo(info: StoreInfo): string[] {
  const { rows, bytes, indexRows, indexBytes, buckets } = info;
  const facts: [string, string][] = [
    ["last commit", formatCount(info.commit)],
    ["schema version", schemaOf(info)],
    ["on disk", formatBytes(info.diskBytes)],
  ];
  const total = `${formatMany(rows, "row")}, ${formatBytes(bytes)}`;
  const indexes =
    indexRows === 0 ? "" : `, and ${formatMany(indexRows, "index row")}, ${formatBytes(indexBytes)}`;
  const table = buckets.length === 0 ? [] : [...formatTable(COLUMNS, buckets.map(rowOf)), ""];
  return [
    printable(info.directory),
    ...formatFacts(facts).map((line) => INDENT + line),
    "",
    ...table,
    `${formatMany(buckets.length, "bucket")}, ${total}${indexes}`,
  ];
}

function schemaOf({ schemaVersion, schemaProblem, migrating }: StoreInfo): string {
  if (schemaProblem !== undefined) return `cannot be read: ${printable(schemaProblem)}`;
  const half = migrating === undefined ? "" : `, migration ${migrating} is half done`;
  return (schemaVersion === null ? "none" : String(schemaVersion)) + half;
}

function rowOf(bucket: BucketInfo): string[] {
  const { path, rows, bytes, encoding, sequence } = bucket;
  return [
    INDENT.repeat(path.length - 1) + printable(path.at(-1) as string),
    formatCount(rows),
    formatCount(bytes),
    encoding,
    sequence === 0 ? "" : formatCount(sequence),
    holds(bucket),
  ];
}

function holds({ kind, collection, index, ready, migrating }: BucketInfo): string {
  const words: string[] = [];
  if (kind === "records") words.push("records");
  if (kind === "index") words.push(`index ${printable(`${index} of ${collection}`)}`);
  if (ready === false) words.push("being built");
  if (migrating !== undefined) words.push(`half done: migration ${migrating}`);
  return words.join(", ");
}
