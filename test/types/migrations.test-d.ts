import {
  type AppliedMigration,
  type Awaitable,
  type Batch,
  type BatchedStep,
  type Bucket,
  type DryRunOptions,
  type DryRunStep,
  type EachRowOptions,
  type ErrorCode,
  eachRow,
  type Key,
  type Logger,
  type MigrateOptions,
  type MigrateReport,
  type Migration,
  type MigrationErrorCode,
  type MigrationProgress,
  type MigrationStatus,
  type Migrations,
  migrations,
  type RowChanges,
  type RowContext,
  type RunningMigration,
  type Step,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { describe, expectTypeOf, test } from "vitest";

declare const store: Store;
declare const schema: Migrations;

describe("a list of migrations", () => {
  test("takes steps that do anything with a transaction, at once or later", () => {
    expectTypeOf(migrations).parameters.toEqualTypeOf<[list: readonly Migration[]]>();
    expectTypeOf(migrations).returns.toEqualTypeOf<Migrations>();
    migrations([]);
    migrations([
      { version: 1, description: "at once", up: () => {} },
      { version: 2, description: "later", up: async (tx) => void (await tx.createBucket("users")) },
      {
        version: 3,
        description: "both ways",
        up: (tx) => tx.createBucket("a"),
        down: (tx) => tx.deleteBucket("a"),
      },
      { version: 4, description: "no way back", up: () => 5, down: undefined },
      { version: 5, description: "in batches", up: { affects: ["users"], run: () => undefined } },
      {
        version: 6,
        description: "each row",
        up: eachRow("users", () => {}),
        down: eachRow("users", () => {}),
      },
    ] as const);
    migrations([
      { version: 1, description: "typed", up: (tx) => expectTypeOf(tx).toEqualTypeOf<Transaction>() },
    ]);
  });

  test("refuses what is missing, misspelled or of another type", () => {
    // @ts-expect-error it has no up
    migrations([{ version: 1, description: "a" }]);
    // @ts-expect-error it has no description
    migrations([{ version: 1, up: () => {} }]);
    // @ts-expect-error it has no version
    migrations([{ description: "a", up: () => {} }]);
    // @ts-expect-error a version is a number
    migrations([{ version: "1", description: "a", up: () => {} }]);
    // @ts-expect-error down is misspelled
    migrations([{ version: 1, description: "a", up: () => {}, dwon: () => {} }]);
    // @ts-expect-error it does not say what it affects
    migrations([{ version: 1, description: "a", up: { run: () => undefined } }]);
    // @ts-expect-error a batch tells its rows
    migrations([{ version: 1, description: "a", up: { affects: [], run: () => ({ cursor: 1 }) } }]);
    // @ts-expect-error a list is an array
    migrations({ version: 1, description: "a", up: () => {} });
  });

  test("shows what it is made of as read-only", () => {
    expectTypeOf<Migration>().toEqualTypeOf<{
      readonly version: number;
      readonly description: string;
      readonly up: Step;
      readonly down?: Step | undefined;
    }>();
    expectTypeOf<Step>().toEqualTypeOf<((tx: Transaction) => unknown) | BatchedStep>();
    expectTypeOf<Batch>().toEqualTypeOf<{ readonly cursor: unknown; readonly rows: number }>();
    expectTypeOf<BatchedStep>().toEqualTypeOf<{
      readonly affects: readonly string[];
      readonly count?: ((tx: Transaction) => Awaitable<number>) | undefined;
      readonly run: (tx: Transaction, cursor: unknown) => Awaitable<Batch | undefined>;
    }>();
  });
});

describe("eachRow()", () => {
  test("gives keys and values of the named types, and the bucket to write them to", () => {
    const up = eachRow<{ email: string }, [string, string]>("users", (row, context) => {
      expectTypeOf(row).toEqualTypeOf<[key: [string, string], value: { email: string }]>();
      expectTypeOf(context).toEqualTypeOf<RowContext<{ email: string }, [string, string]>>();
      expectTypeOf(context.bucket).toEqualTypeOf<Bucket<{ email: string }, [string, string]>>();
      expectTypeOf(context.tx).toEqualTypeOf<Transaction>();
      // @ts-expect-error values are of the named type
      return context.bucket.put(row[0], { mail: 5 });
    });
    expectTypeOf(up).toEqualTypeOf<BatchedStep>();
  });

  test("knows nothing of keys and values where no types are named", () => {
    eachRow("users", ([key, value], { bucket }) => {
      expectTypeOf(key).toEqualTypeOf<Key>();
      expectTypeOf(value).toBeUnknown();
      expectTypeOf(bucket).toEqualTypeOf<Bucket<unknown, Key>>();
    });
  });

  test("takes a size and what else it affects, and nothing else", () => {
    expectTypeOf<EachRowOptions>().toEqualTypeOf<{
      readonly size?: number | undefined;
      readonly affects?: readonly string[] | undefined;
    }>();
    eachRow("users", () => {}, { size: 10, affects: ["teams"] });
    // @ts-expect-error size is misspelled
    eachRow("users", () => {}, { batch: 10 });
    // @ts-expect-error there is nothing to do with the rows
    eachRow("users");
  });
});

describe("migrate()", () => {
  test("takes loggers as console and pino are", () => {
    expectTypeOf(console).toExtend<Logger>();
    /** The overloads of pino's methods. */
    interface PinoFn {
      (object: object, message?: string, ...rest: unknown[]): void;
      (message: string, ...rest: unknown[]): void;
    }
    expectTypeOf<{ level: string; info: PinoFn; error: PinoFn; warn: PinoFn }>().toExtend<Logger>();
    expectTypeOf<{ info(message: string): void }>().not.toExtend<Logger>();
  });

  test("takes options that may be missing or undefined", () => {
    expectTypeOf<MigrateOptions>().toEqualTypeOf<{
      readonly to?: number | undefined;
      readonly backup?: boolean | string | undefined;
      readonly logger?: Logger | undefined;
      readonly signal?: AbortSignal | undefined;
      readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
    }>();
    expectTypeOf(schema.migrate).parameters.toEqualTypeOf<
      [store: Store, options?: MigrateOptions | undefined]
    >();
    // @ts-expect-error backup is misspelled
    schema.migrate(store, { backups: false });
    // @ts-expect-error a version is a number
    schema.migrate(store, { to: "2" });
  });

  test("reports what it did, and how far it is", () => {
    expectTypeOf(schema.migrate).returns.resolves.toEqualTypeOf<MigrateReport>();
    expectTypeOf<MigrateReport["backup"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<MigrateReport["from"]>().toEqualTypeOf<number>();
    expectTypeOf<MigrateReport["to"]>().toEqualTypeOf<number>();
    expectTypeOf<MigrateReport["steps"][number]["direction"]>().toEqualTypeOf<"up" | "down">();
    expectTypeOf<MigrateReport["steps"][number]["durationMs"]>().toEqualTypeOf<number>();
    expectTypeOf<MigrationProgress>().toEqualTypeOf<{
      readonly version: number;
      readonly description: string;
      readonly rows: number;
      readonly total: number | undefined;
      readonly share: number | undefined;
      readonly rate: number;
    }>();
  });
});

describe("dryRun() and status()", () => {
  test("dryRun() tells changes by bucket, and the error as whatever was thrown", () => {
    expectTypeOf(schema.dryRun).parameters.toEqualTypeOf<
      [store: Store, options?: DryRunOptions | undefined]
    >();
    expectTypeOf(schema.dryRun).returns.resolves.toEqualTypeOf<DryRunStep[]>();
    expectTypeOf<DryRunStep["buckets"]>().toEqualTypeOf<Readonly<Record<string, RowChanges>>>();
    expectTypeOf<DryRunStep["error"]>().toBeUnknown();
    expectTypeOf<DryRunStep["direction"]>().toEqualTypeOf<"up" | "down">();
    expectTypeOf<RowChanges["put"] | RowChanges["deleted"]>().toEqualTypeOf<number>();
    // @ts-expect-error it makes no backup
    schema.dryRun(store, { backup: true });
  });

  test("status() tells what was applied, what is pending and what is half done", () => {
    expectTypeOf(schema.status).parameters.toEqualTypeOf<[store: Store]>();
    expectTypeOf(schema.status).returns.resolves.toEqualTypeOf<MigrationStatus>();
    expectTypeOf<MigrationStatus["applied"]>().toEqualTypeOf<readonly AppliedMigration[]>();
    expectTypeOf<MigrationStatus["running"]>().toEqualTypeOf<RunningMigration | undefined>();
    expectTypeOf<MigrationStatus["pending"][number]>().toEqualTypeOf<{
      readonly version: number;
      readonly description: string;
    }>();
    expectTypeOf<AppliedMigration>().toEqualTypeOf<{
      readonly version: number;
      readonly description: string;
      readonly appliedAt: string;
      readonly durationMs: number;
    }>();
    expectTypeOf<RunningMigration["affects"]>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<RunningMigration["cursor"]>().toBeUnknown();
  });

  test("their codes are codes of the library's errors", () => {
    expectTypeOf<MigrationErrorCode>().toExtend<ErrorCode>();
    expectTypeOf<"BUCKET_MIGRATING" | "MIGRATION_FAILED">().toExtend<MigrationErrorCode>();
  });
});
