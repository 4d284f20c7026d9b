import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { DatabaseError } from "@meshgate/database";
import { expect } from "vitest";
import { openBolt } from "../../src/bolt/bolt-file.ts";
import { linesOf } from "./lines.ts";

const PAGE = 1024;
const FNV_PRIME = 0x100000001b3n;

/** The bytes of a committed file: pages of 1024 bytes, page 29 lists the free pages. */
export function sample(): Promise<Buffer> {
  return readFile(fileURLToPath(new URL("fixtures/tree-1024.bolt.db", import.meta.url)));
}

/** Gives both metas the checksums that their bytes have, after they were changed. */
export function sign(bytes: Buffer, pageSize = PAGE): Buffer {
  for (const page of [0, pageSize]) {
    let hash = 0xcbf29ce484222325n;
    for (const byte of bytes.subarray(page + 16, page + 72))
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
    bytes.writeBigUInt64LE(hash, page + 72);
  }
  return bytes;
}

interface Row {
  readonly key: Uint8Array | string;
  readonly value: Uint8Array;
  readonly isBucket?: boolean;
}

/** A bucket's value. */
export function bucketValue(root: number, sequence = 0n, inline: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(BigInt(root));
  head.writeBigUInt64LE(sequence, 8);
  return Buffer.concat([head, inline]);
}

export function leaf(id: number, rows: readonly Row[]): Buffer {
  const head = header(id, 2, rows.length);
  const table = Buffer.alloc(rows.length * 16);
  const data: Uint8Array[] = [];
  let size = 0;
  for (const [i, { key, value, isBucket = false }] of rows.entries()) {
    const name = Buffer.from(key);
    table.writeUInt32LE(isBucket ? 1 : 0, i * 16);
    table.writeUInt32LE(table.length - i * 16 + size, i * 16 + 4);
    table.writeUInt32LE(name.length, i * 16 + 8);
    table.writeUInt32LE(value.length, i * 16 + 12);
    data.push(name, value);
    size += name.length + value.length;
  }
  return Buffer.concat([head, table, ...data]);
}

export function branch(id: number, children: readonly (readonly [string, number])[]): Buffer {
  const head = header(id, 1, children.length);
  const table = Buffer.alloc(children.length * 16);
  let size = 0;
  for (const [i, [key, page]] of children.entries()) {
    table.writeUInt32LE(table.length - i * 16 + size, i * 16);
    table.writeUInt32LE(key.length, i * 16 + 4);
    table.writeBigUInt64LE(BigInt(page), i * 16 + 8);
    size += key.length;
  }
  return Buffer.concat([head, table, ...children.map(([key]) => Buffer.from(key))]);
}

function header(id: number, flags: number, count: number): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(BigInt(id));
  head.writeUInt16LE(flags, 8);
  head.writeUInt16LE(count, 10);
  return head;
}

/** A list of free pages; `count` in its header is that of `ids` if not given. */
export function freelist(id: number, ids: readonly (number | bigint)[], count = ids.length): Buffer {
  const data = Buffer.alloc(ids.length * 8);
  for (const [i, free] of ids.entries()) data.writeBigUInt64LE(BigInt(free), i * 8);
  return Buffer.concat([header(id, 16, count), data]);
}

/** A file of pages from the third on, of which that is the root. @param list the page with the free ones, if any */
export function fileOf(pages: readonly Uint8Array[], pageSize = PAGE, list?: number): Buffer {
  const parts: Buffer[] = [];
  for (const [i, page] of [new Uint8Array(0), new Uint8Array(0), ...pages].entries()) {
    const whole = Buffer.alloc(Math.max(1, Math.ceil(page.length / pageSize)) * pageSize);
    whole.set(page);
    if (page.length > pageSize) whole.writeUInt32LE(whole.length / pageSize - 1, 12);
    if (i < 2) writeMeta(whole, i, pageSize);
    parts.push(whole);
  }
  const file = Buffer.concat(parts);
  for (const page of [0, pageSize]) {
    file.writeBigUInt64LE(BigInt(file.length / pageSize), page + 56);
    if (list !== undefined) file.writeBigUInt64LE(BigInt(list), page + 48);
  }
  return sign(file, pageSize);
}

function writeMeta(page: Buffer, id: number, pageSize: number): void {
  page.writeBigUInt64LE(BigInt(id));
  page.writeUInt16LE(4, 8);
  page.writeUInt32LE(0xed0cdaed, 16);
  page.writeUInt32LE(2, 20);
  page.writeUInt32LE(pageSize, 24);
  page.writeBigUInt64LE(2n, 32);
  page.writeBigUInt64LE(2n ** 64n - 1n, 48);
  page.writeBigUInt64LE(BigInt(id), 64);
}

/** Reads a file of these bytes in full. @returns its lines */
export async function readBytes(path: string, bytes: Uint8Array): Promise<string[]> {
  await writeFile(path, bytes);
  await using file = await openBolt(path);
  return await linesOf(file);
}

/** Expects a file of these bytes to be refused with a code, for a reason that is said. */
export async function expectRefused(
  path: string,
  bytes: Uint8Array,
  code: DatabaseError["code"],
  reason: RegExp,
): Promise<void> {
  await expect(readBytes(path, bytes)).rejects.toMatchObject({
    name: "DatabaseError",
    code,
    message: expect.stringMatching(reason),
  });
}
