/*
 * The first two pages hold a meta each; a commit writes the one that the last commit did not.
 *
 *   file     = meta-page meta-page page*            each of pageSize bytes, little-endian
 *   meta-page = page-header meta zero*
 *   meta     = magic:u32 version:u32 pageSize:u32 flags:u32
 *              rootPage:u64 rootSequence:u64 freelistPage:u64 highWater:u64 txid:u64
 *              checksum:u64                         FNV-1a of the 56 bytes before it
 *
 * highWater is the first page id that is not in use. freelistPage is 2^64-1 where the free pages are not kept.
 */
import { damaged, invalid } from "./problems.ts";
import type { BoltSource } from "./source.ts";

export interface Meta {
  /** The page it stands on: 0 or 1. */
  readonly page: number;
  readonly pageSize: number;
  readonly root: number;
  /** Undefined where the file does not keep its free pages. */
  readonly freelist: number | undefined;
  readonly highWater: number;
  readonly txid: bigint;
}

/** What the first two pages say, and the bytes by which a change is noticed. */
export interface Metas {
  readonly current: Meta;
  /** The page, 0 or 1, whose meta is damaged, if one is. Were it the newer, the other is one commit old. */
  readonly damagedMeta: number | undefined;
  readonly bytes: Uint8Array;
}

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const PAGE_HEADER_BYTES = 16;
const META_BYTES = 64;
const NO_FREELIST = 0xffff_ffff_ffff_ffffn;
const MIN_PAGE_BYTES = 1024;
const PAGE_SIZES = Array.from({ length: 15 }, (_, i) => MIN_PAGE_BYTES << i);

/** A meta as it was read at one moment: what it says, or what is wrong with it. */
interface Found {
  readonly bytes: Uint8Array;
  readonly meta: Meta | undefined;
  readonly reason: string;
}

/** Reads the metas and takes the one that bbolt takes: the newer of those that are whole. */
export async function readMetas(source: BoltSource): Promise<Metas> {
  if (source.size === 0) throw invalid(source.path, "page 0 is missing: the file is empty");
  const first = await metaAt(source, 0, 0);
  const second =
    first.meta === undefined ? await findSecond(source) : await metaAt(source, 1, first.meta.pageSize);
  const metas = [first.meta, second?.meta].filter((meta) => meta !== undefined);
  const current = metas.reduce<Meta | undefined>(
    (best, meta) => (best === undefined || meta.txid > best.txid ? meta : best),
    undefined,
  );
  if (current === undefined || second === undefined) throw await neither(source, first.reason);
  checkBounds(source, current);
  const damagedMeta = metas.length === 2 ? undefined : 1 - current.page;
  // The bytes that were judged, not any read later: a commit in between would go unnoticed.
  return { current, damagedMeta, bytes: Buffer.concat([first.bytes, second.bytes]) };
}

/** The bytes of both metas, as they are in the file now. */
export async function metaBytes(source: BoltSource, pageSize: number): Promise<Uint8Array> {
  const first = await source.readNow(PAGE_HEADER_BYTES, META_BYTES, 0);
  const second = await source.readNow(pageSize + PAGE_HEADER_BYTES, META_BYTES, 1);
  return Buffer.concat([first, second]);
}

async function metaAt(source: BoltSource, page: number, offset: number): Promise<Found> {
  const from = offset + PAGE_HEADER_BYTES;
  if (from + META_BYTES > source.size)
    return { bytes: new Uint8Array(0), meta: undefined, reason: "the file ends within it" };
  const bytes = await source.readNow(from, META_BYTES, page);
  const parsed = parseMeta(bytes, page, offset);
  return typeof parsed === "string"
    ? { bytes, meta: undefined, reason: parsed }
    : { bytes, meta: parsed, reason: "" };
}

/** @returns the meta of a page, or what is wrong with it */
function parseMeta(bytes: Uint8Array, page: number, offset: number): Meta | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, META_BYTES);
  const pageSize = view.getUint32(8, true);
  if (view.getUint32(0, true) !== MAGIC) return "it has not the number that marks a bbolt file";
  if (view.getUint32(4, true) !== VERSION)
    return `it is of version ${view.getUint32(4, true)}, and only ${VERSION} is known`;
  if (view.getBigUint64(56, true) !== checksum(bytes.subarray(0, 56))) return "its checksum does not match";
  if (!PAGE_SIZES.includes(pageSize) || (page === 1 && pageSize !== offset))
    return `its page size of ${pageSize} is not one that can be`;
  const freelist = view.getBigUint64(32, true);
  return {
    page,
    pageSize,
    root: Number(view.getBigUint64(16, true)),
    freelist: freelist === NO_FREELIST ? undefined : Number(freelist),
    highWater: Number(view.getBigUint64(40, true)),
    txid: view.getBigUint64(48, true),
  };
}

/** Looks for the second meta where it lies at each page size, the first one being of no help. */
async function findSecond(source: BoltSource): Promise<Found | undefined> {
  for (const pageSize of PAGE_SIZES) {
    const found = await metaAt(source, 1, pageSize);
    if (found.meta !== undefined) return found;
  }
  return undefined;
}

function checksum(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

/** A checksum says that bbolt wrote the meta, not that the file still has all that it speaks of. */
function checkBounds(source: BoltSource, meta: Meta): void {
  const { page, pageSize, root, freelist, highWater } = meta;
  if (highWater * pageSize > source.size) {
    const cut = Math.floor(source.size / pageSize);
    throw damaged(
      source.path,
      cut,
      `the file is truncated within or before it: ${highWater} pages of ${pageSize} bytes are in use, and the file has ${source.size} bytes`,
    );
  }
  if (root < 2 || root >= highWater)
    throw damaged(source.path, page, `its root page ${root} is not among the pages 2 to ${highWater - 1}`);
  if (freelist !== undefined && (freelist < 2 || freelist >= highWater)) {
    throw damaged(
      source.path,
      page,
      `its page of free pages ${freelist} is not among the pages 2 to ${highWater - 1}`,
    );
  }
}

/** The error for a file whose metas are both unusable, by what the first of them looks like. */
async function neither(source: BoltSource, reason: string) {
  const magics = [];
  for (const offset of [0, ...PAGE_SIZES]) {
    if (offset + PAGE_HEADER_BYTES + 8 > source.size) break;
    const bytes = await source.readNow(offset + PAGE_HEADER_BYTES, 8, 0);
    const view = new DataView(bytes.buffer);
    if (view.getUint32(0, false) === MAGIC) {
      return invalid(
        source.path,
        `page ${offset === 0 ? 0 : 1} was written on a machine of the other byte order (big-endian). Write the file anew on a little-endian one`,
      );
    }
    if (view.getUint32(0, true) === MAGIC) magics.push(view.getUint32(4, true));
  }
  if (magics.length === 0) return invalid(source.path, `it is not a bbolt file: page 0: ${reason}`);
  const version = magics.find((found) => found !== VERSION);
  // A version that both metas agree upon is one; where they differ, a byte was changed.
  if (version !== undefined && magics.every((found) => found === version))
    return invalid(source.path, `page 0 is of bbolt's version ${version}, and only ${VERSION} is known`);
  return damaged(source.path, 0, `${reason}, and page 1 is of no help`);
}
