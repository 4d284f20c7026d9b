import { readdir, rename, writeFile } from "node:fs/promises";
import {
  type DatabaseError,
  type MigrateOptions,
  type Migration,
  migrations,
  openStore,
} from "@meshgate/database";
import { describe, expect, test, vi } from "vitest";
import { openerProcess } from "../helpers/openers.ts";
import { gate, soon, usePlaces } from "../helpers/places.ts";
import { expectRefused, filled } from "../helpers/stores.ts";
import {
  addTo,
  bucketStep,
  fillItems,
  historyRows,
  itemsWith,
  migrateHalf,
  only,
  rowsOf,
  useEngine,
} from "./engines.ts";

const first = bucketStep(1, "first");
const second = bucketStep(2, "second");
const broken: Migration = {
  version: 2,
  description: "broken",
  up: () => Promise.reject(new Error("It is broken.")),
};

/** What lies beside the store's directory. */
const beside = async (path: string) => (await readdir(path)).filter((name) => name !== "main").sort();

describe("the backup before the first pending step", () => {
  const engines = useEngine("classic-level");
  const { places } = engines;

  test("is a store of the version before, beside the store", async () => {
    const { store } = await engines.open();
    await migrations([first]).migrate(store);
    await filled(store, "work", [[1, "kept"]]);
    const { backup } = await migrations([first, second]).migrate(store);
    expect(backup).toMatch(/main\.backup-v1-\d{4}-/);
    expect(await beside(places.path())).toEqual([backup?.slice(places.path().length + 1)]);
    const copy = await places.open(backup as string);
    expect(await migrations([first, second]).status(copy)).toMatchObject({
      version: 1,
      pending: [{ version: 2 }],
    });
    expect(await rowsOf(copy, "work")).toEqual([[1, "kept"]]);
    expect(await copy.view((tx) => tx.buckets())).toEqual(["first", "migrations", "work"]);
  });

  test("is one for all the steps of a call, and none where nothing is pending", async () => {
    const { store } = await engines.open();
    await filled(store, "work", []);
    const { backup } = await migrations([first, second]).migrate(store);
    expect(backup).toContain("backup-v0-");
    expect(await migrations([first, second]).migrate(store)).toMatchObject({ backup: undefined });
    expect(await beside(places.path())).toHaveLength(1);
  });

  test("is made before a step back, too", async () => {
    const { store } = await engines.open();
    await migrations([first, second]).migrate(store);
    const { backup } = await migrations([first, second]).migrate(store, { to: 1 });
    const copy = await places.open(backup as string);
    expect(await historyRows(copy)).toMatchObject({ schema_version: 2 });
  });

  test("can be turned off, and is not made of a store without buckets", async () => {
    const { store } = await engines.open();
    expect(await migrations([first]).migrate(store)).toMatchObject({ backup: undefined });
    expect(await migrations([first, second]).migrate(store, { backup: false })).toMatchObject({
      backup: undefined,
    });
    expect(await beside(places.path())).toEqual([]);
  });

  test("is made where it is told to be", async () => {
    const { store } = await engines.open();
    await filled(store, "work", [[1, "kept"]]);
    const path = places.path("elsewhere");
    expect(await migrations([first]).migrate(store, { backup: path })).toMatchObject({ backup: path });
    expect(await rowsOf(await places.open(path), "work")).toEqual([[1, "kept"]]);
  });

  test("that cannot be made keeps the steps from running", async () => {
    const { store } = await engines.open();
    await filled(store, "work", []);
    const file = places.path("file");
    await writeFile(file, "no directory");
    const schema = migrations([first]);
    await expectRefused("BACKUP_TARGET", () => schema.migrate(store, { backup: file }), "file");
    await expectRefused("PATH_INVALID", () => schema.migrate(store, { backup: "" }));
    await expectRefused("STORE_IO", () => schema.migrate(store, { backup: "/proc/none/of/this" }));
    expect(await schema.status(store)).toMatchObject({ version: 0 });
  });

  test("is told of in the error after a failure, and restores the store as the error says", async () => {
    const { store } = await engines.open();
    await migrations([first]).migrate(store);
    await filled(store, "work", [[1, "kept"]]);
    // A step that does harm before the one that fails, so that going back is worth something.
    const harm: Migration = { version: 2, description: "harm", up: (tx) => tx.deleteBucket("work") };
    const list = migrations([first, harm, { ...broken, version: 3 }]);
    const error: DatabaseError = await list.migrate(store).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "MIGRATION_FAILED", details: { version: 3, direction: "up" } });
    const backup = error.details?.["backup"] as string;
    const place = store.directory as string;
    expect(error.message).toContain(`lies in ${backup}`);
    expect(error.message).toContain("close the store");
    expect(error.message).toContain(`in the place of ${place}`);
    expect(await rowsOf(store, "work")).toBeUndefined();

    await store.close();
    await rename(place, `${place}.broken`);
    await rename(backup, place);
    const restored = await places.open(place);
    expect(await rowsOf(restored, "work")).toEqual([[1, "kept"]]);
    expect(await list.status(restored)).toMatchObject({ version: 1 });
    expect(await migrations([first, second]).migrate(restored)).toMatchObject({ from: 1, to: 2 });
  });

  test("is not told of where there is none", async () => {
    const { store } = await engines.open();
    await migrations([first]).migrate(store);
    const list = migrations([first, broken]);
    const error: DatabaseError = await list.migrate(store, { backup: false }).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: "MIGRATION_FAILED",
      details: { version: 2, direction: "up", backup: undefined },
    });
    expect(error.message).not.toContain("backup");
  });

  test("is that of the first run where a half-done step goes on, and fails", async () => {
    const opened = await engines.open();
    await fillItems(opened.store);
    let isBroken = false;
    const list = only({
      up: addTo("+", () => {
        if (isBroken) throw new Error("It is broken now.");
      }),
    });
    await migrateHalf(opened.store, list, { backup: true });
    const { store } = await engines.reopen(opened);
    const { running } = await list.status(store);
    expect(running?.backup).toContain("main.backup-v0-");
    isBroken = true;
    const error: DatabaseError = await list.migrate(store).catch((thrown) => thrown);
    expect(error.details).toMatchObject({ backup: running?.backup });
    expect(error.message).toContain(`lies in ${running?.backup}`);
    isBroken = false;
    expect(await list.migrate(store)).toMatchObject({ backup: running?.backup });
    expect(await rowsOf(await places.open(running?.backup as string), "items")).toEqual(itemsWith(""));
    expect(await beside(places.path())).toHaveLength(1);
  });

  test("is that of the call before where that failed and nothing was committed since", async () => {
    const { store } = await engines.open();
    await migrations([first]).migrate(store);
    const list = migrations([first, broken]);
    const fail = async (options: MigrateOptions = {}): Promise<unknown> => {
      const error: DatabaseError = await list.migrate(store, options).catch((thrown) => thrown);
      expect(error.code).toBe("MIGRATION_FAILED");
      return error.details?.["backup"];
    };
    const made = await fail();
    expect([await fail(), await fail()]).toEqual([made, made]);
    expect(await beside(places.path())).toHaveLength(1);
    expect(await fail({ backup: false })).toBeUndefined();
    await filled(store, "work", [[1, "new"]]);
    const later = await fail();
    expect(later).not.toBe(made);
    expect(await rowsOf(await places.open(later as string), "work")).toEqual([[1, "new"]]);
    await rename(later as string, `${later}.moved`);
    expect(await readdir((await fail()) as string)).toContain("CURRENT");
  });

  test("is made anew where something was committed while the last was made", async () => {
    const { store } = await engines.open();
    await migrations([first]).migrate(store);
    const { backup } = store;
    const meanwhile = vi.spyOn(store, "backup").mockImplementationOnce(async (...args) => {
      const report = await backup.apply(store, args);
      await filled(store, "work", [[1, "kept"]]);
      return report;
    });
    const list = migrations([first, broken]);
    await expectRefused("MIGRATION_FAILED", () => list.migrate(store));
    const error: DatabaseError = await list.migrate(store).catch((thrown) => thrown);
    meanwhile.mockRestore();
    const copy = await places.open(error.details?.["backup"] as string);
    expect(await rowsOf(copy, "work")).toEqual([[1, "kept"]]);
  });

  test("does not block a retry with the same directory", async () => {
    const { store } = await engines.open();
    await filled(store, "work", []);
    let isBroken = true;
    const up = () => {
      if (isBroken) throw new Error("Not yet.");
    };
    const backup = places.path("elsewhere/");
    const fail = async (list: Migration[]): Promise<unknown> => {
      const error: DatabaseError = await migrations(list)
        .migrate(store, { backup })
        .catch((thrown) => thrown);
      expect(error).toMatchObject({ code: "MIGRATION_FAILED", cause: { message: "Not yet." } });
      return error.details?.["backup"];
    };
    const place = places.path("elsewhere");
    expect(await fail([{ version: 1, description: "again", up }])).toBe(place);
    expect(await fail([{ version: 1, description: "again", up }])).toBe(place);
    // After a step that was done, the store is another: its backup lies beside that of before.
    const list = [first, { version: 2, description: "again", up }];
    await migrations([first]).migrate(store, { backup: false });
    const later = await fail(list);
    expect(later).toMatch(/elsewhere-v1-[^/]+$/);
    expect(await fail(list)).toBe(later);
    isBroken = false;
    expect(await migrations(list).migrate(store, { backup })).toMatchObject({ to: 2, backup: later });
    expect(await historyRows(await places.open(place))).toEqual({});
    expect(await historyRows(await places.open(later as string))).toMatchObject({ schema_version: 1 });
  });

  test("of a read-only store is not even tried: it tells that it cannot be migrated", async () => {
    const opened = await engines.open();
    await migrations([first]).migrate(opened.store);
    await opened.store.close();
    const store = await places.open(places.path("main"), { readOnly: true });
    await expectRefused("STORE_READ_ONLY", () => migrations([first, second]).migrate(store));
    expect(await beside(places.path())).toEqual([]);
    expect(await migrations([first]).migrate(store)).toMatchObject({ steps: [] });
    expect(await migrations([first, second]).status(store)).toMatchObject({ version: 1 });
    expect(await migrations([first, second]).dryRun(store)).toMatchObject([{ version: 2, error: undefined }]);
  });
});

describe("the backup of a store in memory", () => {
  const engines = useEngine("memory-level");

  test("is made only where a directory is named", async () => {
    const { store } = await engines.open();
    await filled(store, "work", [[1, "kept"]]);
    expect(await migrations([first]).migrate(store, { backup: true })).toMatchObject({ backup: undefined });
    const path = engines.places.path("named");
    expect(await migrations([first, second]).migrate(store, { backup: path })).toMatchObject({
      backup: path,
    });
    expect(await rowsOf(await engines.places.open(path), "work")).toEqual([[1, "kept"]]);
  });
});

describe("two processes", () => {
  const places = usePlaces();

  test("never migrate at once: the second cannot open the store before the first is done", async () => {
    const path = places.path("store");
    const other = await openerProcess();
    places.later(() => other.kill());
    const store = await places.open(path);
    const { passed, open } = gate();
    const begun = gate();
    const up = async () => {
      begun.open();
      await passed;
    };
    const migrating = only({ up }).migrate(store);
    await begun.passed;
    expect(await other.ask("open", path)).toBe("STORE_LOCKED");
    open();
    await migrating;
    expect(await other.ask("open", path)).toBe("STORE_LOCKED");
    await store.close();
    expect(await other.ask("open", path)).toBe("done");
    await expectRefused("STORE_LOCKED", () => openStore(path));
    await other.ask("close", path);
    expect(await historyRows(await places.open(path))).toMatchObject({ schema_version: 1 });
  });
});

describe("a call within another's step", () => {
  const engines = useEngine("memory-level");

  test.each<[what: string, within: (store: Awaited<ReturnType<typeof openStore>>) => Promise<unknown>]>([
    ["migrate()", (store) => migrations([first]).migrate(store)],
    ["dryRun()", (store) => migrations([first]).dryRun(store)],
    ["update()", (store) => store.update(() => {})],
    ["batch()", (store) => store.batch(() => {})],
  ])("%s is refused at once, not waited for", async (_, within) => {
    const { store } = await engines.open();
    const outcome = soon(() => only({ up: () => within(store) }).migrate(store), 5000, "the call");
    await expect(outcome).rejects.toMatchObject({ code: "MIGRATION_FAILED", cause: { code: "TX_NESTED" } });
    expect(await only({ up: () => {} }).migrate(store)).toMatchObject({ to: 1 });
  });

  test("of a transaction is refused before a backup is made", async () => {
    const { store } = await engines.open();
    await filled(store, "work", []);
    const path = engines.places.path("none");
    const nested = store.update(() => migrations([first]).migrate(store, { backup: path }));
    await expect(nested).rejects.toMatchObject({ code: "TX_NESTED" });
    await expect(readdir(path)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("the options of migrate() and dryRun()", () => {
  const engines = useEngine("memory-level");

  test.each<[options: unknown, message: string]>([
    [{ logger: {} }, "logger"],
    [{ logger: { info() {} } }, "logger"],
    [{ logger: "console" }, "logger"],
    [{ logger: null }, "logger"],
    [{ onProgress: true }, "onProgress"],
    [{ signal: {} }, "signal"],
    [{ backup: 5 }, "backup"],
    [{ backup: null }, "backup"],
    [{ dryrun: true }, '"dryrun"'],
    [null, "migrate()"],
  ])("are refused as %o", async (options, message) => {
    const { store } = await engines.open();
    await expectRefused(
      "OPTION_INVALID",
      () => migrations([first]).migrate(store, options as MigrateOptions),
      message,
    );
    expect(store.stats().commit).toBe(0);
  });

  test.each([{ backup: false }, { signal: "now" }, null])(
    "are refused as %o for a dry run",
    async (options) => {
      const { store } = await engines.open();
      await expectRefused("OPTION_INVALID", () => migrations([first]).dryRun(store, options as never));
    },
  );
});
