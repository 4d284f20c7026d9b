/*
 * The value of a leaf element with the flag 1.
 *
 *   bucket = rootPage:u64 sequence:u64 inline?
 *   inline = a leaf page of exactly the bytes left, with the id 0          where rootPage is 0
 *
 * An inline bucket holds rows only, and takes no more than a quarter of a page.
 */
import { ELEMENT_BYTES, PAGE_HEADER_BYTES } from "./page.ts";

export const BUCKET_BYTES = 16;

export interface BucketValue {
  /** Zero where the bucket is inline. */
  readonly root: number;
  readonly sequence: bigint;
}

/** @returns a reason instead where the value is no bucket's */
export function parseBucket(value: Uint8Array): BucketValue | string {
  if (value.length < BUCKET_BYTES) return `has ${value.length} bytes, and needs ${BUCKET_BYTES}`;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const root = Number(view.getBigUint64(0, true));
  if (root !== 0 && value.length > BUCKET_BYTES) return `has ${value.length} bytes, and a page of its own`;
  if (root === 0 && value.length < BUCKET_BYTES + PAGE_HEADER_BYTES)
    return `has ${value.length} bytes, too few for a bucket in place`;
  return { root, sequence: view.getBigUint64(8, true) };
}

/** The page that a row's value leads to, if the row is a bucket whose flag was lost. */
export function rootIn(value: Uint8Array): number | undefined {
  if (value.length !== BUCKET_BYTES) return undefined;
  const bucket = parseBucket(value);
  return typeof bucket === "string" ? undefined : bucket.root;
}

/**
 * Whether a row's value is, byte for byte, an inline bucket with rows in it: then the flag that says so was lost, for
 * nothing else is laid out like this. An empty bucket is not told from a row: its few numbers may be anyone's.
 */
export function isLostBucket(value: Uint8Array): boolean {
  if (value.length <= BUCKET_BYTES + PAGE_HEADER_BYTES + ELEMENT_BYTES || value[24] !== 2) return false;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getBigUint64(0, true) !== 0n || view.getBigUint64(16, true) !== 0n) return false;
  const count = view.getUint16(26, true);
  if (value[25] !== 0 || view.getUint32(28, true) !== 0 || count === 0) return false;
  const table = BUCKET_BYTES + PAGE_HEADER_BYTES;
  let end = table + count * ELEMENT_BYTES;
  for (let at = table; at < table + count * ELEMENT_BYTES; at += ELEMENT_BYTES) {
    if (end > value.length || at + view.getUint32(at + 4, true) !== end) return false;
    end += view.getUint32(at + 8, true) + view.getUint32(at + 12, true);
  }
  return end === value.length;
}
