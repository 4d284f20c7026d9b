import { eachRow, type Migration, migrations, openStore } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { expectRefused } from "../helpers/stores.ts";

const up = () => {};
const step = (version: unknown, rest: object = {}): Migration =>
  ({ version, description: `step ${version}`, up, ...rest }) as Migration;
/** Lists come from JavaScript, too. */
const define = (list: unknown) => () => migrations(list as Migration[]);

describe("a list of migrations", () => {
  test("may be empty", () => expect(migrations([])).toBeDefined());

  test.each<[what: string, list: unknown[], at: RegExp]>([
    ["a gap", [step(1), step(3)], /place 2 has the version 3/],
    ["a version twice", [step(1), step(1)], /place 2 has the version 1/],
    ["another order", [step(2), step(1)], /place 1 has the version 2/],
    ["a beginning other than 1", [step(2), step(3)], /place 1 has the version 2/],
    ["the version 0", [step(0), step(1)], /place 1 has the version 0/],
    ["a version below 0", [step(-1)], /place 1 has the version -1/],
    ["a version that is no integer", [step(1), step(1.5)], /place 2 has the version 1\.5/],
    ["a version that is text", [step("1")], /place 1 has the version "1"/],
    ["no version", [step(undefined)], /place 1 has the version undefined/],
  ])("is refused with %s, and told the place", async (_, list, at) => {
    await expectRefused("MIGRATION_INVALID", define(list), at);
    await expectRefused("MIGRATION_INVALID", define(list), /count from 1 without gaps/);
  });

  test.each([undefined, "", 5, null, "\ud800"])("is refused with the description %o", async (description) => {
    await expectRefused("MIGRATION_INVALID", define([step(1, { description })]), /Migration 1 .*description/);
  });

  test.each([undefined, null, "sql", 1, {}, { run() {} }, { affects: [] }, { affects: "users", run() {} }])(
    "is refused with the up %o",
    async (bad) => {
      await expectRefused(
        "MIGRATION_INVALID",
        define([step(1), step(2, { up: bad })]),
        "The up of migration 2",
      );
    },
  );

  test.each([null, "sql", {}, { run() {} }, { affects: [] }])("is refused with the down %o", async (bad) => {
    await expectRefused("MIGRATION_INVALID", define([step(1, { down: bad })]), "The down of migration 1");
  });

  test("is refused with a misspelled property, which it names", async () => {
    const list = [step(1), step(2, { dwon: up })];
    await expectRefused(["OPTION_INVALID", "MIGRATION_INVALID"], define(list), /place 2.*"dwon"/);
  });

  test.each([undefined, null, {}, "a", new Map()])("is no %o", async (list) => {
    await expectRefused("MIGRATION_INVALID", define(list), "Pass an array");
  });

  test.each([null, undefined, 5, "a"])("has no %o among its entries", async (entry) => {
    await expectRefused(["OPTION_INVALID", "MIGRATION_INVALID"], define([step(1), entry]), "place 2");
  });

  test("is a value: what is done to what it was made of has no effect", async () => {
    const entry = step(1) as { -readonly [K in keyof Migration]: Migration[K] };
    const list: Migration[] = [entry];
    const schema = migrations(list);
    list.push(step(2));
    entry.description = "another";
    expect(Object.isFrozen(schema)).toBe(true);
    const store = await openStore(new MemoryLevel<string, string>());
    expect((await schema.status(store)).pending).toEqual([{ version: 1, description: "step 1" }]);
    await store.close();
  });
});

describe("eachRow()", () => {
  const change = () => {};

  test.each([undefined, null, "change", {}])("takes a function, not %o", async (bad) => {
    await expectRefused("OPTION_INVALID", () => eachRow("users", bad as never));
  });

  test.each([0, -1, 1.5, Number.NaN, "5"])("refuses the size %o", async (size) => {
    await expectRefused("OPTION_INVALID", () => eachRow("users", change, { size: size as number }), "size");
  });

  test("refuses a misspelled option, which it names", async () => {
    await expectRefused("OPTION_INVALID", () => eachRow("users", change, { batch: 5 } as never), '"batch"');
  });

  test("keeps others from its own bucket, and from those that it names", () => {
    expect(eachRow("users", change).affects).toEqual(["users"]);
    expect(eachRow("users", change, { affects: ["teams"] }).affects).toEqual(["users", "teams"]);
  });
});
