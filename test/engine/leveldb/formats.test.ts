import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader } from "../../../src/engine/leveldb/byte-reader.ts";
import { crc32c, unmask } from "../../../src/engine/leveldb/crc32c.ts";
import { FileReader } from "../../../src/engine/leveldb/file-reader.ts";
import { LogScan } from "../../../src/engine/leveldb/log-file.ts";
import { readManifest } from "../../../src/engine/leveldb/manifest-file.ts";
import { uncompress } from "../../../src/engine/leveldb/snappy.ts";
import { readBlock, readIndex, verifyTable } from "../../../src/engine/leveldb/table-file.ts";
import { usePlaces } from "../../helpers/places.ts";

const places = usePlaces();
const bytes = (text: string) => new TextEncoder().encode(text);

describe("CRC-32C", () => {
  test("gives the known sums", () => {
    expect(crc32c(bytes("123456789"))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(unmask(0xa282ead8)).toBe(0);
  });

  test("of a stretch, and in parts, is that of the whole", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (content, a, b) => {
        const [from = 0, to = 0] = [a, b].map((at) => Math.min(at, content.length)).sort((x, y) => x - y);
        const whole = crc32c(content);
        const parts = [content.subarray(0, from), content.subarray(from, to), content.subarray(to)];
        expect(parts.reduce((crc, part) => crc32c(part, 0, part.length, crc), 0)).toBe(whole);
        expect(crc32c(content, from, to)).toBe(crc32c(content.slice(from, to)));
      }),
    );
  });
});

test("a number that has no end, or is not there, fails", () => {
  for (const content of [[], [0x80], Array(12).fill(0xff)]) {
    const reader = new ByteReader(Uint8Array.from(content));
    reader.varint();
    expect(reader.failed).toBe(true);
  }
  const reader = new ByteReader(Uint8Array.of(0xac, 0x02, 5, 1));
  expect(reader.varint()).toBe(300);
  expect(reader.lengthPrefixed()).toHaveLength(0);
  expect(reader.failed).toBe(true);
});

describe("Snappy", () => {
  test("literals and copies are undone, also those that overlap themselves", () => {
    // "abcd", then 8 bytes from 4 back, then 5 from 1 back, by a copy of each kind.
    const stored = Uint8Array.of(17, 3 << 2, 97, 98, 99, 100, (4 << 2) | 1, 4, (4 << 2) | 2, 1, 0);
    expect(new TextDecoder().decode(uncompress(stored))).toBe("abcdabcdabcdddddd");
    const far = Uint8Array.of(8, 3 << 2, 97, 98, 99, 100, (3 << 2) | 3, 4, 0, 0, 0);
    expect(new TextDecoder().decode(uncompress(far))).toBe("abcdabcd");
    const long = Uint8Array.of(100, 60 << 2, 99, ...new Uint8Array(100).fill(7));
    expect(uncompress(long)).toEqual(new Uint8Array(100).fill(7));
  });

  test.each([
    ["a length that no input could give", [255, 255, 255, 255, 15, 0]],
    ["a literal that is cut", [4, 3 << 2, 97]],
    ["a copy from before the beginning", [8, 0, 97, (3 << 2) | 2, 9, 0]],
    ["a copy from nowhere", [8, 0, 97, (3 << 2) | 2, 0, 0]],
    ["too much", [1, 3 << 2, 97, 98, 99, 100]],
    ["too little", [9, 3 << 2, 97, 98, 99, 100]],
  ])("%s is refused", (_, content) => {
    expect(uncompress(Uint8Array.from(content))).toBeUndefined();
  });
});

/** A log with these records, each in fragments as LevelDB would lay them. */
function logOf(records: readonly Uint8Array[]): { log: Buffer; offsets: number[] } {
  const parts: Buffer[] = [];
  const offsets: number[] = [];
  let size = 0;
  const push = (part: Buffer) => {
    parts.push(part);
    size += part.length;
  };
  for (const record of records) {
    let at = 0;
    let isFirst = true;
    do {
      const left = 32768 - (size % 32768);
      if (left < 7) push(Buffer.alloc(left));
      const room = 32768 - (size % 32768) - 7;
      const data = record.subarray(at, at + room);
      at += data.length;
      const isLast = at === record.length;
      const type = isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3;
      if (isFirst) offsets.push(size);
      const header = Buffer.alloc(7);
      header.writeUInt16LE(data.length, 4);
      header[6] = type;
      const crc = crc32c(data, 0, data.length, crc32c(Uint8Array.of(type)));
      header.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 0);
      push(Buffer.concat([header, data]));
      isFirst = false;
    } while (at < record.length);
  }
  return { log: Buffer.concat(parts), offsets };
}

function scan(log: Uint8Array) {
  const found: { record: Buffer; offset: number }[] = [];
  const scanned = new LogScan((record, offset) => found.push({ record: Buffer.from(record), offset }));
  scanned.push(log);
  return { found, flaws: scanned.end() };
}

const recordList = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    fc.integer({ min: 32_000, max: 100_000 }).map((length) => new Uint8Array(length).fill(length % 251)),
  ),
  { minLength: 1, maxLength: 8 },
);

describe("a log", () => {
  test("gives its records, wherever blocks end", () => {
    fc.assert(
      fc.property(recordList, (records) => {
        const { log, offsets } = logOf(records);
        const { found, flaws } = scan(log);
        expect(flaws).toEqual([]);
        expect(found.map(({ offset }) => offset)).toEqual(offsets);
        for (const [i, record] of records.entries()) expect(Buffer.compare(found[i]!.record, record)).toBe(0);
      }),
    );
  });

  test("that was cut gives those before, and no hole", () => {
    fc.assert(
      fc.property(recordList, fc.nat(), (records, at) => {
        const { log, offsets } = logOf(records);
        const end = at % log.length;
        const { found, flaws } = scan(log.subarray(0, end));
        expect(flaws.every(({ kind, until }) => kind === "cut" && until === undefined)).toBe(true);
        const whole = offsets.filter((_, i) => (offsets[i + 1] ?? log.length) <= end).length;
        expect(found.length).toBeGreaterThanOrEqual(whole);
        expect(found.length).toBeLessThanOrEqual(offsets.length);
      }),
    );
  });

  test("with a changed byte never gives another record, and tells of a hole where records follow", () => {
    fc.assert(
      fc.property(recordList, fc.nat(), fc.integer({ min: 1, max: 255 }), (records, at, mask) => {
        const { log, offsets } = logOf(records);
        const place = at % log.length;
        log[place] = log[place]! ^ mask;
        const { found, flaws } = scan(log);
        const known = new Map(offsets.map((offset, i) => [offset, records[i]!]));
        for (const { record, offset } of found) expect(Buffer.compare(record, known.get(offset)!)).toBe(0);
        const lost = offsets.filter((offset) => found.every((each) => each.offset !== offset));
        // Filling between blocks belongs to no record.
        expect(flaws.length > 0).toBe(lost.length > 0);
        if (lost.length > 0 && found.some(({ offset }) => offset > lost[0]!))
          expect(flaws.some(({ until }) => until !== undefined)).toBe(true);
      }),
    );
  });
});

test("a table gives every row that LevelDB put into it, and each changed byte of it is noticed", async () => {
  const directory = places.path("raw");
  mkdirSync(directory);
  const level = new ClassicLevel<string, string>(directory);
  const keys = Array.from({ length: 900 }, (_, n) => `key-${String(n).padStart(4, "0")}`);
  await level.batch(keys.map((key, n) => ({ type: "put", key, value: "value ".repeat(n % 40) + key })));
  await level.compactRange("a", "z");
  await level.close();
  const manifest = readFileSync(join(directory, "CURRENT"), "latin1").trim();
  const state = readManifest(manifest, readFileSync(join(directory, manifest)), true);
  const [record] = state.tables.values();
  const path = join(directory, readdirSync(directory).find((name) => name.endsWith(".ldb")) ?? "");
  const reader = new FileReader();
  try {
    await verifyTable(reader, path, record!);
    const rows: string[] = [];
    for (const block of await readIndex(reader))
      for (const { key } of await readBlock(reader, block))
        rows.push(Buffer.from(key.subarray(0, -8)).toString());
    expect(rows).toEqual(keys);
    const content = readFileSync(path);
    const missed: number[] = [];
    for (let at = 0; at < content.length; at += 1 + (at % 13)) {
      const copy = Buffer.from(content);
      copy[at] = copy[at]! ^ (1 << (at % 8));
      writeFileSync(path, copy);
      await verifyTable(reader, path, record!).then(
        () => missed.push(at),
        (error) => expect(error).toMatchObject({ code: "STORE_DAMAGED" }),
      );
    }
    expect(missed).toEqual([]);
  } finally {
    await reader.close();
  }
});
