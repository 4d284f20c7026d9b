import { writeFile } from "node:fs/promises";
import { bucketValue, fileOf, leaf } from "../bolt/edits.ts";

const PAGE = 1024;
const HEADER = 16;
const ELEMENT = 16;

/** A bucket of a file to be made. */
export interface Sub {
  readonly sequence?: bigint;
  readonly content: Content;
}

type Bytes = string | Uint8Array;

/** What is in a bucket: rows, and buckets. The order does not matter. */
export type Content = readonly (readonly [key: Bytes, value: Bytes | Sub])[];

interface Planned {
  readonly page: number;
  readonly elements: readonly { readonly key: Buffer; readonly value: Buffer | Planned; sequence: bigint }[];
}

/** A bucket of the given rows and buckets. */
export function sub(content: Content, sequence = 0n): Sub {
  return { content, sequence };
}

/** The bytes of a file with these buckets at the top, each bucket on a page of its own. */
export function treeFile(tops: Content): Buffer {
  let next = 2;
  const pages: Planned[] = [];
  const plan = (content: Content): Planned => {
    const sizes = content.map(
      ([key, value]) => Buffer.from(key).length + (isSub(value) ? 16 : Buffer.from(value).length),
    );
    const size = HEADER + sizes.reduce((sum, each) => sum + each + ELEMENT, 0);
    const page = next;
    next += Math.max(1, Math.ceil(size / PAGE));
    const elements: { key: Buffer; value: Buffer | Planned; sequence: bigint }[] = [];
    const planned = { page, elements };
    pages.push(planned);
    for (const [key, value] of content) {
      const sequence = isSub(value) ? (value.sequence ?? 0n) : 0n;
      elements.push({
        key: Buffer.from(key),
        value: isSub(value) ? plan(value.content) : Buffer.from(value),
        sequence,
      });
    }
    elements.sort((a, b) => Buffer.compare(a.key, b.key));
    return planned;
  };
  plan(tops);
  return fileOf(pages.map(({ page, elements }) => leaf(page, elements.map(rowOf))));
}

function rowOf({ key, value, sequence }: Planned["elements"][number]) {
  if (Buffer.isBuffer(value)) return { key, value };
  return { key, value: bucketValue(value.page, sequence), isBucket: true };
}

function isSub(value: Bytes | Sub): value is Sub {
  return typeof value === "object" && !(value instanceof Uint8Array);
}

/** Writes such a file. @returns its path */
export async function writeTree(path: string, tops: Content): Promise<string> {
  await writeFile(path, treeFile(tops));
  return path;
}
