import type {
  Awaitable,
  BackupReport,
  CheckReport,
  openStore,
  Store,
  StoreOptions,
  StoreStats,
  Transaction,
} from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { Level } from "level";
import { MemoryLevel } from "memory-level";
import { describe, expectTypeOf, test } from "vitest";

declare const store: Store;
declare const tx: Transaction;

describe("openStore", () => {
  test("takes a directory or a database, and options by name", () => {
    expectTypeOf<typeof openStore>().toBeCallableWith("./data");
    expectTypeOf<typeof openStore>().toBeCallableWith("./data", { durability: "relaxed", lockTimeout: 100 });
    expectTypeOf<typeof openStore>().toBeCallableWith("./data", { readOnly: undefined });
    expectTypeOf<typeof openStore>().returns.toEqualTypeOf<Promise<Store>>();
    // @ts-expect-error A number is no location.
    expectTypeOf<typeof openStore>().toBeCallableWith(5);
    // @ts-expect-error No such durability.
    expectTypeOf<typeof openStore>().toBeCallableWith("./data", { durability: "sync" });
    // @ts-expect-error A misspelled option.
    expectTypeOf<typeof openStore>().toBeCallableWith("./data", { createIfMising: true });
    expectTypeOf<StoreOptions["durability"]>().toEqualTypeOf<"durable" | "relaxed" | undefined>();
  });

  test("takes databases of any package, as they are", () => {
    expectTypeOf<typeof openStore>().toBeCallableWith(new MemoryLevel());
    expectTypeOf<typeof openStore>().toBeCallableWith(new ClassicLevel("./data"));
    expectTypeOf<typeof openStore>().toBeCallableWith(new Level("./data"));
  });

  test("takes sublevels, and databases whose own encodings are others", () => {
    const sublevel = new MemoryLevel().sublevel("inner");
    const json = new ClassicLevel<string, unknown>("./data", { valueEncoding: "json" });
    const bytes = new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: "view", valueEncoding: "view" });
    expectTypeOf<typeof openStore>().toBeCallableWith(sublevel);
    expectTypeOf<typeof openStore>().toBeCallableWith(json);
    expectTypeOf<typeof openStore>().toBeCallableWith(bytes);
  });
});

describe("transactions", () => {
  test("give what their callback gives, awaited", () => {
    expectTypeOf(store.update(() => 5)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(store.update(async () => "text")).toEqualTypeOf<Promise<string>>();
    expectTypeOf(store.view(() => undefined)).toEqualTypeOf<Promise<undefined>>();
    expectTypeOf(store.batch(async () => [1])).toEqualTypeOf<Promise<number[]>>();
    const either = store.view((): Awaitable<number> => 5);
    expectTypeOf(either).toEqualTypeOf<Promise<number>>();
    store.view((given) => expectTypeOf(given).toEqualTypeOf<Transaction>());
  });

  test("take a signal, and nothing else", () => {
    const { signal } = new AbortController();
    expectTypeOf(store.update(() => 1, { signal })).toEqualTypeOf<Promise<number>>();
    expectTypeOf(store.begin({ writable: true, signal })).toEqualTypeOf<Promise<Transaction>>();
    // @ts-expect-error Misspelled.
    store.update(() => 1, { signall: signal });
    // @ts-expect-error Only begin() has it.
    store.view(() => 1, { writable: true });
    // @ts-expect-error batch() shares its turn, and takes no signal.
    store.batch(() => 1, { signal });
    // @ts-expect-error A callback is needed.
    store.update();
  });

  test("are disposable", () => {
    expectTypeOf(store).toExtend<AsyncDisposable>();
    expectTypeOf(tx).toExtend<AsyncDisposable>();
    expectTypeOf(tx.commit).returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf(tx.rollback).returns.toEqualTypeOf<Promise<void>>();
    expectTypeOf(tx.id).toEqualTypeOf<number>();
    expectTypeOf(tx.writable).toEqualTypeOf<boolean>();
    // @ts-expect-error It does not change.
    tx.id = 5;
  });

  test("keep what is internal out of sight of their users", () => {
    expectTypeOf(tx.buckets()).toEqualTypeOf<Promise<string[]>>();
    expectTypeOf(tx.onCommit).parameters.toEqualTypeOf<[fn: () => unknown]>();
  });
});

describe("maintenance", () => {
  test("gives reports", () => {
    expectTypeOf(store.stats()).toEqualTypeOf<StoreStats>();
    expectTypeOf(store.check()).toEqualTypeOf<Promise<CheckReport>>();
    expectTypeOf(store.compact()).toEqualTypeOf<Promise<void>>();
    expectTypeOf(store.backup("copy")).toEqualTypeOf<Promise<BackupReport>>();
    expectTypeOf(store.close()).toEqualTypeOf<Promise<void>>();
    store.check({
      onProgress: ({ done, total }) => {
        expectTypeOf(done).toEqualTypeOf<number>();
        expectTypeOf(total).toEqualTypeOf<number | undefined>();
      },
    });
    // @ts-expect-error A backup needs a directory.
    store.backup();
    // @ts-expect-error Reports cannot be changed.
    store.check().then((report) => report.problems.push({ row: "", message: "" }));
  });
});
