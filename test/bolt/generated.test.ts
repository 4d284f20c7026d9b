import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { type BoltFile, openBolt } from "../../src/bolt/bolt-file.ts";
import { type FileSpec, useGenerator } from "./generator.ts";
import { lineOf } from "./lines.ts";

const LARGE = process.env["MESHGATE_LARGE"] === "1";

const SMALL: FileSpec[] = [
  { seed: 1, pageSize: 1024, operations: 10 },
  { seed: 2, pageSize: 4096, operations: 10 },
  { seed: 3, pageSize: 16384, operations: 10 },
  { seed: 4, pageSize: 1024, operations: 300 },
  { seed: 5, pageSize: 4096, operations: 300 },
  { seed: 6, pageSize: 16384, operations: 300 },
  { seed: 7, pageSize: 1024, operations: 3000 },
  { seed: 8, pageSize: 4096, operations: 3000 },
  { seed: 9, pageSize: 16384, operations: 3000 },
  { seed: 10, pageSize: 1024, operations: 3000, flags: "shrink" },
  { seed: 11, pageSize: 4096, operations: 3000, flags: "shrink,map" },
  { seed: 12, pageSize: 16384, operations: 3000, flags: "shrink" },
  { seed: 13, pageSize: 1024, operations: 3000, flags: "nofreelist" },
  { seed: 14, pageSize: 4096, operations: 3000, flags: "nofreelist,map" },
  { seed: 15, pageSize: 1024, operations: 3000, flags: "copy" },
  { seed: 16, pageSize: 4096, operations: 3000, flags: "copy,shrink" },
  { seed: 17, pageSize: 1024, operations: 20_000, flags: "map" },
  { seed: 18, pageSize: 4096, operations: 20_000 },
  { seed: 19, pageSize: 1024, operations: 20_000, flags: "shrink" },
  { seed: 20, pageSize: 65536, operations: 3000 },
  { seed: 21, pageSize: 4096, operations: 600, flags: "large" },
  { seed: 22, pageSize: 1024, operations: 600, flags: "large,shrink" },
];
const BIG: FileSpec[] = [
  { seed: 31, pageSize: 4096, operations: 150_000, flags: "short" },
  { seed: 32, pageSize: 16384, operations: 40_000 },
  { seed: 33, pageSize: 1024, operations: 150_000, flags: "shrink" },
  { seed: 34, pageSize: 4096, operations: 7000, flags: "large" },
  { seed: 36, pageSize: 4096, operations: 65_000, flags: "dense" },
  // So many free pages that their number does not fit in the header of the page that lists them.
  { seed: 35, pageSize: 1024, operations: 60_000, flags: "large,shrink" },
];
const SPECS = LARGE ? [...SMALL, ...BIG] : SMALL;
const nameOf = (spec: FileSpec) => ({ ...spec, flags: spec.flags ?? "none" });

interface Totals {
  files: number;
  buckets: number;
  rows: number;
  bytes: number;
}

/** Reads a file and holds each line against bbolt's. */
async function compare(file: BoltFile, lines: readonly string[]): Promise<Totals> {
  const totals = { files: 1, buckets: 0, rows: 0, bytes: 0 };
  let at = 0;
  for await (const element of file.walk()) {
    if (lineOf(element) !== lines[at]) expect(lineOf(element)).toBe(lines[at]);
    at += 1;
    if (element.kind === "bucket") totals.buckets += 1;
    else totals.rows += 1;
    if (element.kind === "row") totals.bytes += element.key.length + element.value.length;
  }
  expect(at).toBe(lines.length);
  return totals;
}

describe("files that the real bbolt wrote are read as it reads them", () => {
  const generator = useGenerator();
  const totals = {
    files: 0,
    buckets: 0,
    rows: 0,
    bytes: 0,
    "with leaked pages": 0,
    "read once compacted": 0,
  };
  afterAll(() => console.log("Read alike from files of the real bbolt:", totals));

  test.for(SPECS.map(nameOf))(
    "seed $seed, pages of $pageSize bytes, $operations operations, flags $flags: every bucket, sequence, key and value",
    { timeout: 300_000 },
    async (spec, context) => {
      const made = await generator.make(context, spec);
      await using file = await openBolt(made.path);
      expect(file).toMatchObject({ pageSize: spec.pageSize, damagedMeta: undefined });
      if (made.lost > 0) totals["with leaked pages"] += 1;
      const read = await compare(file, made.lines).catch(async (error) => {
        // A page that bbolt leaked can still name one that it used again later, which looks like damage. The advice
        // that the error gives must then help.
        expect(made.lost, String(error)).toBeGreaterThan(0);
        expect(error).toMatchObject({
          code: "BOLT_DAMAGED",
          message: expect.stringContaining("compact the file first"),
        });
        totals["read once compacted"] += 1;
        await using compacted = await openBolt(await generator.compact(context, made.path));
        return compare(compacted, made.lines);
      });
      for (const name of ["files", "buckets", "rows", "bytes"] as const) totals[name] += read[name];
      if (file.lostPages !== undefined) expect(file.lostPages).toBe(made.lost);
      const tops: string[] = [];
      for await (const bucket of file.buckets()) tops.push(lineOf(bucket));
      expect(tops).toEqual(made.lines.filter((line) => line.startsWith("B 0 ")));
      await rm(made.path);
    },
  );

  test.runIf(LARGE)(
    "a file of 30 MB is walked with less than 64 MiB beyond what the process has idle",
    async (context) => {
      for (const [operations, flags] of [
        [190_000, "dense"],
        [20_000, "large"],
      ] as const) {
        const made = await generator.make(context, { seed: 37, pageSize: 4096, operations, flags });
        // Compacted, most of the file is content.
        const path = await generator.compact(context, made.path);
        const args = ["--import", "tsx", fileURLToPath(new URL("measure.ts", import.meta.url)), path];
        const { stdout } = await promisify(execFile)(process.execPath, args);
        console.log(`A walk of a file, ${flags}:`, stdout.trim());
        expect(JSON.parse(stdout).peakMiB).toBeLessThan(64);
        await rm(made.path);
      }
    },
  );

  test("the compacted copy of one with leaked pages holds the same", async (context) => {
    const made = await generator.make(context, { seed: 9, pageSize: 16384, operations: 3000 });
    await using file = await openBolt(await generator.compact(context, made.path));
    await compare(file, made.lines);
    expect(file.lostPages).toBe(0);
  });
});
