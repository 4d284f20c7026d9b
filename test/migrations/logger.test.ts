import { type DatabaseError, type Logger, type Migration, migrations } from "@meshgate/database";
import { describe, expect, test, vi } from "vitest";
import { expectRefused } from "../helpers/stores.ts";
import { addTo, bucketStep, fillItems, migrateHalf, only, useEngine } from "./engines.ts";

const first = bucketStep(1, "first");
const second = bucketStep(2, "second");
const broken: Migration = {
  version: 2,
  description: "broken",
  up: () => Promise.reject(new Error("It is broken.")),
};

describe("the logger", () => {
  const engines = useEngine("memory-level");

  /** As pino's, its methods need to be called on it. */
  class Recorder implements Logger {
    readonly #lines: string[] = [];
    info(message: string): void {
      this.#lines.push(`info ${message}`);
    }
    error(message: string): void {
      this.#lines.push(`error ${message}`);
    }
    get lines(): readonly string[] {
      return this.#lines;
    }
  }

  test("gets one line for each step, forward and back, and one for the backup", async () => {
    const { store } = await engines.open();
    const list = migrations([first, second]);
    const logger = new Recorder();
    await list.migrate(store, { logger });
    await list.migrate(store, { logger });
    await list.migrate(store, { logger, to: 1, backup: engines.places.path("copy") });
    const step = (text: string) =>
      expect.stringMatching(new RegExp(`^info migration ${text}: done in \\d+ ms$`));
    expect(logger.lines).toEqual([
      step("1 up \\(first\\)"),
      step("2 up \\(second\\)"),
      expect.stringContaining(`backup of version 2 in ${engines.places.path("copy")}`),
      step("2 down \\(second\\)"),
    ]);
  });

  test("gets the error's message where a step fails", async () => {
    const { store } = await engines.open();
    const logger = new Recorder();
    const error: DatabaseError = await migrations([first, broken])
      .migrate(store, { logger })
      .catch((thrown) => thrown);
    expect(logger.lines).toEqual([expect.stringContaining("info migration 1 up"), `error ${error.message}`]);
  });

  test("is told where the signal stopped a step", async () => {
    const { store } = await engines.open();
    await fillItems(store);
    const logger = new Recorder();
    await migrateHalf(store, only({ up: addTo("+") }), { logger });
    expect(logger.lines).toEqual(["info migration 1 up (the only one): stopped by the signal"]);
  });

  test("is not told so where a step ends in an abort of its own, which is its failure", async () => {
    const { store } = await engines.open();
    const { store: other } = await engines.open("other");
    const logger = new Recorder();
    const up = () => other.update(() => {}, { signal: AbortSignal.abort() });
    const failed = only({ up }).migrate(store, { logger });
    await expect(failed).rejects.toMatchObject({ code: "MIGRATION_FAILED", cause: { code: "ABORTED" } });
    expect(logger.lines).toEqual([expect.stringMatching(/^error /)]);
  });

  test("may be the console", async () => {
    const { store } = await engines.open();
    const info = vi.spyOn(console, "info").mockImplementation(() => {});
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    try {
      const list = migrations([first, broken]);
      await expectRefused("MIGRATION_FAILED", () => list.migrate(store, { logger: console }));
      expect(info.mock.calls).toEqual([[expect.stringContaining("migration 1 up")]]);
      expect(error.mock.calls).toEqual([[expect.stringContaining("It is broken.")]]);
    } finally {
      info.mockRestore();
      error.mockRestore();
    }
  });
});
