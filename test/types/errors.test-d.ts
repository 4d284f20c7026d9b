import {
  type Awaitable,
  type CollectionErrorCode,
  type ControlPlaneErrorCode,
  DatabaseError,
  type DataErrorCode,
  decodeKey,
  type Encoding,
  type ErrorCode,
  encodeKey,
  type ImportErrorCode,
  type Key,
  type MigrationErrorCode,
  type OpenErrorCode,
  type TransactionErrorCode,
} from "@meshgate/database";
import { describe, expectTypeOf, test } from "vitest";

describe("Awaitable<T>", () => {
  test("is a value or a promise of it, and awaits to the value", () => {
    expectTypeOf<Awaitable<number>>().toEqualTypeOf<number | Promise<number>>();
    expectTypeOf<Awaited<Awaitable<number>>>().toEqualTypeOf<number>();
    expectTypeOf<5>().toExtend<Awaitable<number>>();
    expectTypeOf<Promise<number>>().toExtend<Awaitable<number>>();
    expectTypeOf<Awaitable<number>>().not.toExtend<number>();
  });
});

describe("DatabaseError", () => {
  test("bears a code of the union, which cannot be changed", () => {
    const error = new DatabaseError("TX_CLOSED", "message", { cause: 5 });
    expectTypeOf(error).toExtend<Error>();
    expectTypeOf(error.code).toEqualTypeOf<ErrorCode>();
    // @ts-expect-error It does not change.
    error.code = "ABORTED";
    // @ts-expect-error No such code.
    new DatabaseError("TX_CLOSE", "message");
  });

  test("may hold facts for programs, which cannot be changed", () => {
    const error = new DatabaseError("UNIQUE_VIOLATION", "message", { details: { index: "email" } });
    expectTypeOf(error.details).toEqualTypeOf<Readonly<Record<string, unknown>> | undefined>();
    // @ts-expect-error They do not change.
    error.details = {};
    // @ts-expect-error Facts by name, not text.
    new DatabaseError("UNIQUE_VIOLATION", "message", { details: "email" });
    // @ts-expect-error Misspelled.
    new DatabaseError("UNIQUE_VIOLATION", "message", { detail: {} });
  });

  test("has codes grouped by phase, each in one group", () => {
    type Grouped =
      | OpenErrorCode
      | TransactionErrorCode
      | DataErrorCode
      | CollectionErrorCode
      | MigrationErrorCode
      | ImportErrorCode
      | ControlPlaneErrorCode;
    expectTypeOf<Grouped>().toEqualTypeOf<ErrorCode>();
    expectTypeOf<(MigrationErrorCode | ImportErrorCode) & CollectionErrorCode>().toBeNever();
    expectTypeOf<MigrationErrorCode & ImportErrorCode>().toBeNever();
    expectTypeOf<
      ControlPlaneErrorCode & (CollectionErrorCode | MigrationErrorCode | ImportErrorCode)
    >().toBeNever();
    expectTypeOf<OpenErrorCode & TransactionErrorCode>().toBeNever();
    expectTypeOf<OpenErrorCode & DataErrorCode>().toBeNever();
    expectTypeOf<TransactionErrorCode & DataErrorCode>().toBeNever();
    expectTypeOf<CollectionErrorCode & (OpenErrorCode | TransactionErrorCode | DataErrorCode)>().toBeNever();
    expectTypeOf<"STORE_LOCKED" | "LOCK_TIMEOUT" | "STORE_DAMAGED">().toExtend<OpenErrorCode>();
    expectTypeOf<"TX_CLOSED" | "TX_NESTED" | "TX_EXPIRED" | "ABORTED">().toExtend<TransactionErrorCode>();
    expectTypeOf<"KEY_INVALID" | "VALUE_INVALID" | "BUCKET_EXISTS">().toExtend<DataErrorCode>();
    expectTypeOf<"UNIQUE_VIOLATION" | "RECORD_INVALID" | "TOKEN_INVALID">().toExtend<CollectionErrorCode>();
  });

  test("can be told apart by its code in a switch", () => {
    const advise = (code: ErrorCode): string => {
      switch (code) {
        case "TX_CLOSED":
          return "await every call";
        // @ts-expect-error No such code.
        case "TX_OPEN":
          return "";
        default:
          return code;
      }
    };
    expectTypeOf(advise).returns.toEqualTypeOf<string>();
  });
});

describe("Key", () => {
  test("is a scalar or a tuple of keys", () => {
    expectTypeOf<string | number | boolean | null | Date>().toExtend<Key>();
    expectTypeOf<readonly [string, readonly [number, null]]>().toExtend<Key>();
    expectTypeOf<[string, Date]>().toExtend<Key>();
    expectTypeOf<undefined>().not.toExtend<Key>();
    expectTypeOf<bigint>().not.toExtend<Key>();
    expectTypeOf<symbol>().not.toExtend<Key>();
    expectTypeOf<{ id: number }>().not.toExtend<Key>();
    expectTypeOf<[string, undefined]>().not.toExtend<Key>();
    expectTypeOf(encodeKey).parameter(0).toEqualTypeOf<Key>();
    expectTypeOf(decodeKey).returns.toEqualTypeOf<Key>();
  });

  test("encodings are three", () => {
    expectTypeOf<Encoding>().toEqualTypeOf<"json" | "utf8" | "bytes">();
  });
});
