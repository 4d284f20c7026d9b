/** bbolt files that a test writes row by row, without Go. */
import { writeFile } from "node:fs/promises";
import { bucketValue, fileOf, leaf } from "../../bolt/edits.ts";

const PAGE = 65_536;
/** The first page after the two metas: the root. */
const ROOT = 2;

/** Rows by key: bytes and text as they are, anything else as JSON. A bucket within is a `Map`. */
export type MadeRows = Readonly<Record<string, unknown>> | ReadonlyMap<Buffer | string, unknown>;

/** Writes a file with these buckets, each of which fits into a page. */
export async function makeFile(path: string, buckets: Readonly<Record<string, MadeRows>>): Promise<string> {
  const pages: Buffer[] = [];
  const tops = Object.entries(buckets).map(([name, rows]) => {
    const id = ROOT + 1 + pages.length;
    pages.push(leaf(id, rowsOf(rows)));
    return { key: Buffer.from(name), value: bucketValue(id), isBucket: true };
  });
  await writeFile(path, fileOf([leaf(ROOT, sorted(tops)), ...pages], PAGE));
  return path;
}

interface Row {
  readonly key: Buffer;
  readonly value: Uint8Array;
  readonly isBucket?: boolean;
}

function rowsOf(rows: MadeRows): Row[] {
  const entries: (readonly [Buffer | string, unknown])[] =
    rows instanceof Map ? [...rows] : Object.entries(rows);
  return sorted(
    entries.map(([name, value]) => {
      const key = Buffer.from(name);
      if (value instanceof Map)
        return { key, value: bucketValue(0, 0n, leaf(0, rowsOf(value))), isBucket: true };
      return { key, value: bytesOf(value) };
    }),
  );
}

function sorted<R extends Row>(rows: R[]): R[] {
  return rows.sort((a, b) => Buffer.compare(a.key, b.key));
}

function bytesOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}
