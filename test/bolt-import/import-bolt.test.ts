import { readFile, writeFile } from "node:fs/promises";
import { type BoltImportOptions, type BoltRule, type Bucket, importBolt, type Key } from "@meshgate/database";
import { Level } from "level";
import { describe, expect, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";
import { linesOfStore, topsOf } from "./imported.ts";
import { type Content, sub, writeTree } from "./trees.ts";

const places = usePlaces();

const bytes = (...values: number[]) => Uint8Array.from(values);
const uint64 = (value: bigint) => {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(value);
  return key;
};
const open = () => places.open(places.path("db"));

/** Imports a file with one bucket "b", and gives its rows as they read by default. */
async function rowsBy(rule: BoltRule, content: Content): Promise<[Key, unknown][]> {
  const file = await writeTree(places.path("a.db"), [["b", sub(content)]]);
  const store = await open();
  await importBolt(file, store, { buckets: { b: rule } });
  await expectSound(store);
  const rows = await store.view(async (tx) => (await (tx.bucket("b") as Bucket)).range().toArray());
  await store.close();
  return rows;
}

/** Expects an import to be refused with a code, for a reason, and to leave nothing. */
async function expectNothing(
  tops: Content,
  options: BoltImportOptions,
  code: Parameters<typeof expectRefused>[0],
  reason: RegExp,
): Promise<void> {
  const file = await writeTree(places.path("a.db"), tops);
  const store = await open();
  await expectRefused(code, () => importBolt(file, store, options), reason);
  expect(await topsOf(store)).toEqual([]);
  await expectSound(store);
  await store.close();
}

describe("keys are read", () => {
  test('with "auto" as text where all keys and names are text', async () => {
    const content: Content = [
      ["a", "1"],
      ["é", "2"],
      ["\ufeffz", "3"],
    ];
    expect(await rowsBy({}, content)).toEqual([
      ["a", 1],
      ["é", 2],
      ["\ufeffz", 3],
    ]);
  });

  test('with "auto" as one character a byte for all keys where one is not text', async () => {
    const content: Content = [
      [bytes(0xe9), "1"],
      ["é", "2"],
      ["a", "3"],
    ];
    const rows = await rowsBy({}, content);
    expect(rows).toEqual([
      ["a", 3],
      ["Ã©", 2],
      ["é", 1],
    ]);
    expect(Buffer.from(rows[2]?.[0] as string, "latin1")).toEqual(Buffer.from([0xe9]));
  });

  test('with "auto" as one character a byte where only a name within is not text', async () => {
    const file = await writeTree(places.path("a.db"), [
      [
        "b",
        sub([
          ["é", "1"],
          [bytes(0xff), sub([["ü", "2"]])],
        ]),
      ],
    ]);
    const store = await open();
    await importBolt(file, store);
    await store.view(async (tx) => {
      const b = (await tx.bucket("b")) as Bucket;
      expect(await b.keys().toArray()).toEqual(["Ã©"]);
      expect(await b.buckets()).toEqual(["ÿ"]);
      // Each bucket decides for itself.
      expect(await ((await b.bucket("ÿ")) as Bucket).range().toArray()).toEqual([["ü", 2]]);
    });
  });

  test.each<[string, Uint8Array]>([
    ["a lone continuation byte", bytes(0x80)],
    ["an overlong form", bytes(0xc0, 0x80)],
    ["a surrogate", bytes(0xed, 0xa0, 0x80)],
    ["beyond the last code point", bytes(0xf4, 0x90, 0x80, 0x80)],
    ["a cut sequence", bytes(0x61, 0xe2, 0x82)],
  ])("not as text with %s", async (_, key) => {
    expect(await rowsBy({ keys: "bytes" }, [[key, "1"]])).toEqual([[Buffer.from(key).toString("latin1"), 1]]);
  });

  test('with "bytes" as one character a byte, in the same order', async () => {
    const keys = Array.from({ length: 255 }, (_, i) => bytes(i + 1, 255 - i));
    const rows = await rowsBy(
      { keys: "bytes" },
      keys.map((key) => [key, "1"]),
    );
    expect(rows.map(([key]) => Buffer.from(key as string, "latin1").toString("hex"))).toEqual(
      keys.map((key) => Buffer.from(key).toString("hex")),
    );
  });

  test('with "uint64" as numbers, in the same order', async () => {
    const numbers = [0n, 1n, 255n, 256n, 2n ** 32n, 2n ** 53n - 1n];
    expect(
      await rowsBy(
        { keys: "uint64" },
        numbers.map((n) => [uint64(n), "1"]),
      ),
    ).toEqual(numbers.map((n) => [Number(n), 1]));
  });

  test('with "json" as the keys that the texts stand for', async () => {
    const content: Content = [
      ['["t", 1.0, null, [true]]', "1"],
      ['"12345678901234567890"', "2"],
      ["0.1", "3"],
      ["1e3", "4"],
      ["123456789012345680", "5"],
    ];
    expect(await rowsBy({ keys: "json" }, content)).toEqual([
      [0.1, 3],
      [1000, 4],
      [123456789012345680, 5],
      ["12345678901234567890", 2],
      [["t", 1, null, [true]], 1],
    ]);
  });

  test("with a function as it says", async () => {
    const keys = (key: Uint8Array) => Buffer.from(key).toString().split("/");
    const content: Content = [
      ["t/2", "1"],
      ["t/1", "2"],
      ["s", "3"],
    ];
    expect(await rowsBy({ keys }, content)).toEqual([
      [["s"], 3],
      [["t", "1"], 2],
      [["t", "2"], 1],
    ]);
  });
});

describe("keys are refused, and the message names the rule that takes them", () => {
  const RAW = /bucket "b".*keys: "bytes"/;
  test.each<[string, BoltRule, Uint8Array | string]>([
    ["text that is none", { keys: "text" }, bytes(0xff)],
    ["JSON that is none", { keys: "json" }, "{"],
    ["JSON that is no text", { keys: "json" }, bytes(0x22, 0xff, 0x22)],
    ["a number of 20 digits", { keys: "json" }, "12345678901234567890"],
    ["one in a tuple", { keys: "json" }, '["a\\"1", 0.12345678901234567]'],
    ["a number beyond all", { keys: "json" }, "1e400"],
    ["a number that would be 0", { keys: "json" }, "1e-400"],
    ["a uint64 of 7 bytes", { keys: "uint64" }, "1234567"],
    ["a uint64 above 2^53-1", { keys: "uint64" }, uint64(2n ** 53n)],
  ])("%s", async (_, rule, key) => {
    await expectNothing([["b", sub([[key, "1"]])]], { buckets: { b: rule } }, "BOLT_REFUSED", RAW);
  });

  test("with where they are, as details", async () => {
    const file = await writeTree(places.path("a.db"), [["b", sub([["c", sub([[bytes(0x61, 0xff), "1"]])]])]]);
    const store = await open();
    await expect(importBolt(file, store, { rule: () => ({ keys: "text" }) })).rejects.toMatchObject({
      code: "BOLT_REFUSED",
      message: expect.stringMatching(/the key 0x61ff in bucket "b\/c"/),
      details: { file, path: ["b", "c"], key: "0x61ff" },
    });
  });

  test("by the store, with where they are", async () => {
    await expectNothing(
      [["b", sub([["{}", "1"]])]],
      { buckets: { b: { keys: "json" } } },
      "KEY_INVALID",
      /the key "\{\}" in bucket "b"/,
    );
    const long = Buffer.alloc(20_000, 0xff);
    await expectNothing([["b", sub([[long, "1"]])]], {}, "KEY_TOO_LARGE", /in bucket "b"/);
    await expectNothing(
      [["b", sub([["k", "1"]])]],
      { buckets: { b: { keys: () => "" } } },
      "KEY_REQUIRED",
      /the key "k" in bucket "b"/,
    );
    const name = "n".repeat(1025);
    await expectNothing([[name, sub([])]], {}, "BUCKET_NAME_INVALID", /^.{0,200}the bucket "n{80}…"/);
  });

  test("where two come to the same, in one commit or in two", async () => {
    await expectNothing(
      [
        [
          "b",
          sub([
            ["1", "1"],
            ["1.0", "2"],
          ]),
        ],
      ],
      { buckets: { b: { keys: "json" } } },
      "BOLT_REFUSED",
      /the key "1\.0" in bucket "b" comes to the same key/,
    );
    const many: Content = Array.from({ length: 2500 }, (_, i) => [String(10_000 + i), "1"]);
    const keys = (key: Uint8Array) => Number(Buffer.from(key)) % 2400;
    await expectNothing([["b", sub(many)]], { buckets: { b: { keys } } }, "BOLT_REFUSED", /the same key/);
  });

  test("where one comes to the name of a bucket beside it, before or after it", async () => {
    for (const name of ["a", "z"]) {
      await expectNothing(
        [
          [
            "b",
            sub([
              ["k", "1"],
              [name, sub([])],
            ]),
          ],
        ],
        { buckets: { b: { keys: () => name } } },
        "INCOMPATIBLE_VALUE",
        /in bucket "b"|the bucket "b\//,
      );
    }
  });

  test("where the function throws, which is the cause", async () => {
    const cause = new Error("not mine");
    const file = await writeTree(places.path("a.db"), [["b", sub([["k", "1"]])]]);
    const store = await open();
    const keys = () => {
      throw cause;
    };
    await expect(importBolt(file, store, { buckets: { b: { keys } } })).rejects.toMatchObject({
      code: "BOLT_REFUSED",
      message: expect.stringContaining("not mine"),
      cause,
    });
    expect(await topsOf(store)).toEqual([]);
  });

  test("where a bucket of text keys has one whose name is none", async () => {
    await expectNothing(
      [["b", sub([[bytes(0xff), sub([])]])]],
      { buckets: { b: { keys: "text" } } },
      "BOLT_REFUSED",
      /name that is not UTF-8/,
    );
  });
});

describe("values are kept byte for byte", () => {
  const cases: [string, Content, string, unknown][] = [
    ["JSON where all are", [["k", '{"a":1}']], "json", { a: 1 }],
    ["JSON with its spaces and digits", [["k", ' {"n": 1.0, "big": 12345678901234567890} ']], "json", {}],
    ["text where all are text", [["k", "plain"]], "utf8", "plain"],
    ["text with a byte order mark", [["k", "\ufeff1"]], "utf8", "\ufeff1"],
    ["text where one is empty", [["k", ""]], "utf8", ""],
    ["bytes where one is not text", [["k", bytes(1, 0xff)]], "bytes", bytes(1, 0xff)],
  ];
  test.each(cases)('with "auto" as %s', async (_, content, encoding, value) => {
    const file = await writeTree(places.path("a.db"), [["b", sub([...content, ["other", "1"]])]]);
    const store = await open();
    const report = await importBolt(file, store);
    expect(report.tops).toEqual([{ name: "b", keys: "text", encoding, buckets: 0, rows: 2 }]);
    await store.view(async (tx) => {
      const found = await ((await tx.bucket("b")) as Bucket).get("k");
      if (encoding === "json") expect(found).toMatchObject(value as object);
      else expect(found).toEqual(value);
      const raw = await tx.bucket("b", { encoding: "bytes" });
      expect(Buffer.from((await raw?.get("k")) as Uint8Array)).toEqual(
        Buffer.from(content[0]?.[1] as Uint8Array),
      );
    });
    await expectSound(store);
  });

  test('with "auto" as JSON where there are none, and by rule where it says so', async () => {
    const file = await writeTree(places.path("a.db"), [
      ["empty", sub([])],
      ["text", sub([["k", "1"]])],
      ["raw", sub([["k", "1"]])],
      ["json", sub([["k", "1"]])],
    ]);
    const store = await open();
    const { tops } = await importBolt(file, store, {
      buckets: { text: { values: "text" }, raw: { values: "bytes" }, json: { values: "json" } },
    });
    expect(tops.map(({ name, encoding }) => [name, encoding])).toEqual([
      ["empty", "json"],
      ["json", "json"],
      ["raw", "bytes"],
      ["text", "utf8"],
    ]);
    await store.view(async (tx) => {
      expect(await (await tx.bucket("text"))?.get("k")).toBe("1");
      expect(await (await tx.bucket("raw"))?.get("k")).toEqual(bytes(0x31));
      expect(await (await tx.bucket("json"))?.get("k")).toBe(1);
    });
  });

  test("and refused where the rule cannot take them", async () => {
    const text: Content = [["b", sub([["k", "plain"]])]];
    const raw: Content = [["b", sub([["k", bytes(0xff)]])]];
    const by = (values: "json" | "text"): BoltImportOptions => ({ buckets: { b: { values } } });
    await expectNothing(text, by("json"), "BOLT_REFUSED", /the key "k" in bucket "b".*values: "text"/);
    await expectNothing(raw, by("json"), "BOLT_REFUSED", /the key "k" in bucket "b".*values: "bytes"/);
    await expectNothing(raw, by("text"), "BOLT_REFUSED", /the key "k" in bucket "b".*values: "bytes"/);
  });

  test("up to many MiB, among others", async () => {
    const large = Buffer.alloc(9 * 2 ** 20, "x");
    const rows = await rowsBy({ values: "text" }, [
      ["a", "1"],
      ["b", large],
      ["c", "2"],
    ]);
    expect(rows.map(([key, value]) => [key, (value as string).length])).toEqual([
      ["a", 1],
      ["b", large.length],
      ["c", 1],
    ]);
  });
});

describe("buckets", () => {
  const TREE: Content = [
    [
      "a",
      sub(
        [
          ["k", "1"],
          ["n", sub([["deep", sub([["x", "1"]], 3n)]], 2n)],
        ],
        9007199254740991n,
      ),
    ],
    ["b/c", sub([["k", "2"]])],
    ["z", sub([["k", "3"]], 2n ** 53n)],
  ];
  const rule = (path: readonly string[]) => (path[0] === "z" ? { sequence: false } : undefined);

  test("come with their sequences, and names that no file system would take", async () => {
    const store = await open();
    const report = await importBolt(await writeTree(places.path("a.db"), TREE), store, { rule });
    expect(report).toMatchObject({ buckets: 5, rows: 4, bytes: 8, leftOut: [] });
    expect(report.tops[0]).toEqual({ name: "a", keys: "text", encoding: "json", buckets: 2, rows: 2 });
    await store.update(async (tx) => {
      const a = (await tx.bucket("a")) as Bucket;
      expect(await a.sequence()).toBe(Number.MAX_SAFE_INTEGER);
      const n = (await a.bucket("n")) as Bucket;
      expect(await n.nextSequence()).toBe(3);
      expect(await ((await n.bucket("deep")) as Bucket).sequence()).toBe(3);
      expect(await ((await tx.bucket("z")) as Bucket).sequence()).toBe(0);
    });
    await expectSound(store);
  });

  test("stay behind by rule, at the top and within, with all in them", async () => {
    const store = await open();
    const asked: string[] = [];
    const report = await importBolt(await writeTree(places.path("a.db"), TREE), store, {
      buckets: { "b/c": false },
      rule: (path) => {
        asked.push(path.join(">"));
        return path[1] === "n" ? false : rule(path);
      },
    });
    expect(asked).toEqual(["a", "a>n", "z"]);
    expect(report).toMatchObject({ buckets: 2, rows: 2, leftOut: [["a", "n"], ["b/c"]] });
    expect(await linesOfStore(store, new Map())).toEqual([
      `B 0 ${Buffer.from("a").toString("hex")} 9007199254740991`,
      "R 1 6b 31",
      "B 0 7a 0",
      "R 1 6b 33",
    ]);
    await expectSound(store);
  });

  test("of which nothing is there make an import of nothing", async () => {
    const store = await open();
    const empty = { buckets: 0, rows: 0, bytes: 0, tops: [], leftOut: [] };
    expect(await importBolt(await writeTree(places.path("a.db"), []), store)).toEqual(empty);
    expect(await topsOf(store)).toEqual([]);
  });

  test("lie in the sublevels of their names, and go like any other", async () => {
    const store = await open();
    const file = await writeTree(places.path("a.db"), TREE);
    await importBolt(file, store, { rule });
    await store.view(async (tx) => {
      const a = (await tx.bucket("a")) as Bucket;
      expect((await a.stats()).sublevel).toEqual(["a"]);
      expect((await ((await a.bucket("n")) as Bucket).stats()).sublevel).toEqual(["a", "n"]);
    });
    await store.close();
    const level = new Level(places.path("db"));
    const rows = await level.sublevel<string, unknown>("a", { valueEncoding: "json" }).iterator().all();
    expect(rows.filter(([key]) => !key.startsWith("!"))).toEqual([["Jk", 1]]);
    const marks = () => level.keys({ gte: "!~sublevels!", lt: "!~sublevels!~" }).all();
    expect((await marks()).filter((key) => !key.includes("bolt-import"))).toEqual([]);
    await level.close();
    const again = await open();
    await again.update(async (tx) => {
      for (const name of await tx.buckets()) await tx.deleteBucket(name);
    });
    await again.compact();
    await again.update(async (tx) => {
      const a = await tx.createBucket("a");
      expect((await a.stats()).sublevel).toEqual(["a"]);
      expect(await a.count()).toBe(0);
    });
    await expectSound(again);
  });
});

describe("a store that has such buckets", () => {
  const TREE: Content = [
    ["a", sub([["k", "1"]])],
    ["b", sub([["k", "2"]])],
    ["bolt-import", sub([["k", "3"]])],
  ];

  async function standing() {
    const store = await open();
    await store.update(async (tx) => {
      const a = await tx.createBucket("a");
      await a.put("old", 1);
      await (await a.createBucket("within")).put("k", 1);
    });
    return { store, file: await writeTree(places.path("a.db"), TREE) };
  }

  test("is left as it is by default", async () => {
    const { store, file } = await standing();
    await expectRefused("BUCKET_EXISTS", () => importBolt(file, store), /"a".*existing: "replace"/);
    expect(await topsOf(store)).toEqual(["a"]);
    expect((await importBolt(file, store, { buckets: { a: false } })).buckets).toBe(2);
    expect(await topsOf(store)).toEqual(["a", "b", "bolt-import"]);
    await expectSound(store);
  });

  test("has them replaced in one commit where that is wanted", async () => {
    const { store, file } = await standing();
    const seen: string[][] = [];
    const onProgress = () => seen.push([]);
    await importBolt(file, store, { existing: "replace", onProgress });
    expect(seen.length).toBeGreaterThan(1);
    await store.view(async (tx) => {
      expect(await tx.buckets()).toEqual(["a", "b", "bolt-import"]);
      const a = (await tx.bucket("a")) as Bucket;
      expect(await a.range().toArray()).toEqual([["k", 1]]);
      expect(await a.buckets()).toEqual([]);
    });
    // Again, over what was imported.
    await importBolt(file, store, { existing: "replace" });
    await store.compact();
    await expectSound(store);
    expect(await store.view(async (tx) => (await tx.bucket("a"))?.get("k"))).toBe(1);
  });

  test("has a bucket made meanwhile by others kept, and the import refused", async () => {
    const file = await writeTree(places.path("a.db"), TREE);
    const store = await open();
    let made: Promise<void> | undefined;
    const onProgress = ({ done, total }: { done: number; total: number | undefined }) => {
      if (done === 6 && total === 6)
        made ??= store.update(async (tx) => (await tx.createBucket("b")).put("mine", 1));
    };
    await expectRefused("BUCKET_EXISTS", () => importBolt(file, store, { onProgress }), /"b"/);
    await made;
    expect(await topsOf(store)).toEqual(["b"]);
    expect(await store.view(async (tx) => (await tx.bucket("b"))?.get("mine"))).toBe(1);
    await store.compact();
    await expectSound(store);
    await importBolt(file, store, { existing: "replace" });
    expect(await store.view(async (tx) => (await tx.bucket("b"))?.get("k"))).toBe(2);
    await expectSound(store);
  });

  test("of a collection is not replaced", async () => {
    const { collection } = await import("@meshgate/database");
    const { z } = await import("zod");
    const records = collection({ name: "a", schema: z.object({ id: z.string() }), key: "id" });
    const store = await open();
    await store.update(async (tx) => void (await records.in(tx).put({ id: "x" })));
    const file = await writeTree(places.path("a.db"), TREE);
    await expectRefused("BUCKET_OWNED", () => importBolt(file, store, { existing: "replace" }));
    expect(await topsOf(store)).toEqual(["a"]);
  });
});

describe("while an import is under way", () => {
  const MANY: Content = [["a", sub(Array.from({ length: 5000 }, (_, i) => [`k${i}`, "1"]))]];

  /** Imports the file, and does something in the middle of it. */
  async function amid(work: (store: Awaited<ReturnType<typeof open>>) => Promise<unknown>) {
    const file = await writeTree(places.path("a.db"), MANY);
    const store = await open();
    let done: Promise<unknown> | undefined;
    const importing = importBolt(file, store, {
      onProgress: ({ done: rows }) => {
        if (rows >= 7500) done ??= work(store);
      },
    });
    const outcome = await importing.catch((error: unknown) => error);
    expect(done).toBeDefined();
    await done;
    return { store, outcome };
  }

  test("the store shows nothing of it but its own bucket, which is not to be written to", async () => {
    const { store, outcome } = await amid(async (store) => {
      expect(await topsOf(store)).toEqual(["bolt-import"]);
      await expectRefused("BUCKET_OWNED", () =>
        store.update(async (tx) => (await tx.bucket("bolt-import"))?.put("k", 1)),
      );
      await expectRefused("BUCKET_OWNED", () =>
        store.update(async (tx) => tx.moveBucket("bolt-import", tx, await tx.createBucket("other"))),
      );
    });
    expect(outcome).toMatchObject({ rows: 5000 });
    expect(await topsOf(store)).toEqual(["a"]);
  });

  test("another into the same store is refused, and does no harm", async () => {
    const { store, outcome } = await amid((store) =>
      expectRefused("BUCKET_EXISTS", () => importBolt(places.path("a.db"), store), "Another import"),
    );
    expect(outcome).toMatchObject({ rows: 5000 });
    await expectSound(store);
  });

  test("its bucket may be deleted, which ends it", async () => {
    const { store, outcome } = await amid((store) => store.update((tx) => tx.deleteBucket("bolt-import")));
    expect(outcome).toMatchObject({ code: "BUCKET_OWNED" });
    expect(await topsOf(store)).toEqual([]);
    await expectSound(store);
  });

  test("a bucket of the same name gets a sublevel of its own", async () => {
    const { store, outcome } = await amid((store) =>
      store.update(async (tx) => {
        const a = await tx.createBucket("a");
        expect((await a.stats()).sublevel).not.toEqual(["a"]);
        await a.put("k0", "mine");
      }),
    );
    expect(outcome).toMatchObject({ code: "BUCKET_EXISTS" });
    await store.compact();
    await expectSound(store);
    expect(await store.view(async (tx) => (await tx.bucket("a"))?.count())).toBe(1);
  });

  test("a signal ends it, and nothing stays", async () => {
    const file = await writeTree(places.path("a.db"), MANY);
    const store = await open();
    for (const stop of [0, 3000, 5000, 9000, 10_000]) {
      const abort = new AbortController();
      const onProgress = ({ done }: { done: number }) => {
        if (done >= stop) abort.abort("enough");
      };
      await expectRefused(
        "ABORTED",
        () => importBolt(file, store, { signal: abort.signal, onProgress }),
        "Nothing was imported",
      );
      expect(await topsOf(store)).toEqual([]);
    }
    const late = new AbortController();
    expect((await importBolt(file, store, { signal: late.signal })).rows).toBe(5000);
    await store.compact();
    await expectSound(store);
  });

  test("progress counts the rows as they are read through and as they are written, and its errors end it", async () => {
    const file = await writeTree(places.path("a.db"), MANY);
    const store = await open();
    const seen: [number, number | undefined][] = [];
    await importBolt(file, store, { onProgress: ({ done, total }) => void seen.push([done, total]) });
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b));
    expect(seen[0]).toEqual([0, undefined]);
    expect(seen.at(-1)).toEqual([10_000, 10_000]);
    expect(seen.length).toBeGreaterThan(8);
    const other = await places.open(places.path("other"));
    const failure = new Error("a bar that breaks");
    const onProgress = ({ done }: { done: number }) => {
      if (done > 7000) throw failure;
    };
    await expect(importBolt(file, other, { onProgress })).rejects.toBe(failure);
    expect(await topsOf(other)).toEqual([]);
  });
});

describe("a call is refused", () => {
  const TREE: Content = [["a", sub([["k", "1"]])]];

  test.each<[string, unknown, RegExp]>([
    ["an unknown option", { exists: "replace" }, /no option "exists"/],
    ["options that are none", null, /options of importBolt/],
    ["another way with what exists", { existing: "merge" }, /"refuse" or "replace"/],
    ["rules that are none", { buckets: "a" }, /buckets/],
    ["a rule that is none", { buckets: { a: true } }, /buckets\["a"\]/],
    ["an unknown part of a rule", { buckets: { a: { key: "text" } } }, /no option "key"/],
    ["unknown keys", { buckets: { a: { keys: "utf8" } } }, /"uint64"/],
    ["unknown values", { buckets: { a: { values: "utf8" } } }, /"bytes"/],
    ["a sequence that is none", { buckets: { a: { sequence: 1 } } }, /sequence/],
    ["a rule of no bucket in the file", { buckets: { b: {} } }, /"b".*no such bucket/],
    ["a rule within what stays behind", { buckets: { a: false, "a/b": {} } }, /"a\/b"/],
    ["a function that is none", { rule: "text" }, /rule/],
    ["what a function gives", { rule: () => ({ keys: 1 }) }, /What rule\(\) gave for "a"/],
    ["a signal that is none", { signal: {} }, /AbortSignal/],
  ])("for %s", async (_, options, reason) => {
    const store = await open();
    const file = await writeTree(places.path("a.db"), TREE);
    await expectRefused("OPTION_INVALID", () => importBolt(file, store, options as object), reason);
    expect(await topsOf(store)).toEqual([]);
  });

  test("for a path or a store that is none, within an update, on a store that is closed or read-only", async () => {
    const store = await open();
    const file = await writeTree(places.path("a.db"), TREE);
    await expectRefused("PATH_INVALID", () => importBolt("", store));
    await expectRefused("PATH_INVALID", () => importBolt(undefined as unknown as string, store));
    await expectRefused("BOLT_INVALID", () => importBolt(places.path("none.db"), store));
    await expectRefused("OPTION_INVALID", () => importBolt(file, {} as typeof store), "openStore()");
    await expectRefused("TX_NESTED", () => store.update(() => importBolt(file, store)));
    await store.close();
    await expectRefused("STORE_CLOSED", () => importBolt(file, store));
    const reader = await places.open(places.path("db"), { readOnly: true });
    await expectRefused("STORE_READ_ONLY", () => importBolt(file, reader));
  });

  test("for a file that is damaged anywhere, even in a bucket that stays behind", async () => {
    const store = await open();
    const file = await writeTree(places.path("a.db"), [
      ["a", sub([["k", "1"]])],
      ["b", sub([["k", "2"]])],
    ]);
    const bytes = await readFile(file);
    // The flags of the page of "b".
    bytes.writeUInt16LE(9, 4 * 1024 + 8);
    await writeFile(file, bytes);
    await expectRefused("BOLT_DAMAGED", () => importBolt(file, store));
    await expectRefused("BOLT_DAMAGED", () => importBolt(file, store, { buckets: { b: false } }));
    expect(await topsOf(store)).toEqual([]);
    expect(store.stats().commit).toBe(0);
  });
});
