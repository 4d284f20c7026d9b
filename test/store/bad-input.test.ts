import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Bucket,
  type ErrorCode,
  type Key,
  openStore,
  type Store,
  type StoreOptions,
  type Transaction,
} from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { beforeEach, describe, expect, test } from "vitest";
import { type BucketDump, dump, ENGINES, expectRefused, useStores } from "../helpers/stores.ts";

/** What a caller without types can pass. */
const untyped = (value: unknown): never => value as never;

const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

function cyclic(): unknown {
  const value: { inside: unknown[] } = { inside: [1] };
  value.inside.push(value);
  return value;
}

const BAD_KEYS: [what: string, key: unknown, code: ErrorCode, message: string][] = [
  ["an empty string", "", "KEY_REQUIRED", ""],
  ["undefined", undefined, "KEY_REQUIRED", ""],
  ["NaN", Number.NaN, "KEY_INVALID", "NaN"],
  ["-0", -0, "KEY_INVALID", "-0"],
  ["a bigint", 5n, "KEY_INVALID", "bigint"],
  ["a symbol", Symbol("s"), "KEY_INVALID", "symbol"],
  ["a function", () => 1, "KEY_INVALID", "function"],
  ["an object", { id: 1 }, "KEY_INVALID", "object"],
  ["bytes", Buffer.from("k"), "KEY_INVALID", "Uint8Array"],
  ["a Map", new Map(), "KEY_INVALID", "Map"],
  ["an invalid date", new Date(Number.NaN), "KEY_INVALID", "invalid Date"],
  ["a lone surrogate", "\ud800", "KEY_INVALID", "surrogate"],
  ["a tuple with undefined", ["t", undefined], "KEY_INVALID", "key[1]"],
  ["a tuple with a hole", new Array(2), "KEY_INVALID", "key[0]"],
  ["a tuple with an object deep inside", ["t", [1, [{}]]], "KEY_INVALID", "key[1][1][0]"],
  ["a tuple nested too deep", nested(70), "KEY_INVALID", "64 levels"],
  ["a text over the limit", "k".repeat(32769), "KEY_TOO_LARGE", "32769"],
  ["a text over the limit in bytes", "é".repeat(16385), "KEY_TOO_LARGE", "32770"],
  ["a tuple over the limit", ["k".repeat(40_000), 1], "KEY_TOO_LARGE", "32768"],
];

class Point {
  x = 1;
}

class List extends Array<number> {}

const hidden = (name: PropertyKey, value: unknown, target: object = { a: 1 }) =>
  Object.defineProperty(target, name, { value, enumerable: false });

const BAD_VALUES: [what: string, value: unknown, path: string | RegExp][] = [
  ["undefined", undefined, "The value is undefined"],
  ["undefined in an object", { a: { b: undefined } }, "a.b is undefined"],
  ["undefined in an array", { list: [1, undefined] }, "list[1] is undefined"],
  ["a hole", { list: new Array(2) }, "list[0] is undefined"],
  ["NaN", { stats: [{ mean: Number.NaN }] }, "stats[0].mean is NaN"],
  ["Infinity", [Number.POSITIVE_INFINITY], "[0] is Infinity"],
  ["-Infinity", { low: Number.NEGATIVE_INFINITY }, "low is -Infinity"],
  ["a bigint", { size: 1n }, "size is a bigint"],
  ["a function", { run: () => 1 }, "run is a function"],
  ["a function that is the value", () => 1, "The value is a function"],
  ["a symbol", [[Symbol("s")]], /\[0\]\[0\] is a symbol/],
  ["a symbol key", { a: { [Symbol("tag")]: 1 } }, /at a .*Symbol\(tag\)/],
  ["a symbol key of an array", { a: Object.assign([1], { [Symbol("tag")]: 1 }) }, "at a "],
  ["a Map", { index: new Map([[1, 2]]) }, /index is .*Map/],
  ["a Set", [new Set([1])], /\[0\] is .*Set/],
  ["a Date", { at: new Date(0) }, /at at is .*Date/],
  ["a RegExp", { pattern: /x/ }, /pattern is .*RegExp/],
  ["bytes", { data: new Uint8Array(2) }, /data is .*Uint8Array/],
  ["an error", new Error("e"), /The value is .*Error/],
  ["a class instance", { at: new Point() }, /at at is .*Point/],
  ["an array of a class of its own", { list: new List() }, /list is .*List/],
  ["a boxed number", { n: new Number(1) }, /n is .*Number/],
  [
    "an array with a name",
    { list: Object.assign([1], { total: 1 }) },
    "list is an array with named properties",
  ],
  ["a toJSON method", { money: { toJSON: () => "1 EUR" } }, "money.toJSON is a function"],
  ["a hidden toJSON method", { money: hidden("toJSON", () => "1 EUR") }, "money"],
  ["51 levels beyond the limit", nested(551), "500 levels"],
  ["one level beyond the limit", nested(501), "500 levels"],
  ["a cycle", cyclic(), /500 levels, or cyclic/],
  ["a key that needs quotes", { "a b": { 'c"d': Number.NaN } }, '["a b"]["c\\"d"] is NaN'],
  [
    "a getter that throws",
    Object.defineProperty({}, "x", { enumerable: true, get: () => fail() }),
    "could not be read",
  ],
];

function fail(): never {
  throw new Error("from the getter");
}

/** Rows of every kind, nested buckets and sequences: what bad input must not touch. */
async function furnish(store: Store): Promise<void> {
  await store.update(async (tx) => {
    const b = await tx.createBucket("b");
    const rows: [Key, unknown][] = [
      ["k", { a: [1, null, "x"] }],
      [1, -0],
      [["t", 1], ""],
      [new Date(5), true],
      [null, 0],
    ];
    for (const [key, value] of rows) await b.put(key, value);
    await b.setSequence(7);
    await (await b.createBucket("nested")).put("deep", [[]]);
    await (await tx.createBucket("utf8", { encoding: "utf8" })).put("k", "text");
    await (await tx.createBucket("bytes", { encoding: "bytes" })).put("k", new Uint8Array([1, 2]));
  });
}

describe.each(ENGINES)("bad input on %s", (engine) => {
  let store: Store;
  let before: Record<string, BucketDump>;
  const stores = useStores(engine, async () => {
    store = await stores.reopen();
    expect(await dump(store)).toEqual(before);
  });

  beforeEach(async () => {
    store = await stores.open();
    await furnish(store);
    before = await dump(store);
  });

  /** Runs in an update that commits, and expects that it changed nothing, as it sees itself. */
  const inVain = (fn: (b: Bucket, tx: Transaction) => unknown): Promise<void> =>
    store.update(async (tx) => {
      await fn((await tx.bucket("b"))!, tx);
      expect(await dump(tx)).toEqual(before);
    });

  describe("keys", () => {
    test.each(BAD_KEYS)("%s is refused as a key", async (_, key, code, message) => {
      const bad = untyped(key);
      await inVain(async (b) => {
        const calls = [
          () => b.put(bad, 1),
          () => b.put(bad, undefined),
          () => b.delete(bad),
          () => b.get(bad),
          () => b.has(bad),
          () => b.getMany(["k", bad]),
        ];
        for (const call of calls) await expectRefused(code, call, message);
      });
    });

    const BAD_BOUNDS = BAD_KEYS.filter(([, key]) => key !== "" && key !== undefined);

    test.each(BAD_BOUNDS)("%s is refused as a bound", async (_, key, code, message) => {
      const bad = untyped(key);
      await inVain(async (b, tx) => {
        for (const name of ["prefix", "gt", "gte", "lt", "lte"]) {
          const options = { [name]: bad };
          await expectRefused(code, () => b.range(options).toArray(), message);
          await expectRefused(code, () => b.keys(options).first(), message);
          await expectRefused(code, () => b.values(options).toArray(), message);
          await expectRefused(code, () => b.count(options), message);
        }
        await expectRefused(code, () => b.cursor().seek(bad), message);
        await expectRefused(code, () => tx.cursor().seek(bad), message);
      });
    });

    test("what getMany takes is a list", async () => {
      await inVain(async (b) => {
        for (const keys of [undefined, null, 5, {}]) {
          await expectRefused(["KEY_INVALID", "OPTION_INVALID"], () => b.getMany(untyped(keys)));
        }
      });
    });

    test("an update that lets the refusal out is rolled back whole", async () => {
      const attempt = () =>
        store.update(async (tx) => {
          const b = (await tx.bucket("b"))!;
          await b.put("good", 1);
          await b.delete("k");
          await b.nextSequence();
          await tx.createBucket("new");
          await b.put(untyped(Number.NaN), 1);
        });
      await expectRefused("KEY_INVALID", attempt);
      expect(await dump(store)).toEqual(before);
    });
  });

  describe("values", () => {
    test.each(BAD_VALUES)("%s is refused, with its path", async (_, value, path) => {
      await inVain(async (b) => {
        await expectRefused("VALUE_INVALID", () => b.put("new", value), path);
        await expectRefused("VALUE_INVALID", () => b.put("k", value), path);
      });
    });

    test("values that JSON can hold exactly are not refused", async () => {
      const kept = [
        null,
        -0,
        [-0, { zero: -0 }],
        "",
        "\ud800",
        { "\udc00": "\0" },
        { "": 1, __proto__: null },
        JSON.parse('{"__proto__": {"x": 1}}'),
        nested(500),
        Number.MAX_VALUE,
        5e-324,
        [[], {}],
      ];
      const rollback = new Error("rolled back on purpose");
      const attempt = store.update(async (tx) => {
        const b = await tx.createBucket("kept");
        for (const [i, value] of kept.entries()) {
          await b.put(i, value);
          const read = await b.get(i);
          expect(JSON.stringify(read)).toBe(JSON.stringify(value));
          if (typeof value === "number") expect(read).toBe(value);
        }
        expect(await b.get(2)).toStrictEqual([-0, { zero: -0 }]);
        throw rollback;
      });
      await expect(attempt).rejects.toBe(rollback);
    });

    test("the path of a deep value is cut, not spelled out", async () => {
      await inVain(async (b) => {
        const attempt = () => b.put("k", nested(600));
        await expectRefused("VALUE_INVALID", attempt, /^.{1,400}$/);
      });
    });

    test.each([1, null, undefined, {}, new Uint8Array(1), "\udc00", "a\ud800"])(
      "%j is refused in a utf8 bucket",
      async (value) => {
        await inVain(async (_, tx) => {
          const texts = (await tx.bucket("utf8", { encoding: "utf8" }))!;
          await expectRefused("VALUE_INVALID", () => texts.put("k", untyped(value)));
        });
      },
    );

    test.each([
      1,
      null,
      undefined,
      {},
      "text",
      [1],
      new ArrayBuffer(1),
      new Uint16Array(1),
      new DataView(new ArrayBuffer(1)),
    ])("%j is refused in a bytes bucket", async (value) => {
      await inVain(async (_, tx) => {
        const bytes = (await tx.bucket("bytes", { encoding: "bytes" }))!;
        await expectRefused("VALUE_INVALID", () => bytes.put("k", untyped(value)));
      });
    });

    test("a value over the limit is refused", async () => {
      await inVain(async (_, tx) => {
        const bytes = (await tx.bucket("bytes", { encoding: "bytes" }))!;
        await expectRefused(
          "VALUE_TOO_LARGE",
          () => bytes.put("k", new Uint8Array(2 ** 31 - 1)),
          "2147483647",
        );
      });
    });
  });

  describe("names of buckets", () => {
    const BAD_NAMES: [what: string, name: unknown, code: ErrorCode][] = [
      ["an empty string", "", "BUCKET_NAME_REQUIRED"],
      ["undefined", undefined, "BUCKET_NAME_REQUIRED"],
      ["null", null, "BUCKET_NAME_REQUIRED"],
      ["a number", 1, "BUCKET_NAME_INVALID"],
      ["a tuple", ["b"], "BUCKET_NAME_INVALID"],
      ["an object", { toString: () => "b" }, "BUCKET_NAME_INVALID"],
      ["a symbol", Symbol("b"), "BUCKET_NAME_INVALID"],
      ["a lone surrogate", "a\ud800", "BUCKET_NAME_INVALID"],
      ["1025 bytes", "n".repeat(1025), "BUCKET_NAME_INVALID"],
      ["1026 bytes in 513 characters", "é".repeat(513), "BUCKET_NAME_INVALID"],
    ];

    test.each(BAD_NAMES)("%s is refused", async (_, name, code) => {
      const bad = untyped(name);
      await inVain(async (b, tx) => {
        for (const parent of [b, tx]) {
          const calls = [
            () => parent.bucket(bad),
            () => parent.createBucket(bad),
            () => parent.createBucketIfNotExists(bad),
            () => parent.deleteBucket(bad),
          ];
          for (const call of calls) await expectRefused(code, call);
        }
        await expectRefused(code, () => tx.moveBucket(bad, undefined, b));
      });
    });

    test("moveBucket refuses what is no bucket of this transaction", async () => {
      const other = await store.begin({ writable: false });
      const foreign = await other.bucket("b");
      await inVain(async (b, tx) => {
        for (const place of ["b", 1, {}, foreign].map(untyped)) {
          await expectRefused("STORE_DIFFERENT", () => tx.moveBucket("nested", place, undefined));
          await expectRefused("STORE_DIFFERENT", () => tx.moveBucket("nested", b, place));
        }
      });
      await other.rollback();
      await inVain((b, tx) => expectRefused("STORE_DIFFERENT", () => tx.moveBucket("nested", b, foreign)));
    });

    test("a bucket nested so deep that its place on disk has no room is refused", async () => {
      await store.update(async (tx) => {
        const attempt = async () => {
          let bucket: Bucket = (await tx.bucket("b"))!;
          for (let i = 0; i < 40; i++) bucket = await bucket.createBucket("é".repeat(512));
        };
        await expectRefused(["BUCKET_NAME_INVALID", "KEY_TOO_LARGE"], attempt);
        await (await tx.bucket("b"))?.deleteBucket("é".repeat(512));
      });
    });
  });

  describe("sequences", () => {
    test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", 1n, null, undefined, {}, -0])(
      "%s is refused",
      async (sequence) => {
        await inVain((b) => expectRefused("SEQUENCE_INVALID", () => b.setSequence(untyped(sequence))));
      },
    );

    test("the last one has no next", async () => {
      await inVain(async (b) => {
        await b.setSequence(Number.MAX_SAFE_INTEGER);
        await expectRefused("SEQUENCE_INVALID", () => b.nextSequence());
        expect(await b.sequence()).toBe(Number.MAX_SAFE_INTEGER);
        await b.setSequence(7);
      });
    });
  });

  describe("options", () => {
    const NOT_OPTIONS = [null, 5, "prefix", true, () => ({})];

    test.each(["readonly", "createIfMising", "durable", "locktimeout", "cache", "toString", "__proto_"])(
      "openStore refuses the misspelled option %s by name",
      async (name) => {
        const location = await stores.location("other");
        const attempt = () => openStore(location, untyped({ [name]: true }));
        await expectRefused("OPTION_INVALID", attempt, name);
        // Nothing was opened or made.
        if (typeof location === "string")
          await expect(readdir(location)).rejects.toMatchObject({ code: "ENOENT" });
      },
    );

    test.each<[string, Record<string, unknown>]>([
      ["durability", { durability: "sync" }],
      ["durability", { durability: true }],
      ["durability", { durability: "toString" }],
      ["lockTimeout", { lockTimeout: -1 }],
      ["lockTimeout", { lockTimeout: "5" }],
      ["lockTimeout", { lockTimeout: Number.NaN }],
      ["maxSnapshots", { maxSnapshots: 0 }],
      ["maxSnapshots", { maxSnapshots: 1.5 }],
      ["maxTransactionAge", { maxTransactionAge: 0 }],
      ["maxTransactionAge", { maxTransactionAge: "1s" }],
      ["readOnly", { readOnly: "yes" }],
      ["readOnly", { readOnly: 1 }],
      ["createIfMissing", { createIfMissing: 0 }],
      ["createIfMissing", { createIfMissing: "false" }],
    ])("openStore refuses a bad %s: %j", async (name, options) => {
      const location = await stores.location("other");
      await expectRefused("OPTION_INVALID", () => openStore(location, untyped(options)), name);
    });

    test("openStore refuses options that are no object, and takes undefined for absent", async () => {
      const location = await stores.location("other");
      for (const options of NOT_OPTIONS) {
        await expectRefused("OPTION_INVALID", () => openStore(location, untyped(options)));
      }
      const absent = {
        readOnly: undefined,
        createIfMissing: undefined,
        durability: undefined,
        lockTimeout: undefined,
      };
      const other = await openStore(location, absent as StoreOptions);
      await other.update((tx) => tx.createBucket("writable"));
      await other.close();
    });

    test.each(["Prefix", "start", "end", "lmit", "gtt", "keys", "snapshot"])(
      "a range refuses the misspelled option %s by name",
      async (name) => {
        await inVain(async (b) => {
          const options = untyped({ [name]: "k" });
          await expectRefused("OPTION_INVALID", () => b.range(options).toArray(), name);
          await expectRefused("OPTION_INVALID", () => b.keys(options).first(), name);
          await expectRefused("OPTION_INVALID", () => b.values(options).toArray(), name);
          await expectRefused("OPTION_INVALID", () => b.count(options), name);
        });
      },
    );

    test.each<[string, Record<string, unknown>]>([
      ["limit", { limit: -1 }],
      ["limit", { limit: 1.5 }],
      ["limit", { limit: "10" }],
      ["limit", { limit: Number.NaN }],
      ["limit", { limit: Object.create(null) }],
      ["reverse", { reverse: "yes" }],
      ["reverse", { reverse: 1 }],
      ["reverse", { reverse: "false" }],
    ])("a range refuses a bad %s: %j", async (name, options) => {
      await inVain(async (b) => {
        await expectRefused("OPTION_INVALID", () => b.range(untyped(options)).toArray(), name);
        await expectRefused("OPTION_INVALID", () => b.count(untyped(options)), name);
      });
    });

    test("a range refuses options that are no object, and takes undefined for absent", async () => {
      await inVain(async (b) => {
        for (const options of NOT_OPTIONS) {
          await expectRefused("OPTION_INVALID", () => b.range(untyped(options)).toArray());
        }
        const absent = {
          prefix: undefined,
          gt: undefined,
          gte: undefined,
          reverse: undefined,
          limit: undefined,
        };
        expect(await b.count(absent)).toBe(5);
        expect(await b.count({ limit: Number.POSITIVE_INFINITY })).toBe(5);
        expect(await b.count({ limit: 0 })).toBe(0);
        expect(await b.range({ limit: 0 }).first()).toBeUndefined();
      });
    });

    test("update, view, batch and begin refuse misspelled and bad options", async () => {
      const noop = () => undefined;
      for (const options of [
        ...NOT_OPTIONS,
        { signl: undefined },
        { signal: "now" },
        { signal: null },
        { writable: true },
      ]) {
        await expectRefused("OPTION_INVALID", () => store.update(noop, untyped(options)));
        await expectRefused("OPTION_INVALID", () => store.view(noop, untyped(options)));
      }
      for (const options of [...NOT_OPTIONS, { writeable: true }, { writable: 1 }, { writable: "yes" }]) {
        const attempt = async () => (await store.begin(untyped(options))).rollback();
        await expectRefused("OPTION_INVALID", attempt);
      }
      await expectRefused("OPTION_INVALID", () => store.update(noop, untyped({ signl: 1 })), "signl");
      await expectRefused("OPTION_INVALID", () => store.begin(untyped({ writeable: true })), "writeable");
      await inVain(noop);
    });

    test("check, compact and backup refuse misspelled and bad options", async () => {
      const bad = [
        ...NOT_OPTIONS,
        { signl: 1 },
        { signal: "now" },
        { onProgress: 5 },
        { progress: () => undefined },
      ];
      const target = await stores.path("backup");
      for (const options of bad.map(untyped)) {
        await expectRefused("OPTION_INVALID", () => store.check(options));
        await expectRefused("OPTION_INVALID", () => store.compact(options));
        await expectRefused("OPTION_INVALID", () => store.backup(target, options));
      }
      await expectRefused("OPTION_INVALID", () => store.check(untyped({ signl: 1 })), "signl");
    });

    test("buckets refuse misspelled options and unknown encodings", async () => {
      const bad = [...NOT_OPTIONS, { encodng: "utf8" }, { valueEncoding: "utf8" }];
      const encodings = ["text", "UTF8", "", "toString", null, 1n, Symbol("utf8"), {}].map((encoding) => ({
        encoding,
      }));
      await inVain(async (b, tx) => {
        for (const parent of [b, tx]) {
          for (const options of [...bad, ...encodings].map(untyped)) {
            await expectRefused("OPTION_INVALID", () => parent.bucket("b", options));
            await expectRefused("OPTION_INVALID", () => parent.createBucket("new", options));
            await expectRefused("OPTION_INVALID", () => parent.createBucketIfNotExists("new", options));
          }
          await expectRefused("OPTION_INVALID", () => parent.bucket("b", untyped({ encodng: 1 })), "encodng");
        }
      });
    });

    test("what must be a function is one", async () => {
      for (const fn of [undefined, null, {}, "fn"].map(untyped)) {
        await expectRefused("OPTION_INVALID", () => store.update(fn));
        await expectRefused("OPTION_INVALID", () => store.view(fn));
        await expectRefused("OPTION_INVALID", () => store.batch(fn));
        await inVain(async (b, tx) => {
          await expectRefused("OPTION_INVALID", () => b.forEach(fn));
          await expectRefused("OPTION_INVALID", () => tx.onCommit(fn));
        });
      }
    });

    test("a signal that is aborted refuses the transaction before it begins: ABORTED", async () => {
      const signal = AbortSignal.abort(new Error("no longer wanted"));
      let ran = false;
      const run = () => {
        ran = true;
      };
      await expectRefused("ABORTED", () => store.update(run, { signal }));
      await expectRefused("ABORTED", () => store.view(run, { signal }));
      expect(ran).toBe(false);
    });

    test("a signal that aborts while the writer waits refuses it: ABORTED", async () => {
      const first = await store.begin({ writable: true });
      const controller = new AbortController();
      let ran = false;
      const waiting = store.update(
        () => {
          ran = true;
        },
        { signal: controller.signal },
      );
      const refused = expectRefused("ABORTED", () => waiting);
      controller.abort();
      await refused;
      await first.rollback();
      expect(ran).toBe(false);
      // The queue goes on behind the one that left it.
      await inVain(() => undefined);
    });
  });

  describe("locations", () => {
    test.each([undefined, null, 5, true, {}, [], new Map(), () => "data", { status: "open" }])(
      "%s is refused",
      async (location) => {
        await expectRefused("OPTION_INVALID", () => openStore(untyped(location)));
      },
    );

    test.each(["", "\0", "data\0x"])("the path %j is refused", async (path) => {
      await expectRefused("PATH_INVALID", () => openStore(path));
      await expectRefused("PATH_INVALID", () => openStore(path, { readOnly: true }));
    });

    test("a path of a file, or below one, is refused, and the file is left alone", async () => {
      const file = await stores.path("file.txt");
      await writeFile(file, "mine");
      for (const path of [file, join(file, "below"), join(file, "a", "b")]) {
        await expectRefused("PATH_INVALID", () => openStore(path));
        await expectRefused("PATH_INVALID", () => openStore(path, { createIfMissing: false }));
        await expectRefused("PATH_INVALID", () => openStore(path, { readOnly: true }));
      }
      expect(await readFile(file, "utf8")).toBe("mine");
    });

    test("a link to nowhere, a loop of links and a name that is too long are refused", async () => {
      const directory = await stores.path("links");
      await mkdir(directory);
      const dangling = join(directory, "dangling");
      await symlink(join(directory, "missing"), dangling);
      const loop = join(directory, "loop");
      await symlink(loop, loop);
      await expectRefused("STORE_NOT_FOUND", () => openStore(dangling, { createIfMissing: false }));
      for (const path of [loop, join(directory, "n".repeat(300))]) {
        await expectRefused("STORE_IO", () => openStore(path));
      }
      expect((await readdir(directory)).toSorted()).toEqual(["dangling", "loop"]);
    });

    test("an empty directory is no store where none may be made, and stays empty", async () => {
      const empty = await stores.path("empty");
      await mkdir(empty);
      await expectRefused("STORE_NOT_FOUND", () => openStore(empty, { createIfMissing: false }));
      await expectRefused("STORE_NOT_FOUND", () => openStore(empty, { readOnly: true }));
      expect(await readdir(empty)).toEqual([]);
    });

    test("an empty database is no store where none may be made; another program's is refused", async () => {
      const level = new MemoryLevel<string, string>();
      await expectRefused("STORE_NOT_FOUND", () => openStore(level, { createIfMissing: false }));
      await expectRefused("STORE_NOT_FOUND", () => openStore(level, { readOnly: true }));
      await level.open();
      expect(await level.keys().all()).toEqual([]);
      await level.put("theirs", "1");
      await expectRefused("STORE_INVALID", () => openStore(level));
      expect(await level.iterator().all()).toEqual([["theirs", "1"]]);
      await level.close();
    });

    test("an engine that does not sort by bytes is refused: ENGINE_UNSUITABLE", async () => {
      const level = new MemoryLevel<string, string>({ storeEncoding: "utf8" });
      await expectRefused("ENGINE_UNSUITABLE", () => openStore(level));
      await level.open();
      expect(await level.keys().all()).toEqual([]);
      await level.close();
    });
  });

  describe("closed use", () => {
    test("every call on a closed store is refused, and closing again is fine", async () => {
      await store.close();
      const calls = [
        () => store.update(() => expect.unreachable()),
        () => store.update(untyped(undefined)),
        () => store.view(() => expect.unreachable()),
        () => store.batch(() => expect.unreachable()),
        () => store.begin({ writable: true }),
        () => store.begin({ writable: false }),
        () => store.stats(),
        () => store.check(),
        () => store.compact(),
        async () => store.backup(await stores.path("backup")),
      ];
      for (const call of calls) await expectRefused("STORE_CLOSED", call);
      await Promise.all([store.close(), store.close()]);
      await store[Symbol.asyncDispose]();
    });

    test("handles that outlive their store are refused", async () => {
      const kept = await store.view(async (tx) => ({ tx, b: (await tx.bucket("b"))! }));
      await store.close();
      await expectRefused("TX_CLOSED", () => kept.b.get("k"));
      await expectRefused("TX_CLOSED", () => kept.b.put("k", 1));
      await expectRefused("TX_CLOSED", () => kept.tx.bucket("b"));
    });

    test("a write that was not awaited comes too late, and is refused", async () => {
      let late: Promise<unknown> | undefined;
      await inVain(async (b) => {
        late = new Promise((resolve) => {
          setImmediate(resolve);
        })
          .then(() => new Promise((resolve) => setTimeout(resolve, 20)))
          .then(() => b.put("late", 1));
        late.catch(() => undefined);
      });
      await expectRefused("TX_CLOSED", () => late);
    });
  });

  describe("read-only use", () => {
    beforeEach(async () => {
      store = await stores.reopen({ readOnly: true });
    });

    test("a store that was opened to read refuses to write, and reads", async () => {
      const calls = [
        () => store.update(() => expect.unreachable()),
        () => store.update(untyped(undefined)),
        () => store.batch(() => expect.unreachable()),
        () => store.begin({ writable: true }),
        () => store.compact(),
      ];
      for (const call of calls) await expectRefused("STORE_READ_ONLY", call);
      expect(await dump(store)).toEqual(before);
      expect((await store.check()).ok).toBe(true);
      const tx = await store.begin({ writable: false });
      expect(await (await tx.bucket("b"))?.get(1)).toBe(-0);
      await tx.rollback();
    });

    test("its views refuse to write, whatever the key", async () => {
      await store.view(async (tx) => {
        const b = (await tx.bucket("b"))!;
        for (const key of ["k", "", "nested", Number.NaN].map(untyped)) {
          const calls = [
            () => b.put(key, 1),
            () => b.delete(key),
            () => b.createBucket(key),
            () => tx.createBucket(key),
            () => tx.createBucketIfNotExists(key),
            () => tx.deleteBucket(key),
            () => tx.moveBucket(key, undefined, b),
            () => b.setSequence(untyped(key)),
            () => b.nextSequence(),
          ];
          for (const call of calls) await expectRefused("TX_NOT_WRITABLE", call);
        }
      });
    });
  });

  if (engine === "classic-level")
    test("a backup refuses a target that it cannot have", async () => {
      const occupied = await stores.path("occupied");
      await mkdir(occupied);
      await writeFile(join(occupied, "mine.txt"), "mine");
      const file = join(occupied, "mine.txt");
      const own = (await stores.location()) as string;
      for (const target of [occupied, file, join(file, "below"), own]) {
        await expectRefused("BACKUP_TARGET", () => store.backup(target));
      }
      for (const target of ["", undefined, null, 5].map(untyped)) {
        await expectRefused("PATH_INVALID", () => store.backup(target));
      }
      await expectRefused(["PATH_INVALID", "BACKUP_TARGET"], () => store.backup("\0"));
      expect(await readdir(occupied)).toEqual(["mine.txt"]);
      expect(await readFile(file, "utf8")).toBe("mine");
    });
});
