import { writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { openBolt } from "../../src/bolt/bolt-file.ts";
import { usePlaces } from "../helpers/places.ts";
import {
  branch,
  bucketValue,
  expectRefused,
  fileOf,
  freelist,
  leaf,
  readBytes,
  sample,
  sign,
} from "./edits.ts";
import { linesOf } from "./lines.ts";

const row = (key: string, value = "v") => ({ key, value: Buffer.from(value) });
const bucket = (key: string, root: number) => ({ key, value: bucketValue(root), isBucket: true });
const places = usePlaces();

const damagedFor = (bytes: Uint8Array, reason: RegExp) =>
  expectRefused(places.path("file.db"), bytes, "BOLT_DAMAGED", reason);
const invalidFor = (bytes: Uint8Array, reason: RegExp) =>
  expectRefused(places.path("file.db"), bytes, "BOLT_INVALID", reason);

describe("a file that is not one to be read here is refused, with the reason", () => {
  test("one that is empty", () => invalidFor(Buffer.alloc(0), /page 0 is missing: the file is empty/));

  test("one of something else, of any size", async () => {
    for (const size of [1, 15, 16, 79, 80, 1023, 1024, 1100, 4096, 200_000]) {
      await invalidFor(Buffer.alloc(size, "text "), /not a bbolt file: page 0/);
      await invalidFor(Buffer.alloc(size), /not a bbolt file: page 0/);
    }
  });

  test("one of another byte order", async () => {
    const bytes = await sample();
    for (const page of [0, 1024]) {
      bytes.subarray(page + 16, page + 32).swap32();
      bytes.subarray(page + 32, page + 80).swap64();
    }
    await invalidFor(bytes, /page 0 .*other byte order \(big-endian\)/);
  });

  test("one of another version", async () => {
    const bytes = await sample();
    for (const page of [0, 1024]) bytes.writeUInt32LE(3, page + 20);
    await invalidFor(sign(bytes), /page 0 is of bbolt's version 3, and only 2 is known/);
  });

  test("one whose metas are both damaged", async () => {
    const bytes = await sample();
    for (const page of [0, 1024]) bytes.writeUInt8(0xff, page + 75);
    await damagedFor(bytes, /page 0 is damaged: its checksum does not match, and page 1 is of no help/);
  });

  test("one with a page size that cannot be", async () => {
    for (const size of [0, 1, 512, 1000, 3000, 2 ** 25, 2 ** 32 - 1]) {
      const bytes = await sample();
      for (const page of [0, 1024]) bytes.writeUInt32LE(size, page + 24);
      await damagedFor(sign(bytes), new RegExp(`page 0 is damaged: its page size of ${size}`));
    }
  });
});

describe("either meta alone opens a file", () => {
  test("the older, or the first, one being damaged", async () => {
    const rows = [leaf(2, [bucket("a", 3)]), leaf(3, [row("k")])];
    for (const pageSize of [1024, 2048, 4096, 65536]) {
      const bytes = fileOf(rows, pageSize);
      bytes.fill(0, 0, 80);
      expect(await readBytes(places.path("file.db"), bytes)).toEqual(["B 0 61 0", "R 1 6b 76"]);
    }
    const bytes = fileOf(rows);
    bytes.fill(0, 1024, 1104);
    expect(await readBytes(places.path("file.db"), bytes)).toEqual(["B 0 61 0", "R 1 6b 76"]);
  });
});

describe("a truncated file is refused, and the page said that is gone", () => {
  test("at every page, and within", async () => {
    const bytes = await sample();
    for (let pages = 2; pages < 30; pages++) {
      const reason = new RegExp(`page ${pages} is damaged: the file is truncated`);
      await damagedFor(bytes.subarray(0, pages * 1024), reason);
      await damagedFor(bytes.subarray(0, pages * 1024 + 1000), reason);
    }
    expect(await readBytes(places.path("file.db"), bytes.subarray(0, 30 * 1024))).toHaveLength(61);
  });
});

describe("a page that leads out of the file, or round in it, is refused", () => {
  test.for([0, 1, 5, 1000, 2 ** 32, 2 ** 53])("a bucket whose page is %d", async (page) => {
    // 0 is the mark of an inline bucket.
    const reason = page === 0 ? /page 2 .*too few for a bucket in place/ : /page \d+ .*leads to it/;
    await damagedFor(fileOf([leaf(2, [bucket("a", page)]), leaf(3, []), leaf(4, [])]), reason);
  });

  test.for([2, 3])("a bucket that lies in itself, by page %d", (page) =>
    damagedFor(
      fileOf([leaf(2, [bucket("a", 3)]), leaf(3, [bucket("b", page)])]),
      new RegExp(`page ${page} .*met before`),
    ),
  );

  test("two buckets of one page", () =>
    damagedFor(fileOf([leaf(2, [bucket("a", 3), bucket("b", 3)]), leaf(3, [])]), /page 3 .*met before/));

  test("a branch that leads to itself, and to a page above", async () => {
    await damagedFor(fileOf([branch(2, [["a", 2]])]), /page 2 .*met before/);
    await damagedFor(fileOf([branch(2, [["a", 3]]), branch(3, [["a", 2]])]), /page 2 .*met before/);
  });

  test("a page that another one spans", () => {
    const long = leaf(3, [row("k", "v".repeat(1500))]);
    const bytes = fileOf([leaf(2, [bucket("a", 3), bucket("b", 4)]), long]);
    return damagedFor(bytes, /page 4 .*says that it is page/);
  });

  test("a page that another one spans, though it has a header", () => {
    const within = Buffer.concat([Buffer.alloc(1024 - 16 - 16 - 1), leaf(4, [row("x")])]);
    const bytes = fileOf([
      leaf(2, [bucket("a", 3), bucket("b", 4)]),
      leaf(3, [{ key: "k", value: Buffer.concat([within, Buffer.alloc(300, 1)]) }]),
    ]);
    return damagedFor(bytes, /page 4 .*met before/);
  });

  test.for([2, 1000, 2 ** 32 - 1])("a page that spans %d more, and the file ends before", (overflow) => {
    const bytes = fileOf([leaf(2, [bucket("a", 3)]), leaf(3, [row("k")])]);
    bytes.writeUInt32LE(overflow, 3 * 1024 + 12);
    return damagedFor(bytes, /page 3 .*it reaches to page/);
  });

  test("a root and a list of free pages beyond the file", async () => {
    for (const [at, reason] of [
      [32, /page 1 .*root page 99/],
      [48, /page 1 .*free pages 99/],
    ] as const) {
      const bytes = fileOf([leaf(2, [])]);
      for (const page of [0, 1024]) bytes.writeBigUInt64LE(99n, page + at);
      await damagedFor(sign(bytes), reason);
    }
  });

  test("more pages in use than the file has, even 2^63", async () => {
    for (const pages of [4n, 2n ** 32n, 2n ** 63n]) {
      const bytes = fileOf([leaf(2, [])]);
      for (const page of [0, 1024]) bytes.writeBigUInt64LE(pages, page + 56);
      await damagedFor(sign(bytes), /page 3 is damaged: the file is truncated/);
    }
  });
});

describe("depth has a limit", () => {
  const nested = (depth: number) =>
    fileOf(Array.from({ length: depth }, (_, i) => leaf(i + 2, i === depth - 1 ? [] : [bucket("a", i + 3)])));

  test("of 256 pages from the root", async () => {
    expect(await readBytes(places.path("file.db"), nested(256))).toHaveLength(255);
    await damagedFor(nested(257), /page 258 .*below 256 others/);
    await damagedFor(nested(5000), /page 258 .*below 256 others/);
  });
});

describe("a page is refused whose bytes do not agree with one another", () => {
  const good = () => fileOf([leaf(2, [bucket("a", 3)]), leaf(3, [row("k1"), row("k2"), row("k3")])]);
  const page = 3 * 1024;
  const edits: readonly [string, (bytes: Buffer) => void, RegExp][] = [
    ["another id", (b) => b.writeUInt8(9, page), /page 3 .*says that it is page 9/],
    ["no flags", (b) => b.writeUInt16LE(0, page + 8), /page 3 .*flags are 0/],
    ["the flags of two kinds", (b) => b.writeUInt16LE(3, page + 8), /page 3 .*flags are 3/],
    ["the flags of a branch", (b) => b.writeUInt16LE(1, page + 8), /page 3 .*element 0 has its key at/],
    ["the flags of a free list", (b) => b.writeUInt16LE(16, page + 8), /page 3 .*flags are 16/],
    ["a huge count", (b) => b.writeUInt16LE(65535, page + 10), /page 3 .*65535 elements do not fit/],
    ["one too many", (b) => b.writeUInt16LE(4, page + 10), /page 3 .*element 0 has its key at/],
    ["one too few", (b) => b.writeUInt16LE(2, page + 10), /page 3 .*element 0 has its key at/],
    ["none", (b) => b.writeUInt16LE(0, page + 10), /page 3 .*data beyond its last element/],
    ["an element's flags of 2", (b) => b.writeUInt32LE(2, page + 16), /page 3 .*element 0 has the flags 2/],
    ["a place far away", (b) => b.writeUInt32LE(2 ** 32 - 1, page + 20), /page 3 .*element 0 has its key at/],
    ["a key of no bytes", (b) => b.writeUInt32LE(0, page + 24), /page 3 .*element 0 has a key of 0 bytes/],
    ["a key too long", (b) => b.writeUInt32LE(32769, page + 24), /page 3 .*key of 32769 bytes/],
    ["a key beyond the page", (b) => b.writeUInt32LE(2000, page + 24), /page 3 .*element 0 ends at byte/],
    [
      "a value too long",
      (b) => b.writeUInt32LE(2 ** 32 - 1, page + 28),
      /page 3 .*value of 4294967295 bytes/,
    ],
    ["a value beyond the page", (b) => b.writeUInt32LE(5000, page + 28), /page 3 .*element 0 ends at byte/],
    ["a size that moves the next", (b) => b.writeUInt32LE(2, page + 28), /page 3 .*element 1 has its key at/],
    ["a last value cut short", (b) => b.writeUInt32LE(0, page + 60), /page 3 .*data beyond its last/],
    ["bytes after the last", (b) => b.writeUInt8(1, page + 1023), /page 3 .*data beyond its last/],
    [
      "a row that is a bucket",
      (b) => b.writeUInt32LE(1, page + 16),
      /page 3 .*element 0 has 1 bytes, and needs 16/,
    ],
    ["a key twice", (b) => b.write("k1", page + 67), /page 3 .*element 1 is not above/],
    ["a key out of order", (b) => b.write("k4", page + 67), /page 3 .*element 2 is not above/],
  ];

  test("the page itself is sound", async () => {
    expect(await readBytes(places.path("file.db"), good())).toHaveLength(4);
  });

  test.for(edits)("%s", ([, edit, reason]) => {
    const bytes = good();
    edit(bytes);
    return damagedFor(bytes, reason);
  });

  test("a row at the top, which bbolt cannot make", () =>
    damagedFor(fileOf([leaf(2, [row("a")])]), /page 2 .*element 0 is a row, and lies in no bucket/));

  test("a row that is a bucket whose mark was lost, with rows in place or a page of its own", async () => {
    const inline = bucketValue(0, 5n, leaf(0, [row("k")]));
    const lost = leaf(3, [{ key: "lost", value: inline }]);
    await damagedFor(fileOf([leaf(2, [bucket("a", 3)]), lost]), /page 3 .*is not marked as one/);
    const pages = [leaf(2, [bucket("a", 3)]), leaf(3, [{ key: "lost", value: bucketValue(4) }]), leaf(4, [])];
    const reason = /page 4 .*a row has the value of a bucket with this page/;
    await damagedFor(fileOf([...pages, freelist(5, [])], 1024, 5), reason);
    // Were the page free, or of another bucket, the row would be one.
    const free = [...pages.slice(0, 2), new Uint8Array(0), freelist(5, [4])];
    expect(await readBytes(places.path("file.db"), fileOf(free, 1024, 5))).toHaveLength(2);
  });

  test("a bucket in place that is cut, too long, no leaf, or holds another", async () => {
    const inside = leaf(0, [row("k")]);
    const as = (value: Buffer) => fileOf([leaf(2, [{ key: "a", value, isBucket: true }])]);
    expect(await readBytes(places.path("file.db"), as(bucketValue(0, 7n, inside)))).toEqual([
      "B 0 61 7",
      "R 1 6b 76",
    ]);
    await damagedFor(as(bucketValue(0, 7n, inside.subarray(0, -1))), /page 2 .*element 0 ends at byte/);
    await damagedFor(
      as(bucketValue(0, 7n, Buffer.concat([inside, Buffer.alloc(1)]))),
      /page 2 .*has 35 bytes, not 34/,
    );
    await damagedFor(as(bucketValue(0, 7n, leaf(1, [row("k")]))), /page 2 .*does not start like one/);
    await damagedFor(as(bucketValue(0, 7n, branch(0, [["k", 3]]))), /page 2 .*does not start like one/);
    await damagedFor(as(bucketValue(0, 7n, leaf(0, [bucket("b", 2)]))), /page 2 .*lies in an inline bucket/);
    await damagedFor(as(bucketValue(2, 7n, inside)), /page 2 .*and a page of its own/);
  });
});

describe("keys of a branch's pages are refused where they are not in order", () => {
  const tree = (left: string[], right: string[], separators = ["b", "d"]) =>
    fileOf([
      leaf(2, [bucket("a", 3)]),
      branch(3, [
        [separators[0] as string, 4],
        [separators[1] as string, 5],
      ]),
      leaf(
        4,
        left.map((key) => row(key)),
      ),
      leaf(
        5,
        right.map((key) => row(key)),
      ),
    ]);

  test("within, and against the keys of the branch", async () => {
    expect(await readBytes(places.path("file.db"), tree(["b", "c"], ["d", "e"]))).toHaveLength(5);
    await damagedFor(tree(["a", "c"], ["d"]), /page 4 .*element 0 is not above/);
    await damagedFor(tree(["b", "d"], ["e"]), /page 4 .*element 1 is not below/);
    await damagedFor(tree(["b", "x"], ["y"]), /page 4 .*element 1 is not below/);
    await damagedFor(tree(["b"], ["c", "d"]), /page 5 .*element 0 is not above/);
    await damagedFor(tree(["b"], ["d"], ["b", "b"]), /page 4 .*element 0 is not below/);
    await damagedFor(tree([], ["d"]), /page 4 .*empty, and not its bucket's only page/);
    await damagedFor(fileOf([branch(2, [])]), /page 2 .*leads nowhere/);
  });
});

describe("the list of free pages is held against the pages that are in use", () => {
  const fileWith = (list: Uint8Array) =>
    fileOf(
      [leaf(2, [bucket("a", 3)]), leaf(3, [row("k")]), new Uint8Array(0), new Uint8Array(0), list],
      1024,
      6,
    );

  test("pages of neither are counted, for bbolt leaks some", async () => {
    for (const [ids, lost] of [
      [[4, 5], 0],
      [[4], 1],
      [[], 2],
    ] as const) {
      await writeFile(places.path("file.db"), fileWith(freelist(6, ids)));
      await using file = await openBolt(places.path("file.db"));
      expect(file.lostPages).toBeUndefined();
      expect(await linesOf(file)).toHaveLength(2);
      expect(file.lostPages).toBe(lost);
    }
  });

  test("one that is in use, listed twice, unordered or beyond the file is refused", async () => {
    await damagedFor(fileWith(freelist(6, [3, 4, 5])), /page 3 .*listed as free/);
    await damagedFor(fileWith(freelist(6, [4, 4])), /page 6 .*lists page 4 after page 4/);
    await damagedFor(fileWith(freelist(6, [5, 4])), /page 6 .*lists page 4 after page 5/);
    await damagedFor(fileWith(freelist(6, [0, 4])), /page 6 .*lists page 0 after page 1/);
    await damagedFor(fileWith(freelist(6, [4, 7])), /page 6 .*reaches to page 7/);
    await damagedFor(fileWith(freelist(6, [4, 2n ** 64n - 1n])), /page 6 .*reaches to page/);
    await damagedFor(fileWith(freelist(6, [4, 5, 6])), /page 6 .*met before/);
  });

  test("a page of neither that leads to one in use: what led to it was changed", async () => {
    const rest = [leaf(4, [row("x")]), freelist(5, [])];
    for (const between of [branch(3, [["x", 4]]), leaf(3, [bucket("b", 4)])]) {
      const bytes = fileOf([leaf(2, [bucket("a", 3)]), between, ...rest], 1024, 5);
      expect((await readBytes(places.path("file.db"), bytes)).at(-1)).toMatch(/^R . 78 76$/);
      const skipping = fileOf([leaf(2, [bucket("a", 4)]), between, ...rest], 1024, 5);
      await damagedFor(skipping, /page 3 .*no bucket leads to it, and it leads to page 4, which is in use/);
    }
  });

  test("one that is no list, or does not fit, is refused", async () => {
    await damagedFor(fileWith(leaf(6, [])), /page 6 .*flags are 2/);
    await damagedFor(fileWith(freelist(6, [4, 5], 127)), /page 6 .*127 free pages do not fit/);
    await damagedFor(fileWith(freelist(6, [4, 5], 65535)), /page 6 .*its 4 pages like a long list/);
    await damagedFor(fileWith(freelist(6, [2n ** 64n - 1n], 65535)), /page 6 .*free pages do not fit/);
  });

  test("one of more pages than its header can count is read", async () => {
    const ids = Array.from({ length: 70_000 }, (_, i) => i + 4);
    const pages = [leaf(2, [bucket("a", 3)]), leaf(3, [row("k")]), ...ids.map(() => new Uint8Array(0))];
    const bytes = fileOf([...pages, freelist(70_004, [70_000, ...ids], 65535)], 1024, 70_004);
    await writeFile(places.path("file.db"), bytes);
    await using file = await openBolt(places.path("file.db"));
    expect(await linesOf(file)).toHaveLength(2);
    expect(file.lostPages).toBe(0);
  });
});
