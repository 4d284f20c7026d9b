import { type DatabaseError, importBolt } from "@meshgate/database";
import { Level } from "level";
import { afterAll, describe, expect, test } from "vitest";
import { type FileSpec, useGenerator } from "../bolt/generator.ts";
import { findRealFile } from "../bolt/real-file.ts";
import { usePlaces } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";
import { formsOf, linesOfStore } from "./imported.ts";

const FLAGS = "short,small";
const SPECS: Required<FileSpec>[] = [
  { seed: 101, pageSize: 1024, operations: 10, flags: FLAGS },
  { seed: 102, pageSize: 4096, operations: 300, flags: FLAGS },
  { seed: 103, pageSize: 1024, operations: 3000, flags: FLAGS },
  { seed: 104, pageSize: 16384, operations: 3000, flags: `${FLAGS},map` },
  { seed: 105, pageSize: 4096, operations: 3000, flags: `${FLAGS},shrink` },
  { seed: 106, pageSize: 1024, operations: 12_000, flags: FLAGS },
  { seed: 107, pageSize: 4096, operations: 12_000, flags: `${FLAGS},nofreelist` },
  { seed: 108, pageSize: 4096, operations: 600, flags: `${FLAGS},large` },
  { seed: 109, pageSize: 4096, operations: 10_000, flags: `${FLAGS},dense` },
];

describe("a file that the real bbolt wrote is imported as bbolt reads it", () => {
  const places = usePlaces();
  const generator = useGenerator();
  const totals = { files: 0, buckets: 0, rows: 0, bytes: 0, "imported once compacted": 0 };
  afterAll(() => console.log("Imported alike from files of the real bbolt:", totals));

  test.for(SPECS)(
    "seed $seed, pages of $pageSize bytes, $operations operations, flags $flags: every bucket, sequence, key and value, in order",
    async (spec, context) => {
      const made = await generator.make(context, spec);
      const store = await places.open(places.path("db"));
      const report = await importBolt(made.path, store).catch(async (error) => {
        // Pages that bbolt leaked can look like damage; the error's advice is to compact the file.
        expect(made.lost, String(error)).toBeGreaterThan(0);
        expect((error as DatabaseError).message).toContain("compact the file first");
        totals["imported once compacted"] += 1;
        return importBolt(await generator.compact(context, made.path), store);
      });
      const forms = formsOf(made.lines);
      expect(await linesOfStore(store, forms)).toEqual(made.lines);
      const buckets = made.lines.filter((line) => line.startsWith("B")).length;
      const rows = made.lines.length - buckets;
      expect(report).toMatchObject({ buckets, rows, leftOut: [] });
      expect(report.tops.map(({ rows }) => rows).reduce((sum, n) => sum + n, 0)).toBe(rows);
      expect(report.tops.map(({ buckets }) => buckets + 1).reduce((sum, n) => sum + n, 0)).toBe(buckets);
      await expectSound(store);
      totals.files += 1;
      for (const name of ["buckets", "rows", "bytes"] as const) totals[name] += report[name];
      await store.close();
      const again = await places.open(places.path("db"));
      expect(await linesOfStore(again, forms)).toEqual(made.lines);
    },
  );

  test("a sequence above 2^53-1 is refused, and what was read is not there", async (context) => {
    const made = await generator.make(context, {
      seed: 103,
      pageSize: 1024,
      operations: 3000,
      flags: "short",
    });
    const store = await places.open(places.path("db"));
    const error = await importBolt(made.path, store).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "BOLT_REFUSED",
      message: expect.stringContaining("{ sequence: false }"),
    });
    const { path } = (error as DatabaseError).details as { path: string[] };
    expect(path.length).toBeGreaterThan(0);
    expect(await store.view((tx) => tx.buckets())).toEqual([]);
    const report = await importBolt(made.path, store, { rule: () => ({ sequence: false }) });
    expect(report.rows).toBe(made.lines.filter((line) => line.startsWith("R")).length);
    const zero = made.lines.map((line) => line.replace(/^(B \d+ \w+) \d+$/, "$1 0"));
    expect(await linesOfStore(store, formsOf(made.lines))).toEqual(zero);
  });

  test("the real file of a control plane: all of it, readable as JSON by any program", async (context) => {
    const store = await places.open(places.path("db"));
    const report = await importBolt(findRealFile(context), store);
    expect(report.rows).toBeGreaterThan(0);
    await expectSound(store);
    for (const { name, encoding } of report.tops) expect([name, encoding]).toEqual([name, "json"]);
    await store.close();
    const level = new Level(places.path("db"));
    places.later(() => level.close());
    let rows = 0;
    for (const { name } of report.tops) {
      const sublevel = level.sublevel<string, unknown>(name, { valueEncoding: "json" });
      rows += (await sublevel.iterator().all()).length;
    }
    expect(rows).toBe(report.rows);
  });
});
