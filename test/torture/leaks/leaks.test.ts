import { expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { leaksIn, runLeaks } from "./run.ts";

const TRANSACTIONS = Number(process.env["MESHGATE_TORTURE_TRANSACTIONS"] ?? 9000);
/** By then all code is compiled, and the engine's buffers are there. */
const EARLY = Math.floor(TRANSACTIONS / 3);
const MOST = 1.1;
/** The rows that were read take some 700 MiB in all. */
const MOST_MIB = 100;

const places = usePlaces();

test("very many transactions leave no memory, handles or listeners behind", {
  timeout: 120_000 + TRANSACTIONS * 5,
}, async () => {
  const looks = [EARLY, TRANSACTIONS];
  const report = await runLeaks({ directory: places.path("store"), work: "transactions", looks });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  expect(leaksIn(report)).toEqual([]);
  expect(report.ratios.heap).toBeLessThanOrEqual(MOST);
});

// The binding of LevelDB keeps the rows that an iterator brought last until the garbage collector takes the iterator,
// which may be thousands of reads later.
test("reads of many rows do not leave them with the engine", { timeout: 120_000 }, async () => {
  const looks = [500, 4000];
  const { looks: held } = await runLeaks({ directory: places.path("store"), work: "reads", looks });
  const [early, late] = held.map(([, { anonymous }]) => anonymous / 2 ** 20);
  process.stdout.write(`MiB after ${looks.join(" and ")} reads of 500 rows: ${early}, ${late}\n`);
  expect((late as number) - (early as number)).toBeLessThan(MOST_MIB);
});
